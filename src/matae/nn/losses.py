"""Losses of segmentation, on logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["bce_dice"]


def bce_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Return binary cross-entropy plus soft Dice loss, averaged over frames and classes.

    Parameters
    ----------
    logits
        Network output (N, classes, H, W).
    target
        Soft masks of the same shape in 0-1.

    Returns
    -------
    Tensor
        Scalar. A frame whose target and prediction are both empty adds nothing to the Dice part.
    """
    logits = logits.float()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target)
    probability = logits.sigmoid()
    both = (probability * target).sum((-2, -1))
    total = probability.sum((-2, -1)) + target.sum((-2, -1))
    dice = (2 * both + 1) / (total + 1)
    return cross_entropy + 1 - dice.mean()
