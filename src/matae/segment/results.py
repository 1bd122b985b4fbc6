"""What segmenting gives: a frame's mask, and a whole cine's."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from matae.segment.sector import Sector

__all__ = ["FrameMask", "Segmentation"]


@dataclass(frozen=True, eq=False)
class FrameMask:
    """One frame's result at native size.

    Parameters
    ----------
    index
        0-based frame.
    mask
        Class of every pixel, (Y, X) uint8; 0 is background, 1 the left-ventricular cavity.
    probability
        Probability of the most likely class or region, (Y, X) uint8, 255 is certain.
    area_px
        Area of class 1, the cavity, in pixels.
    """

    index: int
    mask: NDArray[np.uint8]
    probability: NDArray[np.uint8]
    area_px: int

    @cached_property
    def implied_dice(self) -> float:
        """Dice that the probabilities imply, see `matae.segment.expected.implied_dice`; computed when first asked."""
        from matae.segment.expected import implied_dice

        return implied_dice(self.mask, self.probability)


@dataclass(eq=False)
class Segmentation:
    """A segmented cine.

    Parameters
    ----------
    masks, probability
        (T, Y, X) uint8; large clips are backed by a temporary file. Empty where they were not to be kept.
    area_px
        Cavity area of each frame in pixels, (T,); NaN where a frame was not segmented.
    sector
        The part of the picture the network saw.
    run
        Model, width, device, backend, precision, frames, seconds, frames a second.
    notices
        What happened on the way (memory ran out, GPU left).
    """

    masks: NDArray[np.uint8]
    probability: NDArray[np.uint8]
    area_px: NDArray[np.float64]
    sector: Sector
    run: dict[str, Any]
    notices: list[str] = field(default_factory=list)

    def clear(self, why: str) -> None:
        """Take all masks away, and note why."""
        self.masks[:] = 0
        self.probability[:] = 0
        self.area_px = self.area_px * 0.0
        self.notices.append(why)
