"""Batches: all frames on the training device, drawn epoch by epoch and augmented there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from matae.train.augment import augment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames

__all__ = ["Batches"]


class Batches:
    """What the training steps see, a function of the step alone.

    The order of an epoch comes from the seed and the epoch's number, so a resumed run sees the very same batches
    without any state.

    Parameters
    ----------
    frames
        Labelled frames.
    classes
        Number of foreground classes of the network.
    config
        Settings.
    generator
        Source of the augmentation's random numbers; its device is where the frames are kept.
    unlabelled
        More frames (N, Y, X), for `draw_unlabelled`.
    """

    def __init__(
        self,
        frames: LabelledFrames,
        classes: int,
        config: TrainConfig,
        generator: torch.Generator,
        unlabelled: NDArray[np.uint8] | None = None,
    ) -> None:
        self.images = torch.tensor(frames.images, device=generator.device)[:, None]
        self.masks = torch.tensor(frames.masks, device=generator.device)
        self.numbers = torch.arange(1, classes + 1, device=generator.device, dtype=torch.uint8)[None, :, None, None]
        self.config, self.generator = config, generator
        self.unlabelled = None
        if unlabelled is not None and len(unlabelled):
            self.unlabelled = torch.tensor(unlabelled, device=generator.device)[:, None]

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Return augmented images (N, 1, grid, grid) and soft masks (N, classes, grid, grid) of a step from 0."""
        chosen = self._chosen(step, len(self.images))
        images = self.images[chosen].float() / 255
        masks = (self.masks[chosen][:, None] == self.numbers).float()
        return augment(images, masks, self.config.grid, self.generator, self.config.augment)

    def draw_unlabelled(self, step: int) -> Tensor | None:
        """Return as many augmented unlabelled images, or None if there are none."""
        if self.unlabelled is None:
            return None
        images = self.unlabelled[self._chosen(step, len(self.unlabelled))].float() / 255
        return augment(images, images[:, :0], self.config.grid, self.generator, self.config.augment)[0]

    def _chosen(self, step: int, n: int) -> Tensor:
        first, batch = step * self.config.batch, self.config.batch
        order = torch.cat([self._order(epoch, n) for epoch in range(first // n, (first + batch - 1) // n + 1)])
        start = first % n
        return order[start : start + batch].to(self.images.device)

    def _order(self, epoch: int, n: int) -> Tensor:
        # Below the generator's limit of 64 bits, whatever the seed.
        seeded = torch.Generator().manual_seed((self.config.seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(n, generator=seeded)
