"""What panels are laid out with: empty parts, narrow boxes, labels that wrap, tables as high as their rows."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QDoubleSpinBox, QLabel, QPushButton, QWidget

from napari_matae.widgets.layout import combo_box, form_layout, heading, let_type_over, row, wrapped
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


@pytest.fixture
def box(qtbot) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    qtbot.addWidget(made)
    made.setRange(29, 250)
    made.setSuffix(" cm")
    made.setSpecialValueText("not stated")
    let_type_over(made)
    made.resize(200, 30)
    made.show()
    return made


def click_and_type(qtbot, box, text: str) -> None:
    line = box.lineEdit()
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPoint(15, line.height() // 2))
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, Qt.Key.Key_Return)


def test_what_is_typed_after_a_click_takes_the_place_of_the_words(box, qtbot) -> None:
    assert box.text() == "not stated"
    click_and_type(qtbot, box, "172")
    assert box.value() == 172


def test_a_number_is_not_marked_by_a_click(box, qtbot) -> None:
    box.setValue(100)
    qtbot.mouseClick(box.lineEdit(), Qt.MouseButton.LeftButton, pos=QPoint(15, 10))
    assert not box.lineEdit().hasSelectedText()
