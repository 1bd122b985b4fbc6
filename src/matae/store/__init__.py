"""The study: one database of what people drew, and everything about it.

`Study` is the door; the rest are the values it gives and takes. Importing this package loads no database library:
`Study` does, when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import ConflictError, StoreError
from matae.store.types import (
    Adjudication,
    AuditEntry,
    Change,
    CineEntry,
    CineSummary,
    Claim,
    ClipStatus,
    CorrectedFrame,
    Edit,
    Examined,
    Flag,
    FrameInfo,
    FrameStatus,
    FrameToCorrect,
    Landmark,
    LandmarkSet,
    Look,
    Marks,
    OverrideName,
    Overrides,
    OverrideVersion,
    QueueCounts,
    QueuedClip,
    Reading,
    Release,
    ReleaseFrame,
    Revision,
    Statistics,
    StoredMeasurement,
    SubjectSource,
    WorklistNews,
    WorklistRow,
)

if TYPE_CHECKING:
    from matae.store.study import Study

__all__ = [
    "Adjudication",
    "AuditEntry",
    "Change",
    "CineEntry",
    "CineSummary",
    "Claim",
    "ClipStatus",
    "ConflictError",
    "CorrectedFrame",
    "Edit",
    "Examined",
    "Flag",
    "FrameInfo",
    "FrameStatus",
    "FrameToCorrect",
    "Landmark",
    "LandmarkSet",
    "Look",
    "Marks",
    "OverrideName",
    "OverrideVersion",
    "Overrides",
    "QueueCounts",
    "QueuedClip",
    "Reading",
    "Release",
    "ReleaseFrame",
    "Revision",
    "Statistics",
    "StoreError",
    "StoredMeasurement",
    "Study",
    "SubjectSource",
    "WorklistNews",
    "WorklistRow",
]


def __getattr__(name: str) -> object:
    """Load the database library when it is needed."""
    if name == "Study":
        from matae.store.study import Study

        return Study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
