"""A patient code for what is selected: asked for only where there is both."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_matae.widgets.code_row import CodeRow

pytestmark = pytest.mark.gui


@pytest.fixture
def row(qtbot) -> CodeRow:
    made = CodeRow()
    qtbot.addWidget(made)
    return made


def test_nothing_is_given_without_a_code_or_a_clip(row, qtbot) -> None:
    with qtbot.assertNotEmitted(row.given):
        row.give()
        row.code.setText("  ")
        row.select(2)
        row.give()
        row.code.setText("P1")
        row.select(0)
        row.give()
    assert not row.button.isEnabled()


def test_a_code_is_given_without_the_spaces_around_it(row, qtbot) -> None:
    row.select(1)
    row.code.setText(" P1 ")
    assert row.button.isEnabled()
    with qtbot.waitSignal(row.given) as given:
        qtbot.keyClick(row.code, Qt.Key.Key_Return)
    assert given.args == ["P1"]


def test_what_failed_leaves_the_code_to_be_mended(row) -> None:
    row.code.setText("P 1")
    row.tell("A code has no spaces; leave them out.", done=False)
    assert row.words.text() == "▲ A code has no spaces; leave them out."
    assert row.code.text() == "P 1"
    row.tell("Said.", done=True)
    assert (row.words.text(), row.code.text()) == ("Said.", "")
    row.tell("", done=True)
    assert row.words.isHidden()
