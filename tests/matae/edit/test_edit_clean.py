"""Fill, keep largest, smooth: against definitions written down a second time."""

from __future__ import annotations

import numpy as np
import pytest
from edit_makers import SHAPE, assert_others_keep, disc, random_masks
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import euler_number, label, perimeter

from matae.edit import fill_holes, keep_largest, paste, smooth
from matae.metrics import dice

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
CLEAN = pytest.mark.parametrize("tool", [fill_holes, keep_largest, smooth])


@CLEAN
@QUICK
@given(mask=random_masks(classes=6), which=st.integers(1, 5))
def test_other_classes_stay_as_far_as_anatomy_lets_them(tool, mask, which):
    assert_others_keep(mask, tool(mask, which), which)


@CLEAN
@QUICK
@given(mask=random_masks(classes=2), axis=st.sampled_from([0, 1]))
def test_flips_commute(tool, mask, axis):
    parts = np.sort(np.bincount(label(mask, connectivity=1).ravel())[1:])
    if tool is keep_largest and len(parts) > 1 and parts[-1] == parts[-2]:
        return  # of two equal parts either may be kept
    assert (tool(np.flip(mask, axis)) == np.flip(tool(mask), axis)).all()


@QUICK
@given(random_masks())
def test_filled_holes_are_those_the_border_does_not_reach(mask):
    outside = label(np.pad(mask != 1, 1, constant_values=True), connectivity=1)
    hole = (outside != outside[0, 0])[1:-1, 1:-1] & (mask != 1)
    assert ((fill_holes(mask) == 1) == ((mask == 1) | hole)).all()  # wall inside the cavity is papillary muscle


@QUICK
@given(random_masks())
def test_the_largest_part_is_kept_whole(mask):
    parts = label(mask == 1, connectivity=1)
    kept = keep_largest(mask) == 1
    sizes = np.bincount(parts.ravel())[1:]
    assert kept.sum() == sizes.max(initial=0)
    assert label(kept, connectivity=1).max() <= 1
    assert not (kept & (mask != 1)).any()


@QUICK
@given(random_masks(classes=2))
def test_smoothing_keeps_the_area(mask):
    assert abs(int(smooth(mask).sum()) - int(mask.sum())) <= 0.03 * mask.size


@QUICK
@given(st.integers(0, 2**32 - 1))
def test_smoothing_takes_jags_off_a_disc(seed):
    clean = disc(70, 75, 40)
    rng = np.random.default_rng(seed)
    jagged = clean.copy()
    for angle in rng.uniform(0, 2 * np.pi, 12):  # bites and bumps 2 pixels wide
        spot = disc(70 + 40 * np.sin(angle), 75 + 40 * np.cos(angle), 2.0)
        jagged = np.where(spot == 1, rng.integers(0, 2), jagged).astype(np.uint8)
    out = smooth(jagged)
    assert dice(out, clean) > 0.97
    extra, left = (perimeter(mask) / perimeter(clean) - 1 for mask in (jagged, out))
    assert left < max(0.35 * extra, 0.02)
    assert euler_number(out, 1) == 1


def test_smoothing_is_as_wide_in_both_directions():
    # A bump 6 mm high and 4 mm wide, in square pixels of 1 mm and in rows of 0.5 mm.
    square = disc(70, 75, 40)
    square[24:31, 73:77] = 1
    tall = np.repeat(square, 2, axis=0)
    expected = np.repeat(smooth(square, spacing=(1, 1)), 2, axis=0)
    assert (smooth(tall, spacing=(0.5, 1)) != expected).sum() < (smooth(tall) != expected).sum()


def test_no_smoothing_changes_nothing():
    mask = disc(70, 75, 40)
    assert (smooth(mask, strength=0) == mask).all()
    assert (smooth(mask) != mask).mean() < 0.001


def test_a_cavity_cut_by_the_border_stays_cut_straight():
    mask = np.zeros(SHAPE, np.uint8)
    mask[:60] = 1
    assert (smooth(mask) == mask).all()


@QUICK
@given(random_masks(classes=6), random_masks(classes=6), st.integers(1, 5))
def test_pasting_takes_one_class_and_leaves_the_others(source, onto, which):
    out = paste(source, onto, which)
    assert_others_keep(onto, out, which)
    if which == 1:
        assert ((out == 1) == ((source == 1) & (onto <= 3))).all()
