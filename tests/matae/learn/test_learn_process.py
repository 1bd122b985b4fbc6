"""The run in its own process: events, stop within a second, kill -9, a viewer that goes away."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learn_makers import BASE, add_clip, correct, same_weights

from matae.errors import TrainError
from matae.learn import (
    LearnRun,
    PausedError,
    RetrainOptions,
    discard_run,
    finished_runs,
    retrain,
    retrain_apart,
    unfinished_runs,
)
from matae.learn.events import (
    Done,
    Event,
    Failed,
    Notice,
    Stage,
    Started,
    Step,
    Stopped,
    Stopping,
    Validation,
    dump_event,
    load_event,
)
from matae.learn.worker import EVENTS, OK, PAUSED
from matae.models import find_model, load_model
from matae.store import Study

OPTIONS = RetrainOptions(base=BASE, against=BASE, kind="full", replay="none", steps=6, device="cpu", name="made")
PATIENCE = 500.0  # for a busy machine; nothing is measured by it


WAITED: dict[int, float] = {}
"""Seconds that the threads of a process waited for a processor, as far as was seen while it ran."""


def clock(run: LearnRun) -> float:
    """Return seconds, without those in which a run's threads were ready and other programs had the processors."""
    waited = [0.0]
    for task in Path(f"/proc/{run.pid}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError, IndexError):  # a thread that ended; a system that does not tell
            waited.append(int(task.read_text().split()[1]) / 1e9)
    WAITED[run.pid] = max(WAITED.get(run.pid, 0.0), sum(waited))
    return time.monotonic() - WAITED[run.pid]


def until(run: LearnRun, kind: type, waiting: list[Event]) -> Event:
    """Poll until an event of a kind came; those after it stay in `waiting`, where the next call looks first."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        while waiting:
            event = waiting.pop(0)
            if isinstance(event, kind):
                return event
        assert not run.over, (run.failed, (run.folder / "log.txt").read_text())
        waiting += run.poll()
        if not waiting:
            time.sleep(0.01)
    raise AssertionError(f"no {kind.__name__} came")


@pytest.mark.parametrize("line", ["", "{}", "null", "[1]", '{"event": "no such"}', '{"event": "step", "step": 1', "ö"])
def test_lines_that_hold_no_event(line: str) -> None:
    assert load_event(line) is None


@given(st.text(), st.booleans())
def test_events_come_back_as_they_went(sentence: str, resumable: bool) -> None:
    for event in (Notice(sentence), Failed(sentence, resumable), Stopping(), Validation(1, None, 2.0, {"1": 0.5})):
        line = dump_event(event)
        assert "\n" not in line
        assert load_event(line) == event


def test_no_number_is_null() -> None:
    event = load_event(dump_event(Step(1, 2, 0.5, float("nan"), 1.0, float("inf"), 3.0, 4)))
    assert isinstance(event, Step)
    assert (event.loss, event.seconds_left) == (None, None)


def test_what_cannot_be_learnt_from_starts_no_process(empty_study: Study, base: str, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="0 corrected frames"):
        LearnRun.start(empty_study, OPTIONS)
    assert not (tmp_path / "home" / "runs").exists()
    with pytest.raises(TrainError, match="There is no run"):
        LearnRun.resume(empty_study, tmp_path)


def test_a_run_of_its_own_and_its_stop(study: Study, base: str, started_runs: None) -> None:
    run, seen = LearnRun.start(study, replace(OPTIONS, steps=1_000_000, seconds=1e6)), []
    try:
        until(run, Step, seen)
        assert [(info.name, info.under_way) for info in unfinished_runs(study)] == [("made", True)]
        with pytest.raises(TrainError, match="under way in another window"):
            LearnRun.resume(study, run.folder)
        asked = clock(run)
        run.stop()
        until(run, Stopping, seen)
        heard = clock(run) - asked
        until(run, Stopped, seen)
        stopped = clock(run) - asked
        until(run, Done, seen)
        # It ends by itself: what it held of a GPU goes with it.
        assert run._process.wait(PATIENCE) == OK
    finally:
        run.close()
    assert heard < 1
    assert stopped < 1
    assert run.verdict is not None
    assert run.verdict.name == "made"
    assert find_model("made").card.figures["verdict"]["offered"] is run.verdict.offered
    assert unfinished_runs(study) == []
    (finished,) = finished_runs(study)
    assert (finished.folder, finished.name, finished.verdict()) == (run.folder, "made", run.verdict)
    assert not (run.folder / "training").exists()


def test_a_stop_while_it_is_judged(study: Study, base: str, clips: Path) -> None:
    # Enough to judge that there is time to stop it.
    cine, masks = add_clip(study, clips, "long", repeated=60)
    study.set_split("long", "test")
    correct(study, cine, masks, frames=tuple(range(len(masks))))
    run, seen = LearnRun.start(study, replace(OPTIONS, steps=2)), []
    try:
        while until(run, Stage, seen).stage != "judging":
            pass
        asked = clock(run)
        run.stop()
        until(run, Stopping, seen)
        assert clock(run) - asked < 1
        failed = until(run, Failed, seen)
        assert clock(run) - asked < 1
        assert run._process.wait(PATIENCE) == PAUSED
    finally:
        run.close()
    assert failed.resumable
    assert "made was made and not judged" in failed.sentence
    assert "verdict" not in find_model("made").card.figures
    assert [info.name for info in unfinished_runs(study)] == ["made"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows kills otherwise")
def test_kill_9_leaves_a_run_that_goes_on(study: Study, base: str) -> None:
    run, seen = LearnRun.start(study, replace(OPTIONS, steps=60)), []
    try:
        until(run, Validation, seen)  # step 0
        until(run, Validation, seen)
        os.kill(run.pid, signal.SIGKILL)
        assert until(run, Failed, seen).resumable
    finally:
        run.close()
    (info,) = unfinished_runs(study)
    events: list[Event] = []
    assert retrain(study, folder=info.folder, emit=events.append).name == "made"
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.step > 0
    assert unfinished_runs(study) == []


@pytest.mark.slow  # four processes; one that is killed is above, and that it ends as if it had not test_learn_run
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows kills otherwise")
def test_kill_9_and_a_viewer_that_goes_away_leave_a_run_that_goes_on(
    study: Study, base: str, tmp_path: Path, started_runs: None
) -> None:
    retrain(study, replace(OPTIONS, name="whole", steps=60), folder=tmp_path / "whole")
    run, seen = LearnRun.start(study, replace(OPTIONS, steps=60)), []
    try:
        until(run, Validation, seen)  # step 0
        until(run, Validation, seen)
        os.kill(run.pid, signal.SIGKILL)
        failed = until(run, Failed, seen)
        assert failed.resumable
    finally:
        run.close()
    with (run.folder / EVENTS).open("a") as file:
        file.write('{"event": "step", "st')  # what a kill cuts off
    (info,) = unfinished_runs(study)
    # The viewer starts it again, and is closed.
    again, seen = LearnRun.resume(study, info.folder), []
    try:
        until(again, Validation, seen)
    finally:
        again.close(timeout=PATIENCE)
    assert again._process.returncode == 3
    last, seen = LearnRun.resume(study, info.folder), []
    seen = last.wait(PATIENCE)
    assert isinstance(seen[-1], Done)
    assert same_weights(load_model("whole")[0], load_model("made")[0])


def test_a_fault_is_a_sentence(study: Study, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(OPTIONS, replay="/no/such/folder")
    run = LearnRun.start(study, broken)
    events = run.wait(PATIENCE)
    assert isinstance(events[-1], Failed)
    assert "is no folder" in events[-1].sentence
    assert run.verdict is None
    # Who waits for a run of its own hears the same of it as an error; the process that failed serves again.
    monkeypatch.setattr(LearnRun, "start", lambda *_: run)
    with pytest.raises(TrainError, match="is no folder; name one"):
        retrain_apart(study, broken)
    discard_run(run.folder)
    assert unfinished_runs(study) == []


def test_trained_apart_and_waited_for(study: Study, base: str) -> None:
    seen: list[Event] = []
    verdict = retrain_apart(study, OPTIONS, emit=seen.append)
    assert verdict.name == "made"
    assert isinstance(seen[-1], Done)
    # The same as without a process of its own, as long as nothing depends on the time.
    retrain(study, replace(OPTIONS, name="here"))
    assert same_weights(load_model("made")[0], load_model("here")[0])


@pytest.mark.slow  # runs of their own are stopped above, in training and in judging
def test_trained_apart_and_stopped(study: Study, base: str, clips: Path) -> None:
    # Enough to judge that there is time to stop it.
    cine, masks = add_clip(study, clips, "long", repeated=60)
    study.set_split("long", "test")
    correct(study, cine, masks, frames=tuple(range(len(masks))))
    seen: list[Event] = []

    def put_aside() -> bool:
        return Stage("judging") in seen

    with pytest.raises(PausedError):
        retrain_apart(study, replace(OPTIONS, steps=2, name="aside"), emit=seen.append, should_stop=put_aside)
    assert [info.name for info in unfinished_runs(study)] == ["aside"]
    seen.clear()

    def stop() -> bool:
        return any(isinstance(event, Step) for event in seen)

    verdict = retrain_apart(study, replace(OPTIONS, steps=1_000_000, seconds=1e6), emit=seen.append, should_stop=stop)
    assert verdict.name == "made"
    assert any(isinstance(event, Stopped) for event in seen)


def test_trained_apart_by_somebody_who_breaks_off(study: Study, base: str) -> None:
    def break_off(event: Event) -> None:
        raise KeyboardInterrupt

    # At the first word, while the clips are read: put aside in the midst of the training is what test_learn_endings is
    # about, and to load what trains takes longer than all the rest.
    with pytest.raises(KeyboardInterrupt):
        retrain_apart(study, replace(OPTIONS, steps=1_000_000, seconds=1e6), emit=break_off)
    assert [(info.name, info.under_way) for info in unfinished_runs(study)] == [("made", False)]
