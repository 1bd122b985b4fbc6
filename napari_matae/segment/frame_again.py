"""The frame on screen, segmented again as soon as its sector is another: the user sees what the outline does."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from matae.segment import FrameMask
from matae.store.types import FrameStatus
from napari_matae.background.connections import connections_of
from napari_matae.background.events import Started
from napari_matae.background.worker import EventWorker
from napari_matae.segment.events import again_events

if TYPE_CHECKING:
    from typing import Any

    from matae.segment import Sector, SegmentOptions
    from napari_matae.session.session import OpenCine, Session

__all__ = ["FrameAgain"]

_TOGETHER_S = 0.06
"""So long the window waits for the mask, so that one picture shows it together with its outline.

Drawn in between, the whole window would stand in the mask's way, and where no graphics card draws it that takes longer
than the network.
"""
_DRAGGED_MS = 500  # without another outline, the drag is over: what it changed is one step


class FrameAgain(QObject):  # type: ignore[misc]
    """Follows the sector of a cine that was segmented; one frame at a time, the latest outline.

    A frame that a person has taken is left alone, and so is one that no model has seen.

    Parameters
    ----------
    session
        Whose sector is followed.
    parent
        Qt parent.
    """

    done = Signal(int)
    """A frame was segmented again."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.options: SegmentOptions | None = None
        """What the last run ran; none of it here before there was one."""
        self._paused = False
        self._target: OpenCine | None = None
        self._what: dict[str, Any] = {}
        self._wanted: Sector | None = None
        self._seen: tuple[OpenCine, Sector] | None = None
        self._arrived: threading.Event | None = None
        """Of the mask that the worker was begun for last, until it was waited for."""
        self._began = 0.0
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self._on_ended)
        self._over = QTimer(self)
        self._over.setSingleShot(True)
        self._over.setInterval(_DRAGGED_MS)
        self._over.timeout.connect(self._record)
        connections = connections_of(self)
        connections.connect(session.sector_taken, self._on_sector)
        connections.connect(session.sector_changed, self._wait_for_mask)
        connections.connect(session.opened, self._on_opened)
        connections.when_closed(self.pause)

    def pause(self) -> None:
        """Leave the model to a run."""
        self._paused, self._wanted = True, None
        self._worker.drop()
        self._record()

    def go_on(self) -> None:
        """Follow the sector again; the run saw it as it is now."""
        self._paused = False
        current = self._session.current
        if current is not None and current.sector is not None:
            self._seen = (current, current.sector)

    def _on_sector(self) -> None:
        current = self._session.current
        if self._paused or self.options is None or current is None or current.sector is None or not current.run:
            return
        if self._seen is None or self._seen[0] is not current:
            return  # nothing ran here in this sitting
        self._wanted = current.sector
        if not self._worker.is_running:
            self._start()

    def _wait_for_mask(self) -> None:
        """Let what the worker is about to bring come before the window is drawn."""
        arrived, self._arrived = self._arrived, None
        if arrived is not None and self._worker.is_running:
            arrived.wait(_TOGETHER_S - (time.perf_counter() - self._began))

    def _start(self) -> None:
        current, sector = self._session.current, self._wanted
        self._wanted = None
        if current is None or sector is None or self.options is None or self._seen is None:
            return
        frame = self._session.frame
        if current is not self._seen[0] or current.status.get(frame) is not FrameStatus.MACHINE:
            return
        if current.is_manual(frame) or _alike(sector, self._seen[1]):
            return
        self._target, self._seen = current, (current, sector)
        self._arrived, self._began = threading.Event(), time.perf_counter()
        self._worker.start(again_events, current.cine, sector, frame, self.options, self._arrived)

    def _on_event(self, event: object) -> None:
        # What fails here is said by the run that follows; the outline is being dragged now.
        if isinstance(event, Started):
            self._what = dict(event.what)  # where it is chosen, the width may be another than the last run's
        if not isinstance(event, FrameMask) or self._session.current is not self._target or self._paused:
            return
        if self._session.paint.stroking:
            return
        self._session.masks.begin_run()
        if self._target is not None:
            self._target.run = self._what
        self._session.masks.receive(event)
        self._over.start()
        self.done.emit(event.index)

    def _record(self) -> None:
        """Put what a drag changed into the history, as one step."""
        if self._over.isActive() or self.sender() is self._over:
            self._over.stop()
            if self._session.current is self._target:
                self._session.masks.end_run()

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is not self._target:
            self._wanted = None
            self._over.stop()

    def _on_ended(self) -> None:
        self._start()  # the outline went on while this one was computed


def _alike(a: Sector, b: Sector) -> bool:
    return a.apex_down == b.apex_down and a.polygon.shape == b.polygon.shape and bool((a.polygon == b.polygon).all())
