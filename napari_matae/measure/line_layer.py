"""One line that a person draws over the picture: for an M-mode, or over the depth scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from typing import Any

    from napari.layers import Layer, Shapes
    from numpy.typing import NDArray

    from napari_matae.session.session import Session

__all__ = ["LineLayer"]


class LineLayer(QObject):  # type: ignore[misc]
    """A shapes layer that holds one line; the last one drawn counts.

    Parameters
    ----------
    session
        Over whose cine it is drawn.
    name, colour
        Of the layer.
    parent
        Qt parent.
    """

    changed = Signal()
    """A line was drawn, moved or taken away."""

    def __init__(self, session: Session, name: str, colour: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._name, self._colour = session, name, colour
        self._layer: Shapes | None = None
        self._before: Layer | None = None
        self._quiet = False
        connections = connections_of(self)
        connections.connect(session.viewer.layers.events.removed, self._on_removed)
        connections.when_closed(self.remove)

    @property
    def layer(self) -> Shapes | None:
        """The layer, while there is one."""
        return self._layer

    @property
    def line(self) -> NDArray[np.float64] | None:
        """Ends (or vertices) of the line, (N, 2) as (y, x) in pixels; None while there is none."""
        if self._layer is None or not self._layer.data:
            return None
        return np.asarray(self._layer.data[-1], np.float64)[:, -2:]

    def draw(self) -> None:
        """Let the person draw a line, or another one."""
        from napari.layers import Shapes

        current, viewer = self._session.current, self._session.viewer
        if current is None:
            return
        if self._layer is None:
            self._layer = Shapes(
                ndim=2,
                name=self._name,
                scale=current.cine.pixel_aspect,
                edge_color=self._colour,
                edge_width=max(1.0, max(current.cine.shape) / 200),
                face_color="transparent",
            )
            self._before = viewer.layers.selection.active
            viewer.add_layer(self._layer)
            self._layer.events.data.connect(self._on_data)
        else:
            self._before = viewer.layers.selection.active
        viewer.layers.selection.active = self._layer
        self._layer.mode = "add_line"

    def put(self, line: NDArray[np.float64]) -> None:
        """Show a line (N, 2) as (y, x) in pixels."""
        self.draw()
        if self._layer is not None:
            self._layer.add([np.asarray(line, float)], shape_type="path" if len(line) > 2 else "line")

    def adjust(self) -> None:
        """Let the person move the line by its ends."""
        if self._layer is not None and self._layer.data:
            self._session.viewer.layers.selection.active = self._layer
            self._layer.mode = "direct"

    def remove(self) -> None:
        """Take the line away."""
        layer = self._layer
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)
        self._layer = None  # also where the viewer's events are no longer heard

    def _on_data(self, event: Any) -> None:
        layer = self._layer
        if layer is None or self._quiet or str(getattr(event, "action", "")).split(".")[-1].lower() in _COMING:
            return
        if len(layer.data) > 1:
            self._quiet = True
            try:
                layer.data = layer.data[-1:]
            finally:
                self._quiet = False
        if str(layer.mode) == "add_line" and layer.data:
            # Done drawing: the keys and the mouse belong to the picture again.
            layer.mode = "pan_zoom"
            if self._before is not None and self._before in self._session.viewer.layers:
                self._session.viewer.layers.selection.active = self._before
        self.changed.emit()

    def _on_removed(self, event: Any) -> None:
        if event.value is self._layer:
            self._layer = None
            self.changed.emit()


_COMING = {"adding", "changing", "removing"}
"""What napari announces before it happens, with the data as they were."""
