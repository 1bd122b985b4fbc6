"""The verdict: what a retraining changed, on the frames it learnt from and on patients it never saw, never mixed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.learn.paired import LEVEL, TESTABLE, Paired
from matae.records import load_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

__all__ = [
    "AGREEMENT",
    "HELD_OUT",
    "STRUCTURE",
    "FrameChange",
    "MinutesSaved",
    "Side",
    "Verdict",
    "decide",
    "frames_by_patient",
]

STRUCTURE = "structure_"
"""Begins the names of figures of one structure where there are several: reported, while the cavity decides."""
AGREEMENT = "agreement with your edits on training patients: how much less there would be to correct"
HELD_OUT = "held-out patients, never learnt from: accuracy"


@dataclass(frozen=True)
class FrameChange:
    """One held-out or training frame, before and after.

    Parameters
    ----------
    content_id, frame
        Which; content ids mean something in this study only.
    patient
        Under the study's key.
    phase
        "ED", "ES" or "".
    dice_before, dice_after
        Against the person's mask, width 1.
    """

    content_id: str
    frame: int
    patient: str
    phase: str
    dice_before: float
    dice_after: float

    @property
    def gain(self) -> float:
        """Dice won."""
        return self.dice_after - self.dice_before


@dataclass(frozen=True)
class Side:
    """One side of the verdict.

    Parameters
    ----------
    meaning
        What its figures say, in words: `AGREEMENT` or `HELD_OUT`.
    sides
        Sides of the study it covers.
    n_frames, n_patients
        How many.
    figures
        By name: ``dice``, ``iou``, ``pixel_accuracy``, ``hd95``, ``ef_error``; and of held-out frames ``dice 1/2``,
        ``iou 1/2``, ... for each narrower width; all of the cavity. Where both models find several structures, also
        ``structure_dice left atrium``, ``structure_hd95 left atrium``, ... of each
    frames
        Every frame, for a paired plot.
    n_inverted
        Frames whose label fills most of the picture, as an inverted mask does.
    """

    meaning: str
    sides: tuple[str, ...]
    n_frames: int
    n_patients: int
    figures: dict[str, Paired]
    frames: tuple[FrameChange, ...]
    n_inverted: int = 0

    def most_improved(self, n: int = 5) -> list[FrameChange]:
        """Return the frames that won most, the best first."""
        return [f for f in sorted(self.frames, key=lambda f: -f.gain)[:n] if f.gain > 0]

    def most_harmed(self, n: int = 5) -> list[FrameChange]:
        """Return the frames that lost most, the worst first."""
        return [f for f in sorted(self.frames, key=lambda f: f.gain)[:n] if f.gain < 0]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "meaning": self.meaning,
            "sides": list(self.sides),
            "n_frames": self.n_frames,
            "n_patients": self.n_patients,
            "n_inverted": self.n_inverted,
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
            "frames": [asdict(frame) for frame in self.frames],
            "most_improved": [asdict(frame) for frame in self.most_improved()],
            "most_harmed": [asdict(frame) for frame in self.most_harmed()],
        }


@dataclass(frozen=True)
class MinutesSaved:
    """Correction time saved, estimated from the study's own timings.

    Parameters
    ----------
    per_100_frames
        Minutes for 100 frames; None where there are too few timings.
    n_timed
        Frames with a timing that the estimate rests on.
    sentence
        How it was estimated, or why not.
    """

    per_100_frames: float | None
    n_timed: int
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What a retraining changed.

    Parameters
    ----------
    name, against
        The new model, and the one it is compared with.
    sha256, against_sha256
        Of the weights of both; empty in verdicts of before they were kept.
    held_out
        Accuracy on patients nobody learnt from.
    agreement
        Agreement with the person's edits on training patients.
    guard
        Dice on frames of another source that must not be forgotten; None without one.
    guard_known
        Whether the base knew those frames, so that the guard has a say.
    minutes
        Correction time saved.
    offered
        Whether the model may be put into use.
    sentence
        Why, or why not.
    """

    name: str
    against: str
    held_out: Side
    agreement: Side
    guard: Paired | None
    guard_known: bool
    minutes: MinutesSaved
    offered: bool
    sentence: str
    sha256: str = ""
    against_sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "against": self.against,
            "sha256": self.sha256,
            "against_sha256": self.against_sha256,
            "offered": self.offered,
            "sentence": self.sentence,
            "test": TEST,
            "held_out": self.held_out.to_json(),
            "agreement": self.agreement.to_json(),
            "guard": None if self.guard is None else self.guard.to_json(),
            "guard_known": self.guard_known,
            "minutes_saved": asdict(self.minutes),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Verdict:
        """Rebuild a verdict; what those of earlier versions lack keeps its default.

        Raises
        ------
        RecordError
            If a value is missing or of another type.
        """
        stated = dict(values)
        if "minutes_saved" in stated:
            stated["minutes"] = stated.pop("minutes_saved")
        return load_record(cls, stated)

    @classmethod
    def read(cls, path: Path) -> Verdict:
        """Read the ``verdict.json`` of a run.

        Raises
        ------
        TrainError
            If there is none, or it is damaged.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise TrainError(
                f"The verdict of the run {path.parent.name} is gone or damaged; compare the two models again."
            ) from None

    def card_figures(self) -> dict[str, Any]:
        """Return what goes into the model's card: means and counts, no frame and nobody's code."""

        def of(side: Side) -> dict[str, Any]:
            return {"meaning": side.meaning, "n_frames": side.n_frames, "n_patients": side.n_patients} | {
                name: {"before": f.before, "after": f.after, "difference_ci95": f.difference_ci95, "n": f.n}
                for name, f in side.figures.items()
            }

        guard = self.guard and {"before": self.guard.before, "after": self.guard.after, "n": self.guard.n}
        return {
            "verdict": {
                "offered": self.offered,
                "against": self.against,
                "sentence": self.sentence,
                "test": TEST,
                "sha256": self.sha256,
                "against_sha256": self.against_sha256,
            },
            "held-out patients": of(self.held_out),
            "agreement with edits (training patients)": of(self.agreement),
            "guard": guard,
        }


MIN_GAIN = 0.0005
"""Dice below which a gain is none: rounding weights to half precision moves as much."""

GUARD_MARGIN = 0.01
"""Mean Dice that what was known before may lose while a new look is learnt."""

_IN_WORDS = {
    "dice": "Dice",
    "iou": "IoU",
    "pixel_accuracy": "pixel accuracy",
    "hd95": "HD95",
    "ef_error": "the error of the ejection fraction",
}

TEST = (
    f"one-sided sign-flip test of patients' mean differences, {LEVEL:.2f} for each figure; with fewer than {TESTABLE} "
    "patients any mean loss beyond the tolerance counts, with more also one whose interval leaves zero out; the guard "
    f"frames count from a mean loss of {GUARD_MARGIN:.2f}"
)


def decide(
    held_out: Side, guard: Paired | None, *, guard_known: bool, agreement: Side | None = None
) -> tuple[bool, str]:
    """Return whether the model may be put into use, and why in a sentence.

    It is offered when the mean Dice of held-out patients is higher (by `MIN_GAIN`), and nothing that matters is worse:
    Dice and IoU at every width, pixel accuracy, HD95 and ejection fraction of held-out patients, and the Dice of the
    guard, by more than `GUARD_MARGIN`, where the base knew it. Where most labels of either side look inverted, figures
    against them say nothing, however good: it is not offered. Of several structures the cavity decides, which is what
    is measured; of the others it is said where they got worse.
    """
    for side in (held_out, agreement):
        if side is not None and side.n_inverted > side.n_frames / 2:
            what = "held-out" if side is held_out else "training"
            return False, (
                f"In {side.n_inverted} of {side.n_frames} {what} frames the cavity fills most of the picture, as in an "
                "inverted mask, so nothing says that it got better; look at the labels and correct or reject them."
            )
    dice = held_out.figures["dice"]
    where = f"{held_out.n_frames} frames of {held_out.n_patients} held-out patient{'s' * (held_out.n_patients != 1)}"
    if dice.difference is None or dice.before is None or dice.after is None:
        return False, "No held-out frame could be compared; nothing says that it got better."
    moved = f"Dice {dice.before:.3f} before, {dice.after:.3f} after on {where}"
    worse = [_said(name) for name, f in held_out.figures.items() if f.worse and not name.startswith(STRUCTURE)]
    if guard is not None and guard_known and guard.worse:
        worse.append("what it knew before (the guard frames)")
    if dice.difference < MIN_GAIN:
        return False, f"It did not get better: {moved}."
    if worse:
        few = held_out.n_patients < TESTABLE
        how = "worse, with too few patients to call it chance" if few else "significantly worse"
        return False, f"{moved}, but {how}: {', '.join(worse)}."
    interval = dice.difference_ci95
    sure = interval is not None and interval[0] > 0
    others = [_said(name) for name, f in held_out.figures.items() if f.worse and name.startswith(STRUCTURE)]
    return True, f"{moved}; nothing that matters got significantly worse." + (
        f" Of the structures beside it got worse: {', '.join(others)}." if others else ""
    ) + ("" if sure else " The gain may still be chance: correct more held-out frames to be sure.")


def _said(name: str) -> str:
    kind, _, width = name.removeprefix(STRUCTURE).partition(" ")
    where = f" of the {width}" if name.startswith(STRUCTURE) else f" at width {width}"
    return _IN_WORDS.get(kind, kind) + (where if width else "")


def frames_by_patient(frames: Sequence[FrameChange]) -> dict[str, list[FrameChange]]:
    """Return the frames of each patient, for plots that group them."""
    found: dict[str, list[FrameChange]] = {}
    for frame in frames:
        found.setdefault(frame.patient, []).append(frame)
    return found
