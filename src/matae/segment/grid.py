"""Between native pixels and the network's square grid, and exactly back.

Crop to the sector, blank what lies outside it, turn the apex up, scale so that a millimetre is as long in both
directions, pad to a square. Logits go back the same way and are thresholded at native size: resizing masks
would cost a boundary's worth of accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from matae.errors import SegmentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from matae.cine import Box, Cine
    from matae.segment.sector import Sector

__all__ = ["Placement"]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a sector of a cine lies on a network's grid.

    Parameters
    ----------
    box
        The part of the frame the network sees.
    inside
        Pixels of that part inside the sector, (height, width) bool.
    apex_down
        Whether frames are turned upside down first.
    grid
        Side of the square grid.
    height, width
        Rows and columns of the grid the part is scaled to.
    """

    box: Box
    inside: NDArray[np.bool_]
    apex_down: bool
    grid: int
    height: int
    width: int

    @classmethod
    def of(cls, cine: Cine, sector: Sector, grid: int) -> Placement:
        """Place the sector of a cine on a grid of `grid` pixels a side.

        Raises
        ------
        SegmentError
            If the sector lies outside the picture.
        """
        box = sector.box(cine.shape)
        inside = sector.mask(cine.shape)[box.y0 : box.y1, box.x0 : box.x1]
        if not inside.any():
            raise SegmentError("The sector outline lies outside the picture; draw it again or reset it.")
        aspect_y, aspect_x = sector.scaled(cine).pixel_aspect
        long_side = max(box.height * aspect_y, box.width * aspect_x)
        height = max(1, round(grid * box.height * aspect_y / long_side))
        width = max(1, round(grid * box.width * aspect_x / long_side))
        return cls(box, inside, sector.apex_down, grid, height, width)

    @property
    def _padding(self) -> tuple[int, int]:
        return (self.grid - self.height) // 2, (self.grid - self.width) // 2

    def to_grid(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return network input (N, 1, grid, grid) in 0-1 for native frames (N, Y, X)."""
        part = frames[:, self.box.y0 : self.box.y1, self.box.x0 : self.box.x1] * self.inside
        x = torch.from_numpy(part)[:, None].float() / 255
        if self.apex_down:
            x = x.flip(-2)
        x = F.interpolate(x, (self.height, self.width), mode="bilinear", antialias=True)
        top, left = self._padding
        return F.pad(x, (left, self.grid - self.width - left, top, self.grid - self.height - top))

    def to_native(self, logits: Tensor) -> Tensor:
        """Return logits (N, classes, box height, box width) at native size for logits on the grid."""
        top, left = self._padding
        x = logits[..., top : top + self.height, left : left + self.width]
        x = F.interpolate(x.float(), (self.box.height, self.box.width), mode="bilinear", antialias=False)
        return x.flip(-2) if self.apex_down else x
