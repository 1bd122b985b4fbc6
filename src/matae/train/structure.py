"""Structural distillation: the latents of a narrow network relate places of a frame as the widest's do.

After the structural knowledge distillation of REHRSeg (arXiv 2410.10097): an affinity graph over pooled places of the
frame, and the cosine of each channel over all places. There a second network teaches; here the widest network does, and
since the channels of a narrow one are the first of the wide one's, channel is compared with channel without any layer
between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["NODES", "affinity", "against_structure"]

NODES = 4
"""Places on each side of the graph. The published 2 x 2 graph cannot tell apex from base on one wall."""
_LEAST = 1e-6


def affinity(latent: Tensor, nodes: int = NODES) -> Tensor:
    """Return how alike the places of a frame are.

    Parameters
    ----------
    latent
        (N, C, H, W).
    nodes
        Places on each side; fewer where the latent is smaller.

    Returns
    -------
    Tensor
        Cosine of the channel vectors of each two places, (N, P, P) float32; a place without any activity is like none.
    """
    rows, columns = min(nodes, latent.shape[2]), min(nodes, latent.shape[3])
    places = F.adaptive_max_pool2d(latent.float(), (rows, columns)).flatten(2)
    # The length is no part of what is learnt, as published.
    places = places / places.detach().norm(dim=1, keepdim=True).clamp_min(_LEAST)
    return torch.matmul(places.transpose(1, 2), places)


def against_structure(latents: Sequence[Tensor], taught: Sequence[Tensor], nodes: int = NODES) -> Tensor:
    """Return how far the latents of a narrow network are from the structure of the widest's.

    Parameters
    ----------
    latents
        Of a narrow network, (N, C, H, W) each.
    taught
        Of the widest at the same stages, with at least as many channels; nothing flows back into them.
    nodes
        As for `affinity`.

    Returns
    -------
    Tensor
        Scalar: squared difference of the affinities plus one minus the cosine of shared channels over all places,
        averaged over stages; 0 where the latents are the first channels of the taught ones.
    """
    losses = []
    for latent, fixed in zip(latents, (each.detach() for each in taught), strict=True):
        graph = (affinity(latent, nodes) - affinity(fixed, nodes)).square().mean()
        mine, theirs = latent.float().flatten(2), fixed[:, : latent.shape[1]].float().flatten(2)
        # A channel that is silent in both has nothing to be told.
        alive = (mine.detach().norm(dim=2) > _LEAST) & (theirs.norm(dim=2) > _LEAST)
        cosine = F.cosine_similarity(mine, theirs, dim=2, eps=_LEAST)
        losses.append(graph + ((1 - cosine) * alive).sum() / alive.sum().clamp_min(1))
    return torch.stack(losses).mean()
