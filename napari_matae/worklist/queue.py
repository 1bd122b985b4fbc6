"""Clips segmented and measured in the background, from the queue that the study keeps."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.exchange import Progress
from napari_matae.background.connections import connections_of
from napari_matae.background.job import Job
from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matae.segment import SegmentOptions
    from matae.worklist import Added
    from napari_matae.study.link import StudyLink

__all__ = ["QueueRunner"]

_SHOWN = 3  # sentences about single clips: more do not fit the bar


class QueueRunner(QObject):  # type: ignore[misc]
    """Adds clips to the queue of the open study and works it off, one clip after the other, in a process of its own.

    Closing the viewer ends that process; what it had goes back into the queue, and the next viewer, or
    ``napari-matae study segment``, goes on.

    Parameters
    ----------
    link
        The study.
    parent
        Qt parent.
    """

    changed = Signal()
    """It began, ended, or another clip is done."""
    done = Signal(object)
    """A clip ended (`matae.worklist.Done`)."""
    said = Signal(str)
    """A sentence for the user."""
    _ended_one = Signal(object)

    def __init__(self, link: StudyLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._leaving = threading.Event()
        self.adding = Job(self)
        self.working = Job(self)
        self.progress: Progress | None = None
        self.adding.finished.connect(self._on_added)
        for job in (self.adding, self.working):
            job.failed.connect(self.said)
            job.began.connect(self.changed)
            job.ended.connect(self.changed)
        self.working.progressed.connect(self._on_progress)
        self.working.finished.connect(lambda sentence: self.said.emit(str(sentence)))
        self._ended_one.connect(self.done)
        connections_of(self).when_closed(self._leaving.set)

    @property
    def is_running(self) -> bool:
        """Whether clips are being segmented."""
        return self.working.is_running

    @property
    def is_pausing(self) -> bool:
        """Whether it was told to pause and the clip under way is not done yet."""
        return self.working.is_stopping

    def add(self, paths: Sequence[Path]) -> None:
        """Put the clips of files and folders into the queue, off the GUI thread."""
        target = self._link.connection.opened_target
        if not target or not paths:
            return

        def work(_: Callable[[Progress], None], __: Callable[[], bool]) -> Added:
            from matae.worklist import add_paths

            with own_connection(target) as study:
                return add_paths(study, paths)

        self.adding.start(work)

    def start(self, options: SegmentOptions) -> None:
        """Segment what waits, until nothing does or it is paused."""
        target = self._link.connection.opened_target
        if not target or self.is_running:
            return
        self.progress, self._leaving = None, threading.Event()
        connections_of(self).when_closed(self._leaving.set)
        leaving, ended = self._leaving, self._ended_one

        def work(tick: Callable[[Progress], None], stop: Callable[[], bool]) -> str:
            from matae.worklist import WorkSettings, work_off

            began, n, failed = time.perf_counter(), 0, 0
            notices: list[str] = []
            with own_connection(target) as study:
                before = study.queue_counts()
                waiting = before.waiting + before.taken
                tick(Progress(0, waiting, None, "Clips"))
                for done in work_off(study, WorkSettings(options), paused=stop, leave=leaving.is_set):
                    n, failed = n + 1, failed + bool(done.problem)
                    notices += [f"{done.path.name}: {notice}" for notice in done.notices]
                    left = done.counts.waiting + done.counts.taken
                    seconds = (time.perf_counter() - began) / n * left
                    tick(Progress(n, n + left, seconds, "Clips"))
                    if not leaving.is_set():
                        ended.emit(done)
                counts = study.queue_counts()
            return " ".join([_summary(n, failed, counts.waiting, paused=stop()), *_some(notices)])

        self.working.start(work)

    def pause(self) -> None:
        """Begin no other clip; the one under way is finished."""
        self.working.stop()
        self.changed.emit()

    def _on_added(self, added: Added) -> None:
        self.said.emit(added.sentence)

    def _on_progress(self, progress: Progress) -> None:
        self.progress = progress
        self.changed.emit()


def _some(notices: list[str]) -> list[str]:
    """Return the first few sentences, and how many there are besides."""
    more = len(notices) - _SHOWN
    return [*notices[:_SHOWN], *([f"And {more} more like these."] if more > 0 else [])]


def _summary(n: int, failed: int, waiting: int, *, paused: bool) -> str:
    clips = "1 clip" if n == 1 else f"{n} clips"
    wrong = f", {failed} of them could not be segmented" if failed else ""
    if paused and waiting:
        return f"Paused: {clips} done{wrong}, {waiting} waiting. The queue stays in the study."
    if waiting:
        there = "1 clip waits whose file is" if waiting == 1 else f"{waiting} clips wait whose files are"
        return f"{clips} done{wrong}. {there} not on this computer: segment them where they are."
    return f"Nothing waits any more: {clips} done{wrong}."
