"""Pixels that are not square and have no size in millimetres: shown as a viewer shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Box
from matae.stack import new_stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.read._ultrasound import Calibration

__all__ = ["squared"]


def squared(
    frames: NDArray[np.uint8], calibration: Calibration, aspect: tuple[float, float]
) -> tuple[NDArray[np.uint8], Calibration]:
    """Stretch the frames along the longer side of their pixels until these are square.

    Only where the file states no millimetres: a pixel size in millimetres says the same and leaves the stored pixels.

    Parameters
    ----------
    frames
        Grey frames, (T, Y, X).
    calibration
        Regions, which are stretched with the picture.
    aspect
        Height and width of a pixel relative to each other (Pixel Aspect Ratio, PS3.3 C.7.6.3.1.7).
    """
    tall, wide = aspect
    count, rows, columns = frames.shape
    by_y, by_x = max(1.0, tall / wide), max(1.0, wide / tall)
    new_rows, new_columns = round(rows * by_y), round(columns * by_x)
    shown = new_stack((count, new_rows, new_columns))
    for index, frame in enumerate(frames):
        shown[index] = _stretched(_stretched(frame, new_rows).T, new_columns).T

    def moved(box: Box) -> Box:
        y0, y1 = (min(new_rows, round(edge * by_y)) for edge in (box.y0, box.y1))
        x0, x1 = (min(new_columns, round(edge * by_x)) for edge in (box.x0, box.x1))
        return Box(y0, x0, y1, x1)

    regions = tuple(replace(region, box=moved(region.box)) for region in calibration.regions)
    region = None if calibration.region is None else moved(calibration.region)
    return shown, replace(calibration, region=region, regions=regions)


def _stretched(frame: NDArray[np.uint8], rows: int) -> NDArray[np.uint8]:
    """Interpolate a frame linearly to more rows, edges on edges."""
    if rows == len(frame):
        return frame
    places = np.clip((np.arange(rows) + 0.5) * len(frame) / rows - 0.5, 0, len(frame) - 1)
    lower = np.floor(places).astype(np.intp)
    upper = np.minimum(lower + 1, len(frame) - 1)
    weight = (places - lower)[:, np.newaxis].astype(np.float32)
    found: NDArray[np.uint8] = np.rint(frame[lower] * (1 - weight) + frame[upper] * weight).astype(np.uint8)
    return found
