"""Which frames of the labels layer a person draws in, whatever tool of napari's, or script, they do it with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_matae.background.connections import Connections

if TYPE_CHECKING:
    from napari_matae.session.cine_viewer import CineViewer
    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.signals import SessionSignals

__all__ = ["PaintWatcher"]


class PaintWatcher:
    """Notes in the cine on screen which of its frames were drawn in.

    Parameters
    ----------
    screen
        Where the cine is.
    tell
        Who is told that somebody draws.
    """

    def __init__(self, screen: CineViewer, tell: SessionSignals) -> None:
        self._cine_viewer, self._tell = screen, tell
        self._connections = Connections()
        self.stroking = False
        """A stroke is under way: it is recorded as one step when it ends."""

    def follow(self, current: OpenCine) -> None:
        """Listen to a cine's labels layer."""
        # A stroke emits labels_update; napari's own undo emits set_data, as does every change of frame; `paint` comes
        # before the pixels have changed.
        if current.labels is not None:
            self._connections.connect(current.labels.events.labels_update, self._on_drawn)
            self._connections.connect(current.labels.events.set_data, self._on_set_data)

    def unfollow(self) -> None:
        """Listen to no labels layer any more."""
        self._connections.close()

    def _on_drawn(self) -> None:
        screen = self._cine_viewer
        current, frame = screen.current, screen.frame
        if screen.is_ours or current is None:
            return
        current.drawn.add(frame)
        current.painted.add(frame)
        current.in_layer_history.add(frame)
        if current.measure(frame):
            self._tell.area_changed.emit()
        self._tell.touched.emit()

    def _on_set_data(self) -> None:
        screen = self._cine_viewer
        current, shown = screen.current, screen.shown
        if screen.is_ours or current is None or self.stroking or screen.frame != shown:
            return
        # The layer's own undo, called by a script: the keyboard cannot.
        changed = {t for t in current.in_layer_history if current.is_unrecorded(t)} - current.drawn
        if changed or shown in current.drawn:
            current.drawn |= changed
            current.measure(shown)
            self._tell.area_changed.emit()
            self._tell.touched.emit()
