"""Follows a retraining in its own process: a timer asks what happened, and nothing here ever waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_matae.background.connections import connections_of
from napari_matae.background.job import Job
from napari_matae.learn.tasks import OpenedRun, go_on, start, tidy_up

if TYPE_CHECKING:
    from pathlib import Path

    from matae.learn import LearnRun, RetrainOptions

__all__ = ["RunFollower"]

_POLL_MS = 100
_CLOSE_S = 2.0
"""How long a viewer that is closed waits for the run to put itself aside; its state on disk is whole at any instant."""


class RunFollower(QObject):  # type: ignore[misc]
    """One retraining at a time.

    Parameters
    ----------
    parent
        Qt parent.
    """

    began = Signal()
    """Its process was started."""
    happened = Signal(object)
    """An event of `matae.learn.events`; those of earlier sittings first."""
    refused = Signal(str)
    """It could not be started; a sentence."""
    ended = Signal(object)
    """The run (`matae.learn.LearnRun`) is over: it has a verdict, or a sentence why not."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run: LearnRun | None = None
        """The run that is followed, until it has ended."""
        # First of all that this object owns, so that it ends first: it asks whether the run is closing already.
        connections_of(self).when_closed(self._put_aside)
        self._opening, self._closing = Job(self), Job(self)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self.poll)
        self._opening.finished.connect(self._on_opened)
        self._opening.failed.connect(self.refused)
        self._closing.ended.connect(self._on_closed)

    @property
    def is_busy(self) -> bool:
        """Whether a run is being started, is under way, or is ending."""
        return self.run is not None or self._opening.is_running

    def start(self, target: str, options: RetrainOptions) -> None:
        """Start a new run on a study."""
        if not self.is_busy:
            self._opening.start(lambda _tick, stop: start(target, options, stop))

    def go_on(self, target: str, folder: Path) -> None:
        """Go on with one that was put aside."""
        if not self.is_busy:
            self._opening.start(lambda _tick, stop: go_on(target, folder, stop))

    def stop(self) -> None:
        """End the training; the best so far is kept and judged."""
        if self.run is not None:
            self.run.stop()

    def _put_aside(self) -> None:
        """Put the run aside: the viewer is closing."""
        run, self.run = self.run, None
        if run is not None and not self._closing.is_running:
            run.close(_CLOSE_S)

    def poll(self) -> None:
        """Take up what happened since the last time."""
        run = self.run
        if run is None or self._closing.is_running:
            return
        for event in run.poll():
            self.happened.emit(event)
        if run.over:
            self._timer.stop()
            # Its process may take a moment to go: whoever hears that it ended finds it gone.
            self._closing.start(lambda _tick, _stop: tidy_up(run))

    def _on_opened(self, opened: OpenedRun) -> None:
        self.run = opened.run
        self.began.emit()
        for event in opened.past:
            self.happened.emit(event)
        self._timer.start()

    def _on_closed(self) -> None:
        run, self.run = self.run, None
        self.ended.emit(run)
