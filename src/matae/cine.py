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

__all__ = [
    "B_MODE",
    "REGION_QUESTION",
    "Box",
    "Cine",
    "Geometry",
    "Patient",
    "PixelShape",
    "Region",
    "Spacing",
    "content_id",
]

B_MODE = "B-mode"
"""`Region.kind` of a 2-D tissue picture, the only kind that shows a ventricle to outline."""
REGION_QUESTION = "The picture shows several B-mode regions"
"""How the warning begins that asks a person to choose one; gone once one is chosen."""
_WITHIN, _TOUCHED = 0.5, 0.05  # share of a sector in a region: that it lies there, that it reaches into it


class Spacing(NamedTuple):
    """Size of a pixel in millimetres, rows first."""

    y: float
    x: float


class PixelShape(Spacing):
    """Size of a pixel relative to its height, where millimetres are not known: (1, width over height).

    Lengths come out in heights of a pixel; ratios such as the ejection fraction are those of the heart.
    """

    __slots__ = ()


class Geometry(NamedTuple):
    """Where a picture lies in the space of the volume file it comes from, as ITK states it.

    Parameters
    ----------
    origin
        Centre of the first pixel in millimetres: left, posterior, superior.
    direction
        3 x 3 direction cosines, row by row. The first column is the direction in which columns of the frames are
        counted, the second that of the rows, the third is at right angles to them. A mask that is written as
        (columns, rows, frames) with the spacing of the cine, this origin and this direction lies over its picture.
    """

    origin: tuple[float, float, float]
    direction: tuple[float, float, float, float, float, float, float, float, float]


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


@dataclass(frozen=True)
class Region:
    """One of the pictures that a frame is put together from, as the file states it.

    Parameters
    ----------
    kind
        `B_MODE`, "colour flow", "M-mode", "spectral Doppler", "waveform" or "graphics".
    box
        Where it lies.
    spacing
        Size of its pixels in mm, or None with the reason in `note`.
    note
        One sentence on where the spacing comes from, or why there is none.
    """

    kind: str
    box: Box
    spacing: Spacing | None = None
    note: str = ""


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
    geometry
        Where the frames lie in the space of a volume file, or None for sources without one.
    sample_aspect
        Width of a pixel over its height as the source states it (sample aspect ratio); 1 where it states none. It
        is what makes the shape right where there is no spacing.
    info
        Format-specific facts worth keeping (image quality, reference EF). JSON-like values only; never a person's
        name or a date.
    patient
        Whom it shows, or None when neither its file nor its data set says so, with the reason in `patient_note`. It is
        never guessed from a name of a file or folder.
    patient_note
        One sentence on why the patient is unknown.
    regions
        The pictures that a frame is put together from, where the file states them: B-mode ones in the order of
        reading, then the others.
    recorded
        Day of the examination as the source states it, ISO date, or None. A study keeps it to put the examinations of a
        subject in order; it is never written anywhere else.

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
    geometry: Geometry | None = None
    regions: tuple[Region, ...] = ()
    sample_aspect: float = 1.0
    recorded: str | None = field(default=None, repr=False)
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
        """Relative pixel size (y, x) for display, resampling and shape; (1, `sample_aspect`) when uncalibrated."""
        return (1.0, self.sample_aspect) if self.spacing is None else (self.spacing.y, self.spacing.x)

    @property
    def pixel_size(self) -> Spacing | None:
        """Size of a pixel for geometry: the spacing, else a `PixelShape` where pixels are not square, else None."""
        if self.spacing is None and self.sample_aspect != 1:
            return PixelShape(1.0, self.sample_aspect)
        return self.spacing

    @property
    def b_modes(self) -> tuple[Region, ...]:
        """The regions with a 2-D tissue picture."""
        return tuple(region for region in self.regions if region.kind == B_MODE)

    def with_region(self, number: int) -> Cine:
        """Return the same cine with one of its B-mode pictures chosen: its rectangle and its pixel size.

        Parameters
        ----------
        number
            Which of `b_modes`, from 1.

        Raises
        ------
        ReadError
            If there is no such picture.
        """
        known = self.b_modes
        if not 1 <= number <= len(known):
            raise ReadError(f"{self.source.name} has {len(known)} B-mode regions; there is no region {number}.")
        return self._in(known[number - 1])

    def scaled_for(self, where: NDArray[np.bool_]) -> Cine:
        """Return the same cine with the pixel size that holds for a part of the picture, such as its sector.

        That of the B-mode region the part lies in; none where it lies across several of different sizes, or in none.
        A size that a person set stays.

        Parameters
        ----------
        where
            The part, (Y, X) bool.
        """
        known = self.b_modes
        total = int(np.count_nonzero(where))
        by_hand = self.spacing is not None and all(self.spacing_note != region.note for region in known)
        if not known or not total or by_hand:
            return self
        share = {r: np.count_nonzero(where[r.box.y0 : r.box.y1, r.box.x0 : r.box.x1]) / total for r in known}
        touched = [region for region in known if share[region] >= _TOUCHED]
        # Of one picture set into another, the inner one counts for what lies in it.
        holding = [r for r in touched if share[r] >= 1 - _TOUCHED]
        if holding:
            return self._in(min(holding, key=lambda r: r.box.height * r.box.width))
        if len(touched) == 1 and share[touched[0]] >= _WITHIN:
            return self._in(touched[0])
        if len(touched) > 1 and len({region.spacing for region in touched}) == 1:
            return replace(self, spacing=touched[0].spacing, spacing_note=touched[0].note)
        why = f"across {len(touched)} B-mode regions" if len(touched) > 1 else "outside the B-mode region"
        return replace(self, spacing=None, spacing_note=f"No millimetres: the part that is looked at lies {why}.")

    def _in(self, region: Region) -> Cine:
        warnings = tuple(text for text in self.warnings if not text.startswith(REGION_QUESTION))
        return replace(self, region=region.box, spacing=region.spacing, spacing_note=region.note, warnings=warnings)

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
