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


def heart(handles: Landmarks | None = None, width: float = 0.3, thick: float = 9.0, shape=SHAPE) -> np.ndarray:
    """A cavity (1) in its wall (2), open at the mitral plane, and an atrium (3) below that plane."""
    from scipy import ndimage

    handles = upright() if handles is None else handles
    inner = cavity(handles, width, shape) > 0
    base = handles.base[0]
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    around = ndimage.distance_transform_edt(~inner) <= thick
    mask = np.where(around & (rows <= base), 2, 0)
    below = ((rows - base) / 22) ** 2 + ((columns - handles.base[1]) / 20) ** 2 <= 1
    mask[below & (rows > base)] = 3
    mask[inner] = 1
    return mask.astype(np.uint8)


def assert_others_keep(before: np.ndarray, after: np.ndarray, label: int) -> None:
    """Hold a changed mask against what anatomy lets one structure take of the others, written down a second time."""
    takes = {1: {2, 3}, 3: {2}}.get(label, set())
    leaves = {2, 3} if label == 1 else set()
    for was, now in {*zip(before.ravel().tolist(), after.ravel().tolist(), strict=True)}:
        if was == now or {was, now} == {0, label}:
            continue
        if now == label:
            assert was in takes, (was, now)
        elif was == label:
            assert now in leaves, (was, now)
        else:  # only the wall's own tools write wall where a frame's cavity is smaller than the one it came with
            raise AssertionError((was, now))


def random_masks(shape=(24, 27), classes: int = 3):
    """Ragged class maps: what no person draws, and every tool must stand."""
    return st.integers(0, 2**32 - 1).map(lambda seed: _ragged(seed, shape, classes))


def _ragged(seed: int, shape: tuple[int, int], classes: int) -> np.ndarray:
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(classes, *shape)), (0, 2, 2)) * rng.uniform(0.2, 1.5)
    out = noise.argmax(0).astype(np.uint8)
    return np.where(rng.random(shape) < 0.02, rng.integers(0, classes, shape), out).astype(np.uint8)
