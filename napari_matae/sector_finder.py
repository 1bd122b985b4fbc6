"""Finds the sector of a cine that came without one, off the GUI thread: by napari's own menu, or by another plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.event_worker import EventWorker
from napari_matae.workers import Failed, Opened, look_events

if TYPE_CHECKING:
    from napari_matae.open_cine import OpenCine
    from napari_matae.session import Session

__all__ = ["SectorFinder"]


class SectorFinder(QObject):  # type: ignore[misc]
    """Looks for the sector of the session's cine where nobody did when it was read.

    Parameters
    ----------
    session
        Where cines are opened.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._of: OpenCine | None = None
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        session.opened.connect(self._on_opened)
        self._on_opened(session.current)

    def close_down(self) -> None:
        """Stop listening."""
        self._session.opened.disconnect(self._on_opened)
        self._worker.drop()

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is self._of and self._worker.is_running:
            return
        self._worker.drop()
        self._of = current
        if current is not None and current.found is None:
            self._worker.start(look_events, current.stated)

    def _on_event(self, event: object) -> None:
        from matae.segment.choice import choose_sector

        current = self._of
        if current is None or current is not self._session.current:
            return
        if isinstance(event, Opened):
            self._session.take_sector(event.sector)
        elif isinstance(event, Failed):
            self._session.take_sector(choose_sector(current.cine, "whole", "none"))
            self.said.emit(f"No sector was found, the whole picture is used: {event.text}")
