"""Compares two widths of the network over the whole clip, after it was outlined: what Review flags rests on it.

It has a thread of its own that gives way to everybody else, takes the frame on screen first, then end-diastole and
end-systole, then the rest, and ends as soon as another cine is opened or the model runs again.
"""

from __future__ import annotations

import atexit
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from matae.errors import MataeError
from matae.store.types import FrameStatus
from napari_matae.background.connections import connections_of
from napari_matae.segment.events import give_way, leave_a_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.phases import PhaseFinder
    from napari_matae.session.session import Session

__all__ = ["ClipWidths"]

_CALM_MS = 1500
"""So long after a run, or after a cine was opened, it begins."""
_TELL_MS = 400
"""How often what was found so far is shown."""
_END_S = 5.0
_running: WeakKeyDictionary[threading.Thread, threading.Event] = WeakKeyDictionary()


@atexit.register
def _end_all() -> None:
    """Let no thread be inside the network while the program ends under it."""
    threads = dict(_running)
    for stop in threads.values():
        stop.set()
    for thread in threads:
        thread.join(_END_S)


class ClipWidths(QObject):  # type: ignore[misc]
    """Fills `OpenCine.disagreement` of the session's cine, and says so by `Session.doubted`.

    Parameters
    ----------
    session
        Whose cine.
    finder
        Knows end-diastole and end-systole, which are looked at early.
    parent
        Qt parent.
    """

    ended = Signal()
    """A clip was compared as far as it goes; not said of one that was dropped."""
    _found = Signal(object, int, float)
    _over = Signal(object)

    def __init__(self, session: Session, finder: PhaseFinder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._finder = session, finder
        self._stop: threading.Event | None = None
        self._of: OpenCine | None = None
        self._calm, self._soon = (self._timer(_CALM_MS, self._begin), self._timer(_TELL_MS, self._tell))
        self._found.connect(self._take)
        self._over.connect(self._end)
        connections = connections_of(self)
        connections.connect(session.opened, self._on_opened)
        connections.connect(session.restored, self._begin_soon)
        connections.connect(session.run_began, self.drop)
        connections.connect(session.run_ended, self._begin_soon)
        connections.connect(session.written, self._on_written)
        connections.connect(session.sector_changed, self._give_way)
        connections.when_closed(self.drop)

    def _timer(self, milliseconds: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    @property
    def is_running(self) -> bool:
        """Whether a clip is being compared."""
        return self._stop is not None

    def drop(self) -> None:
        """End what is under way after the frame it is at; hear no more of it."""
        self._calm.stop()
        self._soon.stop()
        stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()

    # -- in the GUI thread --------------------------------------------------------------------------------

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is not self._of:  # else it is described anew: the same pixels, the same sector
            self.drop()
            self._of = current

    def _on_written(self, _: object, note: str) -> None:
        if note in ("undo", "redo"):  # another proposal may be in place of the one that was compared
            self._begin_soon()

    def _frames(self, current: OpenCine) -> list[int]:
        """Return the frames with a predicted mask not compared yet, those to look at first before the others."""
        predicted = current.predicted
        if predicted is None or current.labels is None:
            return []
        wanted = {
            t
            for t, status in current.status.items()
            if status is FrameStatus.MACHINE and t in current.proposed and np.isnan(current.compared[t])
        }
        phases = self._finder.phases_of(current)
        first = [t for t in (self._session.frame, phases.ed, phases.es) if t in wanted]
        return [*dict.fromkeys(t for t in first if t is not None), *sorted(wanted - set(first))]

    def _give_way(self) -> None:
        """Wait while an outline is dragged: the frame on screen follows it, and wants the processor."""
        if self.is_running:
            self.drop()
            self._begin_soon()

    def _begin_soon(self) -> None:
        self._calm.start()

    def _begin(self) -> None:
        current = self._session.current
        self.drop()
        if current is None or not current.ready or current.sector is None:
            return
        frames = [t for t in self._frames(current) if t in current.origins]
        if not frames or current.predicted is None:
            return
        self._stop = stop = threading.Event()
        predicted, origins = {t: current.predicted[t].copy() for t in frames}, dict(current.origins)
        cine, sector = current.cine, current.sector

        def compare(is_wanted: Callable[[int], bool]) -> Iterator[tuple[int, float]]:
            from matae.readers.network import apart_from_second, by_origin

            for origin, some in by_origin(origins, frames).items():
                with suppress(MataeError):  # another network has that name by now, or none: the others are asked
                    wanted = filter(is_wanted, some)
                    yield from apart_from_second(cine, sector, origin, predicted.__getitem__, wanted)

        thread = threading.Thread(target=self._run, args=(stop, compare), name="matae-widths", daemon=True)
        thread.start()
        _running[thread] = stop

    def _take(self, stop: threading.Event, frame: int, apart: float) -> None:
        current = self._session.current
        if stop is self._stop and current is not None and current is self._of:
            current.compared[frame] = apart
            if not self._soon.isActive():
                self._soon.start()

    def _tell(self) -> None:
        self._soon.stop()
        self._session.doubted.emit()

    def _end(self, stop: threading.Event) -> None:
        if stop is self._stop:
            self._stop = None
            self._tell()
            self.ended.emit()

    # -- in its own thread --------------------------------------------------------------------------------

    def _run(
        self, stop: threading.Event, compare: Callable[[Callable[[int], bool]], Iterator[tuple[int, float]]]
    ) -> None:
        give_way()
        # A model that was removed, a device that is gone, no memory: there is no second opinion then, and no harm done.
        with suppress(Exception):
            leave_a_core()
            for frame, apart in compare(lambda _: not stop.is_set()):
                if stop.is_set():
                    return
                self._found.emit(stop, frame, apart)
        with suppress(RuntimeError):  # the dock is gone
            self._over.emit(stop)
