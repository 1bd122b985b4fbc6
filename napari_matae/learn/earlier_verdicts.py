"""Verdicts of runs that are over, kept in their folders: read one again, the last of a study by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_matae.background.job import Job
from napari_matae.learn.tasks import open_verdict
from napari_matae.verdict.wording import sign
from napari_matae.widgets.layout import combo_box

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matae.learn import FinishedRun

__all__ = ["EarlierVerdicts", "judged_at"]


class EarlierVerdicts(QWidget):  # type: ignore[misc]
    """A list of verdicts, the newest first; hidden while there is none but the one on show.

    Parameters
    ----------
    parent
        Qt parent.
    """

    opened = Signal(object)
    """A verdict was read (`napari_matae.learn.tasks.OpenedVerdict`)."""
    failed = Signal(str)
    """It could not be; a sentence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.runs: tuple[FinishedRun, ...] = ()
        """Those to choose from, the newest first."""
        self._shown: Path | None = None
        self.job = Job(self)
        self.job.finished.connect(self.opened)
        self.job.failed.connect(self._on_failed)
        self.choice = combo_box(self, letters=12)
        self.choice.setAccessibleName("Earlier runs")
        self.choice.setPlaceholderText("Choose one…")
        self.choice.setToolTip(
            "✓ better, ≈ no clear difference, ✗ worse, ? not comparable. The last one is shown again when a study is "
            "opened."
        )
        self.choice.activated.connect(self._on_chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Earlier verdicts", self))
        row.addWidget(self.choice, stretch=1)
        self.hide()

    def show_runs(self, runs: Sequence[FinishedRun], shown: Path | None) -> None:
        """Offer the verdicts of these runs; `shown` is the folder of the one on show, if any."""
        if tuple(runs) != self.runs:
            self.runs = tuple(runs)
            self.choice.clear()
            for run in self.runs:
                self.choice.addItem(f"{sign(run.outcome)} {run.name}, {judged_at(run)}")
        self._shown = shown
        self.choice.setCurrentIndex(next((i for i, run in enumerate(self.runs) if run.folder == shown), -1))
        self.setVisible(any(run.folder != shown for run in self.runs))

    def open(self, run: FinishedRun) -> None:
        """Read a verdict, off the GUI thread."""
        self.job.start(partial(_work, run))

    def _on_chosen(self, place: int) -> None:
        if self.job.is_running:  # the one that is being read comes
            self.show_runs(self.runs, self._shown)
        else:
            self.open(self.runs[place])

    def _on_failed(self, sentence: str) -> None:
        self.show_runs(self.runs, self._shown)
        self.failed.emit(sentence)


def _work(run: FinishedRun, _tick: object, _stop: object) -> object:
    return open_verdict(run)


def judged_at(run: FinishedRun) -> str:
    """Return when a run was judged, by the clock on the wall."""
    return f"{run.time.astimezone():%Y-%m-%d %H:%M}"
