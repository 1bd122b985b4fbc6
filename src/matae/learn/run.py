"""Retrain: a study's corrections in, a judged model out. The one function behind the command line and the dock.

Training always starts from the base with all corrections so far, so that what one patient contributed can be taken
back exactly. A run lives in a folder; killed at any moment it goes on from there.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from matae import __version__
from matae.errors import ModelError, TrainError
from matae.files import write_atomic, writing_to
from matae.learn.events import Done, Event, Notice, Stage, Started, Step, Stopped, Validation, Verdicts
from matae.learn.gather import Corrections, check_corrections, gather, load_side, refuse_leak
from matae.learn.options import RetrainOptions
from matae.learn.verdict import Verdict
from matae.train.watch import Progress, StoppedError, Watch, never

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from matae.learn.replay import Replay
    from matae.nn.card import ModelCard
    from matae.nn.network import Network
    from matae.store import Study
    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames
    from matae.train.validation import StepReport

__all__ = ["PLAN", "VERDICT", "PausedError", "Plan", "begin", "new_run_folder", "retrain", "runs_home"]

PLAN, VERDICT = "plan.json", "verdict.json"
_MODEL, _TRAINING = "model", "training"


class PausedError(Exception):
    """The run was put aside; it goes on from its folder."""


@dataclass(frozen=True)
class Plan:
    """What a run needs to go on: no path, no password, nobody's name.

    Parameters
    ----------
    options
        What the person chose, the model's name filled in.
    study
        Code of the study it belongs to.
    release
        Name and number of the frozen labels; empty before they are.
    steps
        Planned steps; 0 before they are.
    """

    options: RetrainOptions
    study: str
    release: tuple[str, int] | None = None
    steps: int = 0

    def write(self, folder: Path) -> None:
        """Write it into the run's folder."""
        values = {"options": self.options.to_json(), "study": self.study, "release": self.release, "steps": self.steps}
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / PLAN, json.dumps(values, indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> Plan | None:
        """Read the plan of a run; None where there is none.

        Raises
        ------
        TrainError
            If it is damaged.
        """
        try:
            values = json.loads((folder / PLAN).read_text(encoding="utf-8"))
            release = values["release"]
            return cls(
                RetrainOptions.from_json(values["options"]),
                str(values["study"]),
                None if release is None else (str(release[0]), int(release[1])),
                int(values["steps"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            raise TrainError(f"The plan of the run {folder.name} is damaged; start a new retraining.") from None


def runs_home() -> Path:
    """Return the folder of all runs."""
    from matae.models import home

    return home() / "runs"


def new_run_folder() -> Path:
    """Make the folder of a new run."""
    import time
    import uuid

    folder = runs_home() / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    with writing_to(folder.parent):
        folder.mkdir(parents=True)
    return folder


class _Data(NamedTuple):
    """Everything a run learns from and is measured on."""

    corrections: Corrections
    train: LabelledFrames
    held_out: LabelledFrames
    replay: Replay


def retrain(
    study: Study,
    options: RetrainOptions | None = None,
    *,
    folder: Path | None = None,
    emit: Callable[[Event], None] = lambda _: None,
    should_stop: Callable[[], bool] = never,
    should_pause: Callable[[], bool] = never,
) -> Verdict:
    """Retrain a model on a study's corrections, and judge it against the model in use.

    The new model is in the registry afterwards, with its verdict in its card; it is not put into use, see
    `matae.models.promote`.

    Parameters
    ----------
    study
        An open study; its splits are completed, and the labels frozen as a release.
    options
        What the person chose; the defaults if None. A run that goes on keeps those it began with.
    folder
        Folder of the run: a run found in it goes on. A new one if None.
    emit
        Told everything that happens.
    should_stop
        Asked several times a second; True ends the training, the best so far is kept and judged.
    should_pause
        The same, but puts the run aside; it goes on when called again with its folder.

    Returns
    -------
    Verdict
        Also in ``verdict.json`` in the folder.

    Raises
    ------
    TrainError, ModelError, StoreError, OutputError, DeviceError
        With what to do next.
    PausedError
        If it was put aside.
    """
    from matae.learn.claim import claim

    folder = folder or new_run_folder()
    with claim(folder):
        return _retrain(study, options, folder, emit=emit, should_stop=should_stop, should_pause=should_pause)


def _retrain(
    study: Study,
    options: RetrainOptions | None,
    folder: Path,
    *,
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
    should_pause: Callable[[], bool],
) -> Verdict:
    plan = Plan.read(folder)
    if plan is None:
        plan = begin(study, options or RetrainOptions())
        plan.write(folder)
    elif plan.study != _code(study):
        raise TrainError("This run belongs to another study; open that one to go on.")
    options = plan.options
    if (folder / VERDICT).is_file():
        verdict = Verdict.read(folder / VERDICT)
        emit(Verdicts(verdict.to_json()))
        emit(Done(verdict.name))
        return verdict
    data, plan = _data(study, plan, folder, emit=emit, should_stop=should_stop, should_pause=should_pause)
    base = _base(options)
    network = _load(options)
    known = _known(network, base, data.replay)
    if not _is_installed(options.name):
        plan = _train(plan, base, network, data, folder, emit=emit, should_stop=should_stop, should_pause=should_pause,
                      known=known, study=study)  # fmt: skip
    return _judge(study, plan, data, folder, emit=emit, should_pause=should_pause, known=known)


def begin(study: Study, options: RetrainOptions) -> Plan:
    """Check what a person chose and return the plan of a new run; see `retrain` for what is refused."""
    options.check()
    base = _base(options)
    check_corrections(study, options, base.classes)
    from matae.models import check_name, current_model

    against = options.against or current_model()
    if options.name:
        check_name(options.name)
        _refuse_taken(options.name)
    return Plan(replace(options, name=options.name or _free_name(options), against=against), _code(study))


def _base(options: RetrainOptions) -> ModelCard:
    from matae.models import find_model

    card = find_model(options.base).card
    if isinstance(card.training.get("retrain"), dict):
        raise TrainError(
            f"{options.base} was itself retrained; start from its base {card.training['retrain'].get('base')}: all "
            "corrections so far are learnt anew."
        )
    return card


def _refuse_taken(name: str) -> None:
    """Refuse a name that is another's: nothing would be trained, and the other model judged."""
    from matae.models import list_models

    if name.casefold() in {entry.name.casefold() for entry in list_models()}:
        raise TrainError(f"There is a model '{name}' already; choose another name.")
    if name.casefold() in _promised():
        raise TrainError(f"An unfinished run makes a model '{name}'; go on with it, or choose another name.")


def _free_name(options: RetrainOptions) -> str:
    from matae.models import list_models

    taken = {entry.name.casefold() for entry in list_models()} | _promised()
    number = 1
    while f"{options.base}-{options.kind}-{number}".casefold() in taken:
        number += 1
    return f"{options.base}-{options.kind}-{number}"


def _promised() -> set[str]:
    """Return the names of the models that unfinished runs will make, in small letters."""
    found = set()
    for path in runs_home().glob(f"*/{PLAN}"):
        with suppress(TrainError):
            plan = Plan.read(path.parent)
            if plan is not None and not (path.parent / VERDICT).exists():
                found.add(plan.options.name.casefold())
    return found


def _code(study: Study) -> str:
    return study.keyed("study")


def _load(options: RetrainOptions) -> Network:
    from matae.models import load_model

    return load_model(options.base)[0]


def _known(network: Network, base: ModelCard, replay: Replay) -> bool:
    from matae.learn.replay import knows

    return knows(network, replay.guard, base.grid)


def _is_installed(name: str) -> bool:
    from matae.models import find_model

    try:
        find_model(name)
    except ModelError:
        return False
    return True


def _data(
    study: Study,
    plan: Plan,
    folder: Path,
    *,
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
    should_pause: Callable[[], bool],
) -> tuple[_Data, Plan]:
    """Freeze the labels, or take up the frozen ones, and read everything."""
    from matae.learn.replay import load_replay

    options = plan.options
    corrections = gather(study, options, release=plan.release)
    if plan.release is None:
        plan = replace(plan, release=corrections.release)
        plan.write(folder)
    for notice in corrections.notices:
        emit(Notice(notice))

    def stage(name: str) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            if should_pause():
                raise PausedError
            if should_stop():
                raise TrainError("Stopped before the training began; nothing was changed.")
            emit(Stage(name, done, total))

        return tell

    def notify(sentence: str) -> None:
        emit(Notice(sentence))

    loaded = {}
    digests: dict[str, set[str]] = {"train": set(), "held out": set()}
    for side in ("train", "val", "test"):
        clips = corrections.side(side)
        if not clips:
            continue
        loaded[side], found = load_side(
            study, clips, odd_labels=options.odd_labels, progress=stage("reading"), notify=notify
        )
        digests["train" if side == "train" else "held out"] |= found
    if "train" not in loaded or "val" not in loaded:
        raise TrainError("The corrections of one side are gone from the study; start a new retraining.")
    refuse_leak(digests["train"], digests["held out"])
    replay = load_replay(options.replay, progress=stage("replay"))
    return _Data(corrections, loaded["train"], loaded["val"], replay), plan


def _train(
    plan: Plan,
    base: ModelCard,
    network: Network,
    data: _Data,
    folder: Path,
    *,
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
    should_pause: Callable[[], bool],
    known: bool,
    study: Study,
) -> Plan:
    """Train, and put the model into the registry; return the plan with its steps."""
    from matae.learn.recipe import recipe, some_of
    from matae.models import install_model
    from matae.nn.checkpoint import save
    from matae.segment.device import choose_device, describe_device
    from matae.train.loop import train
    from matae.train.state import STATE

    options = plan.options
    checked = some_of(data.held_out, options.kind)
    heads = getattr(network, "autoencoder", None) is not None
    device = choose_device(options.device)
    if options.kind == "quick":
        _prepare_quick(network, data.train, base.grid, options.seed)
    emit(Stage("training"))

    def ends() -> bool:
        return should_stop() or should_pause()

    if not plan.steps:
        config = recipe(options, len(data.train), base.grid, heads=heads)
        plan = replace(plan, steps=_planned(network, config, data.train, checked, ends))
        if should_pause():
            raise PausedError
        plan.write(folder)
    config = recipe(options, len(data.train), base.grid, heads=heads, steps=plan.steps)
    replay = data.replay.frames if known else None
    last = {"step": 0, "best": 0}
    emit(
        Started(
            name=options.name, base=options.base, kind=options.kind, device=describe_device(device),
            steps=config.steps, seconds=config.seconds, step=_step_of(folder / _TRAINING / STATE),
            n_frames=len(data.train), n_patients=len(set(data.train.patients)),
            n_held_out_frames=len(data.held_out), n_held_out_patients=len(set(data.held_out.patients)),
            n_replay=0 if replay is None else len(replay),
        )
    )  # fmt: skip

    def on_step(progress: Progress) -> None:
        last["step"] = progress.step
        emit(_step_event(progress, device))

    def on_report(found: StepReport) -> None:
        last["best"] = found.best
        emit(_validation_event(found))

    watch = Watch(should_stop=ends, step=on_step, notice=lambda sentence: emit(Notice(sentence)))
    trained = train(
        network, data.train, checked, folder / _TRAINING, config, replay=replay, report=on_report, watch=watch
    )
    if should_pause():
        raise PausedError
    if should_stop():
        emit(Stopped(last["step"], last["best"]))
    if options.kind == "quick":
        trained = _merged(trained, base, options, folder / _MODEL)
    card = _card(study, base, plan, data, config=config, seconds=_seconds(folder), replay_used=replay is not None)
    save(folder / _MODEL, trained, card, half=True)
    install_model(folder / _MODEL, options.name)
    return plan


def _planned(
    network: Network,
    config: TrainConfig,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    ends: Callable[[], bool],
) -> int:
    """Return the steps that fit into the time; one if somebody stops already."""
    from matae.learn.recipe import plan_steps

    if not config.seconds:
        return config.steps
    try:
        return plan_steps(network, config, frames, held_out, ends)
    except StoppedError:
        return 1


def _merged(trained: Network, base: ModelCard, options: RetrainOptions, folder: Path) -> Network:
    """Keep the adapter, and return what base and adapter file make together."""
    from matae.nn.adapter import ADAPTER, apply_adapter, take_adapter

    adapter = take_adapter(trained, base)
    adapter.save(folder / ADAPTER)
    network = _load(options)
    apply_adapter(network, adapter)
    return network


def _seconds(folder: Path) -> float:
    from matae.train.run import seconds_of

    return seconds_of(folder / _TRAINING)


def _prepare_quick(network: Network, frames: LabelledFrames, grid: int, seed: int) -> None:
    """Take the batch statistics of the site, then add what is trained."""
    import torch
    from torch.nn import functional as F

    from matae.learn.recipe import some_of
    from matae.nn.adapter import adapt_norms, add_adapter

    images = torch.from_numpy(some_of(frames, "full").images)[:, None].float() / 255
    adapt_norms(network, F.interpolate(images, (grid, grid), mode="bilinear", antialias=True))
    add_adapter(network, seed=seed)


def _step_of(path: Path) -> int:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return int(json.loads(file.metadata()["run"])["step"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return 0


def _step_event(progress: Progress, device: torch.device) -> Step:
    return Step(
        progress.step,
        progress.steps,
        round(progress.epoch, 3),
        progress.loss,
        round(progress.seconds, 3),
        round(progress.seconds_left, 3),
        round(memory_mb(device), 1),
        progress.chunk,
    )


def _validation_event(found: StepReport) -> Validation:
    from matae.nn.widths import format_width

    dice, iou = ({format_width(w): round(v, 5) for w, v in each.items()} for each in (found.dice, found.iou))
    return Validation(found.step, found.loss, round(found.seconds, 3), dice, iou, found.best)


def memory_mb(device: torch.device) -> float:
    """Return the memory in use in MB: the GPU's, or the process's; NaN where it cannot be told."""
    if device.type == "cuda":
        import torch

        return torch.cuda.memory_allocated(device) / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _card(
    study: Study,
    base: ModelCard,
    plan: Plan,
    data: _Data,
    *,
    config: TrainConfig,
    seconds: float,
    replay_used: bool,
) -> ModelCard:
    from dataclasses import asdict

    import torch

    options, train = plan.options, data.train
    clips = data.corrections.side("train")
    own = f"{len(train)} corrected frames of {len(set(train.patients))} patients"
    mixed = f", mixed with {data.replay.name} frames" if replay_used else ""
    facts = {
        "kind": options.kind,
        "base": options.base,
        "base_sha256": base.sha256,
        "study": plan.study,
        "release": {"name": data.corrections.release[0], "number": data.corrections.release[1]},
        # Under the study's key: they mean something where the study is, and nowhere else.
        "subjects": sorted({clip.patient for clip in clips}),
        "clips": sorted(study.keyed(clip.content_id) for clip in clips),
        "n_frames": len(train),
        "n_patients": len(set(train.patients)),
        "replay": data.replay.name if replay_used else "none",
        "options": {k: v for k, v in options.to_json().items() if k in _REPEATABLE}
        # A folder's path is nobody else's business.
        | ({"replay": options.replay} if options.replay in {"auto", "none"} else {}),
    }
    return replace(
        base,
        name=options.name,
        parent={"name": base.name, "sha256": base.sha256},
        data=f"{base.name} ({base.data}); then {own} of a study of its user{mixed}",
        licence=f"{base.licence}\n\nand the terms of the frames it was retrained on, which its user knows",
        figures={},
        sha256="",
        training=json.loads(json.dumps(asdict(config)))
        | {
            "retrain": facts,
            "seconds": seconds,
            "napari_matae": __version__,
            "torch": str(torch.__version__),
        },
        limits=(
            "Fitted to the scanners, views and readers of one study; measured on a few of its patients only.",
            *base.limits,
        ),
    )


_REPEATABLE = ("base", "kind", "seconds", "steps", "seed", "statuses", "odd_labels")


def _judge(
    study: Study,
    plan: Plan,
    data: _Data,
    folder: Path,
    *,
    emit: Callable[[Event], None],
    should_pause: Callable[[], bool],
    known: bool,
) -> Verdict:
    import shutil

    from matae.learn.judging import judge
    from matae.models import find_model, rewrite_card

    options = plan.options
    emit(Stage("judging"))
    try:
        verdict = judge(
            study, data.corrections, name=options.name, against=options.against, device=options.device,
            guard=data.replay.guard, guard_known=known, folder=folder,
            progress=lambda done, total: emit(Stage("judging", done, total)),
            notify=lambda sentence: emit(Notice(sentence)), should_stop=should_pause,
        )  # fmt: skip
    except StoppedError:
        raise PausedError from None
    card = find_model(options.name).card
    rewrite_card(options.name, replace(card, figures=verdict.card_figures()))
    with writing_to(folder):
        write_atomic(folder / VERDICT, json.dumps(verdict.to_json(), indent=1, allow_nan=False).encode())
        # The state of the training is large, and of no more use.
        shutil.rmtree(folder / _TRAINING, ignore_errors=True)
        shutil.rmtree(folder / _MODEL, ignore_errors=True)
    emit(Verdicts(verdict.to_json()))
    emit(Done(options.name))
    return verdict
