"""Landmarks that people placed, between the viewer's form and the study's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matae.measure import Landmarks
    from matae.measure.uncertainty import Flag
    from matae.store.types import LandmarkSet

__all__ = ["UNREADABLE", "from_stored", "to_points", "unreadable_flag"]

UNREADABLE = "landmarks-unreadable"
"""Code of the flag on landmarks that cannot be used."""

_NAMES = ("apex", "left", "right")


def from_stored(stored: LandmarkSet | None) -> Landmarks | None:
    """Return the landmarks of a frame as a person placed them; None where nobody did, or only a machine.

    Raises
    ------
    MeasureError
        If a person stored something that is no apex and two hinge points, as an older version or another program may.
    """
    from matae.measure import Landmarks

    if stored is None or not stored.rater or not stored.points:
        return None
    if missing := [name for name in _NAMES if name not in stored.points]:
        raise MeasureError(f"The landmark {' and '.join(missing)} is missing; place all three.")
    return Landmarks.from_array([tuple(stored.points[name]) for name in _NAMES], by_hand=True)


def unreadable_flag(frames: Iterable[int]) -> Flag:
    """Return what to say of frames whose stored landmarks are none (`from_stored` refuses them)."""
    from matae.measure.uncertainty import Flag
    from napari_matae.session.undo_step import frames_in_words

    where = sorted(frames)
    text = (
        f"The landmarks stored for {frames_in_words(where)} cannot be read, so the computer's own are measured there; "
        "place them again."
    )
    return Flag(UNREADABLE, text, tuple(where))


def to_points(landmarks: Landmarks | None) -> Mapping[str, tuple[float, float]]:
    """Return landmarks as the study takes them; no points for none."""
    return {} if landmarks is None else {name: getattr(landmarks, name) for name in _NAMES}
