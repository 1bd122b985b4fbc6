"""What is said of saving: not what is over before anybody could read it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from qtpy.QtCore import QObject, Signal

from napari_matae.workspace.save_status import SavedBar


class Link(QObject):
    """A link to a study, in the state that a test gives it."""

    state_changed = Signal()
    entry_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.state = "none"
        self.connection = SimpleNamespace(name="", problem="", target="")

    def be(self, state: str, name: str = "heart.sqlite", problem: str = "") -> None:
        self.state, self.connection.name, self.connection.problem = state, name, problem
        self.state_changed.emit()


@pytest.fixture
def link():
    return Link()


@pytest.fixture
def bar(qtbot, link):
    made = SavedBar(link)
    qtbot.addWidget(made)
    return made


def test_a_study_that_is_opened_or_cannot_be_saved_in_is_said_at_once(bar, link):
    assert "nothing is saved" in bar.line.text()
    link.be("saving", name="")
    assert bar.line.text() == "Opening the study…"
    link.be("saved")
    link.be("saving", name="")  # another study
    assert bar.line.text() == "Opening the study…"
    link.be("saved")
    link.be("saving")
    link.be("unsaved", problem="The disk is full.")
    assert "Not saved" in bar.line.text()
    assert "The disk is full." in bar.banner.text()
    link.be("saving")  # it goes on
    assert bar.line.text() == "Saving…"


def test_saving_is_said_only_where_it_takes_long(bar, link, qtbot, monkeypatch):
    link.be("saved")
    said = []
    monkeypatch.setattr(bar.line, "setText", said.append)
    for _ in range(3):
        link.be("saving")
        assert bar._long.isActive()
        link.be("saved")
        assert not bar._long.isActive()
    assert set(said) == {"✓ Saved in heart.sqlite"}
    link.be("saving")
    qtbot.waitUntil(lambda: said[-1] == "Saving…")
    link.be("saved")
    assert said[-1] == "✓ Saved in heart.sqlite"
