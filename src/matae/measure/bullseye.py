"""Where a segment of the wall lies on the bull's-eye of the left ventricle (17-segment model)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matae.measure.motion import Segment

__all__ = ["MOST_INWARD_PERCENT", "Place", "all_places", "place"]

MOST_INWARD_PERCENT = 50.0
"""Inward motion at the end of the colour scale."""

_ROUND = {
    "anterior": 90.0, "anteroseptal": 150.0, "inferoseptal": 210.0, "inferior": 270.0, "inferolateral": 330.0,
    "anterolateral": 30.0,
}  # fmt: skip
_TIP = {"anterior": 90.0, "septal": 180.0, "inferior": 270.0, "lateral": 0.0}
_RINGS = {"basal": (0.68, 1.0), "mid": (0.36, 0.68), "apical": (0.0, 0.36)}


class Place(NamedTuple):
    """A sector of a ring.

    Parameters
    ----------
    centre, span
        Degrees, counter-clockwise from the right (3 o'clock).
    inner, outer
        Radii, 1 is the rim.
    """

    centre: float
    span: float
    inner: float
    outer: float


def place(segment: Segment) -> Place:
    """Return where a segment lies; left and right halves where the view has no names for its walls."""
    inner, outer = _RINGS[segment.level]
    wall = segment.name.split(" ", 1)[1]
    if wall in ("left", "right"):
        return Place(180.0 if wall == "left" else 0.0, 180.0, inner, outer)
    if segment.level == "apical":
        return Place(_TIP[wall], 90.0, inner, outer)
    return Place(_ROUND[wall], 60.0, inner, outer)


def all_places() -> list[Place]:
    """Return the places of all sixteen segments: what a view does not show stays empty."""
    rings = [Place(centre, 60.0, *_RINGS[ring]) for ring in ("basal", "mid") for centre in _ROUND.values()]
    return rings + [Place(centre, 90.0, *_RINGS["apical"]) for centre in _TIP.values()]
