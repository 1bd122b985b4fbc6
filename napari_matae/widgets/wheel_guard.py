"""The mouse wheel scrolls a panel; it changes a value only in a control that was clicked."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)

__all__ = ["WheelGuard"]

_TAKE_THE_WHEEL = (QAbstractSlider, QAbstractSpinBox, QComboBox, QTabBar)
_HOLD_NONE = (QAbstractButton, QLabel, QLineEdit, QScrollBar)
"""What nobody puts a control into. They are half of a dock, and a filter is asked about every event of theirs."""


class WheelGuard(QObject):  # type: ignore[misc]
    """Keep the wheel from changing values of controls that nobody clicked.

    Qt lets a combo box, a spin box or a slider take the wheel from the page that a person scrolls, and gives it the
    keyboard focus as well: whoever scrolls past the view of a cine changes the view. Here such a control takes the
    wheel from a click into it until the focus goes elsewhere; otherwise the wheel goes on to the page. Scroll bars are
    left alone. Controls, dialogs and pages that come later are guarded as well.

    Parameters
    ----------
    root
        The widget whose controls are guarded, and the owner of the guard.
    """

    def __init__(self, root: QWidget) -> None:
        super().__init__(root)
        self._clicked: QWidget | None = None
        self._watch(root)

    def _watch(self, widget: QWidget) -> None:
        for each in (widget, *widget.findChildren(QWidget)):
            if _takes_the_wheel(each) and each.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                each.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            if isinstance(each, _HOLD_NONE) and _control_of(each) is None:
                continue
            each.installEventFilter(self)  # a filter that is there already is only moved to the front

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hold back wheel events, and watch what is added."""
        kind = event.type()
        if kind == QEvent.Type.Wheel:
            if _takes_the_wheel(watched) and watched is not self._clicked:
                event.ignore()  # Qt then offers it to the parent, which scrolls
                return True
        elif kind == QEvent.Type.MouseButtonPress:
            control = _control_of(watched)
            if control is not None:
                self._clicked = control
        elif kind == QEvent.Type.FocusOut:
            # A combo box whose list opens loses the focus to it and has it again afterwards.
            if watched is self._clicked and event.reason() != Qt.FocusReason.PopupFocusReason:
                self._clicked = None
        elif kind == QEvent.Type.ChildPolished and isinstance(event.child(), QWidget):
            self._watch(event.child())
        return False


def _takes_the_wheel(widget: QObject) -> bool:
    return isinstance(widget, _TAKE_THE_WHEEL) and not isinstance(widget, QScrollBar)


def _control_of(widget: QObject) -> QWidget | None:
    """Return the control that a part belongs to (a spin box has a line edit of its own), None for others."""
    each: QObject | None = widget
    for _ in range(3):
        if each is None or _takes_the_wheel(each):
            return each
        each = each.parent()
    return None
