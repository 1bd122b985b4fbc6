"""One placing: what a network is trained on is what it sees, to the grey level; and exactly back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.cine import Box, Cine, Spacing
from matae.errors import SegmentError
from matae.phantom import Phantom, make_phantom, random_heart
from matae.placement import Placement, Target, network_input, whole_frame
from matae.segment import Sector, find_sector, sector_from_polygon


def a_cine(rows: int, columns: int, spacing: Spacing | None = None, grey: int = 200) -> Cine:
    return Cine(np.full((2, rows, columns), grey, np.uint8), None, spacing, Path("clip"))


def rectangle(y0: int, x0: int, y1: int, x1: int, *, apex_down: bool = False) -> Sector:
    corners = np.array([[y0, x0], [y0, x1 - 1], [y1 - 1, x1 - 1], [y1 - 1, x0]], float)
    return Sector(corners, "user", apex_down)


def to_grid(placement: Placement, frames: np.ndarray) -> torch.Tensor:
    return network_input(placement.pictures(frames))


def test_a_sector_outside_the_picture_is_refused() -> None:
    with pytest.raises(SegmentError, match="outside the picture"):
        Placement.of(a_cine(50, 50), sector_from_polygon([[100, 100], [140, 100], [140, 140]]), 32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (2, 3)])
def test_the_smallest_pictures_go_there_and_back(shape: tuple[int, int]) -> None:
    placement = Placement.of(a_cine(*shape), rectangle(0, 0, *shape), 32)
    x = to_grid(placement, a_cine(*shape).frames)
    assert x.shape == (2, 1, 32, 32)
    assert x.max() > 0.5
    assert placement.to_native(x).shape == (2, 1, *shape)
    assert placement.native_mask(placement.mask(np.ones(shape, np.uint8))).all()
    assert x.max() > 0.5
    assert placement.to_native(x).shape == (2, 1, *shape)


def test_what_is_outside_the_sector_is_black() -> None:
    cine = a_cine(60, 60, grey=255)
    placement = Placement.of(cine, Sector(np.array([[0.0, 30], [59, 0], [59, 59]]), "fan"), 64)
    x = to_grid(placement, cine.frames)
    assert x[0, 0, 5, 5] == 0
    assert x[0, 0, 50, 32] == 1


def test_a_millimetre_is_as_long_both_ways() -> None:
    placement = Placement.of(a_cine(100, 100, Spacing(0.3, 0.15)), rectangle(0, 0, 100, 100), 64)
    assert placement.target == (0, 16, 64, 32)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_blob_lands_where_it_was(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(24, 300)), data.draw(st.integers(24, 300))
    y0, x0 = data.draw(st.integers(0, rows - 20)), data.draw(st.integers(0, columns - 20))
    y1, x1 = data.draw(st.integers(y0 + 18, rows)), data.draw(st.integers(x0 + 18, columns))
    aspect = data.draw(st.floats(0.5, 2))
    cine = a_cine(rows, columns, Spacing(0.2, 0.2 * aspect))
    placement = Placement.of(cine, rectangle(y0, x0, y1, x1, apex_down=data.draw(st.booleans())), 64)
    height, width = y1 - y0, x1 - x0
    centre = np.array([data.draw(st.floats(0.3, 0.7)) * height, data.draw(st.floats(0.3, 0.7)) * width])
    y, x = np.mgrid[:height, :width] + 0.5
    blob = np.exp(-(((y - centre[0]) / (0.12 * height)) ** 2 + ((x - centre[1]) / (0.12 * width)) ** 2))
    frames = np.zeros((1, rows, columns), np.uint8)
    frames[0, y0:y1, x0:x1] = np.round(255 * blob)
    on_grid = to_grid(placement, frames)
    assert on_grid.shape == (1, 1, 64, 64)
    native = placement.to_native(on_grid)
    assert native.shape == (1, 1, height, width)
    weight = native[0, 0].numpy()
    found = np.array([(weight * y).sum(), (weight * x).sum()]) / weight.sum()
    tolerance = np.maximum(1.0, 0.02 * np.array([height, width]))
    assert (abs(found - centre) < tolerance).all()


def test_upside_down_frames_come_back_upside_down() -> None:
    cine = a_cine(40, 30)
    frames = np.zeros((1, 40, 30), np.uint8)
    frames[0, :10] = 255
    placement = Placement.of(cine, rectangle(0, 0, 40, 30, apex_down=True), 40)
    assert to_grid(placement, frames)[0, 0, -5, 20] == 1
    torch.testing.assert_close(
        placement.to_native(to_grid(placement, frames))[0, 0], torch.from_numpy(frames[0] / 255).float()
    )


@pytest.mark.parametrize("apex_down", [False, True])
def test_outside_is_black_whatever_was_there(apex_down: bool) -> None:
    # What lies in the box but not in the sector is no part of the picture, whichever way up it is shown.
    polygon = np.array([[0.0, 30], [59, 0], [59, 59]])
    sector = Sector(polygon if not apex_down else polygon * [-1, 1] + [59, 0], "fan", apex_down)
    frame = np.full((60, 60), 255, np.uint8)
    blanked = np.where(sector.mask((60, 60)), frame, 0).astype(np.uint8)
    placement = Placement.of(a_cine(60, 60), sector, 64)
    np.testing.assert_array_equal(placement.image(frame), placement.image(blanked))
    assert placement.image(frame)[60].any()
    assert not placement.image(frame)[2, :20].any()


@pytest.mark.parametrize("size", [31, 64, 224])
def test_a_placed_picture_is_not_changed_again(size: int) -> None:
    """An export or a synthetic frame of the network's size is what the network sees."""
    phantom = a_phantom((211, 337), 0.7)
    placed = Placement.of(phantom.cine, find_sector(phantom.cine), size)
    picture = placed.image(phantom.cine.frames[0])
    again = Cine(picture[None], None, Spacing(*placed.pixel_size(phantom.cine.spacing)), Path("x"))
    np.testing.assert_array_equal(whole_frame(again, size).image(picture), picture)


