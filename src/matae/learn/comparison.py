"""Run two models over the corrected frames and compare them with the person's masks, at native size as a user would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.learn.clips import open_cases
from matae.learn.overlays import save_overlays
from matae.learn.paired import Paired, compare
from matae.learn.paired_scores import Tally
from matae.learn.time_saved import minutes_saved
from matae.learn.verdict import AGREEMENT, GUARD_MARGIN, HELD_OUT, Verdict, decide
from matae.train.progress import StoppedError, never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matae.learn.gather import Corrections
    from matae.learn.guard import KeptFrames
    from matae.segment import Segmenter
    from matae.store import Study
    from matae.train.data import LabelledFrames

__all__ = ["compare_models", "judge"]

_ENOUGH_TEST = 5  # patients: with fewer the validation patients are judged along, and the sentence says so


def judge(
    study: Study,
    corrections: Corrections,
    *,
    name: str,
    against: str,
    device: str = "auto",
    guard: LabelledFrames | None = None,
    guard_known: bool = False,
    kept: KeptFrames | None = None,
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
        Frames of another source on the models' grid, and whether they have a say.
    kept
        What the base says of patients nobody corrected, on the models' grid.
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
    from matae.models import find_model

    held: tuple[str, ...] = ("test",) if len(corrections.patients("test")) >= _ENOUGH_TEST else ("val", "test")
    held = tuple(side for side in ("val", "test") if side in sides) if sides else held
    clips = corrections.side(*held), corrections.side("train") if not sides or "train" in sides else []
    total = sum(len(side) for side in clips)
    for model in (name, against):
        study.note_model_use(model, "judged", [clip.content_id for clip in clips[0]])
    calibrated = all(study.cine(clip.content_id).spacing is not None for side in clips for clip in side)
    pairs = _segmenters(against, name, device)
    weights = find_model(name).card.sha256, find_model(against).card.sha256
    tallies = Tally(HELD_OUT + _also(held), held), Tally(AGREEMENT, ("train",))
    done = 0
    for number, (tally, side) in enumerate(zip(tallies, clips, strict=True)):
        widths = list(pairs) if number == 0 else list(pairs)[:1]
        for case in open_cases(study, side, notify=notify):
            if should_stop():
                raise StoppedError
            if progress is not None:
                progress(done, total)
            tally.add(case, {width: pairs[width] for width in widths}, calibrated, should_stop)
            done += 1
    if progress is not None:
        progress(total, total)
    held_out, agreement = (tally.side("mm" if calibrated else "px") for tally in tallies)
    if folder is not None:
        save_overlays(folder, tallies, (held_out, agreement))
    guarded = _guard(name, against, guard, guard_known=guard_known, should_stop=should_stop)
    base = _kept(name, against, kept, should_stop)
    found = decide(held_out, guarded, guard_known=guard_known, agreement=agreement, kept=base)
    minutes = minutes_saved(study, held_out, {clip.content_id for clip in corrections.clips}, should_stop)
    return Verdict(name, against, held_out, agreement, guarded, guard_known, minutes, *found, *weights, kept=base)


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
        options = [SegmentOptions(model, format_width(width), device, "torch", "own") for model in (against, name)]
        found[format_width(width)] = (Segmenter(options[0]), Segmenter(options[1]))
    return found


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


def _kept(name: str, against: str, kept: KeptFrames | None, should_stop: Callable[[], bool]) -> Paired | None:
    """Compare both models with what the base says of patients nobody corrected."""
    from matae.learn.guard import KEPT_MARGIN, agreement
    from matae.models import load_model

    if kept is None:
        return None
    values = []
    for model in (against, name):
        network, card = load_model(model)
        values.append(agreement(network, kept, card.grid, should_stop))
    return compare("agreement with the base", values[0], values[1], kept.frames.patients, margin=KEPT_MARGIN)
