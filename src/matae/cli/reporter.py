"""How far a command with many files is: bars with the time left on a terminal, quiet lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from matae.jobs import Job

__all__ = ["Reporter", "duration"]

_EVERY = 30.0  # seconds between two lines on how long it will take, where no bar shows it


def duration(seconds: float) -> str:
    """Return a time as people say it: "40 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


class Reporter:
    """What many files have in common; a subclass says what came of one in `say`.

    Parameters
    ----------
    jobs
        What is to be done.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        from rich.console import Console

        self._console: Console = Console(stderr=True, highlight=False)
        self._count = len(jobs)
        self._done = self._kept = self._failed = 0
        self._began = self._told = time.monotonic()
        self._progress: Any = None
        self._files: Any = None
        self._frames: Any = None

    def __enter__(self) -> Reporter:
        self._began = self._told = time.monotonic()
        if self._console.is_terminal and self._count:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"),
                TimeRemainingColumn(), console=self._console, transient=True,
            )  # fmt: skip
            self._progress.start()
            if self._count > 1:
                self._files = self._progress.add_task("All", total=self._count, unit="files")
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def start(self, job: Any) -> None:
        """Show which file is being read."""
        if self._progress is not None:
            from rich.markup import escape

            self._end_frames()
            self._frames = self._progress.add_task(escape(job.ref.path.name), total=None, unit="frames")

    def progress(self, done: int, total: int) -> None:
        """Show how far the file is."""
        if self._progress is not None and self._frames is not None:
            self._progress.update(self._frames, completed=done, total=total)

    def finish(self, result: Any | None) -> None:
        """Say what came of a file; None for one that failed, which is named at the end."""
        self._done += 1
        self._failed += result is None
        self._kept += result is not None and result.skipped
        if self._progress is not None:
            self._end_frames()
            if self._files is not None:
                self._progress.update(self._files, completed=self._done)
        if result is not None:
            self.say(result)
        self._tell_rest()

    def say(self, result: Any) -> None:
        """Say where the results of a file are."""

    def note(self, text: str) -> None:
        """Say a sentence."""
        self._line(text)

    def _number(self) -> str:
        return f"[{self._done}/{self._count}] " if self._count > 1 else ""

    def _tell_rest(self) -> None:
        now = time.monotonic()
        worked = self._done - self._kept
        if self._progress is not None or now - self._told < _EVERY or not worked or self._done == self._count:
            return
        self._told = now
        left = (self._count - self._done) * (now - self._began) / worked
        failed = f", {self._failed} failed" if self._failed else ""
        self._line(f"{self._done} of {self._count} files{failed}; about {duration(left)} left.")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def _end_frames(self) -> None:
        if self._frames is not None:
            self._progress.remove_task(self._frames)
            self._frames = None

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        # The bars are redrawn over the last lines of the terminal: what is written meanwhile would be lost.
        if self._progress is None:
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()
