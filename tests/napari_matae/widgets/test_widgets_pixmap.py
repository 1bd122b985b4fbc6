"""Arrays as pixmaps: the colours are the same, and what is scaled keeps its shape."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from napari_matae.widgets.pixmap import fitted, rgb_pixmap

pytestmark = pytest.mark.gui


def pixels(pixmap) -> np.ndarray:
    """Read a pixmap back, one pixel at a time."""
    image = pixmap.toImage()
    return np.array(
        [[image.pixelColor(x, y).getRgb()[:3] for x in range(image.width())] for y in range(image.height())], np.uint8
    )


def test_a_pixmap_has_the_colours_of_the_array(qapp) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)  # 21 bytes a row: not a multiple of four
    np.testing.assert_array_equal(pixels(rgb_pixmap(colour)), colour)


def test_a_part_of_an_array_is_drawn_too_and_outlives_it(qapp) -> None:
    whole = np.random.default_rng(1).integers(0, 256, (8, 9, 3), np.uint8)
    expected = whole[1:6, 2:7].copy()
    pixmap = rgb_pixmap(whole[1:6, 2:7])
    whole[:] = 0
    del whole
    gc.collect()
    np.testing.assert_array_equal(pixels(pixmap), expected)


@pytest.mark.parametrize(
    ("shape", "aspect", "size"),
    [
        ((10, 20), (1, 1), (100, 50)),
        ((20, 10), (1, 1), (50, 100)),
        ((10, 10), (2, 1), (50, 100)),
        ((1, 400), (1, 1), (100, 1)),
    ],
)
def test_a_fitted_picture_keeps_its_shape(qapp, shape, aspect, size) -> None:
    pixmap = fitted(rgb_pixmap(np.zeros((*shape, 3), np.uint8)), 100, aspect)
    assert (pixmap.width(), pixmap.height()) == size
