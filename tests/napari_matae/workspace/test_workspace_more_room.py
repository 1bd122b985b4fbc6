"""napari's own docks fold away and come back; nobody else's do."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_matae.background.connections import end_owned
from napari_matae.workspace.more_room import MoreRoom, main_window

pytestmark = pytest.mark.gui


@pytest.fixture
def window(qtbot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(QWidget(window))
    for name in ("layer list", "layer controls", "console", "another plugin", "ours"):
        dock = QDockWidget(name, window)
        dock.setObjectName(name)
        dock.setWidget(QWidget(dock))
        window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    window.show()
    dock_of(window, "console").hide()
    return window


def dock_of(window: QMainWindow, name: str) -> QDockWidget:
    return next(dock for dock in window.findChildren(QDockWidget) if dock.objectName() == name)


def shown(window: QMainWindow) -> set[str]:
    return {dock.objectName() for dock in window.findChildren(QDockWidget) if not dock.isHidden()}


def test_without_a_window_there_is_nothing_to_fold(qtbot) -> None:
    alone = QWidget()
    qtbot.addWidget(alone)
    room = MoreRoom(alone)
    room.toggle()
    assert not room.is_folded
    assert main_window(alone) is None


def test_the_layer_list_and_controls_fold_away_and_come_back(window) -> None:
    room = MoreRoom(dock_of(window, "ours").widget())
    told: list[bool] = []
    room.changed.connect(told.append)
    before = shown(window)
    room.toggle()
    assert shown(window) == before - {"layer list", "layer controls"}
    room.toggle()
    assert shown(window) == before
    assert told == [True, False]


def test_what_a_person_had_closed_stays_closed(window) -> None:
    dock_of(window, "layer list").hide()
    room = MoreRoom(dock_of(window, "ours").widget())
    room.toggle()
    room.toggle()
    assert "layer list" not in shown(window)
    assert "layer controls" in shown(window)


def test_brought_back_by_the_menu_they_fold_again_at_the_next_key(window) -> None:
    room = MoreRoom(dock_of(window, "ours").widget())
    room.toggle()
    for name in ("layer list", "layer controls"):
        dock_of(window, name).show()
    assert not room.is_folded
    room.toggle()
    assert room.is_folded


def test_a_dock_that_is_closed_leaves_the_viewer_as_it_was(window) -> None:
    ours = dock_of(window, "ours").widget()
    room = MoreRoom(ours)
    before = shown(window)
    room.toggle()
    end_owned(room)
    assert shown(window) == before
