"""The ejection fraction on screen: large where it may stand, grey words and their reasons where it may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matae.measure.reliability import NOT_RELIABLE
from matae.store.types import FrameStatus
from napari_matae.background.connections import end_owned
from napari_matae.measure.ef_card import EfCard, trust
from napari_matae.measure.live_measurement import LiveMeasurement

from ..conftest import opened
from .measure_makers import show_masks, two_beats

pytestmark = pytest.mark.gui


@pytest.fixture
def card(make_workspace, qtbot):
    """Return a card over a measured cine, and what it shows."""
    workspace = make_workspace(None)
    cine, masks = two_beats()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    measuring = LiveMeasurement(workspace.session)
    measuring.active = True
    qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running)
    made = EfCard(workspace.session, measuring)
    qtbot.addWidget(made)
    made.show()
    yield made, measuring, workspace.session
    end_owned(measuring)


def doubt(measuring) -> tuple[int, ...]:
    """Let every frame be unlike the pictures that the model knows, and return the frames behind the number."""
    errors = np.full(measuring.measurement.n_frames, 0.9)
    inputs = replace(measuring.measurement.inputs, errors=errors, error_limit=0.5)
    measuring.measurement = replace(measuring.measurement, inputs=inputs).updated()
    return tuple(sorted({frame for values in measuring.measurement.beats for frame in values.frames}))


def test_a_number_that_may_stand_is_large(card) -> None:
    shown, measuring, _ = card
    shown.show_measurement()
    value = f"{measuring.measurement.ef.value:.0f} %"
    assert shown.value.accessibleName() == value
    assert "90 % interval" in shown.interval.text()
    assert not shown.doubts.isVisible()
    assert shown.trust.isVisible()


def test_a_doubtful_one_gives_way_to_words_with_a_link_to_each_frame(card, qtbot) -> None:
    shown, measuring, _ = card
    behind = doubt(measuring)
    shown.show_measurement()
    assert shown.value.accessibleName() == NOT_RELIABLE
    assert "%" not in shown.value.number.text()
    assert "computed" in shown.interval.text()
    assert shown.bar._interval is None
    assert shown.doubts.isVisible()
    assert not shown.trust.isVisible()
    assert "unlike those that the model knows" in shown.doubts.text()
    with qtbot.waitSignal(shown.seek_wanted) as seeking:
        shown.doubts.linkActivated.emit(str(behind[0]))
    assert seeking.args == [(behind[0],)]
    assert f">{behind[0] + 1}</a>" in shown.doubts.text()


def test_the_number_comes_back_once_a_person_accepts_the_frames(card) -> None:
    shown, measuring, session = card
    behind = doubt(measuring)
    session.masks.judge("accept", behind[:-1], FrameStatus.ACCEPTED)
    measuring._check_all()
    shown.show_measurement()
    assert shown.value.accessibleName() == NOT_RELIABLE
    assert [flag.frames for flag in measuring.measurement.doubts] == [behind[-1:]]
    session.masks.judge("accept", behind[-1:], FrameStatus.ACCEPTED)
    measuring._check_all()
    shown.show_measurement()
    assert shown.value.accessibleName().endswith(" %")
    session.masks.judge("doubt", behind[:1], FrameStatus.MACHINE)
    measuring._check_all()
    assert [flag.frames for flag in measuring.measurement.doubts] == [behind[:1]]


def test_an_interval_that_waits_for_the_widths_says_so(card) -> None:
    shown, measuring, _ = card
    measuring.measurement = measuring.measurement.updated(widths_pending=True)
    shown.show_measurement()
    assert "provisional" in shown.interval.text()
    measuring.measurement = measuring.measurement.updated(widths_pending=False)
    shown.show_measurement()
    assert "provisional" not in shown.interval.text()


def test_an_interval_that_follows_the_expected_dice_says_so_in_words(card) -> None:
    shown, measuring, _ = card
    plain = measuring.measurement
    assert "xpected Dice" not in trust(plain)
    expected = np.full(plain.n_frames, 0.93)
    expected[plain.ed_frame] = 0.914
    measuring.measurement = plain.updated(expected=expected)
    shown.show_measurement()
    assert "Expected Dice of the outlines: 0.91 to 0.93; the lower, the wider" in shown.trust.text()
    assert "the usual 51 %" in shown.trust.text()
    behind = {frame for values in plain.beats for frame in values.frames}
    one = measuring.measurement.updated(reviewed=behind - {plain.ed_frame})
    assert "Expected Dice of the outlines: 0.91;" in trust(one)
    assert "xpected Dice" not in trust(one.updated(reviewed=behind))
