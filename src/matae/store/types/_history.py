"""What happened in the study and where it stands: changes, the audit log, releases, statistics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from matae.store.types._labels import FrameStatus

__all__ = ["AuditEntry", "Change", "Release", "ReleaseFrame", "Statistics"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened in the study, for a viewer that shows it.

    Parameters
    ----------
    sequence
        Number of the transaction; rises.
    kind
        "cine", "machine", "person", "status", "conflict", "landmarks", "marks", "override", "forgotten".
    content_id
        The cine; empty for "forgotten".
    frame
        The frame, or None where it is not about one.
    revision
        Its new revision.
    rater
        Who; empty for the program.
    own
        It was made through this very `Study` object.
    """

    sequence: int
    kind: str
    content_id: str
    frame: int | None
    revision: int
    rater: str
    own: bool


@dataclass(frozen=True, slots=True)
class Statistics:
    """Where the study stands.

    Parameters
    ----------
    n_subjects, n_cines, n_frames
        How many subjects, cines, and frames in all of them.
    by_status
        Labelled frames by status, all four.
    seconds
        Time people spent, in all.
    minutes_per_accepted
        Mean minutes spent on a frame that ended up accepted; None where there is none.
    accepted_unedited
        Share of the accepted frames whose mask is the one a model proposed; None where there is none.
    """

    n_subjects: int
    n_cines: int
    n_frames: int
    by_status: dict[FrameStatus, int]
    seconds: float
    minutes_per_accepted: float | None
    accepted_unedited: float | None

    @property
    def n_unlabelled(self) -> int:
        """Frames without any label."""
        return self.n_frames - sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log. Subjects, cines and raters are random codes: the log names nobody.

    Parameters
    ----------
    number
        1, 2, ... without gaps.
    at
        When (UTC).
    event
        "created", "cine added", "edited", "accepted", "forgotten", ...
    subject, cine, rater
        Random codes, or empty. `Study.codes` says what they stand for, as long as it is in the study.
    details
        Frames, counts, digests.
    """

    number: int
    at: datetime
    event: str
    subject: str
    cine: str
    rater: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReleaseFrame:
    """One label of a release: a frame in the version it had then."""

    content_id: str
    frame: int
    revision: int


@dataclass(frozen=True, slots=True)
class Release:
    """A frozen selection of labels.

    Parameters
    ----------
    name, number
        Releases of one name count 1, 2, ...
    manifest
        What was released, JSON values only.
    at
        When (UTC).
    """

    name: str
    number: int
    manifest: Mapping[str, Any]
    at: datetime
