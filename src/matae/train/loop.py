"""The training loop: sandwich rule, in-place distillation, an average of the weights, exact resume.

Each step trains the widest and the narrowest network and one width between them (sandwich rule, Yu & Huang
2019). The widest learns from the masks; the others from the masks and from the widest's own prediction. Every
random number comes from one generator whose state is saved, so a killed run goes on as if nothing had happened.
"""

from __future__ import annotations

import csv
import math
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from matae.errors import OutputError, TrainError
from matae.files import write_atomic, writing_to
from matae.metrics import dice
from matae.nn.losses import bce_dice
from matae.nn.network import to_device
from matae.nn.widths import format_width
from matae.segment.backend import has_bf16, is_out_of_memory
from matae.segment.device import choose_device
from matae.train.augment import AugmentConfig, augment
from matae.train.state import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.nn.network import Network
    from matae.train.data import LabelledFrames

__all__ = ["METRICS", "StepReport", "TrainConfig", "predict", "train"]

METRICS = "metrics.csv"


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run; the defaults made the shipped model.

    Parameters
    ----------
    steps
        Optimiser steps.
    batch
        Frames a step.
    grid
        Side of the network's input.
    lr, weight_decay
        Peak learning rate and weight decay of AdamW; one-cycle schedule.
    ema
        Decay of the running average of the weights that is saved.
    distil
        Share of the loss of narrower widths that comes from the widest's prediction.
    check_every
        Steps between validations (and saved states).
    seed
        Seed of every random number.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:i``.
    augment
        Ranges of the augmentation.
    """

    steps: int = 5000
    batch: int = 16
    grid: int = 224
    lr: float = 2e-3
    weight_decay: float = 1e-2
    ema: float = 0.998
    distil: float = 0.5
    check_every: int = 250
    seed: int = 1
    device: str = "cpu"
    augment: AugmentConfig = field(default_factory=AugmentConfig)


@dataclass(frozen=True)
class StepReport:
    """What a validation found.

    Parameters
    ----------
    step, loss, seconds
        Step reached, mean training loss since the last report, seconds of training so far, over all resumptions.
    dice
        Frame-mean Dice on the validation frames at each width.
    """

    step: int
    loss: float
    seconds: float
    dice: dict[float, float]


def train(
    model: Network,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    out: Path,
    config: TrainConfig | None = None,
    *,
    report: Callable[[StepReport], None] | None = None,
) -> Network:
    """Train a network and return its averaged weights.

    Parameters
    ----------
    model
        Network to start from; it is moved to the device and changed.
    frames, held_out
        Training and validation frames; of different patients.
    out
        Folder for ``metrics.csv`` and the state that a killed run resumes from.
    config
        Settings; the defaults if None.
    report
        Called after each validation.

    Returns
    -------
    Network
        A copy of the network with the averaged weights, in inference mode on the CPU.

    Raises
    ------
    TrainError
        If there are no frames, a patient is on both sides, the frames have more classes than the network, the loss
        is not finite, memory or disk run out, or `out` holds another run.
    DeviceError
        If the device is not there.
    """
    config = config or TrainConfig()
    _check(model, frames, held_out, config)
    try:
        run = _begin(model, config)
        run.data = f"{frames.digest()} {held_out.digest()}"
        with writing_to(out):
            out.mkdir(parents=True, exist_ok=True)
            run.resume(out)
            _forget_after(out / METRICS, run.step)
        _go_on(run, frames, held_out, out, config, report=report)
    except OutputError as error:
        raise TrainError(str(error)) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainError(
            f"Memory does not suffice for {config.batch} frames a step; choose a smaller batch and another --out."
        ) from None
    return run.average.cpu().eval()


def _check(model: Network, frames: LabelledFrames, held_out: LabelledFrames, config: TrainConfig) -> None:
    for side, name in ((frames, "training"), (held_out, "validation")):
        if not len(side):
            raise TrainError(f"There are no {name} frames; label some patients for it.")
        if side.classes > model.classes:
            raise TrainError(
                f"The {name} masks have {side.classes} classes, the network {model.classes}; "
                "start from a network with as many."
            )
    shared = set(frames.patients) & set(held_out.patients)
    if shared:
        raise TrainError(f"Patient {min(shared)} is in training and validation; give each patient one split.")
    if min(config.steps, config.batch, config.check_every) < 1 or config.lr <= 0:
        raise TrainError("Steps, batch, check_every and learning rate must be above 0; correct the settings.")
    if config.grid < 1 or config.grid % model.divisor:
        raise TrainError(f"A grid of {config.grid} does not fit this network; choose a multiple of {model.divisor}.")


def _begin(model: Network, config: TrainConfig) -> Run:
    device = choose_device(config.device)
    generator = torch.Generator(device).manual_seed(config.seed)
    to_device(model, device)
    optimiser = torch.optim.AdamW(_parameter_groups(model, config.weight_decay), lr=config.lr)
    # The schedule warms up over a tenth of the steps, but over one at least: fewer are none to it.
    warm_up = max(0.1, 2 / config.steps) if config.steps > 2 else 0.5
    return Run(
        model=model,
        average=deepcopy(model).eval(),
        optimiser=optimiser,
        schedule=torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, max(config.steps, 4), pct_start=warm_up),
        generator=generator,
        config=asdict(config),
    )


def _go_on(
    run: Run,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    out: Path,
    config: TrainConfig,
    *,
    report: Callable[[StepReport], None] | None,
) -> None:
    batches = _Batches(frames, run.model.classes, config, run.generator)
    losses: list[float] = []
    clock = time.perf_counter() - run.seconds
    while run.step < config.steps:
        # A loss that is not finite stops the run here, before the weights, their average or the state see it.
        losses.append(_step(run, batches.draw(), config))
        run.step += 1
        # A short warm-up of the average: early weights should not linger in it.
        _average(run.average, run.model, min(config.ema, run.step / (run.step + 20)))
        if run.step % config.check_every and run.step != config.steps:
            continue
        found = {width: _dice(run.average, held_out, width, config.grid) for width in run.model.widths}
        run.seconds = time.perf_counter() - clock
        step_report = StepReport(run.step, float(np.mean(losses)), run.seconds, found)
        with writing_to(out):
            _append(out / METRICS, step_report)
        run.save(out)
        losses.clear()
        if report is not None:
            report(step_report)


class _Batches:
    """All frames on the training device; every batch is drawn from all of them."""

    def __init__(self, frames: LabelledFrames, classes: int, config: TrainConfig, generator: torch.Generator) -> None:
        self.images = torch.tensor(frames.images, device=generator.device)[:, None]
        masks = torch.tensor(frames.masks, device=generator.device)
        self.masks = torch.stack([masks == c for c in range(1, classes + 1)], 1)
        self.config, self.generator = config, generator

    def draw(self) -> tuple[Tensor, Tensor]:
        # Drawing with replacement needs no epoch state, so a resumed run sees the very same batches.
        n = len(self.images)
        chosen = torch.randint(n, (self.config.batch,), generator=self.generator, device=self.generator.device)
        images, masks = self.images[chosen].float() / 255, self.masks[chosen].float()
        return augment(images, masks, self.config.grid, self.generator, self.config.augment)


def _parameter_groups(model: Network, weight_decay: float) -> list[dict[str, object]]:
    # Biases and batch norm are not decayed.
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _step(run: Run, batch: tuple[Tensor, Tensor], config: TrainConfig) -> float:
    model = run.model.train()
    images, masks = batch
    images = images.to(memory_format=torch.channels_last)
    half = _half_precision(images.device)
    with half:
        logits = model(images, 1.0)
    loss = bce_dice(logits, masks)
    torch.autograd.backward(loss)
    total = float(loss.detach())
    teacher = logits.detach().float().sigmoid()
    for width in _sandwich(model.widths, run.generator):
        with half:
            narrow = model(images, width)
        loss = (1 - config.distil) * bce_dice(narrow, masks)
        loss = loss + config.distil * F.binary_cross_entropy_with_logits(narrow.float(), teacher)
        torch.autograd.backward(loss)
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0))
    if not math.isfinite(total) or not math.isfinite(norm):
        raise TrainError(
            f"The loss was not finite at step {run.step + 1}; the last state is kept. "
            "Lower the learning rate and train into another --out."
        )
    run.optimiser.step()
    run.optimiser.zero_grad(set_to_none=True)
    run.schedule.step()
    return total


def _half_precision(device: torch.device) -> torch.autocast:
    # bf16 needs no loss scaling, fp16 would; where bf16 is only emulated, fp32 is quicker.
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device))


def _sandwich(widths: tuple[float, ...], generator: torch.Generator) -> Iterator[float]:
    if len(widths) > 1:
        yield widths[0]
    if len(widths) > 2:
        pick = torch.randint(len(widths) - 2, (1,), generator=generator, device=generator.device)
        yield widths[1 + int(pick)]


@torch.no_grad()
def _average(average: Network, model: Network, decay: float) -> None:
    for mean, value in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


@torch.no_grad()
def predict(model: Network, frames: LabelledFrames, width: float, grid: int, batch: int = 16) -> NDArray[np.uint8]:
    """Return masks (N, Y, X) uint8 at the frames' own size, classes numbered from 1.

    Parameters
    ----------
    model
        Network in inference mode.
    frames
        Square frames.
    width
        Width to run at.
    grid
        Side of the network's input; frames are resized with antialiasing and logits brought back.
    batch
        Frames a pass.
    """
    device = next(model.parameters()).device
    size, masks = frames.images.shape[1:], []
    for start in range(0, len(frames), batch):
        images = torch.tensor(frames.images[start : start + batch], device=device)[:, None].float() / 255
        images = F.interpolate(images, (grid, grid), mode="bilinear", antialias=True)
        logits = F.interpolate(model(images, width).float(), size, mode="bilinear")
        best, index = logits.max(1)
        masks.append(torch.where(best > 0, index + 1, 0).to(torch.uint8).cpu().numpy())
    return np.concatenate(masks)


def _dice(model: Network, frames: LabelledFrames, width: float, grid: int) -> float:
    found = predict(model, frames, width, grid)
    classes = range(1, model.classes + 1)
    return float(np.mean([dice(found == c, frames.masks == c) for c in classes]))


def _forget_after(path: Path, step: int) -> None:
    # A run killed between the figures and the state measures those steps again.
    if path.is_file():
        header, *rows = path.read_text(encoding="utf-8").splitlines() or [""]
        kept = [row for row in rows if row.split(",")[0].isdigit() and int(row.split(",")[0]) <= step]
        write_atomic(path, "".join(f"{line}\n" for line in (header, *kept) if line).encode())


def _append(path: Path, report: StepReport) -> None:
    header = ["step", "loss", "seconds", *(f"dice_{format_width(w)}" for w in report.dice)]
    new = not path.exists() or not path.stat().st_size
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(header)
        values = [f"{report.loss:.5f}", f"{report.seconds:.1f}", *(f"{d:.5f}" for d in report.dice.values())]
        writer.writerow([report.step, *values])
