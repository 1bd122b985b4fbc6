"""Pixels that are not square and of unknown size: the shape of the heart is right all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matae.cine import Cine, PixelShape, Spacing
from matae.measure import measure_cine

COUNT = 14


def heart(columns_wide: int) -> np.ndarray:
    """Return masks of a cavity that beats and turns, each column so many pixels of the square grid wide."""
    y, x = np.mgrid[:128, : 128 * 2 // columns_wide]
    x = x * columns_wide + (columns_wide - 1) / 2
    masks = []
    for number in range(COUNT):
        squeeze = 0.5 + 0.5 * np.cos(2 * np.pi * number / 12)
        angle = 0.2 + 0.4 * squeeze
        along = (y - 64) * np.cos(angle) + (x - 128) * np.sin(angle)
        across = (x - 128) * np.cos(angle) - (y - 64) * np.sin(angle)
        masks.append((along / (40 + 4 * squeeze)) ** 2 + (across / (14 + 10 * squeeze)) ** 2 < 1)
    return np.stack(masks).astype(np.uint8)


def cine(masks: np.ndarray, aspect: float) -> Cine:
    times = np.arange(COUNT) / 12
    return Cine(masks * 100, times, None, Path("a.mp4"), view="A4C", sample_aspect=aspect)


def test_pixel_size() -> None:
    plain = cine(heart(1), 1.0)
    assert (plain.pixel_size, plain.pixel_aspect) == (None, (1.0, 1.0))
    wide = replace(plain, sample_aspect=2.0)
    assert (wide.pixel_size, wide.pixel_aspect) == (PixelShape(1.0, 2.0), (1.0, 2.0))
    assert replace(wide, spacing=Spacing(0.3, 0.6)).pixel_size == Spacing(0.3, 0.6)


def test_volumes_and_ejection_fraction_are_those_of_square_pixels() -> None:
    square = measure_cine(cine(heart(1), 1.0), heart(1))
    squeezed = heart(2)
    right = measure_cine(cine(squeezed, 2.0), squeezed)
    wrong = measure_cine(cine(squeezed, 1.0), squeezed)
    np.testing.assert_allclose(right.volume, square.volume, rtol=0.06)
    np.testing.assert_allclose(right.length, square.length, rtol=0.04)
    assert np.abs(wrong.volume / square.volume - 1).min() > 0.3
    assert square.ef is not None
    assert right.ef is not None
    assert right.ef.value == pytest.approx(square.ef.value, abs=2)
    assert not right.calibrated
