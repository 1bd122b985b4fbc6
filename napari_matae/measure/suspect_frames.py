"""Which frames may have another mask than the one measured: a few to look at, instead of all of them at each stroke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_matae.session.open_cine import OpenCine

__all__ = ["SuspectFrames"]


class SuspectFrames:
    """Gathers hints. A change that moves no area and is told to nobody is not among them."""

    def __init__(self) -> None:
        self._areas: NDArray[np.float64] = np.zeros(0)
        self._written: set[int] = set()

    def add(self, frames: Iterable[int]) -> None:
        """Suspect frames that somebody said were changed."""
        self._written.update(frames)

    def looked(self, current: OpenCine) -> None:
        """Take the areas as they are now for those measured."""
        self._areas = current.area_px.copy()

    def begin(self, current: OpenCine) -> None:
        """Suspect nothing: all of it is being measured."""
        self._written.clear()
        self.looked(current)

    def take(self, current: OpenCine) -> set[int]:
        """Return the frames that are drawn in, were said to be changed, or have another area; ask only once."""
        found = {*current.drawn, *self._written}
        self._written.clear()
        if self._areas.shape == current.area_px.shape:
            same = (self._areas == current.area_px) | (np.isnan(self._areas) & np.isnan(current.area_px))
            found.update(int(t) for t in np.flatnonzero(~same))
        return found
