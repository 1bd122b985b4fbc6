"""Landmarks that people placed, between the viewer's form and the study's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matae.measure import Landmarks
    from matae.store.types import LandmarkSet

__all__ = ["from_stored", "to_points"]

_NAMES = ("apex", "left", "right")


def from_stored(stored: LandmarkSet | None) -> Landmarks | None:
    """Return the landmarks of a frame as a person placed them; None where only a machine did, or not all three."""
    from matae.measure import Landmarks

    if stored is None or not stored.rater or not set(_NAMES) <= set(stored.points):
        return None
    try:
        return Landmarks.from_array([tuple(stored.points[name]) for name in _NAMES], by_hand=True)
    except MeasureError:
        return None


def to_points(landmarks: Landmarks | None) -> Mapping[str, tuple[float, float]]:
    """Return landmarks as the study takes them; no points for none."""
    return {} if landmarks is None else {name: getattr(landmarks, name) for name in _NAMES}
