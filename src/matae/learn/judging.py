"""Run two models over the corrected frames and compare them with the person's masks, at native size as a user would."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matae.learn.cases import open_cases
from matae.learn.paired import Paired, compare
from matae.learn.verdict import AGREEMENT, GUARD_MARGIN, HELD_OUT, FrameChange, MinutesSaved, Side, Verdict, decide
from matae.train.watch import StoppedError, never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.learn.cases import Case
    from matae.learn.gather import Corrections
    from matae.segment import Segmenter
    from matae.store import Study
    from matae.train.data import LabelledFrames

__all__ = ["OVERLAYS", "compare_models", "judge", "load_overlay", "minutes_saved"]

OVERLAYS = "overlays.npz"
_ENOUGH_TEST = 5  # patients: with fewer the validation patients are judged along, and the sentence says so
_FEWEST_TIMED = 8
_LONGEST = 900.0  # seconds on one frame: beyond it somebody left the desk
# Losses that a few patients show by chance; 5 points of ejection fraction are what a clinic calls a change.
_TOLERANCE = {"dice": 0.005, "iou": 0.005, "pixel_accuracy": 0.002, "hd95": 0.3, "ef_error": 5.0}


@dataclass(eq=False)
class _Tally:
    """One side: what both models did with every frame."""

    meaning: str
    sides: tuple[str, ...]
    patients: list[str] = field(default_factory=list)
    values: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    ef: tuple[list[float], list[float], list[str]] = field(default_factory=lambda: ([], [], []))
    frames: list[FrameChange] = field(default_factory=list)
    masks: dict[tuple[str, int], tuple[tuple[int, int], list[bytes]]] = field(default_factory=dict)

    def add(self, name: str, pair: Sequence[float]) -> None:
        for values, value in zip(self.values.setdefault(name, ([], [])), pair, strict=True):
            values.append(value)

    def side(self, unit: str) -> Side:
        figures: dict[str, Paired] = {}
        for name in ("dice", "iou", "pixel_accuracy", "hd95"):  # there also where no frame could be opened
            self.values.setdefault(name, ([], []))
        for name, (before, after) in self.values.items():
            kind = name.split()[0]
            figures[name] = compare(
                name,
                before,
                after,
                self.patients,
                unit=unit if kind == "hd95" else "",
                higher_is_better=kind != "hd95",
                tolerance=_TOLERANCE[kind],
            )
        before, after, names = self.ef
        figures["ef_error"] = compare("ef_error", before, after, names, unit="percentage points",
                                      higher_is_better=False, tolerance=_TOLERANCE["ef_error"])  # fmt: skip
        return Side(self.meaning, self.sides, len(self.frames), len(set(self.patients)), figures, tuple(self.frames))


def judge(
    study: Study,
    corrections: Corrections,
    *,
    name: str,
    against: str,
    device: str = "auto",
    guard: LabelledFrames | None = None,
    guard_known: bool = False,
    folder: Path | None = None,
    sides: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
    should_stop: Callable[[], bool] = never,
) -> Verdict:
    """Compare a model with another on both sides of a study.

    Parameters
    ----------
    study, corrections
        Where the frames are.
    name, against
        The new model and the one it is compared with, both in the registry.
    device
        Where to run.
    guard, guard_known
        Frames of another source on the models' grid, and whether the base knew them.
    folder
        Where the masks of the most improved and most harmed frames go, see `load_overlay`; nowhere if None.
    sides
        Look at these sides of the study only; the held-out ones and the training side if empty.
    progress
        Called with (clips done, in all).
    notify
        Called with a sentence on what was left out.
    should_stop
        Asked between frames.

    Returns
    -------
    Verdict
        Held-out patients are those of the test side; with fewer than five of them those of the validation side too,
        which also decided when training stopped.

    Raises
    ------
    StoppedError
        If `should_stop` said so.
    """
    held: tuple[str, ...] = ("test",) if len(corrections.patients("test")) >= _ENOUGH_TEST else ("val", "test")
    held = tuple(side for side in ("val", "test") if side in sides) if sides else held
    clips = corrections.side(*held), corrections.side("train") if not sides or "train" in sides else []
    total = sum(len(side) for side in clips)
    calibrated = all(study.cine(clip.content_id).spacing is not None for side in clips for clip in side)
    pairs = _segmenters(against, name, device)
    tallies = _Tally(HELD_OUT + _also(held), held), _Tally(AGREEMENT, ("train",))
    done = 0
    for number, (tally, side) in enumerate(zip(tallies, clips, strict=True)):
        widths = list(pairs) if number == 0 else list(pairs)[:1]
        for case in open_cases(study, side, notify=notify):
            if should_stop():
                raise StoppedError
            if progress is not None:
                progress(done, total)
            _add(tally, case, {width: pairs[width] for width in widths}, calibrated, should_stop)
            done += 1
    if progress is not None:
        progress(total, total)
    held_out, agreement = (tally.side("mm" if calibrated else "px") for tally in tallies)
    if folder is not None:
        _save_overlays(folder, tallies, (held_out, agreement))
    kept = _guard(name, against, guard, guard_known=guard_known, should_stop=should_stop)
    offered, sentence = decide(held_out, kept, guard_known=guard_known)
    minutes = minutes_saved(study, held_out, should_stop)
    return Verdict(name, against, held_out, agreement, kept, guard_known, minutes, offered, sentence)


def compare_models(
    study: Study,
    before: str,
    after: str,
    *,
    split: str = "",
    device: str = "auto",
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
    should_stop: Callable[[], bool] = never,
) -> Verdict:
    """Compare any two models on the corrected frames of a study as they are now.

    Parameters
    ----------
    study
        An open study.
    before, after
        Names of two models.
    split
        ``train``, ``val`` or ``test``; if empty, held-out and training patients, each apart, as for a new model.
    device, folder, progress, notify, should_stop
        As for `judge`.

    Raises
    ------
    TrainError
        If no patient of that side has corrected frames.
    ModelError
        If a model is unknown or damaged.
    StoppedError
        If `should_stop` said so.
    """
    from matae.errors import TrainError
    from matae.learn.gather import SIDES, current_corrections
    from matae.learn.options import RetrainOptions

    if split and split not in SIDES:
        raise TrainError(f"'{split}' is no side of a study; choose one of {', '.join(SIDES)}.")
    corrections = current_corrections(study, RetrainOptions())
    if split and not corrections.count(split):
        raise TrainError(
            f"No patient of the side '{split}' has corrected frames; correct some, or choose another side."
        )
    if not split and not corrections.count("val", "test"):
        raise TrainError("No held-out patient has corrected frames; correct some frames of validation patients.")
    return judge(
        study, corrections, name=after, against=before, device=device, folder=folder,
        sides=(split,) if split else (), progress=progress, notify=notify, should_stop=should_stop,
    )  # fmt: skip


def _also(held: tuple[str, ...]) -> str:
    return "; the validation ones among them also decided when training stopped" if "val" in held else ""


def _segmenters(against: str, name: str, device: str) -> dict[str, tuple[Segmenter, Segmenter]]:
    """Return both models at every width they share, the widest first."""
    from matae.models import find_model
    from matae.nn.widths import format_width
    from matae.segment import Segmenter, SegmentOptions

    shared = [
        w for w in find_model(name).card.widths if any(abs(w - v) < 1e-6 for v in find_model(against).card.widths)
    ]
    found = {}
    for width in sorted(shared, reverse=True):
        options = [SegmentOptions(model, format_width(width), device, "torch") for model in (against, name)]
        found[format_width(width)] = (Segmenter(options[0]), Segmenter(options[1]))
    return found


def _add(
    tally: _Tally,
    case: Case,
    pairs: dict[str, tuple[Segmenter, Segmenter]],
    calibrated: bool,
    should_stop: Callable[[], bool],
) -> None:
    from matae.metrics import dice, iou, score_frame

    frames = sorted(case.masks)
    classes = [(c, c) for c in range(1, len(next(iter(pairs.values()))[0].card.classes) + 1)]
    spacing = case.cine.spacing if calibrated else None
    found: dict[str, list[dict[int, NDArray[np.uint8]]]] = {}
    for width, both in pairs.items():
        found[width] = [{}, {}]
        for masks, segmenter in zip(found[width], both, strict=True):
            for frame in segmenter.stream(case.cine, case.sector, frames):
                if should_stop():
                    raise StoppedError
                masks[frame.index] = frame.mask
    widest = next(iter(found))
    for t in frames:
        reference = case.masks[t]
        tally.patients.append(case.clip.patient)
        scored = [score_frame(masks[t], reference, classes, spacing) for masks in found[widest]]
        means = [
            {
                "dice": float(np.mean([s.dice for s in scores])),
                "iou": float(np.mean([s.iou for s in scores])),
                "pixel_accuracy": accuracy,
                "hd95": float(np.mean([s.hd95 for s in scores])),
            }
            for scores, accuracy in scored
        ]
        for key in means[0]:
            tally.add(key, [mean[key] for mean in means])
        for width in list(found)[1:]:
            for key, overlap in (("dice", dice), ("iou", iou)):
                each = [[float(overlap(masks[t] == c, reference == c)) for c, _ in classes] for masks in found[width]]
                tally.add(f"{key} {width}", [float(np.mean(values)) for values in each])
        change = FrameChange(
            case.clip.content_id, t, case.clip.patient, case.phases[t], means[0]["dice"], means[1]["dice"]
        )
        tally.frames.append(change)
        shown = [masks[t] for masks in found[widest]]
        tally.masks[case.clip.content_id, t] = (reference.shape, [zlib.compress(m.tobytes(), 1)
                                                                  for m in (*shown, reference)])  # fmt: skip
    _add_ef(tally, case, found[widest])


def _add_ef(tally: _Tally, case: Case, found: list[dict[int, NDArray[np.uint8]]]) -> None:
    by_phase = {phase: t for t, phase in case.phases.items() if phase}
    if len(by_phase) < 2:
        return
    wanted = _ef(case, case.masks, by_phase)
    if wanted is None:
        return
    values = [_ef(case, masks, by_phase) for masks in found]
    for errors, value in zip(tally.ef[:2], values, strict=True):
        errors.append(math.nan if value is None else abs(value - wanted))
    tally.ef[2].append(case.clip.patient)


def _ef(case: Case, masks: dict[int, NDArray[np.uint8]], by_phase: dict[str, int]) -> float | None:
    from matae.measure.disks import disks, ejection_fraction

    volumes = {}
    for phase, t in by_phase.items():
        stack = disks(masks[t] == 1, case.cine.spacing, apex_down=case.sector.apex_down)
        if stack is None:
            return None
        volumes[phase] = stack.volume
    return ejection_fraction(volumes["ED"], volumes["ES"])


def _guard(
    name: str, against: str, guard: LabelledFrames | None, *, guard_known: bool, should_stop: Callable[[], bool]
) -> Paired | None:
    """Compare the models on the guard."""
    from matae.learn.replay import guard_dice
    from matae.models import load_model

    if guard is None or not len(guard):
        return None
    values = []
    for model in (against, name):
        network, card = load_model(model)
        values.append(guard_dice(network, guard, card.grid, should_stop))
    # Exact masks show a loss of a thousandth for certain; what learning a new look may cost is a decision, not a test.
    return compare("guard dice", values[0], values[1], guard.patients, margin=GUARD_MARGIN if guard_known else 1.0)


def minutes_saved(study: Study, held_out: Side, should_stop: Callable[[], bool] = never) -> MinutesSaved:
    """Estimate the correction time saved from how long people took for proposals that were off by so much.

    Seconds a frame are fitted as a straight line over 1 - Dice of the proposal against the mask they ended with; its
    slope times the error that held-out frames lost is the time saved.
    """
    from matae.metrics import dice

    errors, seconds = [], []
    for summary in study.cines():
        if should_stop():
            raise StoppedError
        for t, info in study.frames(summary.content_id).items():
            if info.seconds <= 0 or info.status.value not in {"accepted", "edited"}:
                continue
            proposal = study.proposal(summary.content_id, t, original=True)
            mask = study.mask(summary.content_id, t)
            if proposal is not None and mask is not None:
                errors.append(1 - float(dice(proposal == 1, mask == 1)))
                seconds.append(min(info.seconds, _LONGEST))
    n = len(errors)
    if n < _FEWEST_TIMED or np.ptp(errors) < 1e-6:
        return MinutesSaved(None, n, f"Too few timed corrections of proposals ({n}) to estimate the time saved.")
    slope = float(np.polyfit(errors, seconds, 1)[0])
    gained = held_out.figures["dice"].difference or 0.0
    if slope <= 0:
        return MinutesSaved(None, n, "Corrections did not take longer where proposals were worse; no time to estimate.")
    return MinutesSaved(
        slope * gained * 100 / 60,
        n,
        f"Estimated: in this study, a proposal worse by 0.01 Dice took {slope / 100:.1f} s longer ({n} frames).",
    )


def _save_overlays(folder: Path, tallies: Sequence[_Tally], sides: Sequence[Side]) -> None:
    import io

    from matae.files import write_atomic, writing_to

    arrays: dict[str, NDArray[np.uint8]] = {}
    for tally, side in zip(tallies, sides, strict=True):
        for frame in (*side.most_improved(), *side.most_harmed()):
            shape, packed = tally.masks[frame.content_id, frame.frame]
            for kind, data in zip(("before", "after", "yours"), packed, strict=True):
                mask = np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape)
                arrays[f"{frame.content_id}/{frame.frame}/{kind}"] = mask
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    with writing_to(folder):
        write_atomic(folder / OVERLAYS, buffer.getvalue())


def load_overlay(folder: Path, frame: FrameChange) -> dict[str, NDArray[np.uint8]]:
    """Return the masks ``before``, ``after`` and ``yours`` of one of the most improved or most harmed frames.

    Raises
    ------
    TrainError
        If they are not there.
    """
    from matae.errors import TrainError

    try:
        with np.load(folder / OVERLAYS, allow_pickle=False) as file:
            return {kind: file[f"{frame.content_id}/{frame.frame}/{kind}"] for kind in ("before", "after", "yours")}
    except (OSError, KeyError, ValueError):
        raise TrainError("The pictures of this run are gone; compare the two models again.") from None
