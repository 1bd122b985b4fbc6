"""Tools that change masks: pure functions, no layers and no widgets.

A mask is the class of every pixel of one frame, (Y, X) uint8. Every tool changes one class of it and returns a new
mask; what belongs to another class is never overwritten.
"""

from __future__ import annotations

from matae.edit.clean import fill_holes, keep_largest, smooth
from matae.edit.interpolate import interpolate
from matae.edit.propagate import propagate
from matae.edit.region import EditError, paste
from matae.edit.reshape import reshape
from matae.edit.warp import nudge

__all__ = [
    "EditError",
    "fill_holes",
    "interpolate",
    "keep_largest",
    "nudge",
    "paste",
    "propagate",
    "reshape",
    "smooth",
]
