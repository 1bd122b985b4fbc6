"""What ``segment`` says while it works."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from matae.jobs import FileJob, FileResult

__all__ = ["FileReporter"]

_KINDS = {"mask": "mask", "overlay": "overlay video", "still": "still picture", "record": "record"}


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


class FileReporter:
    """Progress bars with the time left on a terminal, one quiet line a file elsewhere."""

    def __init__(self, jobs: Sequence[FileJob]) -> None:
        from rich.console import Console

        self._console: Console = Console(stderr=True, highlight=False)
        self._count = len(jobs)
        self._chosen = ""
        self._done = 0
        self._progress: Any = None
        self._files: Any = None
        self._frames: Any = None

    def __enter__(self) -> FileReporter:
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

    def start(self, job: FileJob) -> None:
        """Show which file is being read."""
        if self._progress is not None:
            from rich.markup import escape

            self._end_frames()
            self._frames = self._progress.add_task(escape(job.ref.path.name), total=None, unit="frames")

    def progress(self, done: int, total: int) -> None:
        """Show how far the file is."""
        if self._progress is not None and self._frames is not None:
            self._progress.update(self._frames, completed=done, total=total)

    def finish(self, result: FileResult | None) -> None:
        """Say where the results of a file are."""
        self._done += 1
        if self._progress is not None:
            self._end_frames()
            if self._files is not None:
                self._progress.update(self._files, completed=self._done)
        if result is None:
            return
        run, name = result.run, result.source.name
        count = f"[{self._done}/{self._count}] " if self._count > 1 else ""
        self._line(
            f"{count}{name}: {_frames(run['frames'])}, {run['frames_per_second']} a second, "
            f"{run['model']} at width {run['width']} on {run['device']}"
        )
        if run.get("auto", self._chosen) != self._chosen:
            self._chosen = run["auto"]
            self._line(f"{name}: {self._chosen}")
        if result.empty_frames:
            self._line(f"{name}: no left ventricle in {result.empty_frames} of {_frames(run['frames'])}.")
        for notice in result.notices:
            self._line(f"{name}: {notice}")
        with self._paused():
            for kind, label in _KINDS.items():
                if kind in result.files:
                    typer.echo(f"{label:<14} {result.files[kind]}")

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
