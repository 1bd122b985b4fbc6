"""Runs that were put aside, by a viewer that was closed or killed: go on with one, or discard it."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.learn import RunInfo

__all__ = ["UnfinishedRuns"]


class UnfinishedRuns(QWidget):  # type: ignore[misc]
    """One line and two buttons for each run; hidden while there is none.

    Parameters
    ----------
    parent
        Qt parent.
    """

    go_on_wanted = Signal(object)
    """A run's folder."""
    discard_wanted = Signal(object)
    """A run's folder; the person said so twice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._runs: tuple[RunInfo, ...] = ()
        self.rows: list[_Row] = []
        self.hide()

    def show_runs(self, runs: Sequence[RunInfo]) -> None:
        """Offer these runs."""
        if tuple(runs) != self._runs:
            self._runs = tuple(runs)
            for row in self.rows:
                self._column.removeWidget(row)
                row.hide()
                row.deleteLater()
            self.rows = [_Row(run, self) for run in runs]
            for row in self.rows:
                row.go_on_button.clicked.connect(partial(self._say, self.go_on_wanted, row))
                row.discarded.connect(partial(self._say, self.discard_wanted, row))
                self._column.addWidget(row)
        self.setVisible(bool(self._runs))

    def _say(self, signal: Signal, row: _Row, _: object = None) -> None:
        signal.emit(row.run.folder)


class _Row(QWidget):  # type: ignore[misc]
    discarded = Signal()

    def __init__(self, run: RunInfo, parent: QWidget) -> None:
        super().__init__(parent)
        self.run = run
        self.words = QLabel(_words(run), self)
        self.words.setWordWrap(True)
        self.go_on_button = QPushButton("Go on", self)
        self.go_on_button.setToolTip("Take the run up where it was left; the result is the same as without the pause.")
        self.discard_button = QPushButton("Discard", self)
        self.discard_button.setToolTip("Delete the run for good. A model that it has made already stays, under Models.")
        self.discard_button.clicked.connect(self._discard)
        self._sure = False
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 4)
        grid.addWidget(self.words, 0, 0, 1, 2)
        grid.addWidget(self.go_on_button, 1, 0)
        grid.addWidget(self.discard_button, 1, 1)
        for button in (self.go_on_button, self.discard_button):
            button.setEnabled(not run.under_way)

    def _discard(self) -> None:
        if not self._sure:  # hours may be in it
            self._sure = True
            self.discard_button.setText("Really discard?")
            return
        self.discarded.emit()


def _words(run: RunInfo) -> str:
    begun = ""
    with suppress(ValueError):
        at = time.strptime(run.folder.name[:15], "%Y%m%d-%H%M%S")
        begun = time.strftime(", begun on %Y-%m-%d at %H:%M", at)
    if run.under_way:
        return f"{run.name} is being trained in another window or terminal{begun}."
    return f"{run.name} is unfinished{begun}. Nothing of it is lost."
