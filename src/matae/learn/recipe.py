"""The recipes: settings of a retraining for the choice a person made, and how many steps fit into their time."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from matae.train.augment import AugmentConfig
from matae.train.config import TrainConfig
from matae.train.watch import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.learn.options import RetrainOptions
    from matae.nn.network import Network
    from matae.train.data import LabelledFrames

__all__ = ["plan_steps", "recipe", "some_of"]

CHECKS = {"quick": 5, "full": 10}
"""Validations on the way: each costs time that no step gets."""
_MOST_CHECKED = {"quick": 24, "full": 48}  # frames a validation; the verdict takes all
_FEWEST_STEPS = 10


def recipe(options: RetrainOptions, n_frames: int, grid: int, *, heads: bool, steps: int = 0) -> TrainConfig:
    """Return the settings for a choice.

    Parameters
    ----------
    options
        What the person chose.
    n_frames
        Corrected frames to learn from.
    grid
        Side of the base's input.
    heads
        Whether the base has autoencoder heads, which then follow what the encoder learns.
    steps
        Steps to take; what the recipe would like if 0.
    """
    quick = options.kind == "quick"
    wanted = steps or options.steps or (80 if quick else min(1200, 240 + 4 * n_frames))
    return TrainConfig(
        steps=wanted,
        batch=8 if quick else 16,
        grid=grid,
        # Few weights move in an adapter, and may move far; a whole network that knows its task may not.
        lr=4e-3 if quick else 1.2e-3,
        rebuild=0.1 if heads and not quick else 0.0,
        ema=0.97 if quick else 0.985,
        check_every=max(1, wanted // CHECKS[options.kind]),
        seed=options.seed,
        device=options.device,
        replay=0.25,
        # Steps are planned so that they fit; this is for a machine that got busy meanwhile.
        seconds=0.0 if options.steps else options.seconds,
        keep_best=True,
        patience=0 if quick else 5,
        processes=options.processes,
        augment=AugmentConfig(),
    )


def some_of(frames: LabelledFrames, kind: str) -> LabelledFrames:
    """Return as many frames as a validation of this kind takes, spread evenly over the patients."""
    n, most = len(frames), _MOST_CHECKED[kind]
    return frames if n <= most else frames.take([i * n // most for i in range(most)])


def plan_steps(
    network: Network,
    config: TrainConfig,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    should_stop: Callable[[], bool],
) -> int:
    """Return how many of the wanted steps fit into the time, by taking a few on a copy.

    Raises
    ------
    StoppedError
        If `should_stop` said so.
    """
    from matae.train.loop import begin, make_fabric
    from matae.train.step import take_step
    from matae.train.validation import measure

    start = time.perf_counter()
    single = replace(config, processes=1)
    fabric = make_fabric(single)
    run, batches = begin(deepcopy(network), single, fabric.device, frames)
    take_step(fabric, run, batches.draw(0), None, should_stop)  # the first is slower
    clock = time.perf_counter()
    taken = 0
    while taken < 2 or (time.perf_counter() - clock < 1.0 and taken < 10):
        if should_stop():
            raise StoppedError
        take_step(fabric, run, batches.draw(taken + 1), None, should_stop)
        taken += 1
    step = (time.perf_counter() - clock) / taken
    clock = time.perf_counter()
    measure(run.average, held_out.take(range(min(8, len(held_out)))), config.grid, should_stop)
    check = (time.perf_counter() - clock) * max(1.0, len(held_out) / 8)
    checks = config.steps // config.check_every + 1
    left = config.seconds * 0.95 - (time.perf_counter() - start) - checks * check
    return max(_FEWEST_STEPS, min(config.steps, int(left / step)))
