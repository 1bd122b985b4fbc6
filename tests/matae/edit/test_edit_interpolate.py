"""Between two corrected frames: exact at the ends, and nothing vanishes on the way."""

from __future__ import annotations

import numpy as np
import pytest
from edit_makers import SHAPE, assert_others_keep, cavity, disc, random_masks, upright
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.edit import interpolate
from matae.metrics import dice
from matae.phantom import make_phantom

QUICK = settings(max_examples=30, deadline=None, derandomize=True)


@QUICK
@given(random_masks(), random_masks())
def test_corrected_frames_come_back_as_they_are(first, last):
    out = interpolate({3: first, 8: last}, range(3, 9))
    assert list(out) == [3, 4, 5, 6, 7, 8]
    assert (out[3] == first).all()
    assert (out[8] == last).all()


@QUICK
@given(st.floats(8, 40), st.floats(8, 40))
def test_a_disc_grows_step_by_step(small, large):
    masks = interpolate({0: disc(70, 75, small), 10: disc(70, 75, large)}, range(11))
    area = np.array([float(mask.sum()) for mask in masks.values()])
    # A pixel here or there is the raster, not the shape.
    slack = 0.02 * area.max() if abs(small - large) < 2 else 4
    assert (np.diff(area) * np.sign(large - small) >= -slack).all()
    radius = np.sqrt(area / np.pi)
    assert np.abs(radius - np.linspace(radius[0], radius[-1], 11)).max() < 0.6


@QUICK
@given(st.floats(10, 20), st.tuples(*[st.floats(25, 110)] * 4))
def test_a_disc_that_moves_does_not_vanish(radius, places):
    y0, x0, y1, x1 = places
    masks = interpolate({0: disc(y0, x0, radius), 8: disc(y1, x1, radius)}, range(9))
    for frame, mask in masks.items():
        share = frame / 8
        assert dice(mask, disc(y0 + share * (y1 - y0), x0 + share * (x1 - x0), radius)) > 0.94


def test_a_ventricle_that_moves_turns_and_shrinks_keeps_its_shape():
    start, end = upright(), upright((40.0, 60.0), 55.0, 0.25)
    masks = interpolate({0: cavity(start), 10: cavity(end, 0.25)}, range(11))
    for frame, mask in masks.items():
        share = frame / 10
        middle = upright((25 + 15 * share, 75 - 15 * share), 80 - 25 * share, 0.3 - 0.05 * share)
        assert dice(mask, cavity(middle, 0.3 - 0.05 * share)) > 0.97


@QUICK
@given(st.integers(-15, 15), st.integers(-15, 15), st.sampled_from([0, 1]))
def test_interpolation_commutes_with_shifts_and_flips(dy, dx, axis):
    first, last = cavity(upright()), cavity(upright((35.0, 70.0), 60.0))
    out = interpolate({0: first, 4: last}, [1])[1]
    shifted = interpolate({0: np.roll(first, (dy, dx), (0, 1)), 4: np.roll(last, (dy, dx), (0, 1))}, [1])[1]
    assert dice(shifted, np.roll(out, (dy, dx), (0, 1))) > 0.998
    flipped = interpolate({0: np.flip(first, axis), 4: np.flip(last, axis)}, [1])[1]
    assert dice(np.flip(flipped, axis), out) > 0.998


def test_it_runs_backwards_the_same():
    first, last = cavity(upright()), cavity(upright((35.0, 70.0), 60.0))
    forward, back = interpolate({0: first, 4: last}, [1])[1], interpolate({0: last, 4: first}, [3])[3]
    assert dice(forward, back) > 0.99


def test_each_frame_lies_between_its_own_two():
    keys = {0: disc(70, 75, 20), 4: disc(70, 75, 40), 8: disc(70, 75, 20)}
    out = interpolate(keys, range(9))
    area = [int(mask.sum()) for mask in out.values()]
    assert area[:5] == sorted(area[:5])
    assert area == pytest.approx(area[::-1], abs=6)
    assert (out[2] == interpolate({0: keys[0], 4: keys[4]}, [2])[2]).all()


def test_what_is_in_one_frame_only_is_copied_from_the_nearer():
    mask, empty = disc(70, 75, 20), np.zeros(SHAPE, np.uint8)
    out = interpolate({0: mask, 4: empty}, range(5))
    assert [int(out[frame].sum()) > 0 for frame in range(5)] == [True, True, True, False, False]
    assert (out[2] == mask).all()


@QUICK
@given(*(random_masks(classes=6) for _ in range(3)), st.integers(1, 5))
def test_other_classes_of_the_frame_stay_as_far_as_anatomy_lets_them(first, last, now, which):
    out = interpolate({0: first, 2: last}, [1], label=which, onto={1: now})[1]
    assert_others_keep(now, out, which)
    without = interpolate({0: first, 2: last}, [1], label=which)[1]
    assert set(np.unique(without)) <= {0, which}
    if which == 1:
        assert ((out == 1) == ((without == 1) & (now <= 3))).all()


def test_pixels_that_are_not_square_give_the_same_shape():
    first, last = cavity(upright()), cavity(upright((35.0, 70.0), 60.0, 0.2), 0.2)
    square = interpolate({0: first, 4: last}, [2], spacing=(1, 1))[2]
    tall = interpolate({0: np.repeat(first, 2, 0), 4: np.repeat(last, 2, 0)}, [2], spacing=(0.5, 1))[2]
    assert dice(tall, np.repeat(square, 2, 0)) > 0.985


@pytest.mark.parametrize("seed", [41, 42, 43])
def test_a_beat_from_every_fifth_frame_is_near_the_truth(seed):
    phantom = make_phantom(seed, n_frames=31, frame_rate=40.0, shape=(120, 140))
    keys = {frame: phantom.masks[frame] for frame in range(0, 31, 5)}
    out = interpolate(keys, range(31), spacing=phantom.cine.spacing)
    between = [frame for frame in out if frame not in keys]
    score = np.array([dice(out[frame], phantom.masks[frame]) for frame in between])
    nearest = np.array([dice(phantom.masks[5 * round(frame / 5)], phantom.masks[frame]) for frame in between])
    assert score.mean() > 0.97
    # Not by more: within five frames a heart may stop and turn, and no shape between the two says so.
    assert (1 - score).mean() < 0.8 * (1 - nearest).mean()
