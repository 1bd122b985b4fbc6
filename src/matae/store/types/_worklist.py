"""A line of the worklist: a clip, how far it is, what was measured in it, and who has it open; and what waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from matae.store.types._labels import FrameStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import Any

__all__ = ["Claim", "ClipStatus", "QueueCounts", "QueuedClip", "StoredMeasurement", "WorklistNews", "WorklistRow"]


class ClipStatus(StrEnum):
    """How far a clip is, by what is stored of it and by nothing else."""

    FAILED = "failed"
    """It was to be segmented in the background and could not be; `WorklistRow.note` says why."""
    WAITING = "waiting"
    """It waits to be segmented in the background."""
    NOT_SEGMENTED = "not segmented"
    """No frame has a mask."""
    SEGMENTED = "segmented"
    """Every mask is as a model proposed it; nobody has corrected or judged one."""
    IN_REVIEW = "in review"
    """A person has begun: some frames are corrected or judged, and some masks are still to be judged."""
    ACCEPTED = "accepted"
    """Every mask is judged, and at least one frame is accepted."""
    REJECTED = "rejected"
    """Every frame with a mask is rejected."""

    @classmethod
    def of(cls, counts: Mapping[FrameStatus, int]) -> ClipStatus:
        """Return the status of a clip whose frames with a mask are so many in each status.

        Examples
        --------
        >>> ClipStatus.of({FrameStatus.MACHINE: 3, FrameStatus.ACCEPTED: 1}).value
        'in review'
        """
        machine, edited = counts.get(FrameStatus.MACHINE, 0), counts.get(FrameStatus.EDITED, 0)
        accepted, rejected = counts.get(FrameStatus.ACCEPTED, 0), counts.get(FrameStatus.REJECTED, 0)
        if not machine + edited + accepted + rejected:
            return cls.NOT_SEGMENTED
        if not edited + accepted + rejected:
            return cls.SEGMENTED
        if machine + edited:
            return cls.IN_REVIEW
        return cls.ACCEPTED if accepted else cls.REJECTED


class StoredMeasurement(NamedTuple):
    """What was last measured in a clip.

    Parameters
    ----------
    ef
        Ejection fraction in percent, mean of the beats; None where it could not be measured.
    ef_low, ef_high
        Its 90 % interval.
    doubts
        Codes of what speaks against the number (`matae.measure.doubts`); empty where it may be relied on.
    provisional
        The interval lacks a part: the widths of the network are yet to be compared.
    edv_ml, esv_ml
        Volumes in mL, None without a calibration.
    ed_frame, es_frame
        0-based frames of the beat shown.
    view, method
        Standard view it was measured in, and how.
    model, width
        What outlined the cavity; empty where a person or a file did.
    rater
        Who measured; empty for the program.
    at
        When (UTC); None before it is stored.
    stale
        Masks, marks, landmarks or settings of the clip are others than those that were measured.
    la_ml
        Largest volume of the left atrium in mL, None where it was not measured.
    """

    ef: float | None
    ef_low: float | None = None
    ef_high: float | None = None
    doubts: tuple[str, ...] = ()
    provisional: bool = False
    edv_ml: float | None = None
    esv_ml: float | None = None
    ed_frame: int | None = None
    es_frame: int | None = None
    view: str | None = None
    method: str = ""
    model: str = ""
    width: str = ""
    rater: str = ""
    at: datetime | None = None
    stale: bool = False
    la_ml: float | None = None

    @property
    def reliable(self) -> bool:
        """Whether the ejection fraction is there and nothing serious speaks against it."""
        return self.ef is not None and not self.doubts


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody has a clip open.

    Parameters
    ----------
    rater
        Who; may be empty.
    since
        Since when (UTC).
    own
        It is this very `Study` object.
    """

    rater: str
    since: datetime
    own: bool = False


class WorklistRow(NamedTuple):  # ten thousand are made at a time, which a dataclass takes three times as long for
    """A line of the worklist.

    Parameters
    ----------
    content_id
        Of the clip; empty where it has not been read yet.
    place
        Where it was opened from, as the study writes it; `path` is that as a path. It stays on this machine.
    subject
        Pseudonym, or None where nobody but a guess says whom it shows.
    stem, view, n_frames
        As in `CineEntry`, the view as people set it; no frames are known of a clip that has not been read.
    status
        How far it is.
    counts
        Number of frames in each status; frames without a mask are left out.
    n_flags
        Frames that the program wants a person to look at and nobody has corrected or judged.
    measurement
        What was last measured, or None.
    by
        Who changed or judged a frame last; empty where no person did.
    touched
        When that was, else when a model last segmented it, else when it was added (UTC).
    claims
        Who has it open, the longest first; this `Study` object is left out.
    queue_id
        Number in the queue of what is segmented in the background, or None.
    note
        Why it failed.
    readers
        How the readings of several raters compare, in words; empty where one or nobody read it, or before anybody
        looked (`matae.readers.with_readers`).
    disagree
        They disagree, and nobody has chosen one.
    """

    content_id: str
    place: str
    subject: str | None
    stem: str
    view: str | None
    n_frames: int | None
    status: ClipStatus
    counts: Mapping[FrameStatus, int] = MappingProxyType({})
    n_flags: int = 0
    measurement: StoredMeasurement | None = None
    by: str = ""
    touched: datetime | None = None
    claims: tuple[Claim, ...] = ()
    queue_id: int | None = None
    note: str = ""
    readers: str = ""
    disagree: bool = False

    @property
    def path(self) -> Path:
        """Where it was opened from; stays on this machine."""
        from matae.store.cine_rows import path_of_text

        return path_of_text(self.place)

    @property
    def key(self) -> str:
        """What stays the same while the row changes, until a waiting clip is read."""
        return self.content_id or f"queue {self.queue_id}"

    @property
    def n_reviewed(self) -> int:
        """Frames accepted or rejected."""
        return self.counts.get(FrameStatus.ACCEPTED, 0) + self.counts.get(FrameStatus.REJECTED, 0)

    @property
    def n_labelled(self) -> int:
        """Frames with a mask."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class QueuedClip:
    """A clip that waits to be segmented.

    Parameters
    ----------
    path, label, kind
        As in `matae.read.CineRef`.
    info
        What is known of it without decoding, JSON values.
    id
        Its number; 0 before it is in the queue.
    again
        Whether it was done before and is to be segmented anew, see `Study.redo_done`.
    """

    path: Path
    label: str = ""
    kind: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How far the queue is: clips that wait, are being done by somebody now, are done, and could not be done."""

    waiting: int = 0
    taken: int = 0
    done: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.taken + self.done + self.failed


class WorklistNews(NamedTuple):
    """What is another in the worklist.

    Parameters
    ----------
    sequence
        Number of the last transaction, for the next question.
    rows
        The lines that changed, as they are now.
    all_changed
        Clips came, went, or were too many that changed: ask for the whole worklist.
    claims
        Who else has which clip open, by content id.
    queue
        How far the queue is.
    """

    sequence: int
    rows: tuple[WorklistRow, ...]
    all_changed: bool
    claims: Mapping[str, tuple[Claim, ...]]
    queue: QueueCounts
