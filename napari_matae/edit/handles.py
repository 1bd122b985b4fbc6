"""Three handles on the contour, apex and mitral hinge points: readers disagree most there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_matae.edit.dragging import Dragging
from napari_matae.session.layers import make_handles
from napari_matae.session.open_cine import digest_of

if TYPE_CHECKING:
    from typing import Any

    from napari.layers import Points
    from numpy.typing import NDArray

    from matae.measure import Landmarks
    from napari_matae.session.session import Session

__all__ = ["Handles"]

_GRASP = 1 / 15
"""How near to a handle a drag must begin, as a share of the picture's shorter side."""


class Handles(QObject):  # type: ignore[misc]
    """Shows the landmarks of the mask on screen; dragging one reshapes the mask.

    Parameters
    ----------
    session
        Whose frame on screen is worked on.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._layer: Points | None = None
        self._found: Landmarks | None = None
        self._dragging = Dragging(session, self._begin, self)
        self._dragging.ended.connect(self._on_ended)
        session.frame_changed.connect(self._update)
        session.status_changed.connect(self._update)
        session.placed.connect(self._update)
        session.sector_changed.connect(self._update)

    def close_down(self) -> None:
        """Take the handles away and stop listening."""
        self._session.frame_changed.disconnect(self._update)
        self._session.status_changed.disconnect(self._update)
        self._session.placed.disconnect(self._update)
        self._session.sector_changed.disconnect(self._update)
        self._dragging.close_down()
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)

    @property
    def layer(self) -> Points | None:
        """The layer that shows them, if there is one."""
        return self._layer

    @property
    def positions(self) -> NDArray[np.float64] | None:
        """Apex, left and right hinge point (3, 2) as (y, x) in pixels; None where the mask has none."""
        return None if self._found is None else self._found.as_array()

    def show(self, *, on: bool) -> None:
        """Show or hide the handles."""
        self._dragging.active = on
        if on:
            self._update()
            if self._found is None:
                self.said.emit("There is no mask on this frame to hold: segment it, or draw it with the brush.")
        elif self._layer is not None:
            self._layer.visible = False

    def _update(self, _: object = None) -> None:
        """Put the handles where the mask on screen has its landmarks."""
        session, current = self._session, self._session.current
        if not self._dragging.active or session.paint.stroking or current is None or current.labels is None:
            return
        from matae.measure import landmarks

        down = current.sector is not None and current.sector.apex_down
        # Where a person left them, if the mask is still the one they belong to.
        self._found = current.placed(session.frame) or landmarks(
            current.mask(session.frame), current.cine.pixel_size, apex_down=down, label=1
        )
        if self._found is None:
            if self._layer is not None:
                self._layer.visible = False
            return
        self._place(self._found.as_array())

    def _place(self, points: NDArray[np.float64]) -> None:
        session, current = self._session, self._session.current
        if current is None:
            return
        viewer = session.viewer
        fits = self._layer is not None and np.allclose(self._layer.scale[-2:], current.cine.pixel_aspect)
        if self._layer is None or self._layer not in viewer.layers or not fits:
            if self._layer is not None and self._layer in viewer.layers:
                viewer.layers.remove(self._layer)
            self._layer = make_handles(current.cine, points)
            viewer.add_layer(self._layer)
            self._dragging.follow(self._layer)
        else:
            self._layer.data = points
        self._layer.visible = True
        self._layer.mouse_pan = False
        if viewer.layers.selection.active is not self._layer:
            viewer.layers.selection.active = self._layer

    def _on_ended(self, frame: int) -> None:
        self._session.placed.emit(frame)

    def _begin(self, start: NDArray[np.float64]) -> Any:
        """Return what turns a position of the handle nearest to where the drag begins into a mask."""
        from matae.edit import reshape

        current, found = self._session.current, self._found
        if current is None or current.labels is None or found is None:
            return None
        scale = np.asarray(current.cine.pixel_aspect)
        points = found.as_array()
        away = np.hypot(*((points - start) * scale).T)
        nearest = int(away.argmin())
        if away[nearest] > _GRASP * min(np.asarray(current.cine.shape) * scale):
            return None
        self._session.masks.tool = "handles"
        frame = self._session.frame
        base = current.mask(frame).copy()
        known = dict(current.by_hand.get(frame, {}))

        def shape(place: NDArray[np.float64]) -> NDArray[np.uint8]:
            moved = points.copy()
            moved[nearest] = points[nearest] + place - start
            after = type(found).from_array(moved, by_hand=True)
            mask: NDArray[np.uint8] = reshape(base, found, after)
            current.by_hand[frame] = {**known, digest_of(mask): after}  # not those it passed through
            if self._layer is not None:
                self._layer.data = moved
            return mask

        return shape
