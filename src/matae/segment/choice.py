"""The sector in words: what a person may ask for, and the part of the picture it means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import SegmentError
from matae.read._ultrasound import box_text
from matae.segment.sector import find_sector, liveliness, sector_from_polygon

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.segment.sector import Sector

__all__ = ["FLIPS", "choose_sector", "parse_sector"]

_STILL = 0.3  # grey levels of mean motion; below it, a region is a still or empty
FLIPS = ("auto", "none", "vertical")
"""Which way up: as found, apex at the top, apex at the bottom."""


def parse_sector(text: str) -> tuple[int, int, int, int] | None:
    """Return the rectangle of ``y0,x0,y1,x1``, or None for ``auto`` and ``whole``.

    Raises
    ------
    SegmentError
        If the text is neither.
    """
    if text in {"auto", "whole"}:
        return None
    try:
        y0, x0, y1, x1 = (int(part) for part in text.split(","))
    except ValueError:
        y0 = x0 = y1 = x1 = 0
    if not (0 <= y0 < y1 and 0 <= x0 < x1):
        raise SegmentError(f"'{text}' is no sector; give auto, whole, or y0,x0,y1,x1 in pixels, as in 20,40,460,600.")
    return y0, x0, y1, x1


def choose_sector(cine: Cine, sector: str = "auto", flip: str = "auto") -> Sector:
    """Return the part of the picture the network sees.

    Parameters
    ----------
    cine
        What is to be segmented.
    sector
        ``auto``, ``whole``, or ``y0,x0,y1,x1`` in pixels (half open).
    flip
        One of `FLIPS`: ``vertical`` where the apex is at the bottom of the picture.

    Raises
    ------
    SegmentError
        If the rectangle is not inside the picture, the words are not known, or the picture shows several B-mode
        regions that move and none is chosen.
    """
    if flip not in FLIPS:
        raise SegmentError(f"'{flip}' is no way up; choose {', '.join(FLIPS)}.")
    rectangle = parse_sector(sector)
    if sector == "auto":
        cine = _with_the_live_region(cine)
    # Also where the rectangle is given: which way up the heart is, is seen in the picture.
    found = find_sector(cine) if sector == "auto" or flip == "auto" else None
    if rectangle is not None or found is None or sector == "whole":
        y0, x0, y1, x1 = rectangle or (0, 0, *cine.shape)
        if y1 > cine.shape[0] or x1 > cine.shape[1]:
            raise SegmentError(
                f"The sector {sector} is not inside the picture of {cine.shape[0]} rows and {cine.shape[1]} columns; "
                "give y0,x0,y1,x1 within it."
            )
        corners = np.array([[y0, x0], [y0, x1 - 1], [y1 - 1, x1 - 1], [y1 - 1, x0]], dtype=np.float64)
        chosen = sector_from_polygon(corners, apex_down=found is not None and found.apex_down)
        chosen = replace(chosen, source="user" if rectangle else "whole")
    else:
        chosen = found
    return chosen if flip == "auto" else replace(chosen, apex_down=flip == "vertical")


def _with_the_live_region(cine: Cine) -> Cine:
    """Choose the only B-mode region that moves; ask where several do."""
    if cine.region is not None or len(cine.b_modes) < 2:
        return cine
    moving = liveliness(cine)
    live = [number for number, level in enumerate(moving, start=1) if level > _STILL]
    if len(live) == 1:
        return cine.with_region(live[0])
    live = live or list(range(1, len(moving) + 1))
    listed = "; ".join(f"{number}: {box_text(cine.b_modes[number - 1].box)}" for number in live)
    raise SegmentError(
        f"{cine.source.name} shows {len(live)} B-mode regions ({listed}); choose one with --region, or give --sector."
    )
