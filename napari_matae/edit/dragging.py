"""A drag of the mouse that changes the mask on screen: live while it lasts, one step when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from matae.errors import MataeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_matae.session.session import Session

    Shape = Callable[[NDArray[np.float64]], NDArray[np.uint8]]

__all__ = ["Dragging"]


class Dragging(QObject):  # type: ignore[misc]
    """Turns drags over a layer into masks.

    The mouse moves more often than a mask can be made and drawn: only its last position counts.

    Parameters
    ----------
    session
        Whose frame on screen is changed.
    begin
        Called with the position (y, x) in pixels where a drag begins; returns what makes a mask of a position, or
        None to let the drag be.
    parent
        Qt parent.
    """

    ended = Signal(int)
    """A drag in a frame is over, and what it drew is recorded."""

    def __init__(
        self, session: Session, begin: Callable[[NDArray[np.float64]], Shape | None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._begin = session, begin
        self._layer: Layer | None = None
        self._shape: Shape | None = None
        self._frame = 0
        self._place: NDArray[np.float64] | None = None
        self.active = False
        """Whether drags mean anything to this tool."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._draw)

    def follow(self, layer: Layer | None) -> None:
        """Listen to drags over a layer."""
        if self._layer is not None and self._on_drag in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._on_drag)
        self._layer = layer
        if layer is not None:
            layer.mouse_drag_callbacks.append(self._on_drag)

    def close_down(self) -> None:
        """Stop listening."""
        self._timer.stop()
        self.follow(None)

    def _on_drag(self, layer: Layer, event: Any) -> Iterator[None]:
        if not self.active or event.button != 1:
            return
        place = _in_pixels(layer, event)
        shape = self._begin(place)
        if shape is None:
            return
        session = self._session
        self._shape, self._frame, session.paint.stroking = shape, session.frame, True
        try:
            yield
            while event.type == "mouse_move":
                self._place = _in_pixels(layer, event)
                if not self._timer.isActive():
                    self._timer.start()
                yield
            self._timer.stop()
            self._place = _in_pixels(layer, event)  # napari may swallow the last moves, but not the release
            self._draw()
        finally:
            self._shape, self._place, session.paint.stroking = None, None, False
        session.settle()
        self.ended.emit(self._frame)

    def _draw(self) -> None:
        if self._shape is None or self._place is None or self._session.frame != self._frame:
            return
        place, self._place = self._place, None
        try:
            mask = self._shape(place)
        except MataeError:
            return  # a drag passes through places that are no mask; the last sound one stands
        self._session.masks.draw(self._frame, mask)


def _in_pixels(layer: Layer, event: Any) -> NDArray[np.float64]:
    return np.asarray(layer.world_to_data(event.position), dtype=np.float64)[-2:]
