"""What people and machines say of a cine beside its masks: landmarks, marks, overrides, flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from matae.cine import Spacing
    from matae.segment.sector import SectorSource

__all__ = ["Flag", "Landmark", "LandmarkSet", "Marks", "OverrideName", "OverrideVersion", "Overrides", "UnsureSector"]


class Landmark(NamedTuple):
    """A point in pixels of the frame, rows first."""

    y: float
    x: float


@dataclass(frozen=True, slots=True)
class LandmarkSet:
    """The landmarks of one frame.

    Parameters
    ----------
    points
        By name: "apex", "left", "right".
    revision
        Give it back as `expected` when changing them.
    rater
        Who set them; empty if the program did.
    """

    points: Mapping[str, Landmark]
    revision: int
    rater: str


@dataclass(frozen=True, slots=True)
class Marks:
    """End-diastole and end-systole of a cine, 0-based frames or None, as a person or its source says.

    Parameters
    ----------
    revision
        Give it back as `expected` when changing them; 0 if nobody set them and they come from the source.
    """

    ed: int | None
    es: int | None
    revision: int = 0
    rater: str = ""


class OverrideName(StrEnum):
    """What a person may set of a cine in place of what was found or stated."""

    SECTOR = "sector"
    APEX_DOWN = "apex_down"
    SPACING = "spacing"
    VIEW = "view"
    FRAME_RATE = "frame_rate"
    HEIGHT = "height_cm"
    WEIGHT = "weight_kg"


@dataclass(frozen=True, slots=True)
class UnsureSector:
    """What is used of a picture that a person chose, where no sector was found in it for sure.

    Parameters
    ----------
    outline
        Vertices (y, x) in native pixels.
    source
        As `matae.segment.Sector.source`: ``file`` for all of the picture, ``outline`` for the box around what shows.
    """

    outline: tuple[tuple[float, float], ...]
    source: SectorSource


@dataclass(frozen=True, slots=True)
class Overrides:
    """What people set of a cine; None for what nobody set.

    Parameters
    ----------
    sector
        Outline of the ultrasound sector, vertices (y, x) in native pixels; `UnsureSector` where it is not sure.
    apex_down
        Whether the display has the apex of the heart at the bottom.
    spacing
        Pixel size in mm.
    view
        Standard view, such as "A4C".
    frame_rate
        Frames per second.
    height_cm, weight_kg
        Of the person whom the cine shows, at the examination, in centimetres and kilograms.
    revisions
        Which version of each counts, by name; give it back as `expected` when setting it. Names never set are left out.
    """

    sector: tuple[tuple[float, float], ...] | UnsureSector | None = None
    apex_down: bool | None = None
    spacing: Spacing | None = None
    view: str | None = None
    frame_rate: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    revisions: Mapping[OverrideName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OverrideVersion:
    """One version of what a person set of a cine.

    Parameters
    ----------
    name
        What was set.
    value
        As JSON holds it; None where it was taken away.
    revision
        Its number.
    rater
        Who.
    at
        When, UTC.
    shown
        False where somebody else was faster: it was kept and did not become what counts.
    """

    name: OverrideName
    value: Any
    revision: int
    rater: str
    at: datetime
    shown: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """Why a person should look at a frame, as the program sees it."""

    score: float
    reason: str
