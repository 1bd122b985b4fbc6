"""What ``benchmark`` says while it works, and its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BenchmarkReporter"]


class BenchmarkReporter:
    """On a terminal a bar that says what is measured; at the end the figures."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> BenchmarkReporter:
        if self._console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                console=self._console, transient=True,
            )  # fmt: skip
            self._progress.start()
            self._task = self._progress.add_task("", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show what is measured and how far it is."""
        if self._progress is not None:
            self._progress.update(self._task, description=what, completed=done, total=total)

    def notice(self, text: str) -> None:
        """Say what was left out or stands in the way."""
        self._console.print(text, markup=False, soft_wrap=True)

    def table(self, found: dict[str, Any]) -> None:
        """Print the figures."""
        typer.echo(f"{found['model']} on {found['device']}; frames a second, from picture to mask:")
        clips = list(found["open_s"])
        rates: dict[tuple[str, str, str], dict[str, str]] = {}
        for row in found["rates"]:
            head = row["width"], row["backend"], row["precision"]
            rates.setdefault(head, {})[row["clip"]] = f"{row['frames_per_second']['median']:.1f}"
        _print(
            [
                ("WIDTH", "BACKEND", "PRECISION", *clips),
                *((*head, *(values[clip] for clip in clips)) for head, values in rates.items()),
            ]
        )
        typer.echo("")
        first = found["first_mask_s"]
        figures = [(f"open a clip of {clip}", f"{found['open_s'][clip]['median'] * 1e3:.0f} ms") for clip in clips]
        figures.append((f"cold start to the first mask, width {first['width']}", f"{first['median']:.1f} s"))
        for key, label in (("peak_memory_mb", "peak memory"), ("gpu_memory_mb", "peak memory of the GPU")):
            if found[key] is not None:
                figures.append((label, f"{found[key]:.0f} MB"))
        _print(figures)


def _print(rows: Sequence[tuple[str, ...]]) -> None:
    sizes = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip())
