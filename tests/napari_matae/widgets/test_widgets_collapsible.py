"""A part that folds, and remembers whether it was open."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QLabel

from napari_matae.widgets.collapsible import Section
from napari_matae.widgets.settings import settings

pytestmark = pytest.mark.gui


def make(qtbot, *, opened: bool, name: str = "x") -> Section:
    section = Section(name, "Title", QLabel("content"), opened=opened)
    qtbot.addWidget(section)
    return section


@pytest.mark.parametrize("opened", [False, True])
def test_it_is_at_first_as_it_is_told(qtbot, own_home, opened) -> None:
    section = make(qtbot, opened=opened)
    assert section.is_open is opened
    assert section.button.text() == f"{'▾' if opened else '▸'}  Title"
    assert section._content.isHidden() is not opened


def test_it_is_said_once_and_remembered(qtbot, own_home) -> None:
    section = make(qtbot, opened=False)
    with qtbot.waitSignal(section.toggled) as said:
        section.button.click()
    assert said.args == [True]
    with qtbot.assertNotEmitted(section.toggled):
        section.set_open(True)
    assert make(qtbot, opened=False).is_open
    assert not make(qtbot, opened=False, name="another").is_open


def test_what_was_remembered_and_is_no_state_counts_as_folded(qtbot, own_home) -> None:
    settings().setValue("sections/x", "perhaps")
    assert not make(qtbot, opened=True).is_open
