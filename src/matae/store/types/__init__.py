"""What the study gives and takes: plain values, no database in them."""

from __future__ import annotations

from matae.store.types._cines import CineEntry, CineSummary, SubjectSource
from matae.store.types._history import AuditEntry, Change, Release, ReleaseFrame, Statistics
from matae.store.types._labels import Edit, FrameInfo, FrameStatus, Origin, Revision
from matae.store.types._looks import CorrectedFrame, FrameToCorrect, Look
from matae.store.types._readings import Adjudication, Examined, Reading
from matae.store.types._settings import (
    Flag,
    Landmark,
    LandmarkSet,
    Marks,
    OverrideName,
    Overrides,
    OverrideVersion,
    UnsureSector,
)
from matae.store.types._worklist import (
    Claim,
    ClipStatus,
    QueueCounts,
    QueuedClip,
    StoredMeasurement,
    WorklistNews,
    WorklistRow,
)

__all__ = [
    "Adjudication",
    "AuditEntry",
    "Change",
    "CineEntry",
    "CineSummary",
    "Claim",
    "ClipStatus",
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
    "Origin",
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
    "StoredMeasurement",
    "SubjectSource",
    "UnsureSector",
    "WorklistNews",
    "WorklistRow",
]
