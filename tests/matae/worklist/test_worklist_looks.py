"""What is kept of a frame: expected Dice and features, beginning with empty pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matae.errors import ModelError
from matae.metrics import dice
from matae.worklist.looks import expected_dice, features


def picture(*, radius: float = 50.0, size: int = 224) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.where(np.hypot(rows - size / 2, columns - size / 2) < radius, 20, 160).astype(np.uint8)


def test_no_picture_has_no_features() -> None:
    assert features(np.zeros((0, 224, 224), np.uint8)).shape[0] == 0


def test_a_black_picture_has_features_that_are_numbers() -> None:
    found = features(np.zeros((1, 224, 224), np.uint8))
    assert np.isfinite(found).all()


def test_a_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError):
        features(np.zeros((1, 224, 224), np.uint8), "no-such-model")


def test_pictures_that_are_alike_have_features_that_are() -> None:
    one, near, far = features(np.stack([picture(), picture(radius=52), picture(radius=8)])).astype(float)
    assert ((one - near) ** 2).sum() < ((one - far) ** 2).sum()
    again = features(picture()[None])[0]
    np.testing.assert_allclose(again.astype(float), one, atol=2e-3)  # whatever else is in the batch


def test_nothing_is_expected_and_nothing_outlined() -> None:
    empty = np.zeros((4, 4), np.uint8)
    assert expected_dice(empty, empty) == 1.0
    assert expected_dice(empty, np.full((4, 4), 100, np.uint8)) == 0.0
    assert expected_dice(np.ones((4, 4), np.uint8), empty) == 0.0


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
