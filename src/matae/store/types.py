"""What the study gives and takes: plain values, no database in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Spacing

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


class FrameStatus(StrEnum):
    """Whose a frame's mask is, and what became of it."""

    MACHINE = "machine"
    """Proposed by a model; nobody has touched it. The only status a model may replace."""
    EDITED = "edited"
    """Changed by a person, not yet called right."""
    ACCEPTED = "accepted"
    """Called right by a person, changed or not."""
    REJECTED = "rejected"
    """Called unusable by a person: never training data."""


class SubjectSource(StrEnum):
    """Who says whom a cine shows."""

    FILE = "file"
    """The file's header states a patient's number; the subject is a pseudonym of it under the study's key."""
    DATA_SET = "data set"
    """A data set's own list or naming."""
    PERSON = "person"
    """A person said so, of this cine or of its whole folder."""
    CORRECTED = "corrected"
    """A person said so of this cine alone, against what its file or data set states."""
    EARLIER = "earlier"
    """It was in the study before this was recorded."""
    GUESSED = "guessed"
    """An earlier version made it of the file's name. It counts as unknown until a person says who it is."""


@dataclass(frozen=True, slots=True)
class CineEntry:
    """A cine of the study.

    Parameters
    ----------
    content_id
        Sha256 of its pixels, see `matae.cine.content_id`.
    subject
        Pseudonym of the person it shows, or None.
    stem
        Name of the file it was opened from, without folder and suffix. For the screen only: it may hold a name.
    n_frames, height, width
        Its shape in pixels.
    spacing
        Pixel size in mm, or None.
    frame_times
        Seconds of each frame, or None.
    view, heart_rate, quality
        As the source states them, or None.
    is_new
        It was added by the call that returned this.
    subject_source
        Who says that it is this subject; None while there is none.
    is_stated
        Its file or data set states a patient, whoever the subject is by now.
    subject_note
        Why the subject is unknown, or not the one that is stated: a sentence, where the cine has just been opened.
    """

    content_id: str
    subject: str | None
    stem: str
    n_frames: int
    height: int
    width: int
    spacing: Spacing | None
    frame_times: tuple[float, ...] | None
    view: str | None
    heart_rate: float | None
    quality: str | None
    is_new: bool = False
    subject_source: SubjectSource | None = None
    is_stated: bool = False
    subject_note: str = ""

    @property
    def known_subject(self) -> str | None:
        """The subject, or None where nobody but a guess says who it is: then no side is drawn and nothing leaves."""
        return None if self.subject_source is SubjectSource.GUESSED else self.subject


@dataclass(frozen=True, slots=True)
class CineSummary:
    """One line of the list of cines.

    Parameters
    ----------
    content_id, subject, stem, view, n_frames, subject_source, is_stated
        As in `CineEntry`.
    split
        Side of the subject; None while it has none or is unknown.
    counts
        Number of frames in each status; frames without a label are left out.
    seconds
        Time people spent on it.
    last_frame
        Where this rater was last; else where anybody was; else None.
    added
        When it came into the study (UTC).
    """

    content_id: str
    subject: str | None
    stem: str
    view: str | None
    n_frames: int
    split: str | None
    counts: dict[FrameStatus, int]
    seconds: float
    last_frame: int | None
    added: datetime
    subject_source: SubjectSource | None = None
    is_stated: bool = False

    @property
    def known_subject(self) -> str | None:
        """The subject, or None where nobody but a guess says who it is."""
        return None if self.subject_source is SubjectSource.GUESSED else self.subject

    @property
    def n_labelled(self) -> int:
        """Number of frames with a label."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What is known about the label of one frame, without its pixels.

    Parameters
    ----------
    frame
        0-based frame.
    status
        Whose it is.
    revision
        Number of the version shown; give it back as `expected_revision` when changing it.
    model, width, model_sha256
        What proposed the mask the person started from; empty if no model did.
    rater
        Who changed or judged it last; empty for a machine frame.
    seconds
        Time people spent on it, all edits together.
    area
        Pixels of the left ventricular cavity; a label of several structures counts no other.
    updated
        When (UTC).
    edited
        The mask is not the one a model proposed.
    newer_proposal
        A model was run again since a person took the frame, and says something else: see `Study.proposal`.
    """

    frame: int
    status: FrameStatus
    revision: int
    model: str
    width: str
    model_sha256: str
    rater: str
    seconds: float
    area: int
    updated: datetime
    edited: bool = False
    newer_proposal: bool = False


@dataclass(frozen=True, eq=False)
class Edit:
    """What a person made of one frame.

    Parameters
    ----------
    frame
        0-based frame.
    mask
        (Y, X) class map in native pixels, 0 is background; None takes the label away again (undo of a first stroke).
    expected_revision
        `FrameInfo.revision` the person started from; 0 where there was no label.
    status
        EDITED, ACCEPTED or REJECTED. MACHINE undoes a first stroke: it is kept only where the mask equals what a
        model proposed for this frame, and counts as EDITED otherwise.
    seconds
        Time spent on it, added to what was spent before.
    """

    frame: int
    mask: NDArray[np.integer[Any] | np.bool_] | None
    expected_revision: int = 0
    status: FrameStatus = FrameStatus.EDITED
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Revision:
    """One version of one frame's label; none is ever changed or thrown away.

    Parameters
    ----------
    number
        1, 2, ... within the frame.
    kind
        "machine" (a proposal), "person" (an edit), "status" (judged, same mask), "conflict" (an edit that was refused
        because somebody else was faster).
    status
        Status of the frame with this version.
    step
        Equal for all that was changed in one transaction: one step of undo.
    based_on
        `number` the change started from.
    shown
        It became the frame's label. False for a conflict, and for a proposal kept beside a person's mask.
    model, width, model_sha256
        Of a proposal.
    rater
        Of a person's version.
    seconds
        Time spent on this version.
    note
        The tool: "brush", "undo", ...
    at
        When (UTC).
    png
        The mask as stored, or None where the label was taken away.
    """

    frame: int
    number: int
    kind: str
    status: FrameStatus
    step: int
    based_on: int
    shown: bool
    model: str
    width: str
    model_sha256: str
    rater: str
    seconds: float
    note: str
    at: datetime
    png: bytes | None

    def mask(self) -> NDArray[np.uint8] | None:
        """Return the mask, (Y, X) uint8, or None where the label was taken away."""
        from matae.store.codec import decode_mask

        return None if self.png is None else decode_mask(self.png)


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
        Who set them; empty if a machine did.
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


@dataclass(frozen=True, slots=True)
class Overrides:
    """What people set of a cine; None for what nobody set.

    Parameters
    ----------
    sector
        Outline of the ultrasound sector, vertices (y, x) in native pixels.
    apex_down
        Whether the display has the apex of the heart at the bottom.
    spacing
        Pixel size in mm.
    view
        Standard view, such as "A4C".
    frame_rate
        Frames per second.
    revisions
        Which version of each counts, by name; give it back as `expected` when setting it. Names never set are left out.
    """

    sector: tuple[tuple[float, float], ...] | None = None
    apex_down: bool | None = None
    spacing: Spacing | None = None
    view: str | None = None
    frame_rate: float | None = None
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
    """Why a machine thinks a person should look at a frame."""

    score: float
    reason: str


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
        Who; empty for a machine.
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
