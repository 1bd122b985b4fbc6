"""The row under the steps says what can be played, where we are, and why not."""

from __future__ import annotations

import numpy as np
import pytest

from matae.cine import Cine
from napari_matae.session.player import Player, Skipping
from napari_matae.timeline.transport_bar import Transport


@pytest.fixture
def bar(qtbot, session):
    made = Transport(session, Player(session))
    qtbot.addWidget(made)
    return made


def test_nothing_open_plays_nothing(bar):
    assert not bar.play_button.isEnabled()
    assert bar.where.text() == ""
    assert bar.play_button.toolTip() == "Open a cine first."


@pytest.mark.parametrize(("frames", "why"), [(1, "single frame"), (3, "frame rate is not known")])
def test_what_cannot_be_played_says_why(bar, session, frames, why, tmp_path):
    session.open(Cine(np.zeros((frames, 40, 40), np.uint8), None, None, tmp_path / "still.png"))
    assert not bar.play_button.isEnabled()
    assert why in bar.play_button.toolTip()
    assert bar.where.text() == f"1 of {frames}"


def test_it_follows_frame_and_player(bar, session, cine):
    session.open(cine)
    session.seek(2)
    assert bar.where.text().startswith(f"3 of {cine.n_frames} · ")
    bar.play_button.click()
    assert bar.play_button.text() == "Pause"
    bar.play_button.click()
    assert bar.play_button.text() == "Play"
    bar.speed.setCurrentIndex(0)
    assert bar._player.speed == 0.25


def test_frames_that_are_skipped_are_said(bar, session, cine):
    session.open(cine)
    bar._player._tell_skipping(Skipping(24.6, 50.0))
    assert "25/50 fps" in bar.where.text()
    assert bar.where.toolTip().startswith("25 of 50 frames a second are shown, the others are skipped")
    bar._player._tell_skipping(None)
    assert "fps" not in bar.where.text()
    assert bar.where.toolTip() == "Frame on screen and its time in the cine."
