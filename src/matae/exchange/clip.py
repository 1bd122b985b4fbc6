"""The neutral record every format writes and reads: one clip, its labelled frames, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine, Spacing
    from matae.exchange.provenance import Provenance
    from matae.placement import Placement

__all__ = ["ExportClip", "ImportClip", "Label", "Progress", "only_said"]


class Progress(NamedTuple):
    """How far a long job is.

    Parameters
    ----------
    done, total
        In frames, or in clips where frames are not known yet.
    seconds_left
        None until there is something to judge by.
    what
        What is being done, in a few words.
    """

    done: int
    total: int
    seconds_left: float | None
    what: str


@dataclass(frozen=True, eq=False)
class Label:
    """One labelled frame.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X) uint8; 0 is background.
    status
        ``accepted`` or ``edited``.
    rater, model
        Pseudonyms of who drew it and of the model that proposed it; empty where unknown.
    model_version
        First digits of the sha256 of that model's file, or empty.
    edited
        Whether a person changed what the model proposed.
    """

    mask: NDArray[np.uint8]
    status: str = "accepted"
    rater: str = ""
    model: str = ""
    model_version: str = ""
    edited: bool = False


@dataclass(frozen=True, eq=False)
class ExportClip:
    """One clip as it may leave: pseudonymous, blanked, with the labels that go with it.

    Parameters
    ----------
    name, patient
        Pseudonyms; the name is a file name without suffix.
    split
        ``train``, ``val`` or ``test``.
    shape
        Frames, rows and columns.
    frame
        Gives frame ``t`` as (Y, X) uint8, blanked outside the sector; one at a time, so that memory stays flat.
    labels
        Labels by frame, in order.
    fit
        How a frame lies on a square grid, for formats of one size.
    frame_times
        Seconds from the first frame, (T,), or None.
    spacing
        Millimetres, or None.
    view
        ``A4C``, ``A2C``, ... or None.
    ed, es
        End-diastolic and end-systolic frame, or None.
    marked
        Whether a person or the file named them; otherwise the fullest and emptiest labelled frames are meant.
    image_quality
        As the source states it, or empty.
    is_dicom
        Whether the source is a DICOM file.
    key
        What the clip is recognised by in its own study.
    provenance
        What its pixels went through, where the format says so.
    """

    name: str
    patient: str
    split: str
    shape: tuple[int, int, int]
    frame: Callable[[int], NDArray[np.uint8]]
    labels: Mapping[int, Label]
    fit: Placement
    frame_times: NDArray[np.float64] | None = None
    spacing: Spacing | None = None
    view: str | None = None
    ed: int | None = None
    es: int | None = None
    marked: bool = False
    image_quality: str = ""
    is_dicom: bool = False
    key: str = ""
    provenance: Provenance | None = None

    @property
    def frame_rate(self) -> float | None:
        """Median frame rate in Hz, or None."""
        if self.frame_times is None or len(self.frame_times) < 2:
            return None
        return float(1.0 / np.median(np.diff(self.frame_times)))

    @property
    def time_constant(self) -> bool:
        """Whether the frames are evenly spaced, to a tenth of a millisecond."""
        if self.frame_times is None or len(self.frame_times) < 3:
            return True
        return bool(np.ptp(np.diff(self.frame_times)) < 1e-4)

    def phase(self, frame: int) -> str:
        """Return ``ED``, ``ES`` or an empty text."""
        return "ED" if frame == self.ed else "ES" if frame == self.es else ""


@dataclass(frozen=True, eq=False)
class ImportClip:
    """One clip found in a folder, not yet decoded.

    Parameters
    ----------
    name
        Short text for a list.
    subject
        Whose it is, as the folder says; never empty.
    open
        Decodes the clip.
    masks
        Yields (frame, mask) one at a time; masks are (Y, X) uint8 in the pixels of the opened clip, or, where
        `key` is known to the study, in those of its own clip when asked with ``native=True``.
    frames
        Frames that have a label, numbered in the opened clip.
    native_frames
        The same frames numbered in the clip they were exported from, where that is known.
    split
        ``train``, ``val``, ``test`` or empty.
    status
        Status by frame; ``accepted`` where nothing is said. Only a frame that has one can be labelled as empty: a mask
        in which nothing is drawn says by itself no more than that nobody drew.
    key
        Set by our own exports; empty otherwise.
    lossless
        Whether masks come back as they were, pixel by pixel.
    ed, es
        As the folder states them, in the opened clip.
    problems
        What could not be used, a sentence each.
    """

    name: str
    subject: str
    open: Callable[[], Cine]
    masks: Callable[[bool], Iterator[tuple[int, NDArray[np.uint8]]]]
    frames: tuple[int, ...]
    native_frames: tuple[int, ...] = ()
    split: str = ""
    status: Mapping[int, str] = field(default_factory=dict)
    key: str = ""
    lossless: bool = True
    ed: int | None = None
    es: int | None = None
    problems: tuple[str, ...] = ()
    source: Path | None = None


def only_said(problems: Sequence[str]) -> ImportClip:
    """Return an entry of a folder that holds no label, only what has to be said of the folder."""

    def nothing() -> Cine:
        raise ExchangeError("There is nothing to open.")  # pragma: no cover - no frame of it is ever asked for

    return ImportClip("", "-", nothing, lambda _native: iter(()), (), problems=tuple(problems))
