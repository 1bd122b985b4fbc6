"""The scale of a picture that the file does not state: drawn over the depth scale by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Spacing
from matae.errors import MeasureError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["spacing_from_depth_scale"]

_LEAST_PX = 10.0
_RANGE_MM = (0.02, 5.0)  # of a pixel: wider than any scanner or thumbnail


def spacing_from_depth_scale(p0_yx: ArrayLike, p1_yx: ArrayLike, mm: float, *, aspect: float = 1.0) -> Spacing:
    """Return the pixel size from a line of known length.

    Parameters
    ----------
    p0_yx, p1_yx
        Ends of the line, (y, x) in pixels.
    mm
        Length it stands for, such as 50 between two ticks that are 5 cm apart.
    aspect
        Height of a pixel divided by its width, where that is known; square pixels otherwise.

    Raises
    ------
    MeasureError
        If the line is shorter than 10 pixels, the length not positive, or the scale impossible.
    """
    step = np.asarray(p1_yx, np.float64) - np.asarray(p0_yx, np.float64)
    if step.shape != (2,) or not np.isfinite(step).all() or np.hypot(*step) < _LEAST_PX:
        raise MeasureError(f"The line over the depth scale is shorter than {_LEAST_PX:.0f} pixels; draw a longer one.")
    if not (np.isfinite(mm) and mm > 0):
        raise MeasureError("The length of the line must be a positive number of millimetres; enter it again.")
    if not (np.isfinite(aspect) and aspect > 0):
        raise MeasureError("The pixel aspect must be a positive number; use 1 for square pixels.")
    width = mm / float(np.hypot(step[0] * aspect, step[1]))
    if not all(_RANGE_MM[0] <= side <= _RANGE_MM[1] for side in (width, width * aspect)):
        raise MeasureError(f"{mm:g} mm over this line makes pixels of {width:.3g} mm; check the length and draw again.")
    return Spacing(y=width * aspect, x=width)
