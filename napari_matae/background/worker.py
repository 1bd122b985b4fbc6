"""One worker at a time whose events are heard until it is dropped; the last may be a `Failed`, see there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal

from napari_matae.background.connections import Owned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from qtpy.QtCore import QObject

__all__ = ["EventWorker"]


class EventWorker(Owned):
    """Runs a generator of events off the GUI thread.

    Parameters
    ----------
    parent
        Qt parent.
    """

    came = Signal(object)
    """An event."""
    ended = Signal()
    """There will be no more; not said of a worker that was dropped."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: Any = None

    @property
    def is_running(self) -> bool:
        """Whether there will be more events."""
        return self._worker is not None

    def start(self, events: Callable[..., Iterator[Any]], *arguments: object) -> None:
        """Drop what is under way, and begin."""
        from napari.qt.threading import create_worker

        self.drop()
        self._worker = create_worker(events, *arguments, _start_thread=False)
        self._worker.yielded.connect(self._on_event)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()

    def drop(self) -> None:
        """Hear no more of what is under way."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.yielded.disconnect(self._on_event)
            worker.finished.disconnect(self._on_finished)
            worker.quit()

    def close(self) -> None:
        """Hear no more of what is under way, at the end of whoever owns this."""
        self.drop()

    def _on_event(self, event: object) -> None:
        self.came.emit(event)

    def _on_finished(self) -> None:
        self._worker = None
        self.ended.emit()
