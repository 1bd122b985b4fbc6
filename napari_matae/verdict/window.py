"""A verdict in a window of its own, with room for plot and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFrame, QScrollArea, QVBoxLayout

from napari_matae.background.connections import end_owned
from napari_matae.verdict.view import VerdictView

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

    from matae.learn.verdict import Verdict
    from napari_matae.workspace.workspace import Workspace

__all__ = ["VerdictWindow"]

_SIZE = (1080, 960)


class VerdictWindow(QDialog):  # type: ignore[misc]
    """Shows a verdict, wide; does not stand in the way of work.

    Parameters
    ----------
    workspace
        What is worked with.
    verdict, folder
        As for `napari_matae.verdict.view.VerdictView.show_verdict`.
    parent
        Qt parent.
    comparison
        Whether two models are compared, rather than a new one judged.
    """

    def __init__(
        self,
        workspace: Workspace,
        verdict: Verdict,
        folder: Path | None,
        parent: QWidget | None = None,
        *,
        comparison: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"{verdict.name} against {verdict.against}")
        self.setModal(False)
        screen = self.screen().availableGeometry()
        self.resize(min(_SIZE[0], screen.width() - 60), min(_SIZE[1], screen.height() - 60))
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view = VerdictView(workspace, area, wide=True, comparison=comparison)
        area.setWidget(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.addWidget(area)
        self.view.show_verdict(verdict, folder)
        self.finished.connect(lambda _: end_owned(self))
