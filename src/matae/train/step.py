"""One training step: sandwich rule, in-place distillation, autoencoder heads.

Each step trains the widest and the narrowest network and one width between them (sandwich rule, Yu & Huang
2019). The widest learns from the masks; the others from the masks and from the widest's own prediction.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from matae.nn.losses import bce, bce_dice, spectral_correlation
from matae.nn.matae import Matae

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning_fabric import Fabric

    from matae.nn.network import Network
    from matae.train.config import TrainConfig
    from matae.train.state import Run

__all__ = ["NotFiniteError", "take_step"]

_LARGEST_GRADIENT = 5.0


class NotFiniteError(ArithmeticError):
    """The loss or its gradient was not finite; the weights have not been touched."""


def take_step(fabric: Fabric, run: Run, batch: tuple[Tensor, Tensor], unlabelled: Tensor | None = None) -> float:
    """Change the weights once and return the widest network's loss.

    Parameters
    ----------
    fabric
        Decides precision, and joins the gradients of several processes.
    run
        Network, optimiser, schedule and random numbers.
    batch
        Images (N, 1, H, W) and soft masks (N, classes, H, W).
    unlabelled
        More images that only the autoencoder heads learn from, or None.

    Raises
    ------
    NotFiniteError
        Before anything is changed.
    """
    model, config = run.model.train(), run.settings
    batch = batch[0].to(memory_format=torch.channels_last), batch[1]
    logits, loss = _forward(fabric, run, batch, 1.0)
    fabric.backward(loss)
    total = float(loss.detach())
    teacher = logits.detach().float().sigmoid()
    for width in _sandwich(model.widths, run.generator):
        narrow, loss = _forward(fabric, run, batch, width, 1 - config.distil)
        if config.distil:
            loss = loss + config.distil * F.binary_cross_entropy_with_logits(narrow.float(), teacher)
        fabric.backward(loss)
    if unlabelled is not None and isinstance(model, Matae):
        with fabric.autocast():
            stages = model.encode(unlabelled.to(memory_format=torch.channels_last), 1.0)
            loss = config.rebuild * model.rebuild(stages, _prefix(model, 1.0, run.generator)).mean()
        fabric.backward(loss)
    gradient = float(torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_GRADIENT))
    if not math.isfinite(total) or not math.isfinite(gradient):
        run.optimiser.zero_grad(set_to_none=True)
        raise NotFiniteError
    run.optimiser.step()
    run.optimiser.zero_grad(set_to_none=True)
    run.schedule.step()
    return total


def _forward(
    fabric: Fabric, run: Run, batch: tuple[Tensor, Tensor], width: float, share: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return the logits at a width and the loss against the masks (times `share`) and of the heads."""
    model, config = run.model, run.settings
    images, masks = batch
    with fabric.autocast():
        if config.rebuild and isinstance(model, Matae) and model.autoencoder is not None:
            stages = model.encode(images, width)
            logits = model.decode(stages, width)
            rebuilt = config.rebuild * model.rebuild(stages, _prefix(model, width, run.generator)).mean()
        else:
            logits, rebuilt = model(images, width), None
    loss = share * _against_masks(logits, masks, config)
    return logits, loss if rebuilt is None else loss + rebuilt


def _against_masks(logits: Tensor, masks: Tensor, config: TrainConfig) -> Tensor:
    loss = bce(logits, masks) if config.loss == "bce" else bce_dice(logits, masks)
    return loss + config.scc * spectral_correlation(logits, masks) if config.scc else loss


def _sandwich(widths: tuple[float, ...], generator: torch.Generator) -> Iterator[float]:
    if len(widths) > 1:
        yield widths[0]
    if len(widths) > 2:
        yield widths[1 + _pick(len(widths) - 2, generator)]


def _prefix(model: Network, width: float, generator: torch.Generator) -> float:
    # Nested dropout (Rippel et al. 2014): a random prefix must do, so the first channels learn the most.
    choices = [w for w in model.widths if w <= width]
    return choices[_pick(len(choices), generator)]


def _pick(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (1,), generator=generator, device=generator.device))
