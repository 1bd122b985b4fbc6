"""The training of a run: from its data to a model in the registry."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from matae.errors import ModelError
from matae.extras import curves_note
from matae.files import write_atomic, writing_to
from matae.learn.card import retrained_card
from matae.learn.channel import PausedError, newly
from matae.learn.data import NothingLearntError, check_still_there, end_of
from matae.learn.events import Notice, Stage, Started, Step, Stopped, Validation
from matae.learn.plan import free_name
from matae.train.progress import StoppedError, Watch

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from matae.learn.channel import RunCallbacks
    from matae.learn.data import RunData
    from matae.learn.interpolate_weights import Kept
    from matae.learn.options import RetrainOptions
    from matae.learn.plan import Plan
    from matae.nn.card import ModelCard
    from matae.nn.network import Network
    from matae.store import Study
    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames
    from matae.train.progress import TrainingProgress
    from matae.train.validation import StepReport

__all__ = ["MODEL", "TRAINING", "is_made", "make_model", "memory_mb"]

MODEL, TRAINING = "model", "training"
_ENDED = "ended"  # a file: somebody stopped the training
_OF_THE_SITE = 100  # frames that the site's batch statistics are taken from


def is_made(plan: Plan) -> bool:
    """Return whether the registry has the very model of this run already; another may have its name."""
    from matae.models import find_model

    try:
        facts = find_model(plan.options.name).card.training.get("retrain")
    except ModelError:
        return False
    if not isinstance(facts, dict) or plan.release is None:
        return False
    name, number = plan.release
    return facts.get("study") == plan.study and facts.get("release") == {"name": name, "number": number}


def make_model(
    study: Study, plan: Plan, data: RunData, folder: Path, *, network: Network, base: ModelCard, link: RunCallbacks
) -> Plan:
    """Train, and put the model into the registry; return the plan with its steps and the model's name.

    Raises
    ------
    TrainError, ModelError, OutputError, DeviceError
        If it cannot be made, or somebody stopped before anything was learnt.
    PausedError
        If the run was put aside.
    """
    from matae.learn.interpolate_weights import Kept
    from matae.learn.pace import frames_to_check, plan_pace
    from matae.learn.recipe import recipe
    from matae.models import new_model_folder
    from matae.nn.checkpoint import save
    from matae.train.loop import train
    from matae.train.run import run_seconds
    from matae.train.state import STATE

    options = plan.options
    settings = partial(
        recipe, n_frames=len(data.train), grid=base.grid, heads=getattr(network, "autoencoder", None) is not None,
        unlabelled=data.unlabelled is not None, pseudo=data.pseudo is not None,
    )  # fmt: skip
    if options.kind == "quick":
        _prepare_quick(network, data.train, base.grid, options.seed)
    link.emit(Stage("training"))
    if not plan.steps:
        try:
            plan = plan_pace(plan, network, settings(plan.timed_options), data, link.ends)
        except StoppedError:
            raise end_of(plan, link) from None
        plan.write(folder)
    config = settings(plan.timed_options, steps=plan.steps)
    # The same frames from the first check to the last; the verdict is given on all of them.
    checked = frames_to_check(plan, data.held_out)
    before = deepcopy(network).cpu().eval()
    follower = _Follower(link, config, _step_of(folder / TRAINING / STATE))
    follower.tell_start(options, data, len(checked))
    # A run that somebody ended and that was put aside before it was judged learns no more.
    ended = folder / TRAINING / _ENDED
    ends = _always if ended.exists() else link.ends
    trained = train(
        network, data.train, checked, folder / TRAINING, config, unlabelled=data.unlabelled,
        replay=data.mixed_in, pseudo=data.pseudo, report=follower.on_report,
        watch=Watch(should_stop=ends, step=follower.on_step, notice=link.notify),
    )  # fmt: skip
    if link.should_pause():
        raise PausedError
    if link.should_stop():
        if not follower.step:
            raise NothingLearntError
        with writing_to(folder):
            write_atomic(ended, b"")
        link.emit(Stopped(follower.step, follower.best))
    if options.kind == "quick":
        trained, kept = _merged(trained, base, folder / MODEL), Kept(1.0, 1.0)  # whole, and switched off whole
    else:
        trained, kept = _gone_back(before, trained, data, options, base=base, link=link)
    check_still_there(study, data)
    try:
        new_model_folder(options.name)
    except ModelError:
        # Somebody gave the name away meanwhile; hours of training are not lost over it.
        plan = replace(plan, options=replace(options, name=free_name(options.name)))
        plan.write(folder)
        link.notify(f"There is a model {options.name} by now; this one is called {plan.options.name}.")
    card = retrained_card(study, base, plan, data, config=config, seconds=run_seconds(folder / TRAINING), kept=kept)
    save(folder / MODEL, trained, card, half=True)
    _install(study, plan, data, folder)
    return plan


def _install(study: Study, plan: Plan, data: RunData, folder: Path) -> None:
    """Put the model into the registry; before that, note in the study which cines it knows.

    Their subjects are fixed from then on.
    """
    from matae.models import install_model

    uncorrected = data.uncorrected
    for role, side, more in (("trained", "train", uncorrected.learnt), ("judged", "val", uncorrected.guard)):
        known = [clip.content_id for clip in data.corrections.side(side)]
        study.note_model_use(plan.options.name, role, list(dict.fromkeys([*known, *more])))
    install_model(folder / MODEL, plan.options.name)


def _prepare_quick(network: Network, frames: LabelledFrames, grid: int, seed: int) -> None:
    """Take the batch statistics of the site, then add what is trained."""
    import torch
    from torch.nn import functional as F

    from matae.learn.pace import some_of
    from matae.nn.adapter import adapt_norms, add_adapter

    images = torch.from_numpy(some_of(frames, _OF_THE_SITE).images)[:, None].float() / 255
    adapt_norms(network, F.interpolate(images, (grid, grid), mode="bilinear", antialias=True))
    add_adapter(network, seed=seed)


def _gone_back(
    before: Network, trained: Network, data: RunData, options: RetrainOptions, *, base: ModelCard, link: RunCallbacks
) -> tuple[Network, Kept]:
    """Go back towards the base as far as what it could do on real hearts needs, or frames that a person chose.

    A base that has seen synthetic hearts only has nothing to keep: nothing goes back for its sake.
    """
    from matae.learn.guard import KEPT_MARGIN, agreement
    from matae.learn.interpolate_weights import LOST, Kept, go_back
    from matae.learn.recipe import RECIPES
    from matae.learn.replay import guard_dice
    from matae.models import load_model

    guard, kept = data.replay.guard, data.kept
    if kept is None and (not data.has_say or guard is None):
        return trained, Kept(1.0, 1.0)
    # It is the first thing that is judged: whoever wishes to stop now puts the run aside.
    link.emit(Stage("judging"))
    is_stopped = newly(link.should_stop)

    def ends() -> bool:
        return link.should_pause() or is_stopped()

    def agrees(network: Network) -> bool:
        # A tenth of the margin is for the rounding to half precision afterwards.
        return kept is None or float(agreement(network, kept, base.grid, ends).mean()) >= 1 - 0.9 * KEPT_MARGIN

    def guarded(network: Network, grid: int) -> float:
        return 0.0 if guard is None else float(guard_dice(network, guard, grid, ends).mean())

    try:
        if not data.has_say:
            if agrees(trained):
                return trained, Kept(1.0, 1.0)
            return go_back(before, trained, RECIPES["full"], agrees)
        known = guarded(before, base.grid)
        if options.against != base.name:
            # If it is gone by now, the verdict is against the base.
            with suppress(ModelError):
                network, card = load_model(options.against)
                known = max(known, guarded(network, card.grid))
        return go_back(before, trained, RECIPES["full"], lambda found: guarded(found, base.grid) >= known - LOST)
    except StoppedError:
        raise PausedError from None


def _merged(trained: Network, base: ModelCard, folder: Path) -> Network:
    """Keep the adapter, and return what base and adapter file make together."""
    from matae.models import load_model
    from matae.nn.adapter import ADAPTER, apply_adapter, take_adapter

    adapter = take_adapter(trained, base)
    adapter.save(folder / ADAPTER)
    network, _ = load_model(base.name)
    apply_adapter(network, adapter)
    return network


def _step_of(path: Path) -> int:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return int(json.loads(file.metadata()["run"])["step"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return 0


def _always() -> bool:
    return True


class _Follower:
    """Turn what the trainer reports into events, and remember how far it is.

    Parameters
    ----------
    link
        Who is told.
    config
        Settings of the training.
    step
        0, or where a run that was killed goes on.
    """

    def __init__(self, link: RunCallbacks, config: TrainConfig, step: int) -> None:
        from matae.segment.device import choose_device

        self.step, self.best = step, 0
        self._link, self._config = link, config
        self._device = choose_device(config.device, training=True)

    def tell_start(self, options: RetrainOptions, data: RunData, n_checked: int) -> None:
        self._link.emit(replace(self._started(options, data), n_checked=n_checked))
        if note := curves_note():
            self._link.emit(Notice(note))

    def _started(self, options: RetrainOptions, data: RunData) -> Started:
        from matae.segment.device import describe_device

        return Started(
            name=options.name, base=options.base, kind=options.kind, device=describe_device(self._device),
            steps=self._config.steps, seconds=self._config.seconds, step=self.step,
            n_frames=len(data.train), n_patients=len(set(data.train.patients)),
            n_held_out_frames=len(data.held_out), n_held_out_patients=len(set(data.held_out.patients)),
            n_replay=0 if data.mixed_in is None else len(data.mixed_in),
            n_unlabelled=0 if data.unlabelled is None else len(data.unlabelled),
            n_pseudo_labelled=0 if data.pseudo is None else len(data.pseudo),
        )  # fmt: skip

    def on_step(self, progress: TrainingProgress) -> None:
        self.step = progress.step
        self._link.emit(
            Step(
                progress.step,
                progress.steps,
                round(progress.epoch, 3),
                progress.loss,
                round(progress.seconds, 3),
                round(progress.seconds_left, 3),
                round(memory_mb(self._device), 1),
                progress.chunk,
            )
        )

    def on_report(self, found: StepReport) -> None:
        from matae.nn.widths import format_width

        self.best = found.best
        dice, iou = ({format_width(w): round(v, 5) for w, v in each.items()} for each in (found.dice, found.iou))
        self._link.emit(Validation(found.step, found.loss, round(found.seconds, 3), dice, iou, found.best))


def memory_mb(device: torch.device) -> float:
    """Return MB (2^20 bytes): what the GPU holds, or the most this process had; NaN where it cannot be told."""
    from matae.speed.memory import peak_memory_mb

    if device.type == "cuda":
        import torch

        return torch.cuda.memory_allocated(device) / 2**20
    found = peak_memory_mb()
    return float("nan") if found is None else found
