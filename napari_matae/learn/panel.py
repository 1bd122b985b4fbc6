"""Step 5, Learn: what people corrected becomes training data, and a better model if held-out patients say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_matae.exchange.panel import ExchangePanel
from napari_matae.learn.models_panel import ModelsPanel
from napari_matae.learn.retrain_panel import RetrainPanel
from napari_matae.widgets.collapsible import Section

if TYPE_CHECKING:
    from napari_matae.workspace.workspace import Workspace

__all__ = ["LearnPanel"]


class LearnPanel(QWidget):  # type: ignore[misc]
    """The Learn step: its sections, one under the other.

    Parameters
    ----------
    workspace
        What is worked with.
    parent
        Qt parent.
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.data = ExchangePanel(workspace, self)
        self.retrain = RetrainPanel(workspace, self)
        self.models = ModelsPanel(workspace, self)
        self.sections = {
            "data": Section("learn-data", "Training data", self.data, opened=True, parent=self),
            "retrain": Section("learn-retrain", "Retrain", self.retrain, opened=True, parent=self),
            "models": Section("learn-models", "Models", self.models, opened=False, parent=self),
        }
        self.retrain.judged.connect(lambda *_: self.models.refresh())
        self.models.changed.connect(self.retrain.refresh)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 6)
        for section in self.sections.values():
            column.addWidget(section)
        column.addStretch(1)
