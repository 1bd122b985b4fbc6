"""Compare any two models on a side of the open study."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from matae.learn.options import ComparisonOptions
from napari_matae.background.connections import connections_of
from napari_matae.background.job import Job
from napari_matae.models.tasks import compare
from napari_matae.verdict.wording import headline
from napari_matae.widgets.job_bar import JobBar
from napari_matae.widgets.layout import combo_box, wrapped
from napari_matae.widgets.option_form import OptionForm
from napari_matae.workspace.study_ready import why_not_ready

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.learn.verdict import Verdict
    from napari_matae.verdict.window import VerdictWindow
    from napari_matae.workspace.workspace import Workspace

__all__ = ["CompareForm"]

_PURPOSE = "Models are compared on its corrected frames."


class CompareForm(QWidget):  # type: ignore[misc]
    """Two models, a side, and a button.

    Made from `matae.learn.options.ComparisonOptions`; the models are those on this computer.

    Parameters
    ----------
    workspace
        Whose study.
    parent
        Qt parent.
    """

    compared = Signal(object)
    """They are compared (`matae.learn.Verdict`), and the window with it is open."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.window_: VerdictWindow | None = None
        """What was compared last, while its window is open."""
        self.before, self.after = (combo_box(self, letters=12) for _ in range(2))
        models = {"before": self.before, "after": self.after}
        form = OptionForm(ComparisonOptions, ("before", "after", "split"), own=models, parent=self)
        self.side = form.rows["split"]
        self.button = QPushButton("Compare", self)
        self.button.setToolTip("Both segment the corrected frames of that side, at every width; nothing is changed.")
        self.button.clicked.connect(self.compare)
        self.job = Job(self)
        self.bar = JobBar(self.job, self)
        self.words = wrapped("", self)
        self.words.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(form)
        for widget in (self.button, self.bar, self.words):
            column.addWidget(widget)
        column.addStretch(1)
        self.job.began.connect(lambda: self.button.setEnabled(False))
        self.job.ended.connect(lambda: self.button.setEnabled(True))
        self.job.finished.connect(self._on_compared)
        self.job.failed.connect(self._say)
        self.job.stopped.connect(self._say)
        connections_of(self).when_closed(self.clear)

    def show_models(self, names: Sequence[str], in_use: str) -> None:
        """Offer these models; at first the one in use against the next."""
        for combo, first in ((self.before, in_use), (self.after, next((n for n in names if n != in_use), in_use))):
            chosen = combo.currentText()
            combo.clear()
            combo.addItems(list(names))
            combo.setCurrentText(chosen if chosen in names else first)

    def compare(self) -> None:
        """Compare them, off the GUI thread."""
        if problem := why_not_ready(self._workspace, _PURPOSE):
            self._say(problem)
            return
        self.clear()
        self._folder = tempfile.TemporaryDirectory(prefix="matae-compare-", ignore_cleanup_errors=True)
        options = ComparisonOptions(self.before.currentText(), self.after.currentText(), self.side.currentData())
        self.job.start(partial(compare, self._workspace.link.connection.target, options, Path(self._folder.name)))

    def _on_compared(self, verdict: Verdict) -> None:
        from napari_matae.verdict.window import VerdictWindow

        folder = Path(self._folder.name) if self._folder is not None else None
        self._say(f"{headline(verdict, comparison=True)}.")
        self.window_ = VerdictWindow(self._workspace, verdict, folder, self, comparison=True)
        self.window_.finished.connect(self._on_window_closed)
        self.window_.show()
        self.compared.emit(verdict)

    def _on_window_closed(self, _: int = 0) -> None:
        window, self.window_ = self.window_, None
        if window is not None:
            window.deleteLater()

    def clear(self) -> None:
        """Close what was compared last, and remove what was kept for its pictures."""
        if self.window_ is not None:
            self.window_.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self.words.hide()

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.words.show()
