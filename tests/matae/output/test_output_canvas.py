"""The planes of a video's pictures: right colours, nothing covered, no line cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.output.canvas import Canvas, to_yuv
from matae.output.contour import contours
from matae.output.draw import COLOURS, _lines, _smoothed, outline_keys, outline_stencils
from matae.segment.outline import outline


def test_an_empty_mask_leaves_the_picture_grey() -> None:
    frame = np.full((20, 30), 128, np.uint8)
    canvas = Canvas((120, 80))
    planes = canvas.draw(frame, np.zeros((20, 30), np.uint8), "frame 1").to_ndarray()
    width, height = canvas.size
    assert planes.shape == (height * 3 // 2, width)
    assert (planes[height:] == 128).all()  # no colour anywhere
    assert set(np.unique(planes[:80, :120])) == {round(16 + 128 * 219 / 255)}


def test_black_and_white_are_those_of_video() -> None:
    assert to_yuv((0, 0, 0)) == pytest.approx((16, 128, 128))
    assert to_yuv((255, 255, 255)) == pytest.approx((235, 128, 128))
    assert to_yuv((255, 0, 0))[2] == pytest.approx(240)


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(40, 121), st.integers(40, 121), st.integers(0, 2**16))
def test_any_mask_on_any_picture_is_drawn(rows: int, columns: int, width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.integers(0, 4, (rows, columns)).astype(np.uint8)
    canvas = Canvas((width, height))
    planes = canvas.draw(np.zeros((rows, columns), np.uint8), mask, "").to_ndarray()
    assert planes.shape == (canvas.size[1] * 3 // 2, canvas.size[0])
    if mask.any():
        assert (planes[canvas.size[1] :] != 128).any()
    found = outline_keys(mask, (width, height))
    assert (found is None) == (not mask.any())
    if found is not None:
        keys, (y, x) = found
        assert keys.shape[0] % 2 == keys.shape[1] % 2 == y % 2 == x % 2 == 0
        assert y + keys.shape[0] <= height
        assert x + keys.shape[1] <= width
        alone = np.zeros((height, width), np.uint8)  # together as each of them alone
        for _, stencil, (top, left) in outline_stencils(mask, (width, height)):
            part = alone[top : top + stencil.shape[0], left : left + stencil.shape[1]]
            np.maximum(part, stencil, out=part)
        together = (keys >> 8).astype(int)  # counted from another corner, the last digits differ
        assert np.abs(together - alone[y : y + keys.shape[0], x : x + keys.shape[1]]).max() <= 3
        assert set(np.unique(keys[keys > 255] & 255)) <= set(np.unique(mask[mask > 0]))


def test_the_line_has_the_colour_of_its_class() -> None:
    mask = np.zeros((112, 112), np.uint8)
    mask[30:80, 40:70] = 1
    canvas = Canvas((448, 448))
    drawn = canvas.draw(np.full((112, 112), 90, np.uint8), mask, "frame 1")
    picture = drawn.to_ndarray(format="rgb24").astype(int)
    # The left border runs between columns 159 and 160. Colour has half the pixels of light, so it is paler than in RGB.
    red, green, blue = picture[240, 159:161].mean(0)
    assert red - green == pytest.approx(COLOURS[0][0] - COLOURS[0][1], rel=0.6)
    assert green - blue == pytest.approx(COLOURS[0][1] - COLOURS[0][2], rel=0.6)
    assert np.abs(picture[240, 220] - 90).max() <= 3  # inside, nothing is tinted


def ring(points: np.ndarray) -> list[tuple[float, ...]]:
    """Return closed points from the smallest on, the way round that has the smaller neighbour next."""
    open_ends = [tuple(point) for point in points[:-1]]
    first = open_ends.index(min(open_ends))
    one_way = open_ends[first:] + open_ends[:first]
    return min(one_way, [one_way[0], *one_way[:0:-1]])


@settings(max_examples=60)
@given(st.integers(1, 25), st.integers(1, 25), st.floats(0.1, 0.9), st.integers(0, 2**16))
def test_the_contour_is_that_of_marching_squares(rows: int, columns: int, share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = np.where(random.random((rows, columns)) < share, random.integers(1, 6, (rows, columns)), 0).astype(np.uint8)
    mask[mask == 4] = 0  # a class between others may be missing
    found = dict(contours(mask))
    assert sorted(found) == [value for value in (1, 2, 3, 5) if (mask == value).any()]
    for value, points in found.items():
        expected = outline(mask == value)
        assert len(points) == len(expected)
        # Of two contours of one length either may be taken.
        whole = {tuple(point) for point in expected}
        if {tuple(point) for point in points} == whole:
            assert ring(points) == ring(expected)
        else:
            assert not {tuple(point) for point in points} & whole


def test_a_mask_of_nothing_has_no_contour() -> None:
    assert contours(np.zeros((5, 4), np.uint8)) == []
    assert outline_keys(np.zeros((5, 4), np.uint8), (40, 50)) is None


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**16))
def test_the_contour_of_parts_of_one_class_is_that_of_marching_squares(rows: int, columns: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((rows, columns)) < 0.6
    mask[rows // 2, columns // 2] = True
    ((value, found),) = contours(mask.astype(np.uint8))
    assert (value, len(found)) == (1, len(outline(mask)))


def test_smoothing_is_the_mean_of_neighbours_all_round() -> None:
    angles = np.linspace(0, 2 * np.pi, 41)
    points = np.stack([20 + 9 * np.sin(angles), 30 + 7 * np.cos(angles)], 1)
    points[-1] = points[0]
    found = _smoothed(points, 5)
    for i in range(40):
        assert found[i] == pytest.approx(points[:-1].take(range(i - 2, i + 3), axis=0, mode="wrap").mean(0))
    assert (found[0] == found[-1]).all()


@pytest.mark.parametrize("thickness", [2.0, 2.5, 4.0])
def test_a_line_covers_each_pixel_by_its_distance(thickness: float) -> None:
    angles = np.linspace(0, 2 * np.pi, 201)[:-1]
    radius = 18 + 4 * np.sin(3 * angles) + np.cos(5 * angles)
    points = np.stack([30 + radius * np.sin(angles), 35 + 1.3 * radius * np.cos(angles)], 1)
    points = np.concatenate([points, points[:1]])
    found = _lines([(7, points)], np.array([60, 70]), thickness)
    assert set(np.unique(found & 255)) == {0, 7}
    found = (found >> 8).astype(int)
    y, x = np.mgrid[:60, :70] + 0.5
    nearest = np.full((60, 70), np.inf)
    for (y0, x0), (y1, x1) in itertools.pairwise(points):
        along = ((y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)) / max((y1 - y0) ** 2 + (x1 - x0) ** 2, 1e-12)
        along = along.clip(0, 1)
        nearest = np.minimum(nearest, np.hypot(y - y0 - along * (y1 - y0), x - x0 - along * (x1 - x0)))
    expected = 255 * (thickness / 2 + 0.5 - nearest).clip(0, 1)
    assert np.abs(found - expected).max() < 255 / 7
    assert np.abs(found - expected)[expected > 0].mean() < 255 / 50


def test_a_line_has_no_gap_where_it_turns() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[3:6, 3:6] = 1  # too small to be smoothed: its corners are sharp
    ((_, stencil, _),) = outline_stencils(mask, (90, 90), thickness=4.0)
    rows, columns = np.nonzero(stencil > 200)
    around = np.arctan2(rows - stencil.shape[0] / 2, columns - stencil.shape[1] / 2)
    assert np.diff(np.sort(around)).max() < 0.2  # radians: the line is closed
