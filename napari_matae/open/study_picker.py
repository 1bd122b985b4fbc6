"""Which study work is kept in, and whose cine this is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from matae.models.registry import home
from matae.store.address import to_remember, without_password
from napari_matae.open.patient_field import PatientField
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from napari_matae.study.link import StudyLink

__all__ = ["StudyChoice", "default_study"]

_FILTER = "Studies (*.sqlite);;All files (*)"


def default_study() -> str:
    """Return the study the dock opens: ``MATAE_STUDY``, else the one used last, else one among the user's data."""
    stated = os.environ.get("MATAE_STUDY")
    return stated or str(settings().value("study", "") or home() / "study.sqlite")


class StudyChoice(QWidget):  # type: ignore[misc]
    """Shows the study and the patient code of the open cine; both can be changed, neither has to be.

    Parameters
    ----------
    link
        The link to the study.
    parent
        Qt parent.
    """

    def __init__(self, link: StudyLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.study = QLabel(self)
        self.study.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.open_button = QPushButton("Open…", self)
        self.open_button.setToolTip("Go on with another study.")
        self.open_button.clicked.connect(self._ask_open)
        self.new_button = QPushButton("New…", self)
        self.new_button.setToolTip("Begin an empty study.")
        self.new_button.clicked.connect(self._ask_new)
        self.patient = PatientField(link, self)
        row = QHBoxLayout()
        row.addWidget(self.study, stretch=1)
        row.addWidget(self.open_button)
        row.addWidget(self.new_button)
        form = QFormLayout(self)
        form.setContentsMargins(0, 4, 0, 4)
        form.addRow("Study", row)
        form.addRow("Patient code", self.patient)
        link.connection.moved.connect(self._remember)
        link.state_changed.connect(self._update)
        self._update()

    def close_down(self) -> None:
        """Stop listening."""
        self._link.connection.moved.disconnect(self._remember)
        self._link.state_changed.disconnect(self._update)
        self.patient.close_down()

    def use(self, target: str) -> None:
        """Keep work in this study from now on, and in the next sitting too."""
        self._remember(target)
        self._link.open(target)

    def _remember(self, target: str) -> None:
        """Open this study in the next sitting: an empty one at the place of one that is gone would look like a loss."""
        settings().setValue("study", to_remember(target))  # a file of settings is no place for a password

    def _ask_open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a study", self._folder(), _FILTER)
        if name:
            self.use(name)

    def _ask_new(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Begin a new study", self._folder(), _FILTER)
        if name:
            path = Path(name)
            self.use(str(path if path.suffix else path.with_suffix(".sqlite")))

    def _folder(self) -> str:
        target = self._link.connection.target or default_study()
        return str(Path.home() if "://" in target else Path(target).parent)

    def _update(self) -> None:
        link = self._link
        self.study.setText(link.connection.name or ("opening…" if link.state == "saving" else "none"))
        self.study.setToolTip(without_password(link.connection.target))
