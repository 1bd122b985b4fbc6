"""Pieces of layout that panels share: rows, headings, labels that wrap, forms and boxes that fit a narrow dock."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

__all__ = [
    "DOCK_HEIGHT",
    "DOCK_WIDTH",
    "combo_box",
    "form_layout",
    "heading",
    "horizontal_line",
    "let_clear",
    "let_shrink",
    "let_type_over",
    "row",
    "rows_of_three",
    "wrapped",
]

DOCK_WIDTH = 350
"""The dock's least: the widest panel, with a scroll bar beside it."""

DOCK_HEIGHT = 350
"""The dock's least, which is what it gets at the top or bottom of the window: a piece of the step over the curve."""

_LETTERS = 8
"""Letters that a combo box always shows, unless it is told otherwise."""


def row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets side by side."""
    layout = QHBoxLayout()
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def rows_of_three(*widgets: QWidget) -> QGridLayout:
    """Return widgets in rows of three, all columns equally wide: more in a row would widen the dock."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(4)
    grid.setVerticalSpacing(4)
    for place, widget in enumerate(widgets):
        grid.addWidget(widget, place // 3, place % 3)
    for column in range(3):
        grid.setColumnStretch(column, 1)
    return grid


def wrapped(text: str, parent: QWidget, *, selectable: bool = False) -> QLabel:
    """Return a label that wraps; one whose text can be selected and copied where wished."""
    label = QLabel(text, parent)
    label.setWordWrap(True)
    if selectable:
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def horizontal_line(parent: QWidget) -> QFrame:
    """Return a thin line that parts what stands above it from what stands below."""
    line = QFrame(parent)
    line.setFrameShape(QFrame.Shape.HLine)
    line.setFrameShadow(QFrame.Shadow.Sunken)
    return line


def heading(text: str, parent: QWidget) -> QWidget:
    """Return a bold title under a line."""
    holder = QWidget(parent)
    label = QLabel(text, holder)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 4, 0, 0)
    column.setSpacing(2)
    column.addWidget(horizontal_line(holder))
    column.addWidget(label)
    return holder


def combo_box(parent: QWidget, *, letters: int = _LETTERS) -> QComboBox:
    """Return a combo box whose longest entry does not set the width of the dock."""
    box = QComboBox(parent)
    let_shrink(box, letters=letters)
    return box


def let_clear(line: QLineEdit) -> None:
    """Give a line a button that empties it, with a name and a tooltip: Qt's own has neither."""
    line.setClearButtonEnabled(True)
    for button in line.findChildren(QToolButton):
        button.setAccessibleName("Clear")
        button.setToolTip("Empty the field.")


def let_type_over(box: QDoubleSpinBox | QSpinBox) -> None:
    """Have a click into a box that shows words in place of its lowest value mark them.

    Qt marks the text of a box that is reached by the Tab key, and not that of one that is clicked: what is typed
    between the letters of such words makes no number, so nothing can be typed at all.

    Parameters
    ----------
    box
        With ``setSpecialValueText``.
    """
    _Marker(box)


class _Marker(QObject):  # type: ignore[misc]
    def __init__(self, box: QDoubleSpinBox | QSpinBox) -> None:
        super().__init__(box)
        self._box = box
        box.lineEdit().installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Mark the words once the click is over: pressing sets the cursor and ends what is marked."""
        box = self._box
        if event.type() == QEvent.Type.MouseButtonRelease and box.text() == box.specialValueText():
            box.selectAll()
        return False


def let_shrink(box: QComboBox, *, letters: int = _LETTERS) -> None:
    """Let a combo box be narrower than its longest entry, down to a number of letters."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(letters)


def form_layout(parent: QWidget | None = None) -> QFormLayout:
    """Return a form, set as the layout of a widget where one is given, whose fields take the whole width."""
    form = QFormLayout(parent)
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(5)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form
