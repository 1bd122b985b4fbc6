"""Looking for the edges of a fan in the native picture, and for what bears its outline out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_segment_fan import pixels

from matae.cine import Box, Cine
from matae.segment import fan_edges
from matae.segment.fan import Fan
from matae.segment.fan_edges import Tissue, clipped, sharpened, side_support_of, support_of
from matae.segment.filled import filled_polygon
from matae.segment.tissue import Ground

BLACK = Ground((0.0, 0.0, 0.0), 2.0)
FAN = Fan(12.0, 150.0, -0.62, 0.55, 18.0, 200.0)


def a_cine(frames: np.ndarray) -> Cine:
    return Cine(np.ascontiguousarray(frames), None, None, Path("clip"))


def speckle(inside: np.ndarray, n_frames: int = 1) -> np.ndarray:
    values = np.random.default_rng(0).uniform(30, 220, (n_frames, *inside.shape))
    return np.where(inside, values, 0).astype(np.uint8)


def tissue_in(inside: np.ndarray, n_frames: int = 1) -> Tissue:
    return Tissue(a_cine(speckle(inside, n_frames)), Box(0, 0, *inside.shape), BLACK)


def overlap(polygon: np.ndarray, inside: np.ndarray) -> float:
    found = filled_polygon(inside.shape, polygon)
    return float((found & inside).sum() / (found | inside).sum())


@pytest.mark.parametrize("shape", [(1, 1, 1), (6, 1, 1), (1, 1, 40), (6, 40, 1), (6, 30, 30)])
@pytest.mark.parametrize("ground", [BLACK, None])
def test_nothing_shows_in_a_black_picture(shape: tuple[int, int, int], ground: Ground | None) -> None:
    tissue = Tissue(a_cine(np.zeros(shape, np.uint8)), Box(0, 0, *shape[1:]), ground)
    points = np.random.default_rng(0).uniform(-50, 90, (20, 3, 2))
    assert not tissue(points).any()
    support = support_of(np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 9.0]]), tissue)
    assert support.both == support.least == 0


def test_nothing_shows_beyond_the_box() -> None:
    tissue = Tissue(a_cine(np.full((1, 40, 40), 90, np.uint8)), Box(10, 12, 30, 32), BLACK)
    shown = tissue(np.array([[9.4, 20], [10, 20], [29.4, 31.4], [29.6, 20], [20, 11.4], [20, 32]]))
    assert (shown > 0).tolist() == [False, True, True, False, False, False]


@pytest.mark.parametrize("n_frames", [1, 8])
@pytest.mark.parametrize("ground", [BLACK, Ground((40.0, 10.0, -5.0), 2.0)])
def test_a_small_picture_is_worked_out_at_once_and_says_the_same(
    n_frames: int, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    cine = a_cine(speckle(np.ones((50, 60), bool), n_frames))
    points = np.random.default_rng(1).uniform(-5, 65, (7, 30, 2))
    at_once = Tissue(cine, Box(3, 4, 50, 55), ground)(points)
    monkeypatch.setattr(fan_edges, "_SMALL", 0)
    np.testing.assert_array_equal(at_once, Tissue(cine, Box(3, 4, 50, 55), ground)(points))


def test_furniture_in_a_clip_stands_still_and_does_not_show() -> None:
    frames = speckle(np.ones((40, 40), bool), 8)
    frames[:, :10] = 255
    tissue = Tissue(a_cine(frames), Box(0, 0, 40, 40), BLACK)
    shown = tissue(np.array([[5.0, 5.0], [20.0, 20.0]]))
    assert shown[0] == 0 < shown[1]


@pytest.mark.parametrize("n_frames", [1, 8])
@pytest.mark.parametrize("down", [True, False])
def test_an_outline_that_is_some_pixels_off_is_put_right(n_frames: int, down: bool) -> None:
    inside = pixels(FAN, (240, 320))
    near = Fan(15.0, 147.0, -0.59, 0.57, 21.0, 193.0)
    if not down:
        inside = inside[::-1]
        near = near._replace(y=239 - near.y, down=False)
    tissue = tissue_in(inside, n_frames)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    window = (rows[0] - 0.5, columns[0] - 0.5, rows[-1] + 0.5, columns[-1] + 0.5)
    polygon = clipped(sharpened(near, tissue, window), tissue, window)
    assert overlap(near.polygon(41), inside) < 0.95
    assert overlap(polygon, inside) > 0.985


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_side_that_a_window_cuts_is_put_to_the_pixel(side: str) -> None:
    inside = pixels(FAN, (240, 320))
    window = {
        "left": (12.5, 80.5, 211.5, 262.5), "right": (12.5, 30.5, 211.5, 219.5), "top": (59.5, 30.5, 211.5, 262.5),
        "bottom": (12.5, 30.5, 169.5, 262.5),
    }[side]  # fmt: skip
    y, x = np.mgrid[:240, :320]
    inside &= (y > window[0]) & (x > window[1]) & (y < window[2]) & (x < window[3])
    tissue = tissue_in(inside)
    seen = tuple(np.add(window, (2, 2, -2, -2)).tolist())  # as a reduced picture says
    polygon = clipped(FAN.polygon(41), tissue, seen)
    assert overlap(polygon, inside) > 0.985


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-30, 60), st.floats(-30, 60)), min_size=2, max_size=9),
    st.tuples(st.floats(0, 15), st.floats(0, 15), st.floats(16, 39), st.floats(16, 39)),
)  # fmt: skip
def test_what_is_cut_lies_in_the_picture(
    points: list[tuple[float, float]], window: tuple[float, float, float, float]
) -> None:
    within = ((window[0] + window[2]) / 2, (window[1] + window[3]) / 2)
    tissue = Tissue(a_cine(np.full((1, 40, 40), 90, np.uint8)), Box(0, 0, 40, 40), BLACK)
    cut = clipped(np.array([within, *points]), tissue, window)
    assert np.isfinite(cut).all()
    assert len(cut) >= 2
    assert cut.min() >= -0.5
    assert cut.max() <= 39.5


def test_what_lies_wholly_beyond_the_picture_is_left_to_the_confidence() -> None:
    tissue = Tissue(a_cine(np.full((1, 40, 40), 90, np.uint8)), Box(0, 0, 40, 40), BLACK)
    beyond = np.array([[50.0, 5.0], [50.0, 20.0], [60.0, 5.0]])
    np.testing.assert_array_equal(clipped(beyond, tissue, (0.0, 0.0, 39.0, 39.0)), beyond)
    assert support_of(beyond, tissue).both == 0


def test_an_outline_along_the_border_of_the_picture_is_told_from_one_within_it() -> None:
    tissue = Tissue(a_cine(np.full((1, 40, 80), 90, np.uint8)), Box(0, 0, 40, 80), BLACK)
    around = np.array([[-0.49, -0.49], [-0.49, 79.49], [39.49, 79.49], [39.49, -0.49]])
    assert support_of(around, tissue).bordering == 1
    assert support_of(around * 0.8 + 4, tissue).bordering == 0
    half = support_of(np.array([[-0.49, -0.49], [-0.49, 39.5], [39.49, 39.5], [39.49, -0.49]]), tissue)
    assert half.bordering == pytest.approx(0.75, abs=0.03)


def test_a_straight_side_is_borne_out_by_the_tissue_within_it() -> None:
    inside = np.zeros((200, 200), bool)
    inside[40:160, 40:140] = True
    tissue = tissue_in(inside)
    window = np.array([[40.0, 40.0], [40.0, 139.0], [159.0, 139.0], [159.0, 40.0]])
    for polygon in (window, window[::-1]):
        assert side_support_of(polygon, tissue) > 0.95
        assert side_support_of(polygon + np.array([0.0, 25.0]), tissue) < 0.2
        assert side_support_of(polygon + np.array([15.0, 0.0]), tissue) > 0.8  # what is above and below is not asked
    # The border of the picture is no cut, a slanted side neither, and of no area there is none.
    assert side_support_of(np.array([[-0.49, -0.49], [-0.49, 199.49], [199.49, 199.49], [199.49, -0.49]]), tissue) == 1
    assert side_support_of(np.array([[10.0, 10.0], [20.0, 190.0], [190.0, 180.0], [180.0, 20.0]]), tissue) == 1
    assert side_support_of(np.zeros((4, 2)), tissue) == 1


def test_a_right_outline_is_borne_out_and_wrong_ones_are_less() -> None:
    inside = pixels(FAN, (240, 320))
    tissue = tissue_in(inside)
    right = support_of(FAN.polygon(41), tissue)
    assert right.both > 0.97
    assert right.least > 0.85
    for wrong in (
        FAN._replace(left=-0.45), FAN._replace(far=170.0), FAN._replace(right=0.75), FAN._replace(y=40.0),
        FAN._replace(x=170.0),
    ):  # fmt: skip
        found = support_of(wrong.polygon(41), tissue)
        assert found.both < 0.9
        assert found.least < 0.5
    # Neither does it matter which way round an outline goes.
    assert support_of(FAN.polygon(41)[::-1], tissue).both == pytest.approx(right.both, abs=0.03)


def test_a_fan_whose_edges_do_not_show_stays_as_it_was_fitted() -> None:
    tissue = Tissue(a_cine(np.zeros((1, 240, 320), np.uint8)), Box(0, 0, 240, 320), BLACK)
    polygon = sharpened(FAN, tissue, (0.0, 0.0, 239.0, 319.0))
    assert overlap(polygon, filled_polygon((240, 320), FAN.polygon(41))) > 0.99


def test_a_tissue_is_made_of_a_part_of_a_clip() -> None:
    cine = a_cine(speckle(pixels(FAN, (240, 320)), 30))
    shifted = replace(cine, frames=np.pad(cine.frames, ((0, 0), (20, 0), (30, 0))))
    points = np.random.default_rng(0).uniform(0, 239, (50, 2))
    one, two = Tissue(cine, Box(0, 0, 240, 320), BLACK), Tissue(shifted, Box(20, 30, 260, 350), BLACK)
    np.testing.assert_array_equal(one(points), two(np.add(points, (20, 30))))
