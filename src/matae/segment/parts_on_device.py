"""The part of a mask that hangs together with a seed, by a fixed number of tensor operations, and what is known of it.

A part grows from its seed by whole runs of pixels, along rows and along columns in turn: the outline of a heart is
reached in a few turns, whatever its size, where pixel by pixel it would take hundreds of steps. Nobody waits for
the device to say whether it is done: whether a part is whole, and how many pieces and holes there are, is counted
afterwards from neighbouring pixels alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["all_of_four", "any_of_four", "euler", "grown", "is_cut", "seeds"]


def seeds(strength: Tensor, mask: Tensor) -> Tensor:
    """Return the strongest pixel of each mask, (N, H, W) bool; none of a mask that is empty.

    Parameters
    ----------
    strength
        (N, H, W) float, largest inside the mask where that has any pixels.
    mask
        (N, H, W) bool.
    """
    best = strength.flatten(1).argmax(1, keepdim=True)
    seed = torch.zeros_like(mask)
    return seed.flatten(1).scatter_(1, best, value=True).view_as(mask) & mask


def grown(mask: Tensor, seed: Tensor, turns: Sequence[int]) -> Tensor:
    """Return pixels that hang together with a seed by their sides: all of them where the turns suffice, else fewer.

    Parameters
    ----------
    mask
        (N, H, W) bool.
    seed
        Some of its pixels.
    turns
        Along which axis it grows, turn by turn: 1 is along columns, 2 along rows. In each turn every run of a line that
        holds some of it becomes part of it.
    """
    runs = {axis: _runs(mask, axis) for axis in sorted(set(turns))}
    for axis in turns:
        # Place 0 of a line stands for the pixels outside: no run has that number.
        shape = [size + (place == axis) for place, size in enumerate(mask.shape)]
        held = torch.zeros(shape, dtype=torch.bool, device=mask.device)
        held.scatter_(axis, torch.where(seed, runs[axis], 0), value=True)
        seed = held.gather(axis, runs[axis])
    return seed


def _runs(mask: Tensor, axis: int) -> Tensor:
    """Return numbers from 1, the same for pixels of one run inside or outside a mask, along each line of an axis."""
    begins = torch.ones_like(mask)
    size = mask.shape[axis] - 1
    torch.ne(mask.narrow(axis, 1, size), mask.narrow(axis, 0, size), out=begins.narrow(axis, 1, size))
    return begins.cumsum(axis)


def is_cut(masks: Tensor, parts: Tensor) -> Tensor:
    """Return whether pixels of a part lie beside pixels of its mask that are not in it: it is not whole then.

    Parameters
    ----------
    masks, parts
        (..., H, W) bool.
    """
    levels = masks.to(torch.uint8) + parts
    beside, below = levels[..., 1:] * levels[..., :-1] == 2, levels[..., 1:, :] * levels[..., :-1, :] == 2
    return beside.flatten(-2).any(-1) | below.flatten(-2).any(-1)


def euler(padded: Tensor) -> Tensor:
    """Return how many parts there are less how many holes: parts by sides and corners, holes by sides alone.

    Pixels are squares, and corners less sides plus squares is the same number (S. B. Gray, "Local properties of binary
    images in two dimensions", IEEE Transactions on Computers C-20(5), 1971).

    Parameters
    ----------
    padded
        (..., H, W) bool, the same all along the border: nothing, or everything.
    """
    beside = padded[..., 1:] | padded[..., :-1]
    below = padded[..., 1:, :] | padded[..., :-1, :]
    corners = any_of_four(padded)
    squares, corner = (each.sum((-2, -1)) for each in (padded, corners))
    return squares - beside.sum((-2, -1)) - below.sum((-2, -1)) + corner


def any_of_four(masks: Tensor) -> Tensor:
    """Return for each corner between four pixels whether one of them is in a mask, (..., H - 1, W - 1) bool."""
    beside = masks[..., 1:] | masks[..., :-1]
    return beside[..., 1:, :] | beside[..., :-1, :]


def all_of_four(masks: Tensor) -> Tensor:
    """Return for each corner between four pixels whether all of them are in a mask, (..., H - 1, W - 1) bool."""
    beside = masks[..., 1:] & masks[..., :-1]
    return beside[..., 1:, :] & beside[..., :-1, :]
