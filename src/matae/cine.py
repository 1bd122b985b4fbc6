"""The cine: what every reader returns and every other room starts from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.errors import ReadError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Literal

    from numpy.typing import NDArray

__all__ = ["Box", "Cine", "Patient", "Spacing", "content_id"]


class Spacing(NamedTuple):
    """Size of a pixel in millimetres, rows first."""

    y: float
    x: float


class Box(NamedTuple):
    """A rectangle of pixels, half open: rows ``y0:y1``, columns ``x0:x1``."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.x1 - self.x0


def content_id(frames: NDArray[np.uint8]) -> str:
    """Return the sha256 of the pixels and their shape: the identity labels are tied to.

    Parameters
    ----------
    frames
        Grey frames, (T, Y, X) uint8.
    """
    digest = hashlib.sha256(np.array(frames.shape, "<i8").tobytes())
    for frame in frames:
        digest.update(np.ascontiguousarray(frame).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Patient:
    """Whom a clip shows, as its file or its data set says.

    It is never written anywhere as it is: a study keeps a pseudonym made of it under its own key.

    Parameters
    ----------
    identifier
        The patient's number as stated.
    issuer
        Who gave the number (DICOM's Issuer of Patient ID); empty where that is not stated. Two hospitals may give the
        same number to two persons.
    origin
        ``file`` for a header, ``data set`` for the patient column of a list or a data set's own naming.
    """

    identifier: str = field(repr=False)
    issuer: str = field(default="", repr=False)
    origin: Literal["file", "data set"] = "file"


@dataclass(frozen=True, eq=False)
class Cine:
    """One echocardiography clip (or a single still) in native pixels.

    Parameters
    ----------
    frames
        Grey frames, (T, Y, X) uint8, T >= 1. Exactly those that decoded, in display order.
    frame_times
        Time of each frame in seconds, (T,), strictly increasing from 0; None when the file does not state
        it, with the reason in `timing_note`. It is never guessed.
    spacing
        Pixel size in mm, or None when the file has no sound calibration, with the reason in `spacing_note`.
    region
        Rectangle of the 2-D tissue image as stated by the file, or None.
    source
        The file or folder it was read from.
    view
        Standard view as stated by the source ("A4C", "A2C", ...), or None.
    heart_rate
        Beats per minute as stated by the source, or None.
    ed_frame, es_frame
        0-based end-diastolic and end-systolic frame as stated by the source, or None.
    timing_note, spacing_note
        One sentence on where the frame times (or the spacing) come from, or why there are none.
    warnings
        Sentences the user should see: truncated file, colour Doppler, contradictory tags.
    info
        Format-specific facts worth keeping (image quality, reference EF). JSON-like values only; never a person's
        name or a date.
    patient
        Whom it shows, or None when neither its file nor its data set says so, with the reason in `patient_note`. It is
        never guessed from a name of a file or folder.
    patient_note
        One sentence on why the patient is unknown.

    Raises
    ------
    ReadError
        If there are no frames, or an array has the wrong shape or type.
    """

    frames: NDArray[np.uint8]
    frame_times: NDArray[np.float64] | None
    spacing: Spacing | None
    source: Path
    region: Box | None = None
    view: str | None = None
    heart_rate: float | None = None
    ed_frame: int | None = None
    es_frame: int | None = None
    timing_note: str = ""
    spacing_note: str = ""
    warnings: tuple[str, ...] = ()
    info: dict[str, Any] = field(default_factory=dict)
    patient: Patient | None = field(default=None, repr=False)
    patient_note: str = ""
    _hashed: tuple[NDArray[np.uint8], str] | None = field(default=None, repr=False)
    """Frames and their digest: `dataclasses.replace` hands them on, and they count while the frames are the same."""

    def __post_init__(self) -> None:
        """Refuse what no later room could use."""
        if self.frames.ndim != 3 or self.frames.dtype != np.uint8:
            raise ReadError(
                f"{self.source.name}: a cine needs grey 8-bit frames (T, Y, X), "
                f"not {self.frames.dtype} {self.frames.shape}."
            )
        if 0 in self.frames.shape:
            raise ReadError(
                f"{self.source.name} holds no frames that decode; export the clip again from the scanner or archive."
            )
        if self.frame_times is not None and self.frame_times.shape != (self.n_frames,):
            raise ReadError(
                f"{self.source.name}: {self.frame_times.size} frame times for {self.n_frames} frames; "
                "give the frame rate by hand."
            )

    @property
    def n_frames(self) -> int:
        """Number of frames, T."""
        return int(self.frames.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return int(self.frames.shape[1]), int(self.frames.shape[2])

    @property
    def content_id(self) -> str:
        """Sha256 of the pixels; the identity that labels are stored with. It is computed once for the same frames."""
        known = self._hashed
        if known is None or known[0] is not self.frames:
            known = self.frames, content_id(self.frames)
            object.__setattr__(self, "_hashed", known)
        return known[1]

    @property
    def frame_rate(self) -> float | None:
        """Median frame rate in Hz, or None when the file does not state it or there is one frame."""
        if self.frame_times is None or self.n_frames < 2:
            return None
        return float(1.0 / np.median(np.diff(self.frame_times)))

    @property
    def duration(self) -> float | None:
        """Time from the first frame to the end of the last in seconds, or None."""
        rate = self.frame_rate
        if rate is None or self.frame_times is None:
            return None
        return float(self.frame_times[-1] + 1.0 / rate)

    @property
    def pixel_aspect(self) -> tuple[float, float]:
        """Relative pixel size (y, x) for display and resampling; (1, 1) when uncalibrated."""
        return (1.0, 1.0) if self.spacing is None else (self.spacing.y, self.spacing.x)

    def with_frame_rate(self, rate: float, note: str = "Frame rate given by the user.") -> Cine:
        """Return the same cine played at `rate` Hz.

        Raises
        ------
        ReadError
            If `rate` is not between 0.1 and 1000 Hz.
        """
        if not 0.1 <= rate <= 1000:
            raise ReadError(f"A frame rate of {rate:g} Hz is not plausible; give one between 0.1 and 1000.")
        return replace(self, frame_times=np.arange(self.n_frames) / rate, timing_note=note)
