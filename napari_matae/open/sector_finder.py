"""Finds sectors off the GUI thread: of a cine that came without one, and of the picture that a person chose in it.

A cine comes without one from napari's own menu, or from another plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.background.connections import connections_of
from napari_matae.background.events import Failed, Finished
from napari_matae.background.worker import EventWorker
from napari_matae.open.reading import Opened, open_events

if TYPE_CHECKING:
    from matae.cine import Cine
    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.session import Session

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
        self._region_worker = EventWorker(self)
        self._region_worker.came.connect(self._on_region)
        connections = connections_of(self)
        connections.connect(session.region_chosen, self._on_chosen)
        connections.connect(session.opened, self._on_opened)
        self._on_opened(session.current)

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is self._of and self._worker.is_running:
            return
        self._worker.drop()
        if current is not self._of:
            self._region_worker.drop()
        self._of = current
        if current is not None and current.found is None:
            self._worker.start(open_events, lambda: current.stated)

    def _on_event(self, event: object) -> None:
        from matae.segment.choice import choose_sector

        current = self._of
        if current is None or current is not self._session.current:
            return
        if isinstance(event, Opened):
            self._session.sector.take(event.sector)
        elif isinstance(event, Failed):
            self._session.sector.take(choose_sector(current.cine, "whole", "none"))
            self.said.emit(f"No sector was found, the whole picture is used: {event.text}")

    def _on_chosen(self, part: Cine) -> None:
        from matae.segment import find_sector

        self._region_worker.call(find_sector, part)  # of two choices the later one counts

    def _on_region(self, event: object) -> None:
        if isinstance(event, Failed):
            self.said.emit(f"The sector was not found in that picture: {event.text}")
            self._session.sector_changed.emit()  # the choice shows what is used
        elif isinstance(event, Finished):
            self._session.sector.take_region(event.value)
            for notice in event.value.notices:
                self.said.emit(notice)
