"""Networks that the project's own trainer teaches: ours, the paper's U-Net, and a U-Net on an ImageNet encoder."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from taught import Clock, Lesson, Taught

from matae.nn.imagenet import ImageNetUNet, imagenet_weights
from matae.nn.matae import Matae, MataeConfig
from matae.nn.published import UNetPublished
from matae.nn.regions import Regions
from matae.nn.widths import format_width
from matae.train.config import TrainConfig
from matae.train.loop import predict, train

if TYPE_CHECKING:
    from matae.nn.network import Network
    from matae.train.data import LabelledFrames

STRUCTURES = ("left ventricular cavity", "left ventricular myocardium", "left atrium")
TRIAL = 6  # steps that say how long one takes


def started(name: str, seed: int) -> Network:
    """Return a network that knows nothing of hearts."""
    torch.manual_seed(seed)
    network: Network
    if name.startswith("imagenet"):
        network = ImageNetUNet(len(STRUCTURES))
        if name == "imagenet":
            imagenet_weights(network)
    elif name == "unet-published":
        network = UNetPublished(len(STRUCTURES))
    else:
        whole = MataeConfig(classes=len(STRUCTURES))
        network = Matae(whole if name == "matae" else replace(whole, widths=(1.0,)))
    network.regions = Regions.nested(STRUCTURES)
    return network


def teach_ours(name: str, sides: tuple[LabelledFrames, LabelledFrames], lesson: Lesson) -> Taught:
    """Train for a time by the trainer's defaults, and segment the held-out frames at every width."""
    held_out, seed, grid = sides[1], lesson.seed, lesson.grid
    config = TrainConfig(
        grid=grid, batch=lesson.batch, seed=seed, device=lesson.device, rebuild=0.0, views=("A4C", "A2C"),
        classes=STRUCTURES,
    )  # fmt: skip
    # The schedule is one of steps: a few of them say how many fit.
    clock = Clock(lesson.device)
    _train(started(name, seed), sides, replace(config, steps=TRIAL, check_every=TRIAL))
    first = clock()
    _train(started(name, seed), sides, replace(config, steps=2 * TRIAL, check_every=2 * TRIAL))
    steps = max(TRIAL, int(lesson.seconds * TRIAL / max(clock() - 2 * first, first / 10)))
    made = _train(started(name, seed), sides, replace(config, steps=steps, check_every=steps))
    masks = {format_width(width): predict(made, held_out, width, grid) for width in made.widths}
    return Taught(masks, sum(p.numel() for p in made.parameters()), steps, lesson.batch)


def _train(network: Network, sides: tuple[LabelledFrames, LabelledFrames], config: TrainConfig) -> Network:
    with tempfile.TemporaryDirectory() as out:
        return train(network, sides[0], sides[1].take(range(2)), Path(out), config)
