"""A mask carried by the motion in the picture, against phantoms whose masks are exact."""

from __future__ import annotations

import numpy as np
import pytest
from edit_makers import assert_others_keep
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from matae.edit import propagate
from matae.edit.motion import _fill
from matae.metrics import dice
from matae.phantom import Phantom, make_phantom

QUICK = settings(max_examples=5, deadline=None, derandomize=True)
SEEDS = (11, 12, 13)


@pytest.fixture(scope="module", params=SEEDS)
def phantom(request) -> Phantom:
    return make_phantom(request.param, n_frames=21, frame_rate=50.0, shape=(150, 180))


def scores(phantom: Phantom, out: dict[int, np.ndarray], start: int) -> tuple[np.ndarray, np.ndarray]:
    carried = np.array([dice(mask, phantom.masks[frame]) for frame, mask in out.items()])
    copied = np.array([dice(phantom.masks[start], phantom.masks[frame]) for frame in out])
    return carried, copied


@pytest.mark.parametrize("start", [0, 10, 20])
def test_the_carried_mask_is_much_nearer_than_a_copy(phantom, start):
    out = dict(propagate(phantom.cine.frames, phantom.masks[start], start, range(21), spacing=phantom.cine.spacing))
    carried, copied = scores(phantom, out, start)
    assert (1 - carried).mean() < 0.5 * (1 - copied).mean()
    assert carried.mean() > 0.93


def test_forward_first_then_back_and_the_start_is_left_out(phantom):
    frames = [frame for frame, _ in propagate(phantom.cine.frames, phantom.masks[9], 9, [12, 9, 3, 10, 3, 8])]
    assert frames == [10, 12, 8, 3]


def test_frames_on_the_way_count_though_nobody_asked_for_them(phantom):
    images, mask = phantom.cine.frames, phantom.masks[0]
    every = dict(propagate(images, mask, 0, range(8)))
    assert (dict(propagate(images, mask, 0, [7]))[7] == every[7]).all()


def test_it_stops_when_asked():
    images = np.zeros((6, 30, 30), np.uint8)
    mask = np.zeros((30, 30), np.uint8)
    mask[8:20, 9:22] = 1
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(len(asked))
        return len(asked) > 3

    assert [frame for frame, _ in propagate(images, mask, 1, range(6), should_stop=should_stop)] == [2, 3, 4]
    assert len(asked) == 4
    assert list(propagate(images, mask, 1, range(6), should_stop=lambda: True)) == []


def test_a_picture_that_does_not_move_keeps_the_mask(phantom):
    still = np.repeat(phantom.cine.frames[:1], 4, axis=0)
    for _, mask in propagate(still, phantom.masks[0], 0, range(4)):
        assert (mask == phantom.masks[0]).all()


@QUICK
@given(st.floats(-2, 2), st.floats(-2, 2))
def test_a_picture_that_shifts_takes_the_mask_along(dy, dx):
    phantom = make_phantom(5, n_frames=1, shape=(150, 180))
    picture, mask = phantom.cine.frames[0].astype(float), phantom.masks[0]
    images = np.stack([ndimage.shift(picture, (dy * i, dx * i), order=1) for i in range(6)]).astype(np.uint8)
    for frame, out in propagate(images, mask, 0, range(6)):
        assert dice(out, ndimage.shift(mask.astype(float), (dy * frame, dx * frame), order=1) > 0.5) > 0.97


@pytest.mark.parametrize("grey", [0, 255])
def test_a_picture_without_content_keeps_the_mask(grey):
    mask = np.zeros((40, 50), np.uint8)
    mask[8:30, 9:32] = 1
    for _, out in propagate(np.full((3, 40, 50), grey, np.uint8), mask, 0, range(3)):
        assert (out == mask).all()


@QUICK
@given(st.integers(0, 2**32 - 1), st.sampled_from([(1, 1), (1, 50), (50, 1), (9, 11), (40, 50)]))
def test_noise_is_no_reason_to_fail(seed, shape):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (4, *shape)).astype(np.uint8)
    mask = (rng.random(shape) < rng.random()).astype(np.uint8)
    out = dict(propagate(images, mask, 2, range(4)))
    assert sorted(out) == [0, 1, 3]
    assert all(one.shape == shape and one.dtype == np.uint8 and set(np.unique(one)) <= {0, 1} for one in out.values())


@QUICK
@given(st.integers(0, 2**32 - 1))
def test_contours_are_filled_as_scikit_image_fills_them(seed):
    from skimage.draw import polygon2mask

    shape = (37, 45)
    rings = [np.random.default_rng(seed + i).uniform(-15, 60, (9, 2)) for i in range(3)]
    expected = np.logical_xor.reduce([polygon2mask(shape, ring) for ring in rings])
    assert (_fill([np.vstack([ring, ring[:1]]) for ring in rings], shape) == expected).all()
    far = [np.array([[-9.0, -9], [-9, -3], [-3, -3], [-9, -9]]), np.array([[50.0, 3], [60, 3], [60, 9], [50, 3]])]
    assert not _fill(far, shape).any()


def test_holes_and_parts_are_carried_too(phantom):
    mask = phantom.masks[0].copy()
    y, x = np.argwhere(ndimage.binary_erosion(mask, iterations=8))[0]
    mask[y - 2 : y + 3, x - 2 : x + 3] = 0
    mask[2:8, 2:8] = 1
    out = dict(propagate(np.repeat(phantom.cine.frames[:1], 2, axis=0), mask, 0, [1]))[1]
    assert (out == mask).all()


@pytest.mark.parametrize("which", [1, 2, 3])
def test_other_classes_of_the_frame_stay_as_far_as_anatomy_lets_them(phantom, which):
    now = phantom.labels[3].copy()
    out = dict(propagate(phantom.cine.frames, phantom.labels[0], 0, [3], label=which, onto={3: now}))[3]
    assert_others_keep(now, out, which)
    alone = dict(propagate(phantom.cine.frames, phantom.labels[0], 0, [3], label=which))[3]
    assert set(np.unique(alone)) == {0, which}
    if which == 1:
        assert ((out == 1) == (alone == 1)).all()


def test_pixels_that_are_not_square(phantom):
    frames = [3, 6]
    tall = np.repeat(phantom.cine.frames, 2, axis=1)
    out = dict(propagate(tall, np.repeat(phantom.masks[0], 2, axis=0), 0, frames, spacing=(0.5, 1)))
    square = dict(propagate(phantom.cine.frames, phantom.masks[0], 0, frames, spacing=(1, 1)))
    for frame in frames:
        assert dice(out[frame], np.repeat(square[frame], 2, axis=0)) > 0.97
