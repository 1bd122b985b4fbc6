"""A number in large print: escaped, named for a screen reader."""

from __future__ import annotations

import pytest

from napari_matae.widgets.number_button import NumberButton

pytestmark = pytest.mark.gui


def test_a_number_with_its_unit(qtbot) -> None:
    button = NumberButton(13)
    qtbot.addWidget(button)
    assert button.number.text() == ""
    button.show_text("61", "%", name="EF: 61 %")
    assert "font-size:13pt" in button.number.text()
    assert button.number.text().endswith("61</span> %")
    assert button.accessibleName() == "EF: 61 %"
    button.show_text("–")
    assert button.accessibleName() == "–"


def test_what_looks_like_markup_is_text(qtbot) -> None:
    button = NumberButton(13)
    qtbot.addWidget(button)
    button.show_text("<1", "<b>")
    assert "&lt;1" in button.number.text()
    assert "&lt;b&gt;" in button.number.text()
