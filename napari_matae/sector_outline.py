"""The sector of the cine on screen and the layer in which its outline can be dragged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import SegmentError
from napari_matae.layers import make_sector_layer, sector_polygon

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_matae.open_cine import OpenCine
    from napari_matae.screen import Screen
    from napari_matae.session_signals import SessionSignals

__all__ = ["SectorOutline"]


class SectorOutline:
    """Finds sectors and follows the outline a person drags.

    Parameters
    ----------
    screen
        Where the cine is.
    tell
        Who is told that the sector is another.
    """

    def __init__(self, screen: Screen, tell: SessionSignals) -> None:
        self._screen, self._tell = screen, tell

    def find(self) -> None:
        """Find the sector anew and show it, dropping what was drawn."""
        from matae.segment import find_sector

        if (current := self._screen.current) is None:
            return
        current.sector = find_sector(current.cine)
        self._screen.remove(current.sector_layer)
        current.sector_layer = self._screen.add_above(make_sector_layer(current.cine, current.sector))
        self.follow(current)
        self._tell.sector_changed.emit()

    def flip(self, *, apex_down: bool) -> None:
        """State whether the display has the apex at the bottom."""
        current = self._screen.current
        if current is not None and current.sector is not None:
            current.sector = replace(current.sector, apex_down=apex_down)
            self._tell.sector_changed.emit()

    def follow(self, current: OpenCine) -> None:
        """Listen to a cine's outline."""
        if current.sector_layer is not None:
            current.sector_layer.events.data.connect(self._on_drawn)

    def unfollow(self, current: OpenCine) -> None:
        """Listen to a cine's outline no more."""
        if current.sector_layer is not None:
            current.sector_layer.events.data.disconnect(self._on_drawn)

    def _on_drawn(self) -> None:
        from matae.segment import sector_from_polygon

        current = self._screen.current
        if self._screen.is_ours or current is None or current.sector is None or current.sector_layer is None:
            return
        polygon = sector_polygon(current.sector_layer)
        if polygon is None or _same_outline(polygon, current.sector.polygon):
            return  # napari also announces changes about to come, with the data as they were
        try:
            current.sector = sector_from_polygon(polygon, apex_down=current.sector.apex_down)
        except SegmentError:
            return  # a drag passes through odd shapes; the last sound outline stands
        self._tell.sector_changed.emit()


def _same_outline(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    # Shapes layers keep float32.
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-2))
