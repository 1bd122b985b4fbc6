"""The bar of a clip that is segmented before it is measured."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(frames: int) -> Iterator[Callable[[int, int], None]]:
    """Give what moves a bar of the frames with the time left, on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    bar = Progress(
        BarColumn(), MofNCompleteColumn(), TextColumn("frames"), TimeRemainingColumn(), console=console,
        transient=True, disable=not (console.is_terminal and frames),
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=frames)
        yield lambda done, total: bar.update(task, completed=done, total=total)
