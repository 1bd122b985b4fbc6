"""Following a run: refused in a sentence, and put aside when the dock is closed."""

from __future__ import annotations

import pytest

from matae.learn import RetrainOptions
from matae.store import Study
from napari_matae.background.connections import end_owned
from napari_matae.learn.run_follower import RunFollower

pytestmark = pytest.mark.gui

WAIT = 60_000


class Run:
    """What is asked of a run, and nothing else."""

    def __init__(self, *, over: bool = False) -> None:
        self.over, self.failed, self.closed, self.stopped = over, None, [], False

    def poll(self) -> list[str]:
        return ["an event"]

    def stop(self) -> None:
        self.stopped = True

    def close(self, seconds: float | None = None) -> None:
        self.closed.append(seconds)


@pytest.fixture
def follow(qtbot, own_home) -> RunFollower:
    made = RunFollower()
    yield made
    end_owned(made)


def test_with_nothing_to_follow_nothing_happens(follow, qtbot) -> None:
    with qtbot.assertNotEmitted(follow.happened):
        follow.poll()
        follow.stop()
    assert not follow.is_busy


def test_a_study_that_cannot_be_learnt_from_is_a_sentence(follow, qtbot, tmp_path) -> None:
    Study.create(tmp_path / "study.sqlite", rater="anna").close()
    with qtbot.waitSignal(follow.refused, timeout=WAIT) as refused:
        follow.start(str(tmp_path / "study.sqlite"), RetrainOptions())
        assert follow.is_busy
    assert "correct or accept at least" in refused.args[0]
    qtbot.waitUntil(lambda: not follow.is_busy, timeout=WAIT)


def test_events_are_handed_on_and_the_end_is_said_last(follow, qtbot) -> None:
    follow.run = run = Run()
    with qtbot.waitSignal(follow.happened) as happened:
        follow.poll()
    assert happened.args == ["an event"]
    run.over = True
    with qtbot.waitSignal(follow.ended, timeout=WAIT) as ended:
        follow.poll()
    assert ended.args == [run]
    assert run.closed == [None]  # its process was waited for
    assert not follow.is_busy


def test_closing_the_dock_puts_a_run_aside_once(follow) -> None:
    follow.run = run = Run()
    end_owned(follow)
    end_owned(follow)
    assert len(run.closed) == 1
    assert run.closed[0] is not None  # it is not waited for longer than that
    assert follow.run is None


def test_a_run_that_is_closing_already_is_left_to_it(follow, qtbot) -> None:
    follow.run = run = Run(over=True)
    follow.poll()
    end_owned(follow)
    qtbot.waitUntil(lambda: run.closed == [None], timeout=WAIT)
