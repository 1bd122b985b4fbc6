"""A flat button that shows a number in large print; a click opens the frames behind it."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

__all__ = ["NumberButton"]


class NumberButton(QPushButton):  # type: ignore[misc]
    """A number with its unit. It stands in a label, because napari's style fixes the size of a button's own text.

    Parameters
    ----------
    points
        Size of the number's print.
    parent
        Qt parent.
    """

    def __init__(self, points: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points = points
        self.setFlat(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.number = self._label()

    def _label(self, text: str = "") -> QLabel:
        label = QLabel(text, self)
        label.setTextFormat(Qt.TextFormat.RichText)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        return label

    def show_text(self, number: str, unit: str = "", *, name: str = "") -> None:
        """Show a number.

        Parameters
        ----------
        number, unit
            What is shown; the unit in ordinary print.
        name
            What a screen reader says; the number itself if left out.
        """
        text = f"<span style='font-size:{self._points}pt; font-weight:bold'>{escape(number)}</span>"
        if unit:
            text += f" {escape(unit)}"
        if self.number.text() != text:
            self.number.setText(text)
            self.setAccessibleName(name or number)
