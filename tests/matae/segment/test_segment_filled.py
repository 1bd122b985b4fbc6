"""Pixels inside a polygon, beside scikit-image: what has no area first."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import polygon2mask

from matae.segment.filled import filled_polygon

SHAPE = (40, 50)


@pytest.mark.parametrize(
    "polygon",
    [
        [[5.5, 5.2], [5.5, 9.1], [5.5, 7.0]],
        [[-30, -30], [-20, -30], [-20, -5]], [[100, 100], [100, 120], [120, 110]],
        [[0, 0], [0, 49], [39, 49], [39, 0]], [[5, 5], [5, 20], [20, 20], [20, 5]],
        [[-10.5, -10], [-10, 80.2], [60, 80], [70, -20]], [[10.5, 10.5], [10.5, 20.5], [20.5, 20.5], [20.5, 10.5]],
        [[2, 25], [37, 5], [30, 25], [37, 45]], [[5, 5], [30, 40], [5, 40], [30, 5]],
    ],
)  # fmt: skip
def test_pixels_are_those_of_scikit_image(polygon: list[list[float]]) -> None:
    vertices = np.array(polygon, float)
    np.testing.assert_array_equal(filled_polygon(SHAPE, vertices), polygon2mask(SHAPE, vertices))


@pytest.mark.parametrize("seed", range(60))
def test_pixels_are_those_of_scikit_image_whatever_the_polygon(seed: int) -> None:
    random = np.random.default_rng(seed)
    vertices = random.uniform(-15, 60, (random.integers(3, 20), 2))
    if seed % 3 == 0:  # round its centre, as an outline goes
        vertices = vertices[np.argsort(np.arctan2(*(vertices - vertices.mean(0)).T))]
    np.testing.assert_array_equal(filled_polygon(SHAPE, vertices), polygon2mask(SHAPE, vertices))


def test_a_line_is_no_more_than_what_it_passes_through() -> None:
    assert not filled_polygon(SHAPE, np.array([[5.5, 5.5]])).any()
    line = filled_polygon(SHAPE, np.array([[3.0, 4], [8, 9], [13, 14]]))
    assert set(zip(*np.nonzero(line), strict=True)) == {(y, y + 1) for y in range(3, 14)}


def test_no_polygon_is_nothing() -> None:
    assert not filled_polygon(SHAPE, np.zeros((0, 2))).any()
