"""Clips of an archive (PACS) into the queue of a study: fetched one by one, and each in the queue once it is there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import PacsError
from matae.pacs.clips import fetch_clip
from matae.worklist.add import add_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matae.clinic.listing import ClipEntry
    from matae.pacs.connection import Connection
    from matae.store import Study

__all__ = ["Fetched", "fetch_into"]

_PAUSE_S = 0.1


@dataclass(frozen=True)
class Fetched:
    """What came of fetching clips.

    Parameters
    ----------
    asked
        Clips that were to be fetched.
    added
        Clips that are new in the queue.
    known
        Clips that the study or its queue had already.
    failures
        Clips that could not be had, by instance UID, and why.
    stopped
        It was stopped before it was done; what had come is in the queue.
    """

    asked: int
    added: int
    known: int
    failures: tuple[tuple[str, str], ...] = ()
    stopped: bool = False

    @property
    def sentence(self) -> str:
        """What was done, for the user."""
        parts = [f"{self.added} of {self.asked} {'clip' if self.asked == 1 else 'clips'} added to the queue"]
        if self.known:
            parts.append(f"{self.known} there already")
        if self.failures:
            parts.append(f"{len(self.failures)} could not be fetched")
        said = f"{'Stopped: ' if self.stopped else ''}{', '.join(parts)}."
        return f"{said} {self.failures[0][1]}" if self.failures else said


def fetch_into(
    study: Study,
    connection: Connection,
    clips: Sequence[ClipEntry],
    folder: Path,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    paused: Callable[[], bool] = lambda: False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fetched:
    """Fetch clips into a folder, and put each into the queue of a study as soon as it has come.

    Nothing is fetched twice: a clip whose file is in the folder is taken from there. So what was stopped, or ended with
    the program, goes on where it was when it is asked for again.

    Parameters
    ----------
    study
        Whose queue.
    connection
        As `matae.pacs.connect` gives it.
    clips
        As `matae.pacs.find_clips` gives them.
    folder
        Where the files go, under their instance UIDs; made where it is not there.
    progress
        Called with (clips done, in all).
    paused
        Asked before each clip: as long as it says so, none is begun.
    should_stop
        Asked before each clip, and while it is paused.

    Raises
    ------
    PacsError
        If the archive answers no more.
    OutputError
        If the folder cannot be written to.
    StoreError
        If the study cannot be written to.
    """
    added = known = 0
    failures: list[tuple[str, str]] = []
    for done, clip in enumerate(clips):
        progress(done, len(clips))
        while paused() and not should_stop():
            time.sleep(_PAUSE_S)
        if should_stop():
            return Fetched(len(clips), added, known, tuple(failures), stopped=True)
        try:
            path = fetch_clip(connection, clip, folder)
        except PacsError as error:
            connection.check()  # an archive that is gone fails every clip alike: said once, and nothing else is asked
            failures.append((clip.instance_uid, str(error)))
            continue
        found = add_paths(study, [path])
        added, known = added + found.added, known + found.known
        failures += [(clip.instance_uid, failure.message) for failure in found.failures]
    progress(len(clips), len(clips))
    return Fetched(len(clips), added, known, tuple(failures))
