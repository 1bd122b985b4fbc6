"""While a cine plays, napari's layer list is drawn now and then; afterwards it is drawn as ever."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_matae.background.connections import end_owned
from napari_matae.workspace.calm_list import CalmList

pytestmark = pytest.mark.gui


class Player(QObject):
    playing_changed = Signal(bool)


class StandIn(QObject):
    changed = Signal(bool)
    stands = False


class List(QWidget):
    drawn = 0

    def paintEvent(self, _: object) -> None:  # noqa: N802 - Qt's name
        self.drawn += 1


@pytest.fixture
def window(qtbot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    for name, inner in (("layer list", List()), ("ours", QWidget())):
        dock = QDockWidget(name, window)
        dock.setObjectName(name)
        dock.setWidget(inner)
        window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    window.show()
    qtbot.waitExposed(window)
    return window


def inside(window: QMainWindow, name: str) -> QWidget:
    return next(dock.widget() for dock in window.findChildren(QDockWidget) if dock.objectName() == name)


def test_without_a_window_there_is_no_list(qtbot) -> None:
    alone, player = QWidget(), Player()
    qtbot.addWidget(alone)
    calm = CalmList(player, StandIn(), alone)
    player.playing_changed.emit(True)
    player.playing_changed.emit(False)
    assert not calm._timer.isActive()


def test_it_is_drawn_now_and_then_while_something_plays(window, qtbot) -> None:
    player, layers = Player(), inside(window, "layer list")
    CalmList(player, StandIn(), inside(window, "ours"))
    player.playing_changed.emit(True)
    assert not layers.updatesEnabled()
    before = layers.drawn
    qtbot.waitUntil(lambda: layers.drawn > before)  # what is changed meanwhile is seen
    assert not layers.updatesEnabled()
    player.playing_changed.emit(False)
    assert layers.updatesEnabled()


def test_a_dock_that_is_closed_while_it_plays_lets_go(window) -> None:
    player, layers = Player(), inside(window, "layer list")
    calm = CalmList(player, StandIn(), inside(window, "ours"))
    player.playing_changed.emit(True)
    end_owned(calm)
    assert layers.updatesEnabled()


def test_while_one_layer_stands_for_several_the_list_stays_as_it_was_drawn(window, qtbot) -> None:
    player, layers, stand_in = Player(), inside(window, "layer list"), StandIn()
    calm = CalmList(player, stand_in, inside(window, "ours"))
    player.playing_changed.emit(True)
    stand_in.stands = True
    before = layers.drawn
    calm._draw()
    assert layers.drawn == before
    stand_in.stands = False
    qtbot.waitUntil(lambda: layers.drawn > before)
