r"""The logits of the folded grid, unfolded without the fold's imprint.

Pixels of one folded cell are read by filters of their own (sub-pixel convolution), which need not agree: where a border
is doubtful the logits alternate from pixel to pixel, and an outline looks like a comb (checkerboard artefacts: A. Odena
et al., Distill 2016; A. Aitken et al., arXiv:1707.02937, 2017). What alternates with the fold has its period, so a
filter that is zero at that period's frequencies takes it away and nothing else of note. Holding each value for one fold
is such a filter (Y. Sugawara et al., APSIPA Trans. Signal Inf. Process. 8, 2019). Held twice, so that nothing is
shifted, and *twicing*, so that slower changes keep their size, make

.. math:: H = 1 - (1 - T)^2, \quad T = \text{the hold of one fold, twice}

which for a fold of 2 is the smoothing of numerical weather prediction that removes the wave of two grid intervals,
(-1, 4, 10, 4, -1) / 16 (R. Shapiro, Rev. Geophys. Space Phys. 8:359-387, 1970). Up to cubic changes pass unchanged.
The filter is linear, and so is the head: they become one convolution of the folded maps, and no runtime knows of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["SmoothHead", "smooth_logits", "taps"]


def taps(fold: int) -> NDArray[np.float64]:
    """Return the filter along one side: an odd number of taps whose sum is 1, the middle one that of the pixel."""
    hold = np.ones(fold) / fold
    twice = np.convolve(hold, hold)
    found: NDArray[np.float64] = -np.convolve(twice, twice)
    found[fold - 1 : len(found) - fold + 1] += 2 * twice
    return found


def _smoothed(weight: Tensor, bias: Tensor, fold: int) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the head followed by the filter, as one convolution of the folded maps.

    Parameters
    ----------
    weight
        Of the head, (classes x fold x fold, channels, 1, 1), the pixels of a cell in the order of
        `torch.nn.functional.pixel_shuffle`.
    bias
        (classes x fold x fold,).
    fold
        Side of a cell.

    Returns
    -------
    tuple of Tensor
        (classes x fold x fold, channels, side, side) and (classes x fold x fold,): computed in double precision.
    """
    if fold == 1:
        return weight.clone(), bias.clone()
    filtered = taps(fold)
    middle = len(filtered) // 2
    reach = -(-middle // fold)  # cells on either side
    along = np.zeros((fold, fold, 2 * reach + 1))  # what a pixel of a cell takes of which pixel of which cell
    for pixel in range(fold):
        for tap, value in enumerate(filtered):
            cell, other = divmod(pixel + tap - middle, fold)
            along[pixel, other, cell + reach] = value
    both = torch.from_numpy(np.einsum("prk,qsl->pqrskl", along, along)).to(weight.device)
    both = both.reshape(fold**2, fold**2, 2 * reach + 1, 2 * reach + 1)
    cells = weight.double().reshape(-1, fold**2, weight.shape[1])
    smoothed = torch.einsum("prkl,drc->dpckl", both, cells).flatten(0, 1)
    level = torch.einsum("prkl,dr->dp", both, bias.double().reshape(-1, fold**2)).flatten()
    return smoothed.to(weight.dtype).contiguous(), level.to(bias.dtype)


class SmoothHead(nn.Module):
    """The head with the filter, for one network alone; it has no parameter of its own.

    Parameters
    ----------
    head
        As it was trained, 1 x 1.
    fold
        Side of a cell.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, head: nn.Conv2d, fold: int) -> None:
        super().__init__()
        self.fold = fold
        self.follow(head)

    @torch.no_grad()
    def follow(self, head: nn.Conv2d) -> None:
        """Be that of a head as it is now."""
        weight, bias = _smoothed(head.weight, cast("Tensor", head.bias), self.fold)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, classes, H, W) of the decoder's last maps."""
        return _unfolded(features, self.weight, self.bias, self.fold)


def smooth_logits(features: Tensor, weight: Tensor, bias: Tensor, fold: int) -> Tensor:
    """Return what `SmoothHead` does of a head with this weight, (classes x fold x fold, channels, 1, 1), and bias."""
    return _unfolded(features, *_smoothed(weight, bias, fold), fold)


def _unfolded(features: Tensor, weight: Tensor, bias: Tensor, fold: int) -> Tensor:
    # Beyond the grid the cells at its border go on.
    reach = weight.shape[-1] // 2
    beyond = F.pad(features, (reach,) * 4, mode="replicate") if reach else features
    return F.pixel_shuffle(F.conv2d(beyond, weight, bias), fold)
