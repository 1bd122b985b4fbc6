"""Time counts while somebody works on a frame: not while it plays, not for a glance, not for a telephone call."""

from __future__ import annotations

import pytest

from napari_matae.background.connections import end_owned
from napari_matae.session.player import Player
from napari_matae.workspace.time_tracker import AWAY_S, TimeTracker

from ..conftest import proposals


class Link:
    def __init__(self) -> None:
        self.spent: dict[int, float] = {}

    def spend(self, frame: int, seconds: float) -> None:
        self.spent[frame] = self.spent.get(frame, 0.0) + seconds


@pytest.fixture
def tracked(qapp, session, cine):
    """Return a session with a mask on every frame, its player, what was spent, and a clock that is set by hand."""
    clock, link, player = [0.0], Link(), Player(session)
    tracker = TimeTracker(session, link, player, lambda: clock[0])
    session.open(cine)
    proposals(cine, session)
    link.spent.clear()
    yield session, player, link, clock
    end_owned(tracker)


def test_a_frame_without_a_mask_costs_nobody_time(qapp, session, cine):
    clock, link = [0.0], Link()
    tracker = TimeTracker(session, link, Player(session), lambda: clock[0])
    session.open(cine)
    clock[0] = 9.0
    session.touched.emit()
    assert link.spent == {}
    end_owned(tracker)


def test_work_and_looking_count_a_glance_does_not(tracked):
    session, _, link, clock = tracked
    clock[0] += 3.0
    session.touched.emit()
    clock[0] += 2.0
    session.seek(1)  # having looked on
    clock[0] += 0.4
    session.seek(2)  # in passing
    assert link.spent == {0: 5.0}


def test_nobody_looks_at_a_frame_for_ever(tracked):
    session, _, link, clock = tracked
    clock[0] += 10 * AWAY_S
    session.touched.emit()
    assert link.spent == {0: AWAY_S}


def test_while_it_plays_nobody_works(tracked):
    session, player, link, clock = tracked
    player.playing_changed.emit(True)
    player._timer.start(10_000)
    clock[0] += 8.0
    session.seek(3)
    player.pause()
    assert link.spent.get(3) is None
    assert 0.0 <= link.spent.get(0, 0.0) < 1.0
