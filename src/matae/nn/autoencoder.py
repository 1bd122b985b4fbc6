"""Recursive autoencoder heads: each latent rebuilds the one before it, from any prefix of its channels.

This is what makes the channels a Matryoshka: the first of them must carry most of what the stage knows, the next
ones refine it. No mask is needed, so frames nobody labelled train them too. Inference drops them, but for one
use: a frame whose latents do not rebuild each other is not the kind of picture the network knows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Autoencoder", "unexplained"]


class Autoencoder(nn.Module):
    """One light decoder a stage: a transposed convolution back to the stage before it.

    Parameters
    ----------
    channels
        Channels of each stage at width 1, shallow to deep.
    folded
        Channels of the folded picture, which the first stage rebuilds.
    """

    def __init__(self, channels: Sequence[int], folded: int) -> None:
        super().__init__()
        self.picture = nn.Conv2d(channels[0], folded, 1)
        self.latents = nn.ModuleList(
            nn.ConvTranspose2d(deep, shallow, 2, stride=2) for shallow, deep in pairwise(channels)
        )

    def forward(self, stages: Sequence[Tensor], prefix: Sequence[int]) -> list[Tensor]:
        """Return what each stage rebuilds of the one before it, from its first channels.

        Parameters
        ----------
        stages
            The folded picture and the latents of every stage, shallow to deep.
        prefix
            Number of channels of each latent that may be used, shallow to deep.

        Returns
        -------
        list of Tensor
            One map a latent, shaped as ``stages[:-1]``.
        """
        first = stages[1][:, : prefix[0]]
        weight = self.picture.weight[:, : first.shape[1]]
        rebuilt = [F.conv2d(first, weight, self.picture.bias)]
        for head, target, latent, most in zip(self.latents, stages[1:-1], stages[2:], prefix[1:], strict=True):
            up, used = cast("nn.ConvTranspose2d", head), latent[:, :most]
            outputs = target.shape[1]
            bias = None if up.bias is None else up.bias[:outputs]
            rebuilt.append(F.conv_transpose2d(used, up.weight[: used.shape[1], :outputs], bias, stride=2))
        return rebuilt


def unexplained(stages: Sequence[Tensor], rebuilt: Sequence[Tensor]) -> Tensor:
    """Return the share of each latent's variance that was not rebuilt, averaged over the stages.

    A ratio, since an absolute error would be smallest where the encoder makes all latents small. The targets are
    detached: the deeper stage must keep what the shallower knows, not the shallower forget it.

    Parameters
    ----------
    stages
        The folded picture and the latents, shallow to deep; the last is no target.
    rebuilt
        What `Autoencoder` made of them.

    Returns
    -------
    Tensor
        One value a frame, (N,): 0 where everything is rebuilt, 1 where no more than the mean is.
    """
    shares = []
    for target, estimate in zip(stages[:-1], rebuilt, strict=True):
        truth = target.detach().float()
        error = (estimate.float() - truth).square().sum((1, 2, 3))
        spread = (truth - truth.mean((2, 3), keepdim=True)).square().sum((1, 2, 3))
        # A frame without any contrast (all black) has nothing to rebuild and must not divide by nothing.
        shares.append(error / (spread + 1e-3 * truth[0].numel()))
    return torch.stack(shares).mean(0)
