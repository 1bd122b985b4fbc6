"""Shapes with known answers, and hypothesis strategies for them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from matae.measure import Landmarks

SHAPE = (140, 150)


def disc(cy: float, cx: float, radius: float, shape=SHAPE) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return ((y - cy) ** 2 + (x - cx) ** 2 <= radius**2).astype(np.uint8)


def cavity(handles: Landmarks, width: float = 0.3, shape=SHAPE) -> np.ndarray:
    """A ventricle: the half of an ellipse from the apex to a straight mitral plane, bulging beside it."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    apex, base = np.array(handles.apex), np.array(handles.base)
    axis = base - apex
    length = np.hypot(*axis)
    axis = axis / length
    along = (y - apex[0]) * axis[0] + (x - apex[1]) * axis[1]
    across = (x - apex[1]) * axis[0] - (y - apex[0]) * axis[1]
    centre = 0.65 * length
    inside = ((along - centre) / centre) ** 2 + (across / (width * length)) ** 2 <= 1
    return (inside & (along <= length)).astype(np.uint8)


def upright(apex=(25.0, 75.0), length=80.0, width=0.3) -> Landmarks:
    """Handles that lie on the contour of `cavity`."""
    base = apex[0] + length
    half = width * length * np.sqrt(1 - ((1 - 0.65) / 0.65) ** 2)
    return Landmarks(apex, (base, apex[1] - half), (base, apex[1] + half))


def random_masks(shape=(24, 27), classes: int = 3):
    """Ragged class maps: what no person draws, and every tool must stand."""
    return st.integers(0, 2**32 - 1).map(lambda seed: _ragged(seed, shape, classes))


def _ragged(seed: int, shape: tuple[int, int], classes: int) -> np.ndarray:
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(classes, *shape)), (0, 2, 2)) * rng.uniform(0.2, 1.5)
    out = noise.argmax(0).astype(np.uint8)
    return np.where(rng.random(shape) < 0.02, rng.integers(0, classes, shape), out).astype(np.uint8)
