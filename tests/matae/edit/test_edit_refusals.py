"""Odd input: nothing to do, or one sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from matae.edit import EditError, fill_holes, interpolate, keep_largest, nudge, paste, propagate, reshape, smooth


@dataclass(frozen=True)
class Corners:
    apex: tuple[float, float]
    left: tuple[float, float]
    right: tuple[float, float]


HERE = Corners((2.0, 6.0), (9.0, 3.0), (9.0, 9.0))
THERE = Corners((1.0, 6.0), (10.0, 2.0), (9.0, 9.0))
TOOLS = {
    "fill_holes": fill_holes,
    "keep_largest": keep_largest,
    "smooth": smooth,
    "nudge": lambda mask, label=1: nudge(mask, (4, 4), (6, 5), 4.0, label),
    "reshape": lambda mask, label=1: reshape(mask, HERE, THERE, label),
    "paste": lambda mask, label=1: paste(mask, mask, label),
    "interpolate": lambda mask, label=1: interpolate({0: mask, 2: mask}, [1], label=label)[1],
    "propagate": lambda mask, label=1: dict(
        propagate(np.zeros((2, *np.shape(mask)[:2]), np.uint8), mask, 0, [1], label=label)
    )[1],
}
every_tool = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)


@every_tool
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (1, 1), (1, 40), (12, 13)])
def test_nothing_in_nothing_out(tool, shape):
    out = tool(np.zeros(shape, np.uint8))
    assert out.shape == shape
    assert out.dtype == np.uint8
    assert not out.any()


@every_tool
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (12, 13)])
def test_a_mask_that_is_full_does_not_vanish(tool, shape):
    mask = np.ones(shape, np.uint8)
    out = tool(mask)
    assert out.shape == shape
    assert set(np.unique(out)) <= {0, 1}
    if tool is not TOOLS["reshape"]:  # handles far outside the smallest masks take them out of the picture
        assert out.any()


@every_tool
def test_one_pixel_stays_a_speck(tool):
    mask = np.zeros((12, 13), np.uint8)
    mask[5, 6] = 1
    area = tool(mask).sum()
    # A warp may bring it to rest between the centres of pixels.
    assert area <= 2 if tool in (TOOLS["nudge"], TOOLS["reshape"], TOOLS["propagate"]) else area == 1


@every_tool
@pytest.mark.parametrize("label", [0, -1, 256, 1.5, True, "1", None])
def test_a_label_that_is_none_is_refused(tool, label):
    with pytest.raises(EditError, match="1 to 255"):
        tool(np.ones((12, 13), np.uint8), label)


@every_tool
@pytest.mark.parametrize(
    "mask",
    [
        np.ones((2, 12, 13), np.uint8),
        np.ones(12, np.uint8),
        np.ones((12, 13)),
        np.full((12, 13), 256, np.int64),
        np.full((12, 13), -1, np.int8),
        np.full((12, 13), "1"),
    ],
    ids=["3-D", "1-D", "float", "large", "negative", "text"],
)
def test_what_is_no_mask_is_refused(tool, mask):
    with pytest.raises(EditError, match=r"[.]$"):
        tool(mask)


@every_tool
@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint16])
def test_other_whole_numbers_are_taken(tool, dtype):
    mask = np.zeros((12, 13), np.uint8)
    mask[2:10, 3:10] = 1
    out = tool(mask.astype(dtype))
    assert out.dtype == np.uint8
    assert (out == tool(mask)).all()


@every_tool
def test_the_input_is_not_changed(tool):
    mask = np.random.default_rng(0).integers(0, 3, (12, 13)).astype(np.uint8)
    before = mask.copy()
    out = tool(mask)
    assert (mask == before).all()
    assert not np.shares_memory(out, mask)


@pytest.mark.parametrize("point", [(np.nan, 1), (1, np.inf), (1,), "here", None, (1, 2, 3)])
def test_a_position_that_is_none_is_refused(point):
    mask = np.ones((12, 13), np.uint8)
    with pytest.raises(EditError, match="place it"):
        nudge(mask, point, (1, 1), 3)
    with pytest.raises(EditError, match="place it"):
        nudge(mask, (1, 1), point, 3)
    with pytest.raises(EditError, match="place it"):
        reshape(mask, HERE, Corners(point, HERE.left, HERE.right))


@pytest.mark.parametrize("radius", [0, -1, np.nan, np.inf])
def test_a_reach_that_is_none_is_refused(radius):
    with pytest.raises(EditError, match="above 0"):
        nudge(np.ones((12, 13), np.uint8), (1, 1), (2, 2), radius)


@pytest.mark.parametrize("spacing", [(0, 1), (-1, 1), (np.nan, 1), (1, 1, 1)])
def test_a_spacing_that_is_none_is_refused(spacing):
    mask = np.ones((12, 13), np.uint8)
    for work in (
        lambda: smooth(mask, spacing=spacing),
        lambda: nudge(mask, (1, 1), (2, 2), 3, spacing=spacing),
        lambda: interpolate({0: mask, 2: mask}, [1], spacing=spacing),
        lambda: propagate(np.zeros((2, 12, 13), np.uint8), mask, 0, [1], spacing=spacing),
    ):
        with pytest.raises(EditError, match="millimetres"):
            work()


@pytest.mark.parametrize("strength", [-0.1, 1.1, np.nan])
def test_a_strength_that_is_none_is_refused(strength):
    with pytest.raises(EditError, match=r"0 [(]none[)] to 1"):
        smooth(np.ones((12, 13), np.uint8), strength=strength)


@pytest.mark.parametrize(
    "corners",
    [((5, 5), (5, 5), (5, 5)), ((1, 1), (5, 5), (9, 9)), ((1, 1), (9, 9), (9, 9)), ((1, 5), (9, 5.01), (9, 5))],
)
def test_handles_on_one_line_are_refused(corners):
    with pytest.raises(EditError, match="on one line"):
        reshape(np.ones((12, 13), np.uint8), HERE, Corners(*corners))
    with pytest.raises(EditError, match="on one line"):
        reshape(np.ones((12, 13), np.uint8), Corners(*corners), HERE)


def test_handles_far_outside_leave_nothing_behind():
    mask = np.ones((12, 13), np.uint8)
    away = Corners((1e12, 0.0), (1e12 + 1e10, 1.0), (1e12, 1e10))
    assert not reshape(mask, HERE, away).any()


def test_interpolation_needs_a_frame_on_each_side():
    mask = np.ones((12, 13), np.uint8)
    with pytest.raises(EditError, match="correct two frames"):
        interpolate({}, [1])
    with pytest.raises(EditError, match=r"Frame 6 .* propagate"):
        interpolate({0: mask, 4: mask}, [2, 5])
    with pytest.raises(EditError, match="differ in size"):
        interpolate({0: mask, 4: mask[:5]}, [2])
    with pytest.raises(EditError, match="differ in size"):
        interpolate({0: mask, 4: mask}, [2], onto={2: mask[:5]})
    assert interpolate({0: mask, 4: mask}, []) == {}
    assert (interpolate({3: mask}, [3])[3] == mask).all()


def test_propagation_stays_within_the_cine():
    images, mask = np.zeros((3, 12, 13), np.uint8), np.ones((12, 13), np.uint8)
    for start, frames in ((0, [3]), (0, [-1]), (3, [0]), (-1, [0])):
        with pytest.raises(EditError, match="from 1 to 3"):
            propagate(images, mask, start, frames)
    with pytest.raises(EditError, match="one cine"):
        propagate(images, mask[:5], 0, [1])
    with pytest.raises(EditError, match="one cine"):
        propagate(images[0], mask, 0, [1])
    with pytest.raises(EditError, match="one cine"):
        propagate(images, mask, 0, [1], onto={1: mask[:5]})
    assert list(propagate(images, mask, 1, [])) == []
    assert list(propagate(images, mask, 1, [1])) == []


def test_masks_of_two_sizes_are_not_pasted():
    with pytest.raises(EditError, match="one cine"):
        paste(np.ones((12, 13), np.uint8), np.ones((13, 12), np.uint8))
