"""From logits to a frame: nothing where nothing may be, elsewhere what the whole of every map at native size gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from matae.anatomy import CLASS_NAMES
from matae.cine import Box
from matae.nn.regions import Regions
from matae.placement import Placement
from matae.segment.restore import certainty, frame_mask
from matae.segment.structures import find_structures

NESTED = Regions.nested(CLASS_NAMES)


def plain(logits: np.ndarray, placement: Placement, shape: tuple[int, int], regions: Regions) -> tuple[np.ndarray, ...]:
    """Return mask and probability by way of all logits at native size."""
    native = placement.native_logits(logits)
    box = placement.box
    mask, probability = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    mask[box.y0 : box.y1, box.x0 : box.x1] = find_structures(native, regions)
    probability[box.y0 : box.y1, box.x0 : box.x1] = np.rint(255 / (1 + np.exp(-native.max(0).astype(float))))
    return mask, probability


@pytest.mark.parametrize("level", [-math.inf, -50.0, -6.3])
def test_where_nothing_may_be_nothing_is(level: float) -> None:
    placement = Placement((20, 30), Box(2, 3, 18, 28), size=16)
    found = frame_mask(4, np.full((3, 16, 16), level, np.float32), placement, (20, 30), NESTED)
    assert found.index == 4
    assert found.area_px == 0
    assert not found.mask.any()
    assert not found.probability.any()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 3.0]), st.floats(-8, 2), st.booleans(), st.booleans())
def test_each_map_in_its_own_window_gives_what_all_of_them_give(
    seed: int, blur: float, level: float, flip: bool, one: bool
) -> None:
    rng = np.random.default_rng(seed)
    maps, regions = (1, Regions.alone(CLASS_NAMES[:1])) if one else (3, NESTED)
    logits = rng.normal(size=(maps, 32, 32))
    if blur:
        logits = np.stack([ndimage.gaussian_filter(each, blur) for each in logits])
    logits = (logits / logits.std() * rng.choice([1, 4, 12]) + level).astype(np.float32)
    shape = (int(rng.integers(6, 70)), int(rng.integers(6, 70)))
    y0, x0 = int(rng.integers(0, shape[0] - 4)), int(rng.integers(0, shape[1] - 4))
    box = Box(y0, x0, int(rng.integers(y0 + 2, shape[0] + 1)), int(rng.integers(x0 + 2, shape[1] + 1)))
    placement = Placement(shape, box, (1.0, float(rng.choice([0.7, 1.0, 1.4]))), 32, flip)
    found = frame_mask(0, logits, placement, shape, regions)
    mask, probability = plain(logits, placement, shape, regions)
    np.testing.assert_array_equal(found.mask, mask)
    assert found.area_px == (mask == 1).sum()
    assert np.abs(found.probability.astype(int) - probability).max() <= 1  # single and double precision


def test_a_frame_does_not_change_when_the_next_is_made() -> None:
    placement = Placement((20, 30), Box(0, 0, 20, 30), size=16)
    first = frame_mask(0, np.full((3, 16, 16), 3, np.float32), placement, (20, 30), NESTED)
    before = first.mask.copy(), first.probability.copy()
    frame_mask(1, np.full((3, 16, 16), -3, np.float32), placement, (20, 30), NESTED)
    np.testing.assert_array_equal(first.mask, before[0])
    np.testing.assert_array_equal(first.probability, before[1])


def test_certainty_is_that_of_a_sigmoid() -> None:
    logits = np.linspace(-20, 20, 4001, dtype=np.float32).reshape(1, -1)
    expected = np.rint(255 / (1 + np.exp(-logits.astype(float))))
    assert np.abs(certainty(logits).astype(int) - expected).max() <= 1
    assert certainty(np.array([[-9, 9]], np.float32)).tolist() == [[0, 255]]
    two = logits[:, :4000].reshape(2, -1)
    np.testing.assert_array_equal(certainty(np.asfortranarray(two)), certainty(two))
