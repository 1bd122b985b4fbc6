"""The question what the classes of a folder are, where their names do not say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDialog, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_matae.widgets.layout import wrapped

if TYPE_CHECKING:
    from napari_matae.exchange.tasks import UnknownClasses

__all__ = ["ClassQuestion"]

_CHOICES = (
    ("choose", ""),
    ("left out", "skip"),
    ("left ventricular cavity", "left ventricular cavity"),
    ("left ventricular myocardium", "left ventricular myocardium"),
    ("left atrium", "left atrium"),
)


class ClassQuestion(QDialog):  # type: ignore[misc]
    """Asks for every class that is not known; does not stand in the way of work.

    Parameters
    ----------
    asked
        The folder and its classes.
    parent
        Qt parent.
    """

    answered = Signal(object, object)
    """The folder, and the class of each name."""

    def __init__(self, asked: UnknownClasses, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._asked = asked
        self.setWindowTitle("What are these classes?")
        self.setModal(False)
        self.text = wrapped(
            f"{asked.path.name} has classes whose names do not say what they are. Nothing is taken for a class because "
            "of its number.",
            self,
        )
        self.choices: dict[str, QComboBox] = {}
        form = QFormLayout()
        for name in asked.names:
            box = QComboBox(self)
            box.setAccessibleName(f"Class of {name}")
            box.setToolTip(f"What {name} is, or that it is left out.")
            for title, value in _CHOICES:
                box.addItem(title, value)
            box.currentIndexChanged.connect(self._update)
            self.choices[name] = box
            form.addRow(name, box)
        self.go_button = QPushButton("Look at the import", self)
        self.go_button.setToolTip("Show what would come in; every class needs an answer first.")
        self.go_button.setAutoDefault(False)
        self.go_button.clicked.connect(self._answer)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.go_button)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addLayout(form)
        column.addLayout(buttons)
        self._update()

    def _update(self, _: int = 0) -> None:
        self.go_button.setEnabled(all(box.currentData() for box in self.choices.values()))

    def _answer(self) -> None:
        answers = self._asked.answers | {name: str(box.currentData()) for name, box in self.choices.items()}
        self.accept()
        self.answered.emit(self._asked.path, answers)
