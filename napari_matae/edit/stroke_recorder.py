"""When a stroke is finished: at the release of the mouse, or when nothing was drawn for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from napari.layers import Labels

    from napari_matae.session.session import Session

__all__ = ["StrokeRecorder"]

_PAUSE_MS = 60
"""Drawing without the mouse (a fill, a polygon, another plugin) is one stroke until it pauses this long."""


class StrokeRecorder(QObject):  # type: ignore[misc]
    """Makes the session record each stroke as it ends.

    Parameters
    ----------
    session
        In whose labels layer is drawn.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._labels: Labels | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._on_pause)
        connections = connections_of(self)
        connections.connect(session.touched, self._on_touched)
        connections.connect(session.labels_changed, self._watch)
        connections.connect(session.opened, self._watch)
        connections.when_closed(self._finish)
        self._watch()

    def _finish(self) -> None:
        """Record what is drawn, and watch no more."""
        self._session.paint.stroking = False
        self._session.settle()
        self._unwatch()

    def _watch(self, _: object = None) -> None:
        current = self._session.current
        labels = None if current is None else current.labels
        if labels is self._labels:
            return
        self._unwatch()
        self._labels = labels
        if labels is not None:
            labels.mouse_drag_callbacks.append(self._on_drag)

    def _unwatch(self) -> None:
        labels, self._labels = self._labels, None
        if labels is not None and self._on_drag in labels.mouse_drag_callbacks:
            labels.mouse_drag_callbacks.remove(self._on_drag)

    def _on_drag(self, _: Labels, event: Any) -> Iterator[None]:
        """Follow a drag of the mouse, as napari asks: once for the press, for each move, and for the release."""
        self._session.paint.stroking = True
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self._session.paint.stroking = False
            # Only after napari's own callback for the release, which comes after this one.
            self._timer.start(0)

    def _on_touched(self) -> None:
        self._timer.start()

    def _on_pause(self) -> None:
        self._timer.setInterval(_PAUSE_MS)
        if self._session.paint.stroking:
            return  # the release of the mouse will end it
        self._session.masks.settle()
