"""The line that always says whether work is saved, and where; a banner with the reason where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from matae.store.address import without_password

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

    from napari_matae.study.link import StudyLink

__all__ = ["SavedBar"]

_RESEARCH = "Research use only. Not for diagnosis."
_RESEARCH_SHORT = "Research use only"
_LONG_MS = 300
"""So long saving takes before it is said. Mostly it is over by then, and two words would have the whole window drawn
twice, beside the picture that somebody waits for."""


class SavedBar(QWidget):  # type: ignore[misc]
    """Shows the state of the link to the study.

    Parameters
    ----------
    link
        The link.
    parent
        Qt parent.
    """

    def __init__(self, link: StudyLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._long = QTimer(self)
        self._long.setSingleShot(True)
        self._long.setInterval(_LONG_MS)
        self._long.timeout.connect(self._update)
        self.line = QLabel(self)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.banner = QLabel(self)
        self.banner.setWordWrap(True)
        self.banner.setFrameShape(QFrame.Shape.Box)
        self.banner.setMargin(4)
        self.banner.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.banner)
        row = QHBoxLayout()
        row.addWidget(self.line, stretch=1)
        self.research = QLabel(_RESEARCH, self)
        self.research.setToolTip(_RESEARCH)
        row.addWidget(self.research)
        column.addLayout(row)
        self._said = ""
        link.state_changed.connect(self._on_state)
        link.entry_changed.connect(self._update)
        self._update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """In a narrow dock, leave the room to what is saved where."""
        super().resizeEvent(event)
        self._fold()

    def _fold(self) -> None:
        width = self.line.fontMetrics().horizontalAdvance
        room = self.width() - width(self.line.text()) - 12
        self.research.setText(_RESEARCH if room >= width(_RESEARCH) else _RESEARCH_SHORT)

    def _on_state(self) -> None:
        if self._link.state == "saving" and self._said == "saved" and self._link.connection.name:
            if not self._long.isActive():
                self._long.start()
        else:
            self._update()

    def _update(self, _: object = None) -> None:
        link = self._link
        self._long.stop()
        self._said = link.state
        self.banner.setVisible(link.state == "unsaved")
        if link.state == "unsaved":
            self.banner.setText(
                f"⚠ Not saved. {link.connection.problem} What you draw stays on screen and is saved as soon as it can "
                "be; another study can be chosen in the Open step."
            )
            self.line.setText("⚠ Not saved")
        elif link.state == "none":
            self.line.setText("No study: nothing is saved")
        elif link.state == "saving":
            self.line.setText("Saving…" if link.connection.name else "Opening the study…")
        else:
            self.line.setText(f"✓ Saved in {link.connection.name}")
        shown = without_password(link.connection.target)
        self.line.setToolTip(f"Study: {shown}" if shown else "Choose a study in the Open step.")
        self._fold()
