"""The line that always says whether work is saved, and where; a banner with the reason where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from matae.store.address import without_password

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

    from napari_matae.study.link import StudyLink

__all__ = ["SavedBar"]

_RESEARCH = "Research use only. Not for diagnosis."
_RESEARCH_SHORT = "Research use only"


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
        link.state_changed.connect(self._update)
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

    def _update(self, _: object = None) -> None:
        link = self._link
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
