"""What a GPU does before the network, with the same results as on the CPU: scale pictures.

Plain tensor operations, the same on every device; importing this imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

    from matae.placement import Placement

__all__ = ["Placer", "scaling"]

_BITS = 22  # of Pillow's weights for pictures of 8 bits
_HALF = 11
_MOST_TAPS = 32  # more would not be exact in float32


def scaling(length: int, wanted: int) -> Tensor:
    """Return Pillow's whole-numbered weights for scaling a side bilinearly, (wanted, length) int32.

    Parameters
    ----------
    length, wanted
        Pixels before and after.
    """
    scale = length / wanted
    support = max(scale, 1.0)
    weights = torch.zeros(wanted, length, dtype=torch.int32)
    for place in range(wanted):
        centre = (place + 0.5) * scale
        low, high = max(0, int(centre - support + 0.5)), min(length, int(centre + support + 0.5))
        taps = [max(0.0, 1 - abs((x - centre + 0.5) / support)) for x in range(low, high)]
        total = sum(taps)
        weights[place, low:high] = torch.tensor([int(0.5 + tap / total * (1 << _BITS)) for tap in taps])
    return weights


class Placer:
    """Puts the parts of frames that a placement shows on its grid, as `Placement.image` does, to the grey level.

    Parameters
    ----------
    placement
        Where frames lie on the grid.
    device
        Where the frames are.
    """

    def __init__(self, placement: Placement, device: torch.device) -> None:
        top, left, height, width = (round(value) for value in placement.target)
        self._at = (slice(top, top + height), slice(left, left + width))
        self._grid, self._flip = placement.out_shape, placement.flip
        rows, columns = scaling(placement.box.height, height), scaling(placement.box.width, width)
        self.is_exact = max(int((each > 0).sum(1).max()) for each in (rows, columns)) <= _MOST_TAPS
        # In two halves, so that every sum is a whole number that float32 holds.
        self._rows = [part.to(device, torch.float32) for part in (rows >> _HALF, rows & ((1 << _HALF) - 1))]
        self._columns = [part.T.to(device, torch.float32) for part in (columns >> _HALF, columns & ((1 << _HALF) - 1))]
        self.rows_first = False
        self._inside = None if placement.inside is None else torch.from_numpy(placement.inside).to(device)

    @classmethod
    def matching(cls, placement: Placement, device: torch.device) -> Placer | None:
        """Return a placer that gives what Pillow gives, tried on noise; None where the device computes otherwise.

        Parameters
        ----------
        placement, device
            As for the class.
        """
        placer = cls(placement, device)
        if not placer.is_exact:
            return None
        noise = np.random.default_rng(0).integers(0, 256, placement.shape, dtype=np.uint8)
        box = placement.box
        part = torch.from_numpy(noise[box.y0 : box.y1, box.x0 : box.x1].copy())[None].to(device)
        expected = torch.from_numpy(placement.image(noise))
        for placer.rows_first in (False, True):  # which side comes first is Pillow's choice, and may change
            if torch.equal(placer(part)[0].cpu(), expected):
                return placer
        return None

    def __call__(self, parts: Tensor) -> Tensor:
        """Return parts (N, box height, box width) uint8 on the grid, (N, grid, grid) uint8."""
        if self._inside is not None:
            parts = parts * self._inside
        if self._flip:
            parts = parts.flip(1)
        scaled = parts.float()
        for along_rows in (self.rows_first, not self.rows_first):
            if along_rows:
                scaled = _rounded(self._rows[0] @ scaled, self._rows[1] @ scaled)
            else:
                scaled = _rounded(scaled @ self._columns[0], scaled @ self._columns[1])
        square = torch.zeros(len(parts), *self._grid, dtype=torch.uint8, device=parts.device)
        square[:, self._at[0], self._at[1]] = scaled.to(torch.uint8)
        return square


def _rounded(high: Tensor, low: Tensor) -> Tensor:
    total = high.int() * (1 << _HALF) + low.int() + (1 << (_BITS - 1))
    return (total >> _BITS).clamp(0, 255).float()
