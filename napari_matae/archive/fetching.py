"""Looking for clips in an archive or a folder, and bringing them into the queue of the study, off the GUI thread."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.exchange import Progress
from napari_matae.background.job import Job
from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matae.clinic import ClipEntry, ClipList
    from matae.pacs import Address, ClipQuery
    from napari_matae.study.link import StudyLink

    Tick = Callable[[Progress], None]
    Stop = Callable[[], bool]

__all__ = ["ArchiveFetcher"]


class ArchiveFetcher(QObject):  # type: ignore[misc]
    """One search and one transfer at a time; a transfer goes on when its window is closed.

    Parameters
    ----------
    link
        The study that clips come into.
    parent
        Qt parent.
    """

    found = Signal(object)
    """What is there (`matae.clinic.ClipList`)."""
    said = Signal(str)
    """A sentence for the user."""
    changed = Signal()
    """Something began, ended, was paused or goes on."""
    arrived = Signal()
    """Clips are in the queue of the study."""

    def __init__(self, link: StudyLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._paused = threading.Event()
        self.searching, self.fetching = Job(self), Job(self)
        self.searching.finished.connect(self.found)
        self.fetching.finished.connect(self._on_fetched)
        self.fetching.progressed.connect(lambda _: self.arrived.emit())
        for job in (self.searching, self.fetching):
            job.failed.connect(self.said)
            job.stopped.connect(self.said)
            job.began.connect(self.changed)
            job.ended.connect(self.changed)

    @property
    def is_paused(self) -> bool:
        """Whether the transfer waits to go on."""
        return self.fetching.is_running and self._paused.is_set()

    def search(self, address: Address, query: ClipQuery) -> None:
        """Look for clips in an archive."""

        def work(_: Tick, __: Stop) -> ClipList:
            from matae.clinic import ClipList
            from matae.pacs import connect, find_clips

            with connect(address) as connection:
                return ClipList(tuple(find_clips(connection, query)))

        self.searching.start(work)

    def list_folder(self, path: Path) -> None:
        """List the clips of a folder or a medium."""

        def work(_: Tick, __: Stop) -> ClipList:
            from matae.clinic import list_clips

            return list_clips(path)

        self.searching.start(work)

    def fetch(self, address: Address, clips: Sequence[ClipEntry], folder: Path) -> None:
        """Fetch clips of an archive into a folder and into the queue; see `matae.worklist.fetch_into`."""
        self._paused.clear()
        target, paused, wanted = self._link.connection.opened_target, self._paused.is_set, tuple(clips)

        def work(tick: Tick, stop: Stop) -> str:
            from matae.pacs import connect
            from matae.worklist import fetch_into

            began = time.perf_counter()

            def progress(done: int, total: int) -> None:
                left = None if not done else (time.perf_counter() - began) / done * (total - done)
                tick(Progress(done, total, left, "Clips"))

            with own_connection(target) as study, connect(address) as connection:
                return fetch_into(
                    study, connection, wanted, folder, progress=progress, paused=paused, should_stop=stop
                ).sentence

        self.fetching.start(work)

    def add_files(self, paths: Sequence[Path]) -> None:
        """Put files, which lie where they are, into the queue."""
        self._paused.clear()
        target = self._link.connection.opened_target

        def work(_: Tick, __: Stop) -> str:
            from matae.worklist import add_paths

            with own_connection(target) as study:
                return add_paths(study, paths).sentence

        self.fetching.start(work)

    def pause(self, *, on: bool) -> None:
        """Begin no other clip, or go on."""
        if on:
            self._paused.set()
        else:
            self._paused.clear()
        self.changed.emit()

    def _on_fetched(self, sentence: str) -> None:
        self.arrived.emit()
        self.said.emit(sentence)
