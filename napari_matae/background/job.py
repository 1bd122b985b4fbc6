"""A longer piece of work off the GUI thread: how far it is, how it ended, and a request to stop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal

from napari_matae.background.connections import Owned
from napari_matae.background.events import Failed, Finished
from napari_matae.background.worker import EventWorker

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from qtpy.QtCore import QObject

    from matae.exchange import Progress

    Work = Callable[[Callable[[Progress], None], Callable[[], bool]], Any]

__all__ = ["Job"]


class Job(Owned):
    """Does one thing at a time, in a worker.

    Parameters
    ----------
    parent
        Qt parent.
    """

    began = Signal()
    """It has started."""
    progressed = Signal(object)
    """How far it is (`matae.exchange.Progress`)."""
    finished = Signal(object)
    """It is done; what it returned."""
    failed = Signal(str)
    """It went wrong; a sentence for the user."""
    stopped = Signal(str)
    """It was stopped before it was done; a sentence for the user."""
    ended = Signal()
    """It is over, however it ended; said last."""
    _ticked = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self._on_worker_ended)
        self._stop = threading.Event()
        self._ticked.connect(self._on_ticked)

    @property
    def is_running(self) -> bool:
        """Whether it is at work."""
        return self._worker.is_running

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop and has not yet."""
        return self.is_running and self._stop.is_set()

    def start(self, work: Work) -> None:
        """Begin.

        Parameters
        ----------
        work
            Gets a function to tell how far it is, and one to ask whether to stop.
        """
        if self.is_running:
            return
        self._stop = stop = threading.Event()

        def tick(progress: Progress) -> None:
            if not stop.is_set():  # afterwards this object may be gone
                self._ticked.emit(progress)

        self._worker.call(work, tick, stop.is_set)
        self.began.emit()

    def stop(self) -> None:
        """Ask it to stop; it does so at the next frame or clip, and then says so."""
        self._stop.set()

    def close(self) -> None:
        """Ask it to stop, and do not listen any more."""
        self._stop.set()
        self._worker.drop()

    def _on_ticked(self, progress: Progress) -> None:
        if self.is_running and not self._stop.is_set():
            self.progressed.emit(progress)

    def _on_event(self, event: object) -> None:
        self._worker.drop()  # whoever hears of the end may start another
        if isinstance(event, Finished):
            self.finished.emit(event.value)
        elif isinstance(event, Failed):
            (self.stopped if self._stop.is_set() else self.failed).emit(event.text)
        self.ended.emit()

    def _on_worker_ended(self) -> None:
        self.failed.emit("The work ended without a word; try again, and report it if it happens twice.")
        self.ended.emit()
