"""Dice and IoU: the empty cases, then against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from matae.metrics import dice, iou

masks = array_shapes(min_dims=2, max_dims=3, max_side=6).flatmap(
    lambda shape: st.tuples(arrays(np.uint8, shape, elements=st.integers(0, 2)), arrays(np.bool_, shape))
)


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        dice(np.zeros((2, 2)), np.zeros((2, 3)))


def test_both_empty_agree_and_one_empty_does_not() -> None:
    empty, full = np.zeros((4, 4)), np.ones((4, 4))
    for score in (dice, iou):
        assert score(empty, empty) == 1
        assert score(empty, full) == score(full, empty) == 0
        assert score(full, full) == 1
        assert score(np.zeros((0, 4, 4)), np.zeros((0, 4, 4))).shape == (0,)


def test_large_masks_do_not_overflow() -> None:
    big = np.ones((3000, 3000), np.uint8)
    assert dice(big, big) == iou(big, big) == 1


@given(masks)
def test_scores_are_those_counted_by_hand(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    frames = a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:])
    for i, (first, second) in enumerate(zip(*frames, strict=True)):
        one = {tuple(p) for p in np.argwhere(first)}
        two = {tuple(p) for p in np.argwhere(second)}
        expected = 2 * len(one & two) / (len(one) + len(two)) if one or two else 1
        assert dice(*frames)[i] == pytest.approx(expected)
        assert iou(*frames)[i] == pytest.approx(len(one & two) / len(one | two) if one | two else 1)


@given(masks)
def test_the_two_scores_tell_the_same_and_are_symmetric(pair: tuple[np.ndarray, np.ndarray]) -> None:
    overlap = iou(*pair)
    np.testing.assert_allclose(dice(*pair), 2 * overlap / (1 + overlap))
    np.testing.assert_array_equal(dice(*pair), dice(*pair[::-1]))
