"""The training loop: steps, an average of the weights, validation, exact resume.

Every random number comes from the seed or from one generator whose state is saved, so a killed run goes on as if
nothing had happened. Lightning Fabric decides device and precision.
"""

from __future__ import annotations

import csv
import time
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from matae.errors import OutputError, TrainError
from matae.files import write_atomic, writing_to
from matae.metrics import dice
from matae.nn.network import to_device
from matae.nn.widths import format_width
from matae.segment.backend import has_bf16, is_out_of_memory
from matae.segment.device import choose_device
from matae.train.batches import Batches
from matae.train.config import TrainConfig
from matae.train.curves import Curves
from matae.train.state import Run
from matae.train.step import NotFiniteError, take_step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from lightning_fabric import Fabric
    from numpy.typing import NDArray
    from torch import Tensor

    from matae.nn.network import Network
    from matae.train.data import LabelledFrames

__all__ = ["BAD_BATCH", "METRICS", "StepReport", "make_fabric", "predict", "train"]

METRICS = "metrics.csv"
BAD_BATCH = "bad-batch.safetensors"


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
    unlabelled: NDArray[np.uint8] | None = None,
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
        Folder for ``metrics.csv``, the state that a killed run resumes from and, where TensorBoard is installed,
        its event files.
    config
        Settings; the defaults if None.
    unlabelled
        More frames (N, Y, X), square, that only the autoencoder heads learn from.
    report
        Called after each validation.

    Returns
    -------
    Network
        A copy of the network with the averaged weights, in inference mode on the CPU.

    Raises
    ------
    TrainError
        If there are no frames, a patient is on both sides, the frames have more classes than the network, a
        setting makes no sense, the loss is not finite, memory or disk run out, or `out` holds another run.
    DeviceError
        If the device is not there.
    """
    config = config or TrainConfig()
    _check(model, frames, held_out, config, unlabelled)
    try:
        fabric = make_fabric(config)
        run = _begin(model, config, fabric.device)
        run.data = f"{frames.digest()} {held_out.digest()}"
        with writing_to(out):
            out.mkdir(parents=True, exist_ok=True)
            run.resume(out)
            _forget_after(out / METRICS, run.step)
        batches = Batches(frames, model.classes, config, run.generator, unlabelled)
        _go_on(fabric, run, batches, held_out, out, report=report)
    except OutputError as error:
        raise TrainError(str(error)) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainError(
            f"Memory does not suffice for {config.batch} frames a step; choose a smaller batch and another --out."
        ) from None
    return run.average.cpu().eval()


def make_fabric(config: TrainConfig) -> Fabric:
    """Return the Lightning Fabric of the settings: device and precision.

    Raises
    ------
    DeviceError
        If the device is not there.
    """
    import logging

    from lightning_fabric import Fabric

    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it tells the terminal about every choice
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = choose_device(config.device)
    half = config.precision == "bf16" or (config.precision == "auto" and has_bf16(device))
    # bf16 needs no loss scaling, fp16 would; where bf16 is only emulated, fp32 is quicker.
    precision: Any = "bf16-mixed" if half else "32-true"
    return Fabric(
        accelerator="cpu" if device.type == "cpu" else "cuda",
        devices=1 if device.index is None else [device.index],
        precision=precision,
    )


def _check(
    model: Network,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    config: TrainConfig,
    unlabelled: NDArray[np.uint8] | None,
) -> None:
    for side, name in ((frames, "training"), (held_out, "validation")):
        if not len(side):
            raise TrainError(f"There are no {name} frames; label some patients for it.")
        if side.classes > model.classes:
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
    if unlabelled is not None and (getattr(model, "autoencoder", None) is None or not config.rebuild):
        raise TrainError("Unlabelled frames train the autoencoder heads only; set rebuild above 0 or leave them out.")


def _begin(model: Network, config: TrainConfig, device: torch.device) -> Run:
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
    )


def _schedule(optimiser: torch.optim.Optimizer, config: TrainConfig) -> torch.optim.lr_scheduler.LRScheduler:
    steps = max(config.steps, 4)
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0, steps)
    if config.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    # The schedule warms up over a tenth of the steps, but over one at least: fewer are none to it.
    warm_up = max(0.1, 2 / config.steps) if config.steps > 2 else 0.5
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, steps, pct_start=warm_up)


def _go_on(
    fabric: Fabric,
    run: Run,
    batches: Batches,
    held_out: LabelledFrames,
    out: Path,
    *,
    report: Callable[[StepReport], None] | None,
) -> None:
    config = run.settings
    losses: list[float] = []
    clock = time.perf_counter() - run.seconds
    with Curves(out, run.step) as curves:
        while run.step < config.steps:
            batch = batches.draw(run.step)
            try:
                losses.append(take_step(fabric, run, batch, batches.draw_unlabelled(run.step)))
            except NotFiniteError:
                raise _stopped(run, batch, out) from None
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
                curves.add(step_report)
            run.save(out)
            losses.clear()
            if report is not None:
                report(step_report)


def _stopped(run: Run, batch: tuple[Tensor, Tensor], out: Path) -> TrainError:
    """Keep the batch that broke the run and the weights from before it, and say so."""
    from safetensors.torch import save

    content = save({"images": batch[0].cpu().contiguous(), "masks": batch[1].cpu().contiguous()})
    with writing_to(out):
        write_atomic(out / BAD_BATCH, content)
    run.save(out)
    return TrainError(
        f"The loss was not finite at step {run.step + 1}; the weights before it and the batch ({BAD_BATCH}) are kept. "
        "Lower the learning rate and train into another --out."
    )


def _parameter_groups(model: Network, weight_decay: float) -> list[dict[str, object]]:
    # Biases and batch norm are not decayed.
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


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
