"""Readings of a clip by several raters, and which of them counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from matae.store.types._worklist import StoredMeasurement

__all__ = ["Adjudication", "Examined", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One rater's reading of a clip.

    Parameters
    ----------
    rater
        Who.
    frames
        0-based frames they changed or judged, in order.
    finished
        When they said that they are done (UTC), or None.
    blind
        It was made beside another that they did not see, or by whoever read the clip first in a blind study.
    measurement
        What they last measured in it; `stale` where they changed a frame since.
    """

    rater: str
    frames: tuple[int, ...]
    finished: datetime | None
    blind: bool
    measurement: StoredMeasurement | None


@dataclass(frozen=True, slots=True)
class Adjudication:
    """Which reading of a clip counts.

    Parameters
    ----------
    chosen
        Whose reading was taken.
    by
        Who decided.
    at
        When (UTC).
    """

    chosen: str
    by: str
    at: datetime


class Examined(NamedTuple):
    """A clip of one subject with the day it was recorded.

    Parameters
    ----------
    content_id, stem, view
        As in `CineEntry`, the view as people set it.
    day
        ISO date of the examination, or None where the file states none.
    added
        When the clip came into the study (UTC).
    measurement
        What was last measured, or None.
    hidden
        What others measured is not shown while they read the clip blind.
    """

    content_id: str
    stem: str
    view: str | None
    day: str | None
    added: datetime
    measurement: StoredMeasurement | None
    hidden: bool = False
