"""Fields of their own: a time in minutes, a folder with its dialog."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QFileDialog

from napari_matae.widgets import duration_box
from napari_matae.widgets.duration_box import DurationBox, duration, seconds_of
from napari_matae.widgets.folder_field import FolderField

pytestmark = pytest.mark.gui


def test_the_examples_are_true() -> None:
    assert doctest.testmod(duration_box).failed == 0


@pytest.mark.parametrize("text", ["", "min", "-3 min", "1 2", "1e3 s", "3 d"])
def test_what_is_no_time_is_none(text) -> None:
    assert seconds_of(text) is None


@pytest.mark.parametrize("seconds", [1, 12.5, 59, 60, 90, 3599, 3600, 604800])
def test_a_time_is_read_back(seconds) -> None:
    assert seconds_of(duration(seconds)) == pytest.approx(seconds, rel=1e-3)


@pytest.fixture
def box(qtbot) -> DurationBox:
    made = DurationBox(1, 7200, 120)
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_time_is_typed_in_words(box, qtbot) -> None:
    assert box.text() == "2 min"
    for typed, seconds in (("90 s", 90), ("1.5 h", 5400), ("3", 180)):
        box.lineEdit().selectAll()
        qtbot.keyClicks(box.lineEdit(), typed)
        qtbot.keyClick(box.lineEdit(), Qt.Key.Key_Return)
        assert box.value() == seconds
    box.setValue(9999)
    assert box.text() == "2 h"  # the range holds


def test_what_cannot_become_a_time_is_not_taken(box) -> None:
    state = QValidator.State
    assert [box.validate(text, 0)[0] for text in ("2 min", "2 m", "", "3 h", "soon", "2 x")] == [
        state.Acceptable, state.Acceptable, state.Intermediate, state.Intermediate, state.Invalid, state.Invalid,
    ]  # fmt: skip


def test_the_arrows_take_steps_of_the_size_of_the_time(box) -> None:
    box.stepBy(1)
    assert box.value() == 180
    box.stepBy(-2)
    assert box.value() == 60
    box.setValue(120)
    box.stepBy(-1)
    assert box.value() == 110


def test_a_folder_is_chosen_or_typed(qtbot, monkeypatch, tmp_path) -> None:
    field = FolderField("Where?", placeholder="somewhere")
    qtbot.addWidget(field)
    assert field.text() == ""
    assert field.line.placeholderText() == "somewhere"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    field.button.click()  # the dialog was closed
    assert field.text() == ""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    with qtbot.waitSignal(field.changed):
        field.button.click()
    assert field.path == tmp_path
    field.setText(" ~/x ")
    assert field.path == Path.home() / "x"
