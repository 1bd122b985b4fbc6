"""TensorBoard event files of a run, where TensorBoard is installed; ``metrics.csv`` holds the same figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.extras import has_extra
from matae.nn.widths import format_width

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Any, Self

    from matae.train.loop import StepReport

__all__ = ["FOLDER", "Curves"]

FOLDER = "tensorboard"


class Curves:
    """The curves of one run.

    Parameters
    ----------
    out
        Folder of the run; the event files go into a folder in it.
    step
        Step the run goes on from: what an earlier, killed process wrote beyond it is hidden.
    """

    def __init__(self, out: Path, step: int = 0) -> None:
        self._writer: Any = None
        if has_extra("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(out / FOLDER), purge_step=step + 1)

    def add(self, report: StepReport) -> None:
        """Add a validation's figures."""
        if self._writer is None:
            return
        self._writer.add_scalar("loss", report.loss, report.step)
        for width, value in report.dice.items():
            self._writer.add_scalar(f"validation Dice/width {format_width(width)}", value, report.step)
        self._writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
