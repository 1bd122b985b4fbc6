"""Random numbers of a batch that several processes may share: each draws all of them and keeps its own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Chance"]


class Chance(NamedTuple):
    """Random numbers for the frames of a batch, of which only some are here.

    Parameters
    ----------
    generator
        Source of every number.
    whole
        Frames of the batch.
    here
        Those of this process.
    """

    generator: torch.Generator
    whole: int
    here: slice

    def uniform(self, low: float, high: float) -> Tensor:
        """Return one number a frame between two bounds, (N,)."""
        return self.each((), low, high)

    def each(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return an array of numbers a frame between two bounds, (N, ...)."""
        drawn = torch.rand((self.whole, *shape), generator=self.generator, device=self.generator.device)
        return (drawn * (high - low) + low)[self.here]

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        """Return an array of standard normal numbers a frame, (N, ...)."""
        drawn = torch.randn((self.whole, *shape), generator=self.generator, device=self.generator.device)
        return drawn[self.here]

    def happens(self, probability: float) -> Tensor:
        """Return for each frame whether something of a probability happens to it, (N,) bool."""
        return self.uniform(0, 1) < probability
