"""Connected parts of masks by tensor operations, the same on every device and on every run.

Each pixel points at a pixel of its part with a smaller place, and in each round at where that one points: the trees
become stars in about as many rounds as the logarithm of a part's length (Y. Zhang, A. Azad and Z. Hu, "FastSV: a
distributed-memory connected component algorithm with fast convergence", SIAM Conference on Parallel Processing 2020).
The number of rounds is fixed, so that nobody waits for the device to say whether it is done; what is not done by then
is known frame by frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ROUNDS", "filled", "largest", "parts", "sizes_of"]

ROUNDS = 8
"""A heart needs 5 to 7 to be sure, random blobs as many, a spiral of 81 pixels a side 8."""


def parts(mask: Tensor, rounds: int = ROUNDS) -> tuple[Tensor, Tensor]:
    """Return the first place of the connected part of every pixel, and which frames are done; sides connect.

    Parameters
    ----------
    mask
        (N, H, W) bool.
    rounds
        How often trees are made flatter.

    Returns
    -------
    tuple of Tensor
        Place of the first pixel of the part, row by row, (N, H * W) int64; ``H * W`` outside. And (N,) bool.
    """
    count, height, width = mask.shape
    length = height * width
    # Each pixel begins at the first of its row that it hangs together with; what is outside points at a place of its
    # own after the last, which nobody joins.
    column = torch.arange(width, device=mask.device)
    first = torch.where(mask, 0, column + 1).cummax(2).values
    row = torch.arange(height, device=mask.device)[:, None] * width
    parent = torch.where(mask, first + row, length).flatten(1)
    outside = torch.full((count, 1), length, dtype=parent.dtype, device=mask.device)
    parent = torch.cat([parent, outside], 1)
    is_done = torch.zeros(count, dtype=torch.bool, device=mask.device)
    for _ in range(rounds):
        above = parent.gather(1, parent)  # grandparents
        least = _least_neighbour(above[:, :length].view_as(mask), mask, length).flatten(1)
        # The tree of a pixel's parent joins that of the least neighbour; so does the pixel itself.
        joined = parent.scatter_reduce(1, parent[:, :length], least, "amin")
        joined[:, :length] = torch.minimum(joined[:, :length], least)
        joined[:, length] = length
        joined = torch.minimum(joined, above)
        joined = joined.gather(1, joined)
        is_done = (joined == parent).all(1)
        parent = joined
    return parent[:, :length], is_done


def _least_neighbour(values: Tensor, mask: Tensor, none: int) -> Tensor:
    """Return the least value of each pixel and those beside it that are inside, `none` outside."""
    inside = torch.where(mask, values, none)
    least = inside.clone()
    for axis in (1, 2):
        size = mask.shape[axis]
        first, second = least.narrow(axis, 0, size - 1), least.narrow(axis, 1, size - 1)
        low, high = inside.narrow(axis, 0, size - 1), inside.narrow(axis, 1, size - 1)
        first.copy_(torch.minimum(first, high))
        second.copy_(torch.minimum(second, low))
    return torch.where(mask, least, none)


def sizes_of(found: Tensor) -> Tensor:
    """Return how many pixels each part has, by its place as `parts` names it, (N, H * W) int64."""
    count, length = found.shape
    sizes = torch.zeros(count, length + 1, dtype=torch.int64, device=found.device)
    sizes.scatter_add_(1, found, torch.ones_like(found))
    return sizes[:, :length]


def largest(found: Tensor, sizes: Tensor) -> Tensor:
    """Return the pixels of the largest part of each frame, (N, H * W) bool; of two of a size, the first."""
    best = sizes.argmax(1, keepdim=True)
    # Not said of argmax: of several it is the first one only where they are asked for so.
    first = (sizes == sizes.gather(1, best)).int().cummax(1).indices
    where = first[:, -1:]
    return (found == where) & (sizes.gather(1, where) > 0)


def filled(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return masks (N, H, W) bool with their holes filled, and which frames are done."""
    around = torch.nn.functional.pad(~mask, (1, 1, 1, 1), value=True)
    found, is_done = parts(around)
    holes = around & (found.view_as(around) != 0)  # the border's part has the first place of all
    return mask | holes[:, 1:-1, 1:-1], is_done