def test_the_picture_is_that_of_exact_arithmetic_to_a_grey_level() -> None:
    phantom = a_phantom((211, 337), 0.7)
    cine = phantom.cine
    placement = Placement.of(cine, find_sector(cine), 224)
    box, (top, left, height, width) = placement.box, placement.target
    part = torch.from_numpy(cine.frames[0][box.y0 : box.y1, box.x0 : box.x1] * placement.inside)[None, None].double()
    want = torch.nn.functional.interpolate(part, (height, width), mode="bilinear", antialias=True)[0, 0].numpy()
    found = placement.image(cine.frames[0])[top : top + height, left : left + width]
    assert np.abs(found - want).max() <= 1.0


@cache
def a_phantom(shape: tuple[int, int], aspect: float, seed: int = 3) -> Phantom:
    config = random_heart(seed)
    config = replace(config, sector=replace(config.sector, pixel_aspect=aspect))
    return make_phantom(seed, n_frames=1, shape=shape, config=config)


@pytest.mark.parametrize("apex_down", [False, True])
@pytest.mark.parametrize("size", [112, 224, 256])
@pytest.mark.parametrize(("shape", "aspect"), [((211, 337), 0.7), ((300, 187), 1.0), ((128, 131), 1.3)])
def test_masks_come_back_to_native_pixels(shape: tuple[int, int], aspect: float, size: int, apex_down: bool) -> None:
    phantom = a_phantom(shape, aspect)
    mask, cine = phantom.masks[0], phantom.cine
    sector = find_sector(cine)
    if apex_down:
        mask, cine = mask[::-1].copy(), replace(cine, frames=cine.frames[:, ::-1].copy())
        sector = Sector(np.array([shape[0] - 1, 0]) + sector.polygon * [-1, 1], sector.source, apex_down=True)
    placement = Placement.of(cine, sector, size)
    back = placement.native_mask(placement.mask(mask))
    assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > (0.985 if size > 112 else 0.97)
    # Points and masks go to the same place.
    centre = placement.points(np.argwhere(mask).mean(0)[None])[0]
    np.testing.assert_allclose(np.argwhere(placement.mask(mask)).mean(0), centre, atol=0.3)
    np.testing.assert_allclose(np.argwhere(back).mean(0), np.argwhere(mask).mean(0), atol=0.3)
    # So do the logits of a network.
    box = placement.box
    logits = torch.from_numpy(placement.mask(mask).astype(np.float32) - 0.5)[None, None]
    native = (placement.to_native(logits)[0, 0] > 0).numpy()
    wanted = mask[box.y0 : box.y1, box.x0 : box.x1]
    assert 2 * (native & (wanted > 0)).sum() / (native.sum() + wanted.sum()) > (0.98 if size > 112 else 0.96)


