"""What the study gives and takes: plain values, no database in them."""

from __future__ import annotations

from matae.store.types._cines import CineEntry, CineSummary, SubjectSource
from matae.store.types._history import AuditEntry, Change, Release, ReleaseFrame, Statistics
from matae.store.types._labels import Edit, FrameInfo, FrameStatus, Revision
from matae.store.types._settings import Flag, Landmark, LandmarkSet, Marks, OverrideName, Overrides, OverrideVersion

__all__ = [
    "AuditEntry",
    "Change",
    "CineEntry",
    "CineSummary",
    "Edit",
    "Flag",
    "FrameInfo",
    "FrameStatus",
    "Landmark",
    "LandmarkSet",
    "Marks",
    "OverrideName",
    "OverrideVersion",
    "Overrides",
    "Release",
    "ReleaseFrame",
    "Revision",
    "Statistics",
    "SubjectSource",
]
