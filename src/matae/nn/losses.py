"""Losses of segmentation, on logits.

A map of the target that is below 0 says that nobody outlined its structure in that frame; it adds nothing to any loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["bce", "bce_dice", "spectral_correlation"]


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Return binary cross-entropy alone, the loss of the published networks; see `bce_dice`."""
    return _cross_entropy(logits.float(), target, _known(target))


def _known(target: Tensor) -> Tensor | None:
    """Return which maps (N, classes) somebody outlined, None where it is all of them."""
    known = target[..., 0, 0] >= 0
    return None if bool(known.all()) else known


def _mean(values: Tensor, known: Tensor | None) -> Tensor:
    return values.mean() if known is None else (values * known).sum() / known.sum().clamp_min(1)


def _cross_entropy(logits: Tensor, target: Tensor, known: Tensor | None) -> Tensor:
    if known is None:
        return F.binary_cross_entropy_with_logits(logits, target)
    each = F.binary_cross_entropy_with_logits(logits, target.clamp_min(0), reduction="none")
    return _mean(each.mean((-2, -1)), known)


def bce_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Return binary cross-entropy plus soft Dice loss, averaged over frames and classes.

    Parameters
    ----------
    logits
        Network output (N, classes, H, W).
    target
        Soft masks of the same shape in 0-1; -1 where nobody outlined the structure.

    Returns
    -------
    Tensor
        Scalar. A frame whose target and prediction are both empty adds nothing to the Dice part.
    """
    logits = logits.float()
    known = _known(target)
    cross_entropy = _cross_entropy(logits, target, known)
    probability = logits.sigmoid()
    both = (probability * target).sum((-2, -1))
    total = probability.sum((-2, -1)) + target.sum((-2, -1))
    dice = (2 * both + 1) / (total + 1)
    return cross_entropy + 1 - _mean(dice, known)


def spectral_correlation(logits: Tensor, target: Tensor) -> Tensor:
    """Return 1 minus the spectral correlation coefficient of prediction and mask.

    Our interpretation of the regulariser named in arXiv 2401.10373 (Gorade et al., ICPR 2024), whose equation and
    code are not public: the Pearson correlation of the real and of the imaginary parts of the Fourier transforms,
    averaged over both. Magnitudes alone would not see a shift, and the whole complex spectrum says nothing that
    the pixels do not (Parseval).

    Parameters
    ----------
    logits
        Network output (N, classes, H, W).
    target
        Soft masks of the same shape in 0-1; -1 where nobody outlined the structure.

    Returns
    -------
    Tensor
        Scalar in 0-2. Maps without any variation (no mask, or all of it) add nothing.
    """
    with torch.autocast(logits.device.type, enabled=False):
        probability = logits.float().sigmoid()
        # What nobody outlined is compared with itself: no loss, no gradient.
        target = torch.where(target[..., :1, :1] < 0, probability.detach(), target.float())
        found = torch.fft.rfft2(probability, norm="ortho")
        wanted = torch.fft.rfft2(target, norm="ortho")
        losses = [_decorrelation(found.real, wanted.real), _decorrelation(found.imag, wanted.imag)]
        return torch.stack(losses).mean()


def _decorrelation(a: Tensor, b: Tensor) -> Tensor:
    a, b = a.flatten(-2), b.flatten(-2)
    # The constant term is the area; it would outweigh every other number of the real part.
    a, b = a[..., 1:], b[..., 1:]
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    # Rounded to nothing: a map that is the same everywhere. Its gradient through a square root would be infinite.
    flat = (a.square().sum(-1) < 1e-6) | (b.square().sum(-1) < 1e-6)
    power = torch.where(flat, torch.ones_like(flat, dtype=a.dtype), a.square().sum(-1) * b.square().sum(-1))
    correlation = torch.where(flat, torch.ones_like(power), (a * b).sum(-1) / power.sqrt())
    return 1 - correlation.mean()