def test_padding_that_shows_the_picture_comes_back_too() -> None:
    """A mask that a person drew on an export beyond the sector is kept."""
    placement = Placement((60, 100), Box(20, 10, 40, 90), size=80)
    assert placement.native_mask(np.full((80, 80), 2, np.uint8))[0:60, 10:90].min() == 2
    assert not placement.native_mask(np.full((80, 80), 2, np.uint8))[:, :10].any()


@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    size=st.integers(8, 64),
    aspect=st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)),
)
def test_placing_keeps_picture_and_mask_together(
    rows: int, columns: int, size: int, aspect: tuple[float, float]
) -> None:
    whole = np.full((rows, columns), 200, np.uint8)
    placement = Placement((rows, columns), Box(0, 0, rows, columns), aspect, size)
    image, mask = placement.image(whole), placement.mask(whole // 200 * np.uint8(3))
    assert image.shape == mask.shape == (size, size)
    np.testing.assert_array_equal(image > 0, mask > 0)
    assert set(np.unique(mask)) <= {0, 3}
    found = np.argwhere(mask)
    assert (np.ptp(found, 0) + 1).max() == size
    ratio = (rows * aspect[0]) / (columns * aspect[1])
    height, width = np.ptp(found, 0) + 1
    assert height == pytest.approx(size * min(1, ratio), abs=1)
    assert width == pytest.approx(size * min(1, 1 / ratio), abs=1)


# --- to the digit -----------------------------------------------------------------------------------------------


def test_a_native_placement_changes_nothing() -> None:
    placement = Placement((60, 100), Box(20, 10, 40, 90), (1.0, 0.5), flip=True)
    frame = np.arange(6000, dtype=np.uint16).reshape(60, 100).astype(np.uint8)
    points = np.array([[3.0, 4.0], [20.5, 7.0]])
    assert placement.is_native
    assert placement.out_shape == (60, 100)
    assert placement.pixel_size((0.3, 0.4)) == (0.3, 0.4)
    for same, plain in ((placement.image(frame), frame), (placement.mask(frame), frame),
                        (placement.native_mask(frame), frame), (placement.points(points), points),
                        (placement.native_points(points), points)):  # fmt: skip
        np.testing.assert_array_equal(same, plain)


@pytest.mark.parametrize(
    ("size", "flip", "aspect", "target", "on_grid"),
    [
        (80, False, (1.0, 1.0), (30, 0, 20, 80), (30.0, 0.0)),
        (80, True, (1.0, 1.0), (30, 0, 20, 80), (49.0, 0.0)),
        (160, False, (1.0, 1.0), (60, 0, 40, 160), (60.5, 0.5)),
        (160, True, (1.0, 1.0), (60, 0, 40, 160), (98.5, 0.5)),
        # As high as it is wide in millimetres: four grid rows to a native one.
        (80, False, (4.0, 1.0), (0, 0, 80, 80), (1.5, 0.0)),
        (81, False, (1.0, 1.0), (30, 0, 20, 81), (30.0, 0.00625)),
        # However flat, one row is left.
        (8, False, (0.001, 1.0), (3, 0, 1, 8), (2.525, -0.45)),
    ],
)
def test_where_the_corner_of_the_box_lies(
    size: int, flip: bool, aspect: tuple[float, float], target: tuple[int, ...], on_grid: tuple[float, float]
) -> None:
    placement = Placement((60, 100), Box(20, 10, 40, 90), aspect, size, flip)
    assert not placement.is_native
    assert placement.out_shape == (size, size)
    assert placement.target == target
    np.testing.assert_allclose(placement.points(np.array([[20.0, 10.0]])), [on_grid], atol=1e-9)
    np.testing.assert_allclose(placement.native_points(np.array([on_grid])), [[20.0, 10.0]], atol=1e-9)
    millimetres = placement.pixel_size((0.3, 0.4))
    assert millimetres == pytest.approx((0.3 * 20 / target[2], 0.4 * 80 / target[3]))
    assert placement.pixel_size(None) is None
    frame = np.zeros((60, 100), np.uint8)
    frame[20:40, 10:90] = 200
    shown = placement.image(frame) > 0
    top, left, height, width = target
    assert shown[top : top + height, left : left + width].all()
    assert shown.sum() == height * width


@pytest.mark.parametrize("flip", [False, True])
def test_a_stated_place_is_kept_to(flip: bool) -> None:
    placement = Placement((30, 40), Box(4, 6, 24, 36), size=50, flip=flip, stated=Target(3.0, 7.0, 40.0, 30.0))
    frame = np.zeros((30, 40), np.uint8)
    frame[4:24, 6:36] = 90
    shown = placement.image(frame)
    assert (shown[3:43, 7:37] == 90).all()
    assert shown.sum() == 40 * 30 * 90
    (first,) = placement.points(np.array([[4.0, 6.0]]))
    assert first == pytest.approx([41.5 if flip else 3.5, 7.0])
    # And so is the mask on its way back, beyond the box as far as the grid shows it.
    back = placement.native_mask(np.ones((50, 50), np.uint8))
    shown_rows = slice(1, 25) if flip else slice(3, 27)
    wanted = np.zeros((30, 40), np.uint8)
    wanted[shown_rows, :40] = 1
    np.testing.assert_array_equal(back, wanted)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("aspect", [(1.0, 1.0), (0.6, 1.0), (1.0, 0.4)])
def test_logits_go_back_the_same_way_without_torch(flip: bool, aspect: tuple[float, float]) -> None:
    placement = Placement((45, 70), Box(5, 8, 40, 61), aspect, 32, flip)
    logits = np.random.default_rng(0).normal(size=(3, 32, 32)).astype(np.float32)
    given = logits.copy()
    found = placement.native_logits(logits)
    wanted = placement.to_native(torch.from_numpy(given)[None])[0].numpy()
    assert found.shape == (3, 35, 53)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_array_equal(logits, given)


@pytest.mark.parametrize("flip", [False, True])
def test_a_window_holds_all_that_some_pixels_of_the_grid_reach(flip: bool) -> None:
    placement = Placement((45, 70), Box(5, 8, 40, 61), (1.0, 1.0), 32, flip)
    assert placement.native_window(np.zeros((32, 32), bool)) is None
    wanted = np.zeros((32, 32), bool)
    wanted[14:18, 9:20] = True
    window = placement.native_window(wanted)
    assert window is not None
    logits = np.where(wanted, 3.0, -9.0).astype(np.float32)[None]
    whole = placement.native_logits(logits)
    np.testing.assert_array_equal(placement.native_logits(logits, window), whole[:, *window])
    outside = np.ones(whole.shape[1:], bool)
    outside[window] = False
    assert outside.any()
    assert (whole[0][outside] == -9.0).all()


def test_every_pixel_gets_the_class_that_covers_most_of_it() -> None:
    # Four native columns to one of the grid.
    placement = Placement((32, 32), Box(0, 0, 32, 32), size=8)
    mask = np.zeros((32, 32), np.uint8)
    mask[:, :16] = 2
    mask[:, 16:] = 5
    placed = placement.mask(mask)
    assert (placed[:, :3] == 2).all()
    assert (placed[:, 5:] == 5).all()
    mask = np.zeros((32, 32), np.uint8)
    mask[:, :8], mask[:, 8:19] = 7, 1
    assert placement.mask(mask)[4].tolist() == [7, 7, 1, 1, 1, 0, 0, 0]
    mask[:, 17:] = 0
    assert placement.mask(mask)[4].tolist() == [7, 7, 1, 1, 0, 0, 0, 0]
    assert not placement.mask(np.zeros((32, 32), np.uint8)).any()


def test_what_a_network_is_given() -> None:
    pictures = np.array([[[0, 51], [102, 255]]], np.uint8)
    found = network_input(pictures)
    assert found.dtype == torch.float32
    assert found.shape == (1, 1, 2, 2)
    np.testing.assert_allclose(found[0, 0].numpy(), [[0, 0.2], [0.4, 1]], atol=1e-7)
    np.testing.assert_array_equal(network_input(pictures[:, ::-1])[0, 0, 0].numpy() > 0.3, [True, True])
