"""From folders of labelled frames to a checkpoint folder with its model card: what ``train`` does."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from matae import __version__
from matae.anatomy import CAVITY, class_name
from matae.errors import TrainError
from matae.files import file_sha256
from matae.labelled.packed import is_packed, packed_licence
from matae.metrics import dice
from matae.models import check_name, find_model
from matae.nn.card import ModelCard
from matae.nn.checkpoint import WEIGHTS, load, save
from matae.nn.enlarge import with_classes
from matae.nn.imagenet import FAMILY, TERMS, ImageNetUNet, imagenet_weights
from matae.nn.matae import Matae, MataeConfig
from matae.nn.published import PUBLISHED
from matae.nn.regions import Regions
from matae.nn.widths import format_width
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.data import load_folders
from matae.train.loop import METRICS, predict, train
from matae.train.state import STATE
from matae.train.teacher import load_teacher
from matae.train.unlabelled import load_unlabelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.nn.network import Network
    from matae.train.data import LabelledFrames
    from matae.train.loop import StepReport
    from matae.train.progress import Watch

__all__ = ["new_network", "run_seconds", "train_model"]

_LICENCE_FILES = ("LICENCE.txt", "LICENSE.txt", "LICENCE", "LICENSE")
_LIMITS = (
    "Measured on the validation frames of its own data only; other scanners, views and patients may differ.",
    "Outlines a cavity in every picture it is shown, whatever the picture is.",
)


def train_model(
    data: Sequence[Path],
    out: Path,
    *,
    name: str,
    config: TrainConfig | None = None,
    init: str | None = None,
    unlabelled: Sequence[Path] = (),
    licence: str | None = None,
    citation: str = "",
    half: bool = True,
    report: Callable[[StepReport], None] | None = None,
    watch: Watch | None = None,
) -> ModelCard:
    """Train a network on folders of labelled frames and write its checkpoint folder.

    A run that was stopped goes on where it was when called again with the same arguments.

    Parameters
    ----------
    data
        Folders as for `matae.train.data.load_folders`, together with a train and a val split. The ``LICENCE.txt`` of
        each, if there is one, goes into the card.
    out
        Folder for ``model.safetensors``, ``card.json``, ``metrics.csv`` and the state a stopped run resumes from.
    name
        Name of the model in its card.
    config
        Settings of the run; the defaults if None.
    init
        Model of the registry to continue from; a new nested network if None.
    unlabelled
        Clips or folders of pictures that only the autoencoder heads learn from.
    licence, citation
        Terms of the weights and what to cite; the data folders' (or the first model's) if not given.
    half
        Store kernels as float16.
    report
        Called after each validation.
    watch
        Step-level progress, and a way to stop: the model is then what was found until that step, and the run goes on
        from the last validation when called again.

    Returns
    -------
    ModelCard
        The card as written.

    Raises
    ------
    TrainError
        If the data, the settings, the teacher or what lies in `out` do not allow it.
    ModelError
        If the name is no model name, or `init` or the teacher is unknown or damaged.
    OutputError
        If `out` cannot be written.
    """
    config = config or TrainConfig()
    check_name(name)
    if (out / WEIGHTS).exists() and not (out / STATE).exists():
        raise TrainError(f"{out} holds a finished model; choose another --out.")
    frames, held_out = load_folders(data, config.grid, views=config.views, classes=config.classes)
    names = " + ".join(folder.resolve().name for folder in data)
    classes = config.classes or tuple(
        class_name(number) for number in range(1, max(frames.classes, held_out.classes, 1) + 1)
    )
    network, begun = _start(name, classes, config, init)
    teacher, taught_by = load_teacher(config.teacher) if config.teacher and config.teaching else (None, None)
    more = load_unlabelled(unlabelled, config.grid) if unlabelled else None
    network = train(
        network, frames, held_out, out, config, unlabelled=more, teacher=teacher, report=report, watch=watch
    )
    card = replace(
        begun,
        data=f"{names}: {_count(frames)} for training, {_count(held_out)} for validation",
        licence=licence or _terms(_licences(data), begun, taught_by),
        citation=citation or begun.citation,
        figures={
            f"{names}, val": {"frames": len(held_out), "patients": len(set(held_out.patients))}
            | _figures(network, held_out, config.grid)
        },
        training=json.loads(json.dumps(asdict(config)))
        | {
            "init": begun.parent,
            "taught_by": None if taught_by is None else {"name": taught_by.name, "sha256": taught_by.sha256},
            "unlabelled_frames": 0 if more is None else len(more),
            "frames_sha256": {"train": frames.digest(), "val": held_out.digest()},
            "seconds": run_seconds(out),
            "napari_matae": __version__,
            "torch": str(torch.__version__),
        },
        limits=_LIMITS,
    )
    return save(out, network, card, half=half)


def new_network(config: TrainConfig) -> Network:
    """Return a new network of the settings, for the classes they name or for one."""
    classes = config.classes or (class_name(CAVITY),)
    network, _ = _new(config, len(classes))
    network.regions = Regions.nested(classes)
    return network


def _start(name: str, classes: Sequence[str], config: TrainConfig, init: str | None) -> tuple[Network, ModelCard]:
    if init is not None:
        return _continued(name, config, init)
    regions = Regions.nested(classes)
    # Seeded apart from the caller's own random numbers: the same call gives the same network.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network, architecture = _new(config, len(classes))
    parent, licence = None, "not stated; that of its data applies"
    if isinstance(network, ImageNetUNet):
        source = imagenet_weights(network)
        parent, licence = {"name": source.stem, "sha256": file_sha256(source)}, TERMS
    network.regions = regions
    return network, ModelCard(
        name=name,
        family=config.network.family,
        architecture=architecture,
        grid=config.grid,
        classes=tuple(classes),
        regions=regions.names,
        data="",
        licence=licence,
        parent=parent,
    )


def _new(config: TrainConfig, classes: int) -> tuple[Network, dict[str, Any]]:
    wanted = config.network
    if wanted.family in PUBLISHED:
        return PUBLISHED[wanted.family](classes), {"widths": [1.0]}
    if wanted.family == FAMILY:
        return ImageNetUNet(classes), {"widths": [1.0]}
    if wanted.family != "matae":
        raise TrainError(f"There is no family '{wanted.family}'; choose matae, {FAMILY}, {' or '.join(PUBLISHED)}.")
    try:
        shape = MataeConfig(
            channels=wanted.channels,
            classes=classes,
            fold=wanted.fold,
            widths=wanted.widths,
            autoencoder=config.rebuild > 0,
        )
    except ValueError as error:
        raise TrainError(f"No network has this shape ({error}); correct the settings.") from None
    return Matae(shape), shape.to_json()


def _continued(name: str, config: TrainConfig, init: str) -> tuple[Network, ModelCard]:
    if config.network != NetworkConfig():
        raise TrainError("A model that is continued keeps its shape; leave out either [network] or --init.")
    network, card = load(find_model(init).folder)
    if config.classes and tuple(config.classes) != card.classes:
        network, card = with_classes(network, card, config.classes, seed=config.seed)
    if isinstance(network, Matae) and not (network.config.own_bias and (network.autoencoder or not config.rebuild)):
        # What it was made without starts at nothing, or is learnt anew; its logits stay what they were.
        shape = replace(network.config, own_bias=True, autoencoder=network.config.autoencoder or config.rebuild > 0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            whole = Matae(shape)
        whole.load_state_dict(whole.state_dict() | network.state_dict())
        whole.regions = network.regions
        network, card = whole, replace(card, architecture=shape.to_json())
    parent = {"name": card.name, "sha256": card.sha256}
    return network, replace(card, name=name, grid=config.grid, grids={}, parent=parent, sha256="")


def _count(frames: LabelledFrames) -> str:
    empty = f" ({frames.empty} without any mask)" if frames.empty else ""
    return f"{len(frames)} frames of {len(set(frames.patients))} patients{empty}"


def run_seconds(out: Path) -> float:
    """Return how long a run took, over all its resumptions, as its table says."""
    # As the run wrote them: a run that is finished already takes no step that could tell.
    with (out / METRICS).open(newline="", encoding="utf-8") as file:
        return max((float(row["seconds"]) for row in csv.DictReader(file)), default=0.0)


def _terms(of_data: str, begun: ModelCard, teacher: ModelCard | None) -> str:
    # Weights that go on from a model stay under its terms, whatever the new data adds; so do those a model taught.
    own = begun.licence.strip()
    if begun.parent is None:
        terms = of_data or own
    else:
        terms = own if not of_data or of_data == own else f"{begun.parent['name']}: {own}\n\nnew data: {of_data}"
    if teacher is None or not teacher.licence.strip() or teacher.licence.strip() in terms:
        return terms
    return f"{terms}\n\ntaught by {teacher.name}: {teacher.licence.strip()}"


def _licences(data: Sequence[Path]) -> str:
    found = {folder: _licence(folder) for folder in data}
    texts = set(found.values())
    if len(texts) == 1:
        return texts.pop()
    # A folder that states none must not pass for one under the terms of another.
    return "\n\n".join(f"{folder.resolve().name}: {text or 'not stated'}" for folder, text in found.items())


def _licence(folder: Path) -> str:
    if is_packed(folder):
        return packed_licence(folder)
    for file in _LICENCE_FILES:
        path = folder / file
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""


def _figures(network: Network, frames: LabelledFrames, grid: int) -> dict[str, Any]:
    """Return frame-mean Dice and its SD at each width, over all frames and by phase; of several classes each."""
    figures: dict[str, Any] = {}
    phases = np.array(frames.phases)
    for width in network.widths:
        found = predict(network, frames, width, grid)
        regions = network.regions
        each = {
            name: _parts(dice(found[known] == c, frames.masks[known] == c), phases[known])
            for c, name in zip(regions.values, regions.classes, strict=True)
            if (known := frames.is_annotated([c])).any()
        }
        # The cavity speaks for the model, as in `matae.evaluate`; without one the first class does.
        cavity = [name for c, name in zip(regions.values, regions.classes, strict=True) if c == CAVITY]
        main = next((name for name in cavity if name in each), next(iter(each)))
        figures[f"dice, width {format_width(width)}"] = each[main] | ({"by_class": each} if len(each) > 1 else {})
    return figures


def _parts(scores: NDArray[np.float64], phases: NDArray[np.str_]) -> dict[str, Any]:
    return _summary(scores) | {
        str(phase): _summary(scores[phases == phase]) for phase in sorted(set(phases.tolist()) - {""})
    }


def _summary(scores: NDArray[np.float64]) -> dict[str, Any]:
    spread = float(scores.std(ddof=1)) if len(scores) > 1 else None
    return {
        "frame_mean": round(float(scores.mean()), 4),
        "frame_sd": None if spread is None else round(spread, 4),
        "n_frames": len(scores),
    }
