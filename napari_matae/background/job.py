"""A longer piece of work off the GUI thread: how far it is, how it ended, and a request to stop."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal

from napari_matae.background.connections import Owned
from napari_matae.background.failure import Failed, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from qtpy.QtCore import QObject

    from matae.exchange import Progress

    Work = Callable[[Callable[[Progress], None], Callable[[], bool]], Any]

__all__ = ["Job"]


@dataclass(frozen=True, eq=False)
class _Finished:
    value: Any


class Job(Owned):
    """Does one thing at a time, in a worker; see `napari_matae.background.failure` for why nothing is raised there.

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
        self._worker: Any = None
        self._stop = threading.Event()
        self._ticked.connect(self._on_ticked)

    @property
    def is_running(self) -> bool:
        """Whether it is at work."""
        return self._worker is not None

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop and has not yet."""
        return self._worker is not None and self._stop.is_set()

    def start(self, work: Work) -> None:
        """Begin.

        Parameters
        ----------
        work
            Gets a function to tell how far it is, and one to ask whether to stop.
        """
        from napari.qt.threading import create_worker

        if self._worker is not None:
            return
        self._stop = stop = threading.Event()

        def tick(progress: Progress) -> None:
            if not stop.is_set():  # afterwards this object may be gone
                self._ticked.emit(progress)

        self._worker = create_worker(_events, work, tick, stop.is_set, _start_thread=False)
        self._worker.yielded.connect(self._on_event)
        self._worker.finished.connect(self._on_worker_finished)
        self._worker.start()
        self.began.emit()

    def stop(self) -> None:
        """Ask it to stop; it does so at the next frame or clip, and then says so."""
        self._stop.set()

    def close(self) -> None:
        """Ask it to stop, and do not listen any more."""
        self._stop.set()
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.yielded.disconnect(self._on_event)
            worker.finished.disconnect(self._on_worker_finished)

    close_down = close

    def _on_ticked(self, progress: Progress) -> None:
        if self._worker is not None and not self._stop.is_set():
            self.progressed.emit(progress)

    def _on_event(self, event: object) -> None:
        self._end()
        if isinstance(event, _Finished):
            self.finished.emit(event.value)
        elif isinstance(event, Failed):
            (self.stopped if self._stop.is_set() else self.failed).emit(event.text)
        self.ended.emit()

    def _on_worker_finished(self) -> None:
        if self._worker is not None:
            self._end()
            self.failed.emit("The work ended without a word; try again, and report it if it happens twice.")
            self.ended.emit()

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.yielded.disconnect(self._on_event)
            worker.finished.disconnect(self._on_worker_finished)


def _events(
    work: Work, tick: Callable[[Progress], None], should_stop: Callable[[], bool]
) -> Iterator[_Finished | Failed]:
    try:
        yield _Finished(work(tick, should_stop))
    except Exception as error:  # noqa: BLE001 - see napari_matae.background.failure
        yield Failed(explain(error))
