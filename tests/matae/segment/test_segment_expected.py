"""The Dice to be expected of an outline: of nothing, of certainties, put right by what was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matae.metrics import dice
from matae.models import find_model
from matae.segment.expected import CALIBRATED, calibrated_dice, expected_dice, implied_dice, is_calibrated


def test_nothing_is_expected_and_nothing_outlined() -> None:
    empty = np.zeros((4, 4), np.uint8)
    assert expected_dice(empty, empty) == 1.0
    assert expected_dice(empty, np.full((4, 4), 100, np.uint8)) == 0.0
    assert expected_dice(np.ones((4, 4), np.uint8), empty) == 0.0


def test_where_there_is_no_outline_and_none_is_expected_there_is_nothing_to_judge() -> None:
    empty, some = np.zeros((4, 4), np.uint8), np.full((4, 4), 100, np.uint8)
    assert np.isnan(implied_dice(empty, empty))
    for mask, probability in ((empty, some), (some // 100, empty), (some // 100, some)):
        assert implied_dice(mask, probability) == expected_dice(mask, probability)


def test_of_certain_probabilities_it_is_the_dice_itself() -> None:
    mask, sure = np.zeros((6, 6), np.uint8), np.zeros((6, 6), np.uint8)
    mask[1:4, 1:4], sure[2:5, 1:4] = 1, 255
    assert expected_dice(mask, sure) == pytest.approx(float(dice(mask == 1, sure == 255)))
    wall = mask.copy()
    wall[0] = 2  # another class that is certain is no cavity
    sure[0] = 255
    assert expected_dice(wall, sure) == pytest.approx(float(dice(mask[1:] == 1, sure[1:] == 255)))


@given(arrays(np.uint8, (5, 5), elements=st.integers(0, 2)), arrays(np.uint8, (5, 5)))
def test_it_is_a_share(mask: np.ndarray, probability: np.ndarray) -> None:
    assert 0 <= expected_dice(mask, probability) <= 1


def test_what_is_not_known_stays_unknown() -> None:
    assert calibrated_dice([]).shape == (0,)
    assert np.isnan(calibrated_dice(np.nan))
    assert np.isnan(calibrated_dice([np.nan], [0.01])).all()
    np.testing.assert_array_equal(calibrated_dice([0.9], [np.nan]), calibrated_dice([0.9]))
    # The widest width alone is not what was measured.
    for near, widest in ((None, [0.1]), ([np.nan], [0.1])):
        np.testing.assert_array_equal(calibrated_dice([0.9], near, widest), calibrated_dice([0.9]))
    np.testing.assert_array_equal(calibrated_dice([0.9], [0.1], [np.nan]), calibrated_dice([0.9], [0.1]))


def test_a_surer_network_and_widths_that_agree_promise_more() -> None:
    implied = np.linspace(0, 1, 21)
    for apart in (None, np.full(21, 0.02), np.full(21, 1.0)):
        found = calibrated_dice(implied, apart)
        assert ((found >= 0) & (found <= 1)).all()
        assert (np.diff(found) >= 0).all()
    distances = np.array([0.0, 0.02, 0.1, 0.4])
    assert (np.diff(calibrated_dice(np.full(4, 0.95), distances)) < 0).all()
    assert (np.diff(calibrated_dice(np.full(4, 0.95), np.full(4, 0.02), distances)) < 0).all()


def test_it_speaks_of_the_model_it_was_measured_on_and_of_what_was_retrained_from_it() -> None:
    card = find_model(CALIBRATED).card
    assert is_calibrated(card)
    assert is_calibrated(replace(card, name="mine", parent={"name": CALIBRATED, "sha256": card.sha256}))
    assert not is_calibrated(replace(card, name="other", parent=None))
    assert not is_calibrated(find_model("matae-lv").card)
