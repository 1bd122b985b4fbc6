"""One run of a model over the open cine: the worker's events, counted and written into the session."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.segment import FrameMask
from napari_matae.background.events import Failed, Finished, Notice, Started
from napari_matae.background.worker import EventWorker
from napari_matae.segment.events import segment_events

if TYPE_CHECKING:
    from typing import Any

    from matae.segment import SegmentOptions
    from napari_matae.session.session import OpenCine, Session

__all__ = ["SegmentRun", "outwards"]


def outwards(here: int, n_frames: int) -> list[int]:
    """Return all frames, the one on screen first, then those nearest to it; of two as near the later one.

    Parameters
    ----------
    here
        0-based frame on screen.
    n_frames
        Frames in all.
    """
    return sorted(range(n_frames), key=lambda t: (abs(t - here), t < here))


class SegmentRun(QObject):  # type: ignore[misc]
    """Runs once, and tells how it goes.

    Nothing on screen changes before the model is loaded: a run that cannot start, or is cancelled before it does,
    leaves the masks as they were.

    Parameters
    ----------
    session
        Whose current cine is segmented; it must have one, with a sector.
    options
        Model, width, device.
    parent
        Qt parent.
    """

    changed = Signal()
    """Another frame is done."""
    noticed = Signal(str)
    """Something the user should know, while the run goes on."""
    finished = Signal(str)
    """The run is over: ``done``, ``cancelled`` or ``failed``."""

    def __init__(self, session: Session, options: SegmentOptions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        if session.current is None or session.current.sector is None:
            raise RuntimeError("there is nothing to segment")
        self._session, self._options = session, options
        self._target: OpenCine = session.current
        self._sector = session.current.sector
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self._on_worker_ended)
        self._go = threading.Event()
        self._began: float | None = None
        self.frames = self._order()
        self.seen = self.written = 0
        self._counted: set[int] = set()
        self.kept = self._target.cine.n_frames - len(self.frames)
        """Frames left alone because a person edited them."""
        self.seconds = 0.0
        self.what: dict[str, Any] = {}
        """Model, width, device and precision that ran."""
        self.error = ""
        self.notices: list[str] = []
        """What the user should know of the run once it is over, too."""

    def _order(self) -> list[int]:
        # What the user looks at comes first, then its neighbours on both sides.
        edited = set(self._target.edited_frames())
        return [t for t in outwards(self._session.frame, self._target.cine.n_frames) if t not in edited]

    def start(self) -> None:
        """Begin, off the GUI thread."""
        self._session.run_asked.emit()
        self._worker.start(segment_events, self._target.cine, self._sector, self.frames, self._options, self._go)

    def cancel(self) -> None:
        """End now. What is done stays; the thread ends by itself after the frames under way."""
        self._end("cancelled")

    @property
    def seconds_left(self) -> float | None:
        """Time left at the speed so far, or None before the first frame."""
        if self._began is None or not self.seen:
            return None
        return (time.perf_counter() - self._began) / self.seen * (len(self.frames) - self.seen)

    def _on_event(self, event: object) -> None:
        if isinstance(event, FrameMask):
            self._on_frame(event)
        elif isinstance(event, Started):
            if self._session.current is not self._target:
                self.cancel()
                return
            self._session.masks.begin_run()
            self._target.run = self.what = dict(event.what)
            self._began = time.perf_counter()
            self._go.set()
        elif isinstance(event, Notice):
            self.notices.append(event.text)
            self.noticed.emit(event.text)
        elif isinstance(event, Failed):
            self.error = event.text
            self._end("failed")
        elif isinstance(event, Finished):
            self.what = self._target.run = event.value
            self._end("done")

    def _on_frame(self, result: FrameMask) -> None:
        if self._session.current is not self._target:
            self.cancel()  # another cine was opened meanwhile
            return
        shown = self._session.masks.receive(result)
        if result.index not in self._counted:  # a second result of a frame takes the first away: no heart was there
            self._counted.add(result.index)
            self.seen += 1
            self.written, self.kept = self.written + shown, self.kept + (not shown)
        self.changed.emit()

    def _on_worker_ended(self) -> None:
        self.error = "The run ended without a word; try again, and report it if it happens twice."
        self._finish("failed")

    def _end(self, outcome: str) -> None:
        if self._worker.is_running:
            self._worker.drop()
            self._finish(outcome)

    def _finish(self, outcome: str) -> None:
        if self._began is not None:
            self.seconds = time.perf_counter() - self._began
        if self._session.current is self._target:
            if self._began is None:
                self._session.run_ended.emit()  # whoever heard that it was asked for waits no longer
            else:
                self._session.masks.end_run()
        self._go.set()
        self.finished.emit(outcome)
