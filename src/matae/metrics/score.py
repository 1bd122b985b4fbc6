"""From masks to figures: the score of one frame, and the summary of many."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.metrics.bootstrap import patient_interval
from matae.metrics.boundary import boundary_distances

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["ClassScore", "FrameScore", "rounded", "score_frame", "summary"]

_DIGITS = 6


@dataclass(frozen=True)
class ClassScore:
    """How one class of one frame was found.

    Parameters
    ----------
    both_px, reference_px, predicted_px
        Pixels in both masks and in each.
    n_px
        Pixels of the frame.
    hd95, assd
        Distances of the outlines, in mm where the frame is calibrated, else in pixels; see `boundary_distances`.
    """

    both_px: int
    reference_px: int
    predicted_px: int
    n_px: int
    hd95: float
    assd: float

    @property
    def dice(self) -> float:
        """Dice coefficient; 1 where both masks are empty."""
        total = self.reference_px + self.predicted_px
        return 2 * self.both_px / total if total else 1.0

    @property
    def iou(self) -> float:
        """Intersection over union; 1 where both masks are empty."""
        union = self.reference_px + self.predicted_px - self.both_px
        return self.both_px / union if union else 1.0

    @property
    def accuracy(self) -> float:
        """Share of the pixels on the right side of this class."""
        return 1 - (self.reference_px + self.predicted_px - 2 * self.both_px) / self.n_px


@dataclass(frozen=True)
class FrameScore:
    """How one frame was segmented.

    Parameters
    ----------
    id, patient, phase, view, quality
        What the data say of it; "" where they do not.
    spacing
        Size of a pixel (y, x) in mm, or None: then distances are in pixels.
    sector
        Where the part of the picture came from that the network saw.
    classes
        One score a class.
    pixel_accuracy
        Share of the pixels whose class is right.
    """

    id: str
    patient: str
    phase: str
    view: str
    quality: str
    spacing: tuple[float, float] | None
    sector: str
    classes: tuple[ClassScore, ...]
    pixel_accuracy: float

    @property
    def dice(self) -> float:
        """Mean Dice of the classes."""
        return float(np.mean([score.dice for score in self.classes]))

    @property
    def iou(self) -> float:
        """Mean IoU of the classes."""
        return float(np.mean([score.iou for score in self.classes]))

    def distance(self, name: str, *, calibrated: bool) -> float:
        """Return ``hd95`` or ``assd``, the mean of the classes that have one; NaN if the frame has the other unit."""
        if (self.spacing is not None) != calibrated:
            return math.nan
        return _mean([getattr(score, name) for score in self.classes])

    def only(self, index: int) -> FrameScore:
        """Return the score of one class alone."""
        score = self.classes[index]
        return replace(self, classes=(score,), pixel_accuracy=score.accuracy)

    def figures(self) -> dict[str, Any]:
        """Return the figures of an entry of ``frames``: means over the classes."""
        return {
            "dice": rounded(self.dice),
            "iou": rounded(self.iou),
            "pixel_accuracy": rounded(self.pixel_accuracy),
            "hd95_mm": rounded(self.distance("hd95", calibrated=True)),
            "assd_mm": rounded(self.distance("assd", calibrated=True)),
            "hd95_px": rounded(self.distance("hd95", calibrated=False)),
            "assd_px": rounded(self.distance("assd", calibrated=False)),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the entry of ``frames``."""
        spacing = self.spacing and {"y": self.spacing[0], "x": self.spacing[1]}
        return {
            "id": self.id,
            "patient": self.patient,
            "phase": self.phase,
            **self.figures(),
            "view": self.view,
            "image_quality": self.quality,
            "spacing_mm": spacing,
            "sector": self.sector,
            "reference_px": [score.reference_px for score in self.classes],
            "predicted_px": [score.predicted_px for score in self.classes],
            "both_px": [score.both_px for score in self.classes],
            "dice_by_class": [rounded(score.dice) for score in self.classes],
        }


