"""A cine of the study, and who says whom it shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from matae.cine import Spacing
    from matae.store.types._labels import FrameStatus

__all__ = ["CineEntry", "CineSummary", "SubjectSource"]


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
