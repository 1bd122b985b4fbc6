"""What an encoder sees of a picture, without where: the first two moments of its deepest stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["pooled"]


def pooled(stages: Sequence[Tensor], deepest: int = 1) -> Tensor:
    """Return mean and standard deviation over the picture of every channel of the deepest stages.

    Parameters
    ----------
    stages
        Of an encoder, (N, C, H, W) each, shallowest first.
    deepest
        How many of them count.

    Returns
    -------
    Tensor
        (N, features) float32: the means of each stage in their order, then the standard deviations (of the whole
        picture, not of a sample).
    """
    chosen = [stage.float().flatten(2) for stage in stages[-deepest:]]
    return torch.cat([x.mean(2) for x in chosen] + [x.std(2, unbiased=False) for x in chosen], 1)
