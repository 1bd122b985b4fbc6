"""What a run is made of before its first step: the checks of its data, its device, its optimiser and schedule."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import torch

from matae.errors import DeviceError, TrainError
from matae.nn.network import to_device
from matae.segment.backends.precision import has_bf16
from matae.segment.device import choose_device, names_one_gpu
from matae.train.batches import Batches
from matae.train.state import Run
from matae.train.teacher import check_teacher, to_teach

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from lightning_fabric import Fabric
    from numpy.typing import NDArray

    from matae.nn.network import Network
    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames
    from matae.train.pseudo_labels import PseudoLabelled

__all__ = ["begin", "check_data", "learns_heads", "make_fabric", "new_run"]


def check_data(
    model: Network,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    config: TrainConfig,
    *,
    unlabelled: NDArray[np.uint8] | None,
    replay: LabelledFrames | None,
    pseudo: PseudoLabelled | None = None,
    teacher: Network | None = None,
) -> None:
    """Refuse frames, or a teacher, that no run of `model` can learn from.

    Raises
    ------
    TrainError
        With what to do next.
    """
    for side, name in ((frames, "training"), (held_out, "validation")):
        if not len(side):
            raise TrainError(f"There are no {name} frames; label some patients for it.")
        if side.classes > max(model.regions.values):
            raise TrainError(
                f"The {name} masks have {side.classes} classes, the network {model.classes}; "
                "start from a network with as many."
            )
    if not frames.masks.any():
        raise TrainError("Every training mask is empty; outline the ventricle in some frames first.")
    shared = set(frames.patients) & set(held_out.patients)
    if shared:
        raise TrainError(f"Patient {min(shared)} is in training and validation; give each patient one split.")
    config.check(model)
    check_teacher(model, teacher, config)
    if replay is not None and len(replay):
        if replay.classes > max(model.regions.values) or replay.images.shape[1:] != frames.images.shape[1:]:
            raise TrainError("The replay frames have other classes or another size; bring them to those of the rest.")
        if set(replay.patients) & set(held_out.patients):
            raise TrainError("A validation patient is among the replay frames; leave their frames out of the replay.")
    _check_pseudo_labelled(model, frames, held_out, config, pseudo)
    if config.self_training and (unlabelled is None or not len(unlabelled)):
        raise TrainError("Self-training needs unlabelled frames; name some, or set self_training to 0.")
    if (config.self_training or config.pretraining) and unlabelled is not None:
        if unlabelled.ndim != 3 or unlabelled.shape[1:] != frames.images.shape[1:]:
            raise TrainError("The unlabelled frames have another size than the labelled ones; bring them to one size.")
    elif unlabelled is not None and not learns_heads(model, config):
        raise TrainError("Unlabelled frames train the autoencoder heads only; set rebuild above 0 or leave them out.")


def _check_pseudo_labelled(
    model: Network,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    config: TrainConfig,
    pseudo: PseudoLabelled | None,
) -> None:
    if pseudo is None or not len(pseudo):
        if config.pseudo_labels:
            raise TrainError("There are no pseudo-labelled frames; set pseudo_labels to 0.")
        return
    others, shape = pseudo.frames, frames.images.shape[1:]
    if others.classes > max(model.regions.values) or {others.images.shape[1:], pseudo.weights.shape[1:]} != {shape}:
        raise TrainError(
            "The pseudo-labelled frames have other classes or another size; bring them to those of the rest."
        )
    if set(others.patients) & set(held_out.patients):
        raise TrainError("A validation patient is among the pseudo-labelled frames; leave their frames out.")


def learns_heads(model: Network, config: TrainConfig) -> bool:
    """Return whether the network has autoencoder heads and the settings train them."""
    return bool(config.rebuild) and getattr(model, "autoencoder", None) is not None


def make_fabric(config: TrainConfig) -> Fabric:
    """Return the Lightning Fabric of the settings: device and precision.

    Raises
    ------
    DeviceError
        If the device is not there, or is one GPU where several processes need one each.
    """
    import logging

    try:
        import lightning_fabric as fabric
    except ImportError:  # the same code, where Lightning is installed as a whole
        from lightning import fabric

    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it tells the terminal about every choice
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = choose_device(config.device, training=True)
    if config.processes > 1 and names_one_gpu(config.device):
        raise DeviceError(
            f"{config.device} is one GPU, and {config.processes} processes take one each, from the first on; choose "
            "device cuda, or one process."
        )
    half = config.precision == "bf16" or (config.precision == "auto" and has_bf16(device))
    # bf16 needs no loss scaling, fp16 would; where bf16 is only emulated, fp32 is quicker.
    precision: Any = "bf16-mixed" if half else "32-true"
    accelerator = device.type
    if config.processes > 1:
        # The network is not wrapped, see `matae.train.sharing`: of DDP only the processes and their group are used.
        strategy = fabric.strategies.DDPStrategy(
            start_method="spawn", process_group_backend="nccl" if accelerator == "cuda" else "gloo"
        )
        return fabric.Fabric(accelerator=accelerator, devices=config.processes, strategy=strategy, precision=precision)
    return fabric.Fabric(
        accelerator=accelerator, devices=1 if device.index is None else [device.index], precision=precision
    )


def new_run(model: Network, config: TrainConfig, device: torch.device, teacher: Network | None = None) -> Run:
    """Return a run that has not taken a step: network on its device, its average, optimiser, schedule and teacher."""
    generator = torch.Generator(device).manual_seed(config.seed)
    to_device(model, device)
    groups = _parameter_groups(model, config.weight_decay)
    optimiser = (torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW)(groups, lr=config.lr)
    return Run(
        model=model,
        average=deepcopy(model).eval(),
        optimiser=optimiser,
        schedule=_schedule(optimiser, config),
        generator=generator,
        settings=config,
        teacher=None if teacher is None or not config.teaching else to_teach(teacher, device),
    )


def begin(
    model: Network,
    config: TrainConfig,
    device: torch.device,
    frames: LabelledFrames,
    unlabelled: NDArray[np.uint8] | None = None,
    *,
    pseudo: PseudoLabelled | None = None,
    teacher: Network | None = None,
) -> tuple[Run, Batches]:
    """Return a run that has not taken a step, and its batches: to find out how long steps take."""
    run = new_run(model, config, device, teacher)
    return run, Batches(frames, model.regions, config, run.generator, unlabelled, pseudo=pseudo)


def _schedule(optimiser: torch.optim.Optimizer, config: TrainConfig) -> torch.optim.lr_scheduler.LRScheduler:
    steps = max(config.steps, 4)
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0, steps)
    if config.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    # The schedule warms up over a tenth of the steps, but over one at least: fewer are none to it.
    warm_up = max(0.1, 2 / config.steps) if config.steps > 2 else 0.5
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, steps, pct_start=warm_up)


def _parameter_groups(model: Network, weight_decay: float) -> list[dict[str, object]]:
    # Biases and batch norm are not decayed; kernels have four dimensions, the biases of each width two.
    kernels = [p for p in model.parameters() if p.ndim == 4]
    others = [p for p in model.parameters() if p.ndim < 4]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
