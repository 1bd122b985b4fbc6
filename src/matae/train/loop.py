"""The training loop: sandwich rule, in-place distillation, an average of the weights, exact resume.

Each step trains the widest and the narrowest network and one width between them (sandwich rule, Yu & Huang
2019). The widest learns from the masks; the others from the masks and from the widest's own prediction. Every
random number comes from one generator whose state is saved, so a killed run goes on as if nothing had happened.
"""

from __future__ import annotations

import csv
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from matae.errors import TrainError
from matae.metrics import dice
from matae.nn.losses import bce_dice
from matae.nn.widths import format_width
from matae.train.augment import AugmentConfig, augment
from matae.train.state import load_state, save_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import nn

    from matae.train.data import LabelledFrames

__all__ = ["StepReport", "TrainConfig", "predict", "train"]


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
        ``cpu``, ``cuda`` or ``cuda:i``.
    augment
        Ranges of the augmentation.
    """

    steps: int = 6000
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
        Step reached, mean training loss since the last report, seconds since the run started (or resumed).
    dice
        Frame-mean Dice on the validation frames at each width.
    """

    step: int
    loss: float
    seconds: float
    dice: dict[float, float]


def train(
    model: nn.Module,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    out: Path,
    config: TrainConfig | None = None,
    report: Callable[[StepReport], None] | None = None,
) -> nn.Module:
    """Train a network and return its averaged weights.

    Parameters
    ----------
    model
        Network with the common interface (``forward(x, width)``, ``widths``, ``divisor``).
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
    torch.nn.Module
        A copy of the network with the averaged weights, in inference mode on the CPU.

    Raises
    ------
    TrainError
        If a patient is on both sides, the loss is not finite, or `out` holds another run.
    """
    config = config or TrainConfig()
    shared = set(frames.patients) & set(held_out.patients)
    if shared:
        raise TrainError(f"Patient {min(shared)} is in training and validation; give each patient one split.")
    device = torch.device(config.device)
    torch.manual_seed(config.seed)
    generator = torch.Generator(device).manual_seed(config.seed)
    model = model.to(device, memory_format=torch.channels_last)
    average = deepcopy(model).eval()
    optimiser = torch.optim.AdamW(_parameter_groups(model, config.weight_decay), lr=config.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, config.steps, pct_start=0.1)
    out.mkdir(parents=True, exist_ok=True)
    start = load_state(out, model, average, optimiser, schedule, generator, asdict(config))
    batches = _Batches(frames, config, generator)
    losses: list[float] = []
    clock = time.perf_counter()
    for step in range(start + 1, config.steps + 1):
        loss = _step(model, batches.draw(), optimiser, config, generator)
        losses.append(loss)
        schedule.step()
        # A short warm-up of the average: early weights should not linger in it.
        _average(average, model, min(config.ema, step / (step + 20)))
        if step % config.check_every and step != config.steps:
            continue
        if not np.isfinite(losses).all():
            raise TrainError(f"The loss was not finite near step {step}; lower the learning rate and resume.")
        found = {width: _dice(average, held_out, width, config) for width in model.widths}  # type: ignore[union-attr]
        step_report = StepReport(step, float(np.mean(losses)), time.perf_counter() - clock, found)  # type: ignore[arg-type]
        _append(out / "metrics.csv", step_report)
        save_state(out, step, model, average, optimiser, schedule, generator, asdict(config))
        losses.clear()
        if report is not None:
            report(step_report)
    return average.cpu().eval()


class _Batches:
    """All frames on the training device; batches drawn without replacement, epoch by epoch."""

    def __init__(self, frames: LabelledFrames, config: TrainConfig, generator: torch.Generator) -> None:
        self.images = torch.from_numpy(frames.images)[:, None].to(generator.device)
        classes = max(1, int(frames.masks.max(initial=0)))
        masks = torch.from_numpy(frames.masks).to(generator.device)
        self.masks = torch.stack([masks == c for c in range(1, classes + 1)], 1)
        self.config, self.generator = config, generator

    def draw(self) -> tuple[Tensor, Tensor]:
        # Drawing with replacement needs no epoch state, so a resumed run sees the very same batches.
        n = len(self.images)
        chosen = torch.randint(n, (self.config.batch,), generator=self.generator, device=self.generator.device)
        images, masks = self.images[chosen].float() / 255, self.masks[chosen].float()
        return augment(images, masks, self.config.grid, self.generator, self.config.augment)


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    # Biases and batch norm are not decayed.
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _step(
    model: nn.Module,
    batch: tuple[Tensor, Tensor],
    optimiser: torch.optim.Optimizer,
    config: TrainConfig,
    generator: torch.Generator,
) -> float:
    model.train()
    images, masks = batch
    images = images.to(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, torch.bfloat16):
        logits = model(images, 1.0)
    loss = bce_dice(logits, masks)
    loss.backward()
    total = loss.detach()
    teacher = logits.detach().float().sigmoid()
    for width in _sandwich(model.widths, generator):  # type: ignore[arg-type]
        with torch.autocast(images.device.type, torch.bfloat16):
            narrow = model(images, width)
        loss = (1 - config.distil) * bce_dice(narrow, masks)
        loss = loss + config.distil * F.binary_cross_entropy_with_logits(narrow.float(), teacher)
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return float(total)


def _sandwich(widths: tuple[float, ...], generator: torch.Generator) -> Iterator[float]:
    if len(widths) > 1:
        yield widths[0]
    if len(widths) > 2:
        pick = torch.randint(len(widths) - 2, (1,), generator=generator, device=generator.device)
        yield widths[1 + int(pick)]


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for mean, value in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


@torch.no_grad()
def predict(model: nn.Module, frames: LabelledFrames, width: float, grid: int, batch: int = 16) -> np.ndarray:
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
        images = torch.from_numpy(frames.images[start : start + batch])[:, None].to(device).float() / 255
        images = F.interpolate(images, (grid, grid), mode="bilinear", antialias=True)
        logits = F.interpolate(model(images, width).float(), size, mode="bilinear")
        best, index = logits.max(1)
        masks.append(torch.where(best > 0, index + 1, 0).to(torch.uint8).cpu().numpy())
    return np.concatenate(masks)


def _dice(model: nn.Module, frames: LabelledFrames, width: float, config: TrainConfig) -> float:
    found = predict(model, frames, width, config.grid)
    classes = range(1, int(frames.masks.max(initial=1)) + 1)
    return float(np.mean([dice(found == c, frames.masks == c) for c in classes]))


def _append(path: Path, report: StepReport) -> None:
    header = ["step", "loss", "seconds", *(f"dice_{format_width(w)}" for w in report.dice)]
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(header)
        values = [f"{report.loss:.5f}", f"{report.seconds:.1f}", *(f"{d:.5f}" for d in report.dice.values())]
        writer.writerow([report.step, *values])
