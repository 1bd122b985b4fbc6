"""The keys, over the picture: what each does, and a click on a key to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_matae.widgets.layout import wrapped
from napari_matae.workspace.shortcuts import ACTIONS, pretty

if TYPE_CHECKING:
    from qtpy.QtCore import QObject
    from qtpy.QtGui import QKeyEvent

    from napari_matae.workspace.shortcuts import Keys

__all__ = ["KeyHelp", "key_of"]

_COLUMNS = (("Steps", "Clips", "Watch"), ("Judge", "Draw"), ("Mend", "Several frames", "Look"))
_KEY_WIDTH, _KEY_GAP = 108, 6
_HINT = "Click a key to change it."
_NAMES = {"Return": "Enter", "Esc": "Escape", "Del": "Delete", "Ins": "Insert", "PgUp": "PageUp", "PgDown": "PageDown"}
_MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


class KeyHelp(QFrame):  # type: ignore[misc]
    """An overlay with every key.

    Parameters
    ----------
    keys
        The keys.
    over
        Widget it is laid over.
    """

    def __init__(self, keys: Keys, over: QWidget) -> None:
        super().__init__(over)
        self._keys = keys
        self._waiting = ""
        self.buttons: dict[str, QPushButton] = {}
        self._labels: dict[str, QLabel] = {}
        self.setAutoFillBackground(True)
        self.setFrameShape(QFrame.Shape.Box)
        self.setLineWidth(2)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._build()
        keys.changed.connect(self._update)
        over.installEventFilter(self)
        self.table.installEventFilter(self)
        self._update()
        self.hide()

    def _build(self) -> None:
        self.hint = QLabel(_HINT, self)
        self.reset_button = QPushButton("Reset all keys", self)
        self.reset_button.clicked.connect(self._keys.reset)
        self.close_button = QPushButton("Close", self)
        self.close_button.clicked.connect(self.hide)
        foot = QHBoxLayout()
        foot.addWidget(self.hint, stretch=1)
        foot.addWidget(self.reset_button)
        foot.addWidget(self.close_button)
        self.table = QWidget(self)
        columns = QHBoxLayout(self.table)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(20)
        for groups in _COLUMNS:
            column = QVBoxLayout()
            column.setSpacing(3)
            for group in groups:
                column.addWidget(QLabel(f"<b>{group}</b>", self), alignment=Qt.AlignmentFlag.AlignTop)
                column.addLayout(self._table(group))
            column.addStretch(1)
            columns.addLayout(column)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(20, 14, 20, 14)
        self.area = QScrollArea(self)  # a window too low for all the keys scrolls them instead of cutting words
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(self.table)
        whole.addWidget(self.area, stretch=1)
        whole.addLayout(foot)

    def _table(self, group: str) -> QGridLayout:
        table = QGridLayout()
        table.setVerticalSpacing(2)
        table.setHorizontalSpacing(_KEY_GAP)
        table.setContentsMargins(0, 0, 0, 12)
        for row, action in enumerate(ACTIONS[group]):
            button = QPushButton(self)
            button.setFixedWidth(_KEY_WIDTH)
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _=False, name=action.name: self._wait_for(name))
            self.buttons[action.name] = button
            table.addWidget(button, row, 0)
            label = self._labels[action.name] = wrapped(action.words, self)  # in a narrow window no word is cut
            table.addWidget(label, row, 1)
        table.setColumnStretch(1, 1)
        return table

    def toggle(self) -> None:
        """Show the keys, or hide them."""
        if self.isVisible():
            self.hide()
            return
        self._stop_waiting()
        self._fit()
        self.show()
        self.raise_()
        self.setFocus()

    def _wait_for(self, name: str) -> None:
        self._stop_waiting()
        self._waiting = name
        self.buttons[name].setText("press a key…")
        self.hint.setText("Press the new key, or Esc to leave it as it is.")
        self.setFocus()

    def _stop_waiting(self) -> None:
        self._waiting = ""
        self.hint.setText(_HINT)
        self._update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Take a new key, or close on Esc."""
        key = key_of(event)
        if not self._waiting:
            if key in {"Escape", self._keys.key("help")}:
                self.hide()
            else:
                super().keyPressEvent(event)  # the keys work while they are shown
            return
        if key == "":
            return  # a modifier alone: the key is still to come
        name = self._waiting
        self._stop_waiting()
        if key == "Escape" and name != "discard":
            return
        taken = self._keys.change(name, key)
        if taken:
            words = next(a.words for group in ACTIONS.values() for a in group if a.name == taken)
            self.hint.setText(f"{pretty(key)} was for “{words}”, which has no key now.")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Stay over the picture when the window changes its size, or the keys theirs with another style."""
        what = QEvent.Type.LayoutRequest if watched is self.table else QEvent.Type.Resize
        if event.type() == what and self.isVisible():
            self._fit()
        return bool(super().eventFilter(watched, event))

    def _fit(self) -> None:
        over, margins, columns = self.parentWidget(), self.layout().contentsMargins(), self.table.layout()
        lines = self._lines()
        for place, line in enumerate(lines):
            if columns.stretch(place) != line:  # asked for again, it would ask for a new layout without end
                columns.setStretch(place, line)
        rest = margins.left() + margins.right() + 2 * self.frameWidth()
        bar = self.area.verticalScrollBar().sizeHint().width()
        width = min(sum(lines) + columns.spacing() * (len(lines) - 1) + rest + bar, over.width())
        below = self.sizeHint().height() - self.area.sizeHint().height()
        keys = max(columns.totalHeightForWidth(width - rest), self.table.minimumSizeHint().height())
        height = min(keys + below, over.height())
        self.setGeometry((over.width() - width) // 2, (over.height() - height) // 2, width, height)

    def _lines(self) -> list[int]:
        """Return the width of each column in which every action stands on one line."""
        widths = []
        for groups in _COLUMNS:
            labels = [self._labels[action.name] for group in groups for action in ACTIONS[group]]
            for label in labels:
                label.ensurePolished()
            longest = max(label.fontMetrics().horizontalAdvance(label.text() + "mm") for label in labels)
            widths.append(_KEY_WIDTH + _KEY_GAP + int(longest))
        return widths

    def _update(self) -> None:
        for name, button in self.buttons.items():
            button.setText(pretty(self._keys.key(name)) or "none")


def key_of(event: QKeyEvent) -> str:
    """Return a key press as napari writes keys; empty for a modifier alone."""
    if event.key() in _MODIFIERS:
        return ""
    written = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)
    head, _, last = written.rpartition("+") if not written.endswith("++") else (written[:-2], "+", "+")
    last = _NAMES.get(last, last)
    return f"{head}+{last}" if head else last