def score_frame(
    predicted: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    pairs: Sequence[tuple[int, int]],
    spacing: tuple[float, float] | None,
) -> tuple[tuple[ClassScore, ...], float]:
    """Score one frame.

    Parameters
    ----------
    predicted, reference
        Class of every pixel, (Y, X) uint8; 0 is background.
    pairs
        Number of each class in the prediction and in the reference. What is in none counts as background.
    spacing
        Size of a pixel (y, x) in mm, or None.

    Returns
    -------
    tuple of ClassScore, float
        The score of each class, and the pixel accuracy over all of them.

    Raises
    ------
    ValueError
        If the masks differ in shape.
    """
    if predicted.shape != reference.shape:
        raise ValueError(f"masks differ in shape: {predicted.shape} and {reference.shape}")
    scores, wrong = [], np.zeros(predicted.shape, dtype=bool)
    for ours, theirs in pairs:
        found, wanted = predicted == ours, reference == theirs
        wrong |= found != wanted
        apart = boundary_distances(found, wanted, spacing or (1.0, 1.0))
        scores.append(
            ClassScore(
                int((found & wanted).sum()), int(wanted.sum()), int(found.sum()), found.size, apart.hd95, apart.assd
            )
        )
    return tuple(scores), 1.0 - float(wrong.mean())


def summary(frames: Sequence[FrameScore]) -> dict[str, Any]:
    """Return the figures of some frames, as JSON values.

    Parameters
    ----------
    frames
        At least one.

    Returns
    -------
    dict
        ``n_frames``, ``n_patients``; ``dice`` and ``iou`` with ``frame_mean``, ``frame_sd``, ``patient_mean`` (mean of
        the patients' means), ``pooled`` (all pixels as one picture) and ``ci95`` (of the frame mean, by patient);
        ``pixel_accuracy``, ``hd95_mm``, ``assd_mm`` (means over frames), the same in pixels for frames without
        calibration; ``empty``, counts of masks (one a frame and class). What does not exist is None.

    Raises
    ------
    ValueError
        If there is no frame.
    """
    if not frames:
        raise ValueError("there is no frame to summarise")
    patients = [frame.patient for frame in frames]
    return {
        "n_frames": len(frames),
        "n_patients": len(set(patients)),
        "dice": _overlap([frame.dice for frame in frames], patients, _pooled(frames, "dice")),
        "iou": _overlap([frame.iou for frame in frames], patients, _pooled(frames, "iou")),
        "pixel_accuracy": rounded(_mean([frame.pixel_accuracy for frame in frames])),
        **{
            f"{name}_{unit}": rounded(_mean([f.distance(name, calibrated=unit == "mm") for f in frames]))
            for unit in ("mm", "px")
            for name in ("hd95", "assd")
        },
        "empty": _empty(frames),
    }


def _overlap(values: Sequence[float], patients: Sequence[str], pooled: float) -> dict[str, Any]:
    found = np.asarray(values)
    names, which = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    means = np.bincount(which, found, len(names)) / np.bincount(which, minlength=len(names))
    interval = patient_interval(found, patients)
    return {
        "frame_mean": rounded(float(found.mean())),
        "frame_sd": rounded(float(found.std(ddof=1))) if len(found) > 1 else None,
        "patient_mean": rounded(float(means.mean())),
        "pooled": rounded(pooled),
        "ci95": interval and [rounded(end) for end in interval],
    }


def _pooled(frames: Sequence[FrameScore], name: str) -> float:
    """Return the overlap of all frames laid side by side, the mean of the classes."""
    found = []
    for scores in zip(*(frame.classes for frame in frames), strict=True):
        both, reference, predicted = (
            sum(getattr(score, part) for score in scores) for part in ("both_px", "reference_px", "predicted_px")
        )
        found.append(getattr(ClassScore(both, reference, predicted, 1, 0.0, 0.0), name))
    return _mean(found)


def _empty(frames: Sequence[FrameScore]) -> dict[str, int]:
    scores = [score for frame in frames for score in frame.classes]
    return {
        "both": sum(not s.reference_px and not s.predicted_px for s in scores),
        "reference_only": sum(not s.reference_px and bool(s.predicted_px) for s in scores),
        "predicted_only": sum(bool(s.reference_px) and not s.predicted_px for s in scores),
    }


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def rounded(value: float) -> float | None:
    """Return a number as JSON has it: rounded to six digits after the point, None where there is none."""
    return round(value, _DIGITS) if math.isfinite(value) else None
