"""The one way off the GUI thread: one worker at a time whose events are heard until it is dropped.

napari's generator workers take a RuntimeError for a deleted Qt object and fall silent, and running out of GPU memory
is a RuntimeError. So nothing is ever raised in a worker: an error is the last event, a `Failed`.

Three threads are not workers, each for a reason: the study's (it lives as long as the study is open), the comparison
of two widths (it runs at the least priority), and the warm-up (no window waits for it, only the end of the process).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal

from napari_matae.background.connections import Owned
from napari_matae.background.events import Failed, Finished
from napari_matae.background.failure import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from qtpy.QtCore import QObject

__all__ = ["EventWorker", "guarded"]


class EventWorker(Owned):
    """Runs a generator of events, or a function, off the GUI thread.

    Parameters
    ----------
    parent
        Qt parent.
    """

    came = Signal(object)
    """An event: what the generator yielded, or one of `napari_matae.background.events`."""
    ended = Signal()
    """There will be no more; not said of a worker that was dropped."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: Any = None
        self._is_call = False

    @property
    def is_running(self) -> bool:
        """Whether there will be more events."""
        return self._worker is not None

    def start(self, events: Callable[..., Iterable[Any]], *arguments: object) -> None:
        """Drop what is under way, and begin.

        Parameters
        ----------
        events
            Called off the GUI thread; each event it yields is said by `came`, and an error as a `Failed`.
        arguments
            For it.
        """
        from napari.qt.threading import create_worker

        self.drop()
        self._is_call = False
        self._worker = create_worker(_run, events, arguments, _start_thread=False)
        self._worker.yielded.connect(self._on_event)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()

    def call(self, work: Callable[..., Any], *arguments: object) -> None:
        """Drop what is under way, and call a function: its one event is a `Finished` with what it returns.

        It is called even where it is dropped before its thread begins: somebody asked for what it does.
        """
        self.start(_returned, work, *arguments)
        self._is_call = True

    def drop(self) -> None:
        """Hear no more of what is under way."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.yielded.disconnect(self._on_event)
            worker.finished.disconnect(self._on_finished)
            if not self._is_call:
                worker.quit()

    def close(self) -> None:
        """Hear no more of what is under way, at the end of whoever owns this."""
        self.drop()

    def _on_event(self, event: object) -> None:
        self.came.emit(event)

    def _on_finished(self) -> None:
        self._worker = None
        self.ended.emit()


def guarded(events: Iterable[Any]) -> Iterator[Any]:
    """Yield events, and an error that stops them as one more, the last."""
    try:
        yield from events
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        yield Failed(explain(error), error)


def _run(events: Callable[..., Iterable[Any]], arguments: tuple[object, ...]) -> Iterator[Any]:
    yield from guarded(_called(events, arguments))


def _called(events: Callable[..., Iterable[Any]], arguments: tuple[object, ...]) -> Iterator[Any]:
    yield from events(*arguments)  # a function that is no generator may fail here


def _returned(work: Callable[..., Any], *arguments: object) -> Iterator[Finished]:
    yield Finished(work(*arguments))
