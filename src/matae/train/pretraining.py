"""Masked pre-training: before any mask, the network learns to fill in parts of frames that were hidden.

Blocks of a frame are hidden, and the network paints what was there from the rest, at every width (K. He et al., "Masked
autoencoders are scalable vision learners", CVPR 2022, for a convolutional network: hidden pixels take the frame's mean
grey level). Encoder and decoder learn what echo looks like on this site's scanners, and the batch norm of each width
takes its statistics; the layer that paints is thrown away and the one that draws masks comes back.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from matae.train.augment import augment
from matae.train.step import sandwich

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lightning_fabric import Fabric

    from matae.nn.matae import Matae
    from matae.train.state import Run

__all__ = ["hidden_blocks", "painting_loss", "pretrain"]

_BLOCK = 16  # pixels: smaller holes are filled from their border, without knowing what a heart is
_HIDDEN = 0.5  # of the blocks
_LARGEST_GRADIENT = 5.0
_SHARE = 0.5  # of the time of a run that has little: the masks are what counts
_TRIAL = 3  # steps that say how long one takes


def pretrain(fabric: Fabric, run: Run, model: Matae, pictures: Tensor, should_stop: Callable[[], bool]) -> bool:
    """Train a network to fill in what is hidden; the run's average starts from what it learnt.

    Parameters
    ----------
    fabric
        Decides precision.
    run
        The run of `model`, before its first step: its generator draws every random number, its settings say how many
        steps (`TrainConfig.pretraining`), how many frames a step and at which rate, and how much time the run has
        (`TrainConfig.seconds`): half of it at most is spent here, with fewer steps where they do not fit.
    model
        The network; changed in place, but for the layer that draws masks.
    pictures
        Frames (N, 1, Y, X) uint8 on the training device, labelled ones and others.
    should_stop
        Asked before each step. Where it says so the average stays what it was: features that were half learnt fit no
        layer that draws masks.

    Returns
    -------
    bool
        Whether it came to its end.
    """
    config = run.settings
    model.train()
    taken, steps = 0, config.pretraining
    begun = time.perf_counter()
    with _painting(model, float(pictures.float().mean()) / 255) as parameters:
        optimiser = torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay)
        schedule = _schedule(optimiser, config.lr, steps, 0)
        while taken < steps and not should_stop():
            some = torch.randint(len(pictures), (config.batch,), generator=run.generator, device=pictures.device)
            images = pictures[some].float() / 255
            images = augment(images, images[:, :0], config.grid, run.generator, config.augment)[0]
            hidden = hidden_blocks(len(images), config.grid, run.generator)
            shown = torch.where(hidden, images.mean((2, 3), keepdim=True), images)
            for width in chain((1.0,), sandwich(model.widths, run.generator)):
                with fabric.autocast():
                    painted = model(shown.to(memory_format=torch.channels_last), width)
                fabric.backward(painting_loss(painted, images, hidden))
            nn.utils.clip_grad_norm_(parameters, _LARGEST_GRADIENT)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            schedule.step()
            taken += 1
            if taken == _TRIAL and config.seconds > 0:
                each = (time.perf_counter() - begun) / taken
                steps = min(steps, max(taken, int(_SHARE * config.seconds / each)))
                schedule = _schedule(optimiser, config.lr, steps, taken)
    if taken < steps:
        return False
    run.average.load_state_dict(model.state_dict())
    return True


def _schedule(
    optimiser: torch.optim.Optimizer, rate: float, steps: int, taken: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, max(4, steps), pct_start=0.1, last_epoch=taken - 1)


def hidden_blocks(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Return which pixels are hidden: (N, 1, side, side) bool, whole blocks, half of them on average, never none."""
    blocks = -(-side // _BLOCK)
    drawn = torch.rand(n, 1, blocks, blocks, generator=generator, device=generator.device)
    hidden = drawn < _HIDDEN
    # The least of what was drawn: a frame with nothing hidden would teach nothing.
    hidden |= drawn == drawn.amin((2, 3), keepdim=True)
    return hidden.repeat_interleave(_BLOCK, 2).repeat_interleave(_BLOCK, 3)[..., :side, :side]


def painting_loss(painted: Tensor, images: Tensor, hidden: Tensor) -> Tensor:
    """Return the squared error of what was hidden, as a share of each frame's variance, averaged over frames.

    Parameters
    ----------
    painted, images
        (N, 1, H, W), grey levels in 0-1.
    hidden
        (N, 1, H, W) bool.
    """
    error = F.mse_loss(painted.float(), images, reduction="none") * hidden
    # A black frame has nothing to paint and must not divide by nothing.
    return (error.sum((1, 2, 3)) / hidden.sum((1, 2, 3)) / (images.var((1, 2, 3)) + 1e-3)).mean()


@contextmanager
def _painting(model: Matae, grey: float) -> Iterator[list[nn.Parameter]]:
    """Give the network a layer that paints, and yield what is to be trained; the one that draws masks comes back."""
    head, offsets = model.head, model.offsets
    painter = nn.Conv2d(head.in_channels, model.config.fold**2, 1).to(head.weight.device)
    # It begins with the mean grey level everywhere: an error of 1 that every width can only improve.
    nn.init.zeros_(painter.weight)
    nn.init.constant_(cast("Tensor", painter.bias), grey)
    model.head, model.offsets = painter, None
    if offsets is not None:  # without its own, a narrow network says what the sum of few channels happens to be
        model.offsets = nn.Parameter(torch.zeros(len(offsets), painter.out_channels, device=head.weight.device))
    heads = set() if model.autoencoder is None else set(model.autoencoder.parameters())
    try:
        yield [p for p in model.parameters() if p.requires_grad and p not in heads]
    finally:
        model.head, model.offsets = head, offsets
