"""Tools that change masks: pure functions, no layers and no widgets.

A mask is the class of every pixel of one frame, (Y, X) uint8. Every tool changes one class of it and returns a new
mask. What belongs to another class stays, as far as anatomy lets it: see `matae.edit.structure`.
"""

from __future__ import annotations

from matae.edit.clean import fill_holes, keep_largest, smooth
from matae.edit.copying import paste
from matae.edit.fill import Filled, fill_between
from matae.edit.interpolate import interpolate
from matae.edit.propagate import propagate
from matae.edit.region import EditError
from matae.edit.reshape import reshape
from matae.edit.structure import as_drawn, together
from matae.edit.warp import nudge

__all__ = [
    "EditError",
    "Filled",
    "as_drawn",
    "fill_between",
    "fill_holes",
    "interpolate",
    "keep_largest",
    "nudge",
    "paste",
    "propagate",
    "reshape",
    "smooth",
    "together",
]
