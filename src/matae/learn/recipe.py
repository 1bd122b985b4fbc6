"""The recipes: settings of a retraining for the choice a person made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.train.augment import AugmentConfig
from matae.train.config import TrainConfig

if TYPE_CHECKING:
    from matae.learn.options import RetrainOptions

__all__ = ["RECIPES", "Recipe", "is_self_trained", "recipe"]


@dataclass(frozen=True)
class Recipe:
    """What is settled for a kind of training, so that nobody has to choose it.

    Parameters
    ----------
    steps, steps_a_frame, most_steps
        Steps wanted: a number, more for each frame, and an end to it.
    batch, lr, ema
        As in `matae.train.config.TrainConfig`.
    replay
        Share of each batch that is replay.
    checks, checked
        Checks after the first one, and frames each of them takes, where there is time for so many: both cost time that
        no step gets (`matae.learn.pace`).
    patience
        Checks without a better one that end the training; 0 for none.
    kept
        How far from the base to the trained weights the model may lie where the base knew what is replayed, see
        `matae.learn.interpolate_weights.go_back`.
    kept_deep
        How far of that its two deepest stages do: they forget most for what they learn.
    self_trained
        Corrected frames up to which frames nobody corrected teach too, where the person leaves it to the recipe: what
        was measured to win. 0 for never.
    """

    steps: int
    steps_a_frame: int
    most_steps: int
    batch: int
    lr: float
    ema: float
    replay: float = 0.25
    checks: int = 8
    checked: int = 32
    patience: int = 0
    kept: tuple[float, ...] = (1.0,)
    kept_deep: float = 1.0
    self_trained: int = 0


RECIPES = {
    # Few weights move in an adapter, and may move far; half of what it sees is what the base knows, or it forgets that.
    "quick": Recipe(80, 0, 80, batch=8, lr=4e-3, ema=0.97, replay=0.5, checks=4, checked=32),
    # Checks of 32 frames would choose the best weights by chance. The average lags: in a short run the first checks
    # show the base, so half of them without a better one mean little.
    "full": Recipe(
        400,
        6,
        1200,
        batch=16,
        lr=3e-3,
        ema=0.99,
        replay=0.4,
        checked=100,
        patience=6,
        kept=(1.0, 0.9, 0.8, 0.7, 0.6, 0.5),
        kept_deep=0.5,
    ),
}


def is_self_trained(options: RetrainOptions, n_frames: int) -> bool:
    """Return whether frames nobody corrected teach too: as the person chose, or where it was measured to win."""
    if options.self_training == "auto":
        return n_frames <= RECIPES[options.kind].self_trained
    return options.self_training == "on"


def recipe(
    options: RetrainOptions,
    n_frames: int,
    grid: int,
    *,
    heads: bool,
    steps: int = 0,
    unlabelled: bool = False,
    pseudo: bool = False,
) -> TrainConfig:
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
    unlabelled
        Whether there are frames for self-training.
    pseudo
        Whether there are pseudo-labelled frames.
    """
    chosen = RECIPES[options.kind]
    wanted = min(chosen.most_steps, chosen.steps + chosen.steps_a_frame * n_frames)
    wanted = steps or options.steps or wanted
    return TrainConfig(
        steps=wanted,
        batch=chosen.batch,
        grid=grid,
        lr=chosen.lr,
        rebuild=0.1 if heads and options.kind == "full" else 0.0,
        ema=chosen.ema,
        check_every=options.check_every or max(1, wanted // chosen.checks),
        seed=options.seed,
        device=options.device,
        replay=chosen.replay,
        self_training=1.0 if unlabelled else 0.0,
        pseudo_labels=0.5 if pseudo else 0.0,
        # Steps and checks are planned so that they fit; this is for a machine that got busy meanwhile.
        seconds=0.0 if options.steps else options.seconds,
        keep_best=True,
        patience=chosen.patience,
        processes=options.processes,
        augment=AugmentConfig(),
    )
