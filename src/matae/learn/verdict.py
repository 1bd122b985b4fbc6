"""The verdict: what a retraining changed, on the frames it learnt from and on patients it never saw, never mixed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from matae.anatomy import CAVITY, class_name
from matae.errors import TrainError
from matae.learn.paired import LEVEL, TESTABLE, Paired
from matae.records import RecordError, load_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

__all__ = [
    "AGREEMENT",
    "BETTER",
    "HELD_OUT",
    "NOT_COMPARABLE",
    "OUTCOMES",
    "STRUCTURE",
    "UNCLEAR",
    "WORSE",
    "Decision",
    "FrameChange",
    "MinutesSaved",
    "Side",
    "Verdict",
    "decide",
]

STRUCTURE = "structure_"
"""Begins the names of figures of one structure where there are several: reported, while the cavity decides."""
AGREEMENT = "agreement with your edits on training patients: how much less there would be to correct"
HELD_OUT = "held-out patients, never learnt from: accuracy"

BETTER, UNCLEAR, WORSE, NOT_COMPARABLE = "better", "no clear difference", "worse", "not comparable"
OUTCOMES = (BETTER, UNCLEAR, WORSE, NOT_COMPARABLE)
"""What a verdict says, or that nothing can be said. The first is offered, the second may be used by choice."""


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
    n_hidden
        Frames that are not in `frames`, since whoever looks reads their clips blind (`matae.learn.blinded`).
    """

    meaning: str
    sides: tuple[str, ...]
    n_frames: int
    n_patients: int
    figures: dict[str, Paired]
    frames: tuple[FrameChange, ...]
    n_inverted: int = 0
    n_hidden: int = 0

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
            "n_hidden": self.n_hidden,
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
    kept
        Agreement with the base's own masks, where it is sure of them, on patients nobody corrected; has a say. None
        where the base has seen synthetic hearts only, or there is no such patient.
    held_out
        Accuracy on patients nobody learnt from.
    agreement
        Agreement with the person's edits on training patients.
    guard
        Dice on frames of another source that must not be forgotten; None without one.
    guard_known
        Whether they have a say: the person chose them, and the base knew them.
    minutes
        Correction time saved.
    outcome
        One of `OUTCOMES`.
    sentence
        Why.
    """

    name: str
    against: str
    held_out: Side
    agreement: Side
    guard: Paired | None
    guard_known: bool
    minutes: MinutesSaved
    outcome: str
    sentence: str
    sha256: str = ""
    against_sha256: str = ""
    kept: Paired | None = None

    @property
    def offered(self) -> bool:
        """Whether the model is offered for use."""
        return self.outcome == BETTER

    @property
    def by_choice(self) -> bool:
        """Whether it may be used by choice: nothing says that it is better, and nothing that it is worse."""
        return self.outcome == UNCLEAR

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "against": self.against,
            "sha256": self.sha256,
            "against_sha256": self.against_sha256,
            "outcome": self.outcome,
            "offered": self.offered,
            "sentence": self.sentence,
            "test": TEST,
            "held_out": self.held_out.to_json(),
            "agreement": self.agreement.to_json(),
            "guard": None if self.guard is None else self.guard.to_json(),
            "guard_known": self.guard_known,
            "kept": None if self.kept is None else self.kept.to_json(),
            "minutes_saved": asdict(self.minutes),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Verdict:
        """Rebuild a verdict; what those of earlier versions lack keeps its default.

        Those of before there were three outcomes are judged again by the figures they hold; one that was not offered
        then, or of fewer than `TESTABLE` patients, is not called better now.

        Raises
        ------
        RecordError
            If a value is missing or of another type.
        """
        stated = dict(values)
        if "minutes_saved" in stated:
            stated["minutes"] = stated.pop("minutes_saved")
        if "outcome" in stated:
            found = load_record(cls, stated)
            if found.outcome not in OUTCOMES:
                raise RecordError("outcome", found.outcome, f"must be one of {', '.join(OUTCOMES)}")
            return found
        offered = stated.get("offered")
        if not isinstance(offered, bool):
            raise RecordError("offered", offered, "must be true or false")
        found = load_record(cls, stated | {"outcome": NOT_COMPARABLE})
        outcome = decide(
            found.held_out, found.guard, guard_known=found.guard_known, agreement=found.agreement, kept=found.kept
        ).outcome
        # Their intervals of a few patients were drawn, and too narrow to say so much.
        doubtful = not offered or found.held_out.n_patients < TESTABLE
        return replace(found, outcome=UNCLEAR if outcome == BETTER and doubtful else outcome)

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

        guard, kept = (
            each and {"before": each.before, "after": each.after, "n": each.n} for each in (self.guard, self.kept)
        )
        return {
            "verdict": {
                "outcome": self.outcome,
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
            "agreement with the base (patients nobody corrected)": kept,
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
    "better: the 95 % interval of the difference in Dice, patients drawn with replacement (of fewer than "
    f"{TESTABLE} the t interval), lies above zero, and nothing is worse. Worse: one-sided sign-flip test of "
    f"patients' mean differences, {LEVEL:.2f} for each figure, or a loss beyond the tolerance whose interval leaves "
    f"zero out; with fewer than {TESTABLE} patients the latter only. A guard that has a say counts from its margin"
)


class Decision(NamedTuple):
    """What a comparison says, and why."""

    outcome: str
    sentence: str


def decide(
    held_out: Side,
    guard: Paired | None,
    *,
    guard_known: bool,
    agreement: Side | None = None,
    kept: Paired | None = None,
) -> Decision:
    """Return what the figures say of a model, one of `OUTCOMES`, and why in a sentence.

    It is better when the mean Dice of held-out patients is higher (by `MIN_GAIN`), the interval of that difference
    leaves zero out, and nothing that matters lost: Dice and IoU at every width, pixel accuracy, HD95 and ejection
    fraction of held-out patients, the Dice of the guard where it has a say, and the agreement with the base on patients
    nobody corrected (`kept`). It is worse where one of these is
    clearly worse (`Paired.worse`; of fewer than `TESTABLE` patients the interval must leave zero out too). Everything
    between is no clear difference. Where most labels of either side look inverted, figures against them say nothing,
    however good. Of several structures the cavity decides, which is what is measured; of the others it is said where
    they got worse.
    """
    for side in (held_out, agreement):
        if side is not None and side.n_inverted > side.n_frames / 2:
            what = "held-out" if side is held_out else "training"
            return Decision(
                NOT_COMPARABLE,
                f"In {side.n_inverted} of {side.n_frames} {what} frames the cavity fills most of the picture, as in an "
                "inverted mask, so nothing says that it got better; look at the labels and correct or reject them.",
            )
    dice = held_out.figures.get("dice")
    where = f"{held_out.n_frames} frames of {held_out.n_patients} held-out patient{'s' * (held_out.n_patients != 1)}"
    if dice is None or dice.difference is None or dice.before is None or dice.after is None:
        return Decision(NOT_COMPARABLE, "No held-out frame could be compared; nothing says that it got better.")
    moved = f"Dice {dice.before:.3f} before, {dice.after:.3f} after on {where}"
    lost = [figure for name, figure in held_out.figures.items() if figure.worse and not name.startswith(STRUCTURE)]
    clear = [_said(figure.name) for figure in lost if figure.n_patients >= TESTABLE or figure.surely_worse]
    if guard is not None and guard_known and guard.worse:
        clear.append("what it knew before (the guard frames)")
    if kept is not None and kept.worse:
        clear.append("agreement with the base where that was sure, on patients nobody corrected")
    if clear:
        return Decision(WORSE, f"{moved}{', but' if dice.better else ';'} significantly worse: {', '.join(clear)}.")
    cavity = f" {class_name(CAVITY)}"  # stands among the structures in the tables, and is what was spoken of already
    others = [
        _said(name)
        for name, figure in held_out.figures.items()
        if figure.worse and name.startswith(STRUCTURE) and not name.endswith(cavity)
    ]
    beside = f" Of the structures beside it got worse: {', '.join(others)}." if others else ""
    if dice.difference >= MIN_GAIN and dice.surely_better and not lost:
        return Decision(BETTER, f"{moved}; nothing that matters got significantly worse.{beside}")
    return Decision(UNCLEAR, f"{moved}; {_why_unclear(dice, lost)}.{beside}")


def _why_unclear(dice: Paired, lost: Sequence[Paired]) -> str:
    """Return why nobody can say which of the two is better, and what would tell; a clause."""
    if lost:
        names = ", ".join(_said(figure.name) for figure in lost)
        return (
            f"worse on average, of too few patients to call it chance or not: {names}; correct frames of more of them"
        )
    if dice.difference_ci95 is None:
        return "of one patient nobody can say whether that is chance; correct frames of more held-out patients"
    if dice.surely_better:
        return "rounding the weights moves as much"
    low, high = dice.difference_ci95
    return (
        f"the 95 % interval of the difference, {low:+.3f} to {high:+.3f}, holds zero, so it may be chance; correct "
        "more held-out frames to tell"
    )


def _said(name: str) -> str:
    kind, _, width = name.removeprefix(STRUCTURE).partition(" ")
    where = f" of the {width}" if name.startswith(STRUCTURE) else f" at width {width}"
    return _IN_WORDS.get(kind, kind) + (where if width else "")
