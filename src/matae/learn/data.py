"""Everything a run learns from and is measured on, read once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import TrainError
from matae.learn.between import label_clips
from matae.learn.channel import PausedError
from matae.learn.clips import load_side
from matae.learn.gather import SIDES, gather
from matae.learn.preconditions import refuse_leak, refuse_replayed, unknown_structures
from matae.learn.uncorrected import Uncorrected, choose_uncorrected, load_pictures
from matae.train.progress import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.learn.channel import RunCallbacks
    from matae.learn.gather import Corrections
    from matae.learn.guard import KeptFrames
    from matae.learn.plan import Plan
    from matae.learn.replay import Replay
    from matae.nn.card import ModelCard
    from matae.nn.network import Network
    from matae.store import Study
    from matae.train.data import LabelledFrames
    from matae.train.pseudo_labels import PseudoLabelled

__all__ = ["NothingLearntError", "RunData", "check_still_there", "end_of", "read_data"]


class NothingLearntError(TrainError):
    """A new run was stopped before it learnt anything: there is nothing to keep."""

    def __init__(self) -> None:
        super().__init__("Stopped before the training began; nothing was changed.")


@dataclass(frozen=True, eq=False)
class RunData:
    """What a run works with.

    Parameters
    ----------
    corrections
        The frozen labels.
    train, held_out
        Frames to learn from, and those of validation patients, who decide when to stop.
    replay
        Frames of another source.
    is_known
        Whether the base knows the replay's frames: only then can they be forgotten.
    uncorrected
        Which frames nobody corrected guard, and which are learnt from.
    is_synthetic
        Whether the base has seen synthetic hearts only: nothing is mixed in then that a person did not choose.
    kept
        What the base says of patients nobody corrected; None where nothing is guarded there.
    unlabelled
        Frames for self-training, (N, Y, X) uint8; None without it.
    pseudo
        Frames between corrected ones with masks that nobody drew; None without them.
    """

    corrections: Corrections
    train: LabelledFrames
    held_out: LabelledFrames
    replay: Replay
    is_known: bool
    uncorrected: Uncorrected = field(default_factory=Uncorrected)
    is_synthetic: bool = False
    kept: KeptFrames | None = None
    unlabelled: NDArray[np.uint8] | None = None
    pseudo: PseudoLabelled | None = None

    @property
    def mixed_in(self) -> LabelledFrames | None:
        """The frames that are mixed in."""
        if self.replay.is_styled:  # a person chose them, and their style is not the one that the base knows
            return self.replay.frames
        return self.replay.frames if self.is_known and not (self.is_synthetic and self.replay.is_packaged) else None

    @property
    def has_say(self) -> bool:
        """Whether what the guard lost is obeyed: where a person chose the frames, and the base knew them."""
        return self.is_known and not self.replay.is_packaged

    @property
    def is_replayed(self) -> bool:
        """Whether any are mixed in."""
        return self.mixed_in is not None


def read_data(
    study: Study, plan: Plan, folder: Path, *, network: Network, base: ModelCard, link: RunCallbacks
) -> tuple[RunData, Plan]:
    """Freeze the labels, or take up the frozen ones, and read everything; return it with the plan that has the release.

    Raises
    ------
    TrainError, StoreError, OutputError
        If nothing can be learnt from it, or somebody stopped.
    PausedError
        If the run was put aside.
    """
    from matae.learn.guard import base_on, saw_only_synthetic
    from matae.learn.recipe import is_self_trained
    from matae.learn.replay import knows, load_replay, styled_replay

    options, is_synthetic = plan.options, saw_only_synthetic(base)
    corrections = gather(study, options, release=plan.release)
    if plan.release is None:
        plan = replace(plan, release=corrections.release)
        plan.write(folder)
    kept = (study.mask(c.content_id, t, revision=r) for c in corrections.clips for t, r in c.frames.items())
    left_out = unknown_structures((mask for mask in kept if mask is not None), base.classes)
    for notice in (*corrections.notices, *([left_out] if left_out else ())):
        link.notify(notice)

    def stage(name: str) -> Callable[[int, int], None]:
        tell = link.stage(name)

        def told(done: int, total: int) -> None:
            if link.ends():
                raise end_of(plan, link)
            tell(done, total)

        return told

    loaded = {}
    digests: dict[str, set[str]] = {"train": set(), "held out": set()}
    for side in SIDES:
        clips = corrections.side(side)
        if not clips:
            continue
        loaded[side], found = load_side(
            study, clips, base.grid, known=base.outputs.values, odd_labels=options.odd_labels,
            progress=stage("reading"), notify=link.notify,
        )  # fmt: skip
        digests["train" if side == "train" else "held out"] |= found
    if "train" not in loaded or "val" not in loaded:
        raise TrainError("The corrections of one side are gone from the study; start a new retraining.")
    uncorrected = Uncorrected.read(folder)
    if uncorrected is None:
        uncorrected = choose_uncorrected(
            study, corrections, guard=options.replay in {"auto", "site"} and not is_synthetic,
            learn=is_self_trained(options, len(loaded["train"])), fill=options.pseudo_labels == "between",
        )  # fmt: skip
        uncorrected.write(folder)
    guarding, more = (
        load_pictures(study, chosen, base.grid, progress=stage("reading"), notify=link.notify)
        for chosen in (uncorrected.guard, uncorrected.learnt)
    )
    pseudo, filled = label_clips(
        study, corrections.side("train"), uncorrected.between, base.grid, known=base.outputs.values,
        progress=stage("filling") if uncorrected.between else None, notify=link.notify,
    )  # fmt: skip
    refuse_leak(digests["train"] | filled | (more.digests if more else set()), digests["held out"])
    replay = load_replay(options.replay, base.grid, mixed=not is_synthetic, progress=stage("replay"))
    if options.replay == "site":
        looks = loaded["train"].images if more is None else np.concatenate([loaded["train"].images, more.images])
        clock = time.perf_counter()
        replay = styled_replay(replay, looks, folder, progress=stage("replay"))
        if not plan.steps and not plan.drawn_s:  # a run that goes on read them, which is quick
            plan = replace(plan, drawn_s=time.perf_counter() - clock)
            plan.write(folder)
    if replay.frames is not None:
        refuse_replayed(replay.name, set(replay.frames.sources), digests["held out"])
    try:
        is_known = knows(network, replay.guard, base.grid, link.ends)
        known = base_on(network, guarding, base.grid, link.ends) if guarding else None
    except StoppedError:
        raise end_of(plan, link) from None
    data = RunData(
        corrections, loaded["train"], loaded["val"], replay, is_known, uncorrected, is_synthetic, known,
        more.images if more else None, pseudo,
    )  # fmt: skip
    return data, plan


def end_of(plan: Plan, link: RunCallbacks) -> PausedError | NothingLearntError:
    """Return what ends a run that somebody wishes to end while it only reads: what it learnt earlier is kept."""
    return PausedError() if link.should_pause() or plan.steps else NothingLearntError()


def check_still_there(study: Study, data: RunData) -> None:
    """Refuse to make a model of labels that were taken out of the study meanwhile.

    Raises
    ------
    TrainError
        If a patient was forgotten while the model learnt from them, or is no training patient any more.
    """
    corrections = data.corrections
    there = {(row.content_id, row.frame) for row in study.release_frames(*corrections.release)}
    sided = {cine.content_id for cine in study.cines() if cine.known_subject is not None and cine.split == "train"}
    gone = any((clip.content_id, t) not in there for clip in corrections.clips for t in clip.frames)
    if gone or not data.uncorrected.learnt.keys() <= sided:
        raise TrainError(
            "A patient was forgotten while this run learnt from them, so no model was made; start a new retraining."
        )
