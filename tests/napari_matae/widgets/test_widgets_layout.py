"""What panels are laid out with: empty parts, narrow boxes, labels that wrap, tables as high as their rows."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_matae.widgets.layout import combo_box, form_layout, heading, row, wrapped
from napari_matae.widgets.tables import fit_height, reading_table

pytestmark = pytest.mark.gui


@pytest.fixture
def parent(qtbot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def test_a_row_of_nothing_is_a_row(parent) -> None:
    assert row().count() == 0
    assert row(QPushButton(parent), QPushButton(parent)).count() == 2


def test_a_long_entry_does_not_widen_a_combo_box(parent) -> None:
    short, long = combo_box(parent), combo_box(parent)
    short.addItem("one")
    long.addItem("a name that is very long " * 10)
    assert long.sizeHint().width() <= 2 * short.sizeHint().width()
    assert combo_box(parent, letters=20).minimumSizeHint().width() > short.minimumSizeHint().width()


def test_a_label_wraps_and_is_copied_only_where_wished(parent) -> None:
    plain, copied = wrapped("words", parent), wrapped("words", parent, selectable=True)
    assert plain.wordWrap()
    assert not plain.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    assert copied.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse


def test_a_heading_is_bold(parent) -> None:
    (label,) = [found for found in heading("Numbers", parent).findChildren(QLabel) if found.text()]
    assert label.font().bold()


def test_a_form_is_laid_into_its_widget(parent) -> None:
    form = form_layout(parent)
    assert parent.layout() is form
    assert form_layout().parent() is None


def test_a_table_is_as_high_as_its_rows_up_to_a_number(parent) -> None:
    heights = [
        reading_table(("A", "B"), [(n, "b") for n in range(count)], parent).minimumHeight() for count in (0, 1, 4, 30)
    ]
    assert heights[0] <= heights[1] < heights[2] < heights[3]
    many = reading_table(("A",), [(n,) for n in range(30)], parent)
    fit_height(many, 3)
    assert many.minimumHeight() < heights[3]
    assert many.topLevelItem(2).toolTip(0) == "2"
