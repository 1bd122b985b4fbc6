from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_matae.session.player import Player, frame_at
from napari_matae.session.session import Session

from ..conftest import make_cine


@given(
    gaps=st.lists(st.floats(0.005, 0.2), min_size=1, max_size=40),
    seconds=st.floats(0, 100, allow_nan=False),
)
def test_the_frame_shown_is_the_one_whose_time_it_is(gaps, seconds):
    times = np.concatenate([[0.0], np.cumsum(gaps)[:-1]])
    duration = float(np.sum(gaps))
    frame = frame_at(times, duration, seconds)
    now = seconds % duration
    assert times[frame] <= now
    assert frame == len(times) - 1 or now < times[frame + 1]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def played(qapp):
    from napari.components import ViewerModel

    session = Session(ViewerModel())
    session.open(make_cine(10))
    clock = Clock()
    player = Player(session, clock)
    yield session, player, clock
    player.pause()


def test_an_unknown_frame_rate_is_not_played(qapp):
    from napari.components import ViewerModel

    session = Session(ViewerModel())
    player = Player(session)
    assert not player.can_play
    session.open(make_cine(timed=False))
    player.play()
    assert not player.can_play
    assert not player.is_playing


def test_a_still_is_not_played(qapp):
    from napari.components import ViewerModel

    session = Session(ViewerModel())
    session.open(make_cine(1))
    assert not Player(session).can_play


def test_frames_are_dropped_when_the_screen_is_slow(played):
    session, player, clock = played
    player.play()
    clock.now += 0.1 + 1e-6  # five frames' time passed before the screen was ready
    player._tick()
    assert session.frame == 5


def test_the_cine_loops(played):
    session, player, clock = played
    player.play()
    clock.now += 0.2 + 0.04 + 1e-6
    player._tick()
    assert session.frame == 2


def test_half_speed_takes_twice_as_long(played):
    session, player, clock = played
    player.speed = 0.5
    player.play()
    clock.now += 0.12 + 1e-6
    player._tick()
    assert session.frame == 3


def test_a_moved_slider_is_where_playing_goes_on(played):
    session, player, clock = played
    player.play()
    clock.now += 0.04 + 1e-6
    player._tick()
    session.seek(7)
    clock.now += 0.02 + 1e-6
    player._tick()  # notices the jump
    clock.now += 0.02 + 1e-6
    player._tick()
    assert session.frame == 8


def test_the_timer_really_plays(played, qtbot):
    import time

    session, player, _ = played
    player._clock = time.perf_counter
    with qtbot.waitSignal(player.playing_changed):
        player.play()
    qtbot.waitUntil(lambda: session.frame > 2, timeout=5000)
    player.toggle()
    assert not player.is_playing


def test_closing_the_cine_stops_the_player(played):
    session, player, _ = played
    player.play()
    session.viewer.layers.clear()
    player._tick()
    assert not player.is_playing


def test_whoever_looks_is_told_when_frames_are_skipped(played):
    _, player, clock = played
    told = []
    player.skipping_changed.connect(lambda: told.append(player.skipping))
    player.play()
    for _ in range(60):  # every frame of 50 a second is shown
        clock.now += 0.02 + 1e-7
        player._tick()
    assert told == []
    for _ in range(40):  # one look in 60 ms: two of three frames are skipped, over the end of the loop too
        clock.now += 0.06
        player._tick()
    assert player.skipping is not None
    assert player.skipping.due == pytest.approx(50, abs=1)
    assert player.skipping.shown == pytest.approx(50 / 3, abs=1)
    for _ in range(120):  # the screen is quick again
        clock.now += 0.02 + 1e-7
        player._tick()
    assert player.skipping is None
    player.speed = 2.0
    for _ in range(60):
        clock.now += 0.02 + 1e-7
        player._tick()
    assert player.skipping.due == pytest.approx(100, abs=3)
    player.pause()
    assert player.skipping is None
    assert told[-1] is None


def test_a_loop_that_passes_between_two_looks_counts(played):
    _, player, clock = played
    player.play()
    for _ in range(12):
        clock.now += 0.22  # a whole loop of 0.2 s, and a frame
        player._tick()
    assert player.skipping.due == pytest.approx(50, abs=1)
    assert player.skipping.shown == pytest.approx(1 / 0.22, abs=1)
