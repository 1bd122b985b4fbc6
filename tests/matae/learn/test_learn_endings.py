"""How a run ends before it is over: stopped while it reads, plans or judges, short of memory, a patient forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from learn_makers import BASE, save_base

from matae.errors import ModelError, TrainError
from matae.learn import PausedError, RetrainOptions, retrain, unfinished_runs
from matae.learn.channel import newly
from matae.learn.events import Event, Notice, Stage, Started, Step
from matae.learn.folders import new_run_folder
from matae.learn.plan import Plan, code_of
from matae.learn.training import TRAINING, is_made
from matae.models import find_model, home, list_models, promote, rewrite_card
from matae.nn.matae import Matae
from matae.store import Study

OPTIONS = RetrainOptions(base=BASE, against=BASE, kind="full", replay="none", steps=2, device="cpu", name="after")


def made() -> list[str]:
    return [entry.name for entry in list_models() if not entry.bundled and entry.name != BASE]


def test_a_wish_that_is_there_already_is_not_a_new_one() -> None:
    answers = iter([True, True, False, True])
    asked = newly(lambda: next(answers))
    assert [asked(), asked(), asked()] == [False, False, True]


@pytest.mark.parametrize("kind", [Stage, Started])
def test_a_stop_before_anything_was_learnt_leaves_nothing(study: Study, base: str, tmp_path: Path, kind: type) -> None:
    events: list[Event] = []

    def should_stop() -> bool:
        return any(isinstance(event, kind) for event in events)

    with pytest.raises(TrainError, match="Stopped before the training began; nothing was changed"):
        retrain(study, OPTIONS, folder=tmp_path / "run", emit=events.append, should_stop=should_stop)
    assert made() == []
    plan = Plan.read(tmp_path / "run")
    assert (plan.steps, plan.release) == (0, None)
    assert not (tmp_path / "run" / TRAINING).exists()


@pytest.mark.parametrize("wish", ["should_stop", pytest.param("should_pause", marks=pytest.mark.slow)])
def test_a_run_that_was_ended_and_put_aside_on_its_way_back_learns_no_more(
    study: Study, base: str, known: Path, tmp_path: Path, wish: str
) -> None:
    events: list[Event] = []
    asks = 0

    def is_enough() -> bool:
        # A person stops the training; once that is fulfilled, they stop again, or the viewer goes away.
        steps = sum(isinstance(event, Step) for event in events)
        return steps >= 3 and Stage("judging") not in events

    def goes() -> bool:
        nonlocal asks
        asks += Stage("judging") in events
        return asks > 2

    asked = {
        "should_stop": {"should_stop": lambda: is_enough() or goes()},
        "should_pause": {"should_stop": is_enough, "should_pause": goes},
    }[wish]
    options = replace(OPTIONS, steps=400, replay=str(known))
    with pytest.raises(PausedError):
        retrain(study, options, folder=tmp_path / "run", emit=events.append, **asked)
    assert made() == []
    events.clear()
    retrain(study, folder=tmp_path / "run", emit=events.append)
    assert not any(isinstance(event, Step) for event in events)
    assert made() == ["after"]


@pytest.mark.parametrize("wish", ["should_stop", pytest.param("should_pause", marks=pytest.mark.slow)])
def test_a_stop_while_it_judges_keeps_the_model_and_goes_on_later(study: Study, base: str, wish: str) -> None:
    events: list[Event] = []
    asked: list[float] = []

    def is_judging() -> bool:
        if Stage("judging", 2, 7) in events:
            asked.append(time.thread_time())
            return True
        return False

    folder = new_run_folder()
    with pytest.raises(PausedError, match="after was made and not judged"):
        retrain(study, OPTIONS, folder=folder, emit=events.append, **{wish: is_judging})
    assert time.thread_time() - asked[0] < 1  # of this thread: other programs do not count
    assert Stage("judging", 3, 7) not in events
    weights = find_model("after").card.sha256
    with pytest.raises(ModelError, match="nobody has compared it"):
        promote("after")
    assert [info.folder for info in unfinished_runs(study)] == [folder]
    # A stop while it reads again keeps what there is.
    with pytest.raises(PausedError):
        retrain(study, folder=folder, should_stop=lambda: True)
    events.clear()
    verdict = retrain(study, folder=folder, emit=events.append)
    assert not any(isinstance(event, (Started, Step)) for event in events)
    assert find_model("after").card.sha256 == weights
    assert find_model("after").card.figures["verdict"]["sentence"] == verdict.sentence
    assert unfinished_runs(study) == []


def test_memory_that_runs_out_lowers_the_frames_at_a_time(
    study: Study, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Matae.forward

    def small(self: Matae, x: torch.Tensor, width: float = 1.0) -> torch.Tensor:
        if self.training and len(x) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, x, width)

    monkeypatch.setattr(Matae, "forward", small)
    events: list[Event] = []
    # With a time to keep to, steps are tried before they are planned.
    options = replace(OPTIONS, steps=0, seconds=0.2)
    verdict = retrain(study, options, folder=tmp_path / "run", emit=events.append)
    notices = [event.sentence for event in events if isinstance(event, Notice)]
    assert [n.rpartition("with ")[2] for n in notices if n.startswith("Memory ran out")][-1] == "2 frames at a time."
    assert {event.chunk for event in events if isinstance(event, Step)} == {2}
    assert made() == [verdict.name]


def test_memory_that_does_not_suffice_at_all_is_said_in_a_sentence(
    study: Study, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: Matae, x: torch.Tensor, width: float = 1.0) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Matae, "forward", none)
    with pytest.raises(TrainError, match="Memory does not suffice for a training; close other programs"):
        retrain(study, replace(OPTIONS, steps=0, seconds=2.0), folder=tmp_path / "run")


def on_first(kind: type, deed: Callable[[], object]) -> Callable[[Event], None]:
    left = [deed]
    return lambda event: left.pop()() if isinstance(event, kind) and left else None  # type: ignore[func-returns-value]


def test_a_patient_who_is_forgotten_meanwhile_is_in_no_model(study: Study, base: str, tmp_path: Path) -> None:
    forget = on_first(Step, lambda: study.forget_subject("a"))
    with pytest.raises(TrainError, match="A patient was forgotten while this run learnt from them"):
        retrain(study, OPTIONS, folder=tmp_path / "run", emit=forget)
    assert made() == []


@pytest.mark.parametrize(("against", "share"), [(BASE, 1.0), ("in-use", 0.5)])
@pytest.mark.usefixtures("matae_home")
def test_what_the_model_in_use_knows_is_kept_too(
    study: Study, base_network: Matae, known: Path, monkeypatch: pytest.MonkeyPatch, *, against: str, share: float
) -> None:
    for name in (BASE, "in-use"):
        save_base(home() / "models", base_network, name)
    # Asked whether it knows the guard, then how well, then (where another is in use) how well that does.
    known_dice = iter([0.90, 0.90, *([0.95] if against == "in-use" else [])])
    monkeypatch.setattr("matae.learn.replay.guard_dice", lambda *_: np.array([next(known_dice, 0.94)]))
    monkeypatch.setattr("matae.learn.comparison._guard", lambda *_, **__: None)
    retrain(study, replace(OPTIONS, against=against, replay=str(known)))
    assert find_model("after").card.training["retrain"]["kept"]["shallow"] == share


def test_a_name_given_away_meanwhile_costs_no_training(
    study: Study, base: str, base_network: Matae, matae_home: Path, tmp_path: Path
) -> None:
    def give_away() -> None:
        save_base(matae_home / "models", base_network, "after")
        facts = {"study": code_of(study), "release": {"name": "retrain", "number": 99}}
        rewrite_card("after", replace(find_model("after").card, training={"retrain": facts}))

    other = on_first(Step, give_away)
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        other(event)

    # The model that was in use is gone too: the base takes its place.
    verdict = retrain(study, replace(OPTIONS, against="gone"), folder=tmp_path / "run", emit=emit)
    assert (verdict.name, verdict.against) == ("after-2", BASE)
    assert Notice(f"gone is gone; the new model is compared with its base {BASE}.") in events
    assert Notice("There is a model after by now; this one is called after-2.") in events
    plan = Plan.read(tmp_path / "run")
    assert is_made(plan)
    # Another's model of that name is not this run's: it would be judged in its place.
    assert not is_made(replace(plan, options=replace(plan.options, name="after")))
    assert not is_made(replace(plan, study="another"))
    assert "verdict" not in find_model("after").card.figures
