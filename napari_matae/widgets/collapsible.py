"""A part of a panel that can be folded away; whether it is open is remembered."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget

from napari_matae.widgets.settings import settings

__all__ = ["Section"]


class Section(QWidget):  # type: ignore[misc]
    """A title with an arrow, and under it a widget of whatever height it has at the time.

    superqt's own fixes the height its content had when it was opened; ours fill while they are open.

    Parameters
    ----------
    name
        Under which its state is remembered.
    title
        What it is called.
    content
        What it holds.
    opened
        Whether it is open the first time.
    parent
        Qt parent.
    """

    toggled = Signal(bool)
    """It was opened or folded."""

    def __init__(self, name: str, title: str, content: QWidget, *, opened: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._content = name, content
        self._open = str(settings().value(f"sections/{name}", str(opened))) == "True"
        self.button = QToolButton(self)
        self.button.setText(title)
        self.button.setAccessibleName(title)
        self.button.setToolTip(f"Show or fold away: {title}.")
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        font = self.button.font()
        font.setBold(True)
        self.button.setFont(font)
        self._title = title
        self.button.clicked.connect(lambda _=False: self.set_open(not self._open))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(content)
        self._show()

    @property
    def is_open(self) -> bool:
        """Whether its content is shown."""
        return self._open

    def set_open(self, on: bool) -> None:
        """Open it, or fold it away."""
        if on == self._open:
            return
        self._open = on
        settings().setValue(f"sections/{self._name}", str(on))
        self._show()
        self.toggled.emit(on)

    def _show(self) -> None:
        self.button.setText(f"{'▾' if self._open else '▸'}  {self._title}")
        self._content.setVisible(self._open)
