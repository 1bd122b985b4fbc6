"""What ``train`` says while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matae.train.loop import StepReport

__all__ = ["TrainingReporter"]


class TrainingReporter:
    """One line a validation, and on a terminal a bar with the time left."""

    def __init__(self, steps: int) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._steps = steps
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> TrainingReporter:
        if self._console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeElapsedColumn())
            left = TextColumn("{task.fields[left]}")
            self._progress = Progress(*columns, left, console=self._console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task("", total=self._steps, left="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def report(self, found: StepReport) -> None:
        """Say what a validation found, and how long the rest will take."""
        from matae.nn.widths import format_width

        seconds = found.seconds / max(found.step, 1) * (self._steps - found.step)
        left = f"{seconds / 60:.0f} min left" if seconds >= 60 else f"{seconds:.0f} s left"
        scores = ", ".join(f"{format_width(width)}: {score:.3f}" for width, score in found.dice.items())
        self._console.print(
            f"step {found.step}/{self._steps}, loss {found.loss:.4f}, Dice at width {scores}, {left}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        if self._progress is not None:
            self._progress.update(self._task, completed=found.step, left=left)
