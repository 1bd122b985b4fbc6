"""Forms made from an options dataclass: each field is offered as the engine defines it, as on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLineEdit, QSpinBox, QWidget

from matae.option import option_fields
from napari_matae.widgets.layout import form_layout, let_shrink, let_type_over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matae.option import OptionField

__all__ = ["OptionForm"]


class OptionForm(QWidget):  # type: ignore[misc]
    """Some fields of an options dataclass, one a row; magicgui chooses the widget by the field's type.

    Label, tooltip, range, unit, choices and default are those of the field (`matae.option`).

    Parameters
    ----------
    options
        The dataclass.
    names
        Fields that are offered, in order.
    own
        Widgets of the panel's own, by field: choices that it fills itself, such as models, and what a form cannot
        show. They get the field's label and tooltip; their values are the panel's to read.
    parent
        Qt parent.
    """

    changed = Signal()
    """Another value of a field whose widget the form made."""

    def __init__(
        self,
        options: type,
        names: Sequence[str],
        *,
        own: Mapping[str, QWidget] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._form = form_layout(self)
        self._read: dict[str, Callable[[], Any]] = {}
        self._kept: list[Any] = []  # magicgui's objects, which their Qt widgets do not keep
        self.rows: dict[str, QWidget] = {}
        """The widget of each field."""
        fields = option_fields(options)
        for name in names:
            found = fields[name]
            # Not by truth: an empty combo box is false.
            self.rows[name] = widget = own[name] if own is not None and name in own else self._make(found)
            widget.setToolTip(found.option.help)
            if isinstance(widget, QCheckBox):
                widget.setText(found.label)
                self._form.addRow(widget)
            else:
                self._form.addRow(found.label, widget)

    def _make(self, found: OptionField) -> QWidget:
        if found.type is int:
            box = _number(found, self)
            box.valueChanged.connect(self._on_changed)
            self._read[found.name] = box.value
            return box
        made = _made(found)
        made.changed.connect(self._on_changed)
        self._kept.append(made)
        self._read[found.name] = lambda: made.value
        return made.native

    def value(self, name: str) -> Any:
        """Return the value of a field whose widget the form made."""
        return self._read[name]()

    def add_row(self, widget: QWidget, label: str = "", *, below: str = "") -> None:
        """Add a row, over the whole width where it has no label; at the end, or below the row of a field."""
        row = self._form.rowCount()
        if below:
            row = self._form.getWidgetPosition(self.rows[below])[0] + 1
        self._form.insertRow(row, *([label] if label else []), widget)

    def set_row_visible(self, widget: QWidget, on: bool) -> None:
        """Show or hide a row with its label."""
        self._form.setRowVisible(widget, on)

    def _on_changed(self, _: object = None) -> None:
        self.changed.emit()


def _made(found: OptionField) -> Any:
    """Return magicgui's widget for a field that is chosen, written or ticked."""
    from magicgui.widgets import ComboBox, create_widget

    option = found.option
    if option.choices:
        choices = [(words, value) for value, words in option.choices.items()]
        made = ComboBox(value=found.default, choices=choices, nullable=False)
        let_shrink(made.native)
        return made
    limits = {} if option.least is None else {"min": option.least, "max": option.most}
    made = create_widget(found.default, annotation=found.type, options=limits)
    if isinstance(made.native, QLineEdit):
        made.native.setPlaceholderText(option.no_value)
    return made


def _number(found: OptionField, parent: QWidget) -> QSpinBox:
    """Return a box for an integer; magicgui's own shows neither a unit nor words in the place of 0."""
    option = found.option
    box = QSpinBox(parent)
    box.setRange(int(option.least or 0), int(option.most if option.most is not None else 2**31 - 1))
    box.setValue(found.default)
    box.setSpecialValueText(option.no_value)
    let_type_over(box)
    box.setSuffix(f" {option.unit}" if option.unit else "")
    return box
