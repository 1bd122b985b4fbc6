"""What ``segment`` says while it works."""

from __future__ import annotations

from typing import Any

import typer

from matae.cli.reporter import Reporter

__all__ = ["FileReporter"]

_KINDS = {"mask": "mask", "overlay": "overlay video", "still": "still picture", "record": "record"}


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


class FileReporter(Reporter):
    """Progress, and a quiet line a file."""

    _chosen = ""
    """Why the width and backend of the last clip were chosen; said once for all clips for which it holds."""

    _lasting: frozenset[str] = frozenset()
    """What concerns every clip and was said of one."""

    def say(self, result: Any) -> None:
        """Say where the results of a file are."""
        if not result.skipped:
            run, name = result.run, result.source.name
            self._line(
                f"{self._number()}{name}: {_frames(run['frames'])}, {run['frames_per_second']} a second, "
                f"{run['model']} at width {run['width']} on {run['device']}"
            )
            if run.get("auto", self._chosen) != self._chosen:
                self._chosen = run["auto"]
                self._line(f"{name}: {self._chosen}")
            if result.empty_frames:
                self._line(f"{name}: no left ventricle in {result.empty_frames} of {_frames(run['frames'])}.")
            for notice in result.notices:
                if notice not in self._lasting:
                    self._line(f"{name}: {notice}")
            self._lasting |= set(result.lasting)
        with self._paused():
            for kind, label in _KINDS.items():
                if kind in result.files:
                    typer.echo(f"{label:<14} {result.files[kind]}")
