"""Masks that are shown over the others without being any frame's mask: a preview, or what was predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_matae.session.layers import OUTLINE_WIDTH, make_ghost

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_matae.session.session import OpenCine, Session

__all__ = ["OverlayLayer", "hatched"]

_STRIPE = 4
"""Pixels from one line of a hatching to the next, across a row."""
_WIDER = 2
"""Pixels that a hatching reaches beyond its region, to be seen beside the outline that runs through it."""


def hatched(region: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return diagonal lines over a region and a little around it, (Y, X) uint8.

    What is only a pixel wide is left out: two outlines that agree differ by that much through the raster alone.
    """
    from scipy import ndimage

    if not region.any():
        return np.zeros(region.shape, np.uint8)
    wide = ndimage.binary_dilation(ndimage.binary_opening(region, np.ones((2, 2), bool)), iterations=_WIDER)
    rows, columns = np.ogrid[: region.shape[0], : region.shape[1]]
    lines: NDArray[np.uint8] = (wide & ((rows + columns) % _STRIPE < _STRIPE // 2)).astype(np.uint8)
    return lines


class OverlayLayer:
    """A layer that appears when there is something to show, and is hidden otherwise.

    Adding a layer takes napari a moment and removing one longer, so it is made once a cine and then shown or hidden.

    Parameters
    ----------
    session
        Over whose cine it is shown.
    name, colour
        Of the layer.
    contour
        Width of the outline in pixels; 0 fills what is shown.
    """

    def __init__(self, session: Session, name: str, colour: str, contour: int = OUTLINE_WIDTH) -> None:
        self._session = session
        self._name, self._colour, self._contour = name, colour, contour
        self._layer: Labels | None = None
        self._current: OpenCine | None = None

    @property
    def visible(self) -> bool:
        """Whether it is on screen."""
        return self._layer is not None and self._layer in self._session.viewer.layers and bool(self._layer.visible)

    def show(self, masks: NDArray[np.uint8]) -> None:
        """Show masks (T, Y, X) uint8 of the session's cine."""
        current = self._session.current
        if current is None:
            return
        self._session.layers_wanted.emit()
        viewer = self._session.viewer
        if self._layer is not None and (self._current is not current or self._layer not in viewer.layers):
            self.remove()
        if self._layer is None:
            self._layer = make_ghost(current.cine, masks, self._name, self._colour, self._contour)
            self._current = current
            active = viewer.layers.selection.active
            viewer.add_layer(self._layer)
            viewer.layers.selection.active = active
            return
        if self._layer.data is not masks:
            self._layer.data = masks
        self._layer.visible = True
        self.refresh()

    def refresh(self) -> None:
        """Draw the frame on screen anew."""
        if self.visible and self._layer is not None:
            self._layer.refresh(extent=False, thumbnail=False, highlight=False)

    def hide(self) -> None:
        """Take it off the screen."""
        if self._layer is not None:
            self._session.layers_wanted.emit()
            if self._layer.visible:
                self._layer.visible = False

    def remove(self) -> None:
        """Take it out of the layer list."""
        layer, self._layer, self._current = self._layer, None, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)
