"""What may leave of a picture: the tissue inside the region and the sector. Everything else becomes black."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment.sector import Sector

__all__ = ["Blanking", "blanking"]


@dataclass(frozen=True, eq=False)
class Blanking:
    """Which pixels of a cine leave.

    Parameters
    ----------
    sector
        The sector they lie in.
    allowed
        (Y, X) bool.
    """

    sector: Sector
    allowed: NDArray[np.bool_]

    @property
    def share(self) -> float:
        """Share of the picture that is blanked, 0 to 1."""
        return float(1.0 - self.allowed.mean())

    def frame(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a frame (Y, X) with black where nothing may leave; the original is not touched."""
        return np.where(self.allowed, frame, np.uint8(0))


def blanking(cine: Cine, sector: Sector | None = None) -> Blanking:
    """Find what may leave of a cine.

    Parameters
    ----------
    cine
        The cine.
    sector
        As a person drew it; found in the picture when absent.

    Raises
    ------
    ExchangeError
        If nothing would be left.
    """
    from matae.segment.margins import inside_sector
    from matae.segment.sector import find_sector

    chosen = find_sector(cine) if sector is None else sector
    allowed = inside_sector(cine, chosen)
    if not allowed.any():
        raise ExchangeError("The sector lies outside the ultrasound region; draw it again, or leave the clip out.")
    return Blanking(chosen, allowed)
