"""Connections end with their owner, however it ends, and hold nobody who could go."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest
from napari.components import ViewerModel
from psygnal import Signal as Psygnal
from qtpy.QtCore import QObject, QTimer, Signal

from napari_matae.background.connections import Connections, Owned, connections_of, end_owned


class Source:
    changed = Psygnal(int)


class Button(QObject):
    pressed = Signal(int)


class Part(QObject):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.heard: list[object] = []
        self.connections = connections_of(self)

    def hear(self, *what: object) -> None:
        self.heard.append(what)


def test_nothing_to_end_is_no_error():
    connections = Connections()
    connections.close()
    connections.close()
    root = QObject()
    end_owned(root)


def test_signals_of_every_kind_end_at_close_and_can_be_made_anew():
    source, button, viewer, part = Source(), Button(), ViewerModel(), Part()
    for _ in range(2):
        part.heard.clear()
        part.connections.connect(source.changed, part.hear)
        part.connections.connect(button.pressed, part.hear)
        part.connections.connect(viewer.dims.events.ndim, part.hear)
        source.changed.emit(1)
        button.pressed.emit(2)
        viewer.dims.ndim += 1
        assert len(part.heard) == 3
        part.connections.close()
        source.changed.emit(1)
        button.pressed.emit(2)
        viewer.dims.ndim += 1
        assert len(part.heard) == 3


def test_what_is_to_be_called_at_the_end_is_called_once_the_last_first():
    connections, done = Connections(), []
    connections.when_closed(lambda: done.append("first"))
    connections.when_closed(lambda: done.append("second"))
    connections.close()
    connections.close()
    assert done == ["second", "first"]


def test_an_owner_ends_what_it_owns_at_any_depth():
    ended = []

    class Work(Owned):
        def close(self) -> None:
            ended.append(self)

    root, source = QObject(), Source()
    part = Part(QObject(root))
    part.connections.connect(source.changed, part.hear)
    work = Work(part)
    timer = QTimer(part)
    timer.start(1000)
    end_owned(root)
    source.changed.emit(1)
    assert part.heard == []
    assert ended == [work]
    assert not timer.isActive()


def test_owned_without_an_end_of_its_own_is_a_mistake():
    root = QObject()
    Owned(root)
    with pytest.raises(NotImplementedError):
        end_owned(root)


@pytest.mark.parametrize("signal", ["psygnal", "napari", "qt"])
def test_a_destroyed_owner_hears_no_more(qtbot, signal):
    source, button, viewer, root = Source(), Button(), ViewerModel(), QObject()
    part, closed = Part(root), []
    part.connections.when_closed(lambda: closed.append(True))
    made = {"psygnal": source.changed, "napari": viewer.dims.events.ndim, "qt": button.pressed}[signal]
    part.connections.connect(made, part.hear)
    with qtbot.waitSignal(root.destroyed):
        root.deleteLater()
    source.changed.emit(1)
    button.pressed.emit(2)
    viewer.dims.ndim += 1
    assert part.heard == []
    assert closed == []  # it could touch what Qt has destroyed
    part.connections.close()


def test_a_destroyed_owner_whose_signal_was_connected_leaves_no_warning(qtbot, qtlog):
    class Passing(Part):
        passed = Signal(int)

    button, root = Button(), QObject()
    part = Passing(root)
    part.connections.connect(button.pressed, part.passed)
    with qtbot.waitSignal(root.destroyed):
        root.deleteLater()
    button.pressed.emit(1)
    assert qtlog.records == []


def test_an_owner_nobody_holds_goes():
    source, part = Source(), Part()
    part.connections.connect(source.changed, part.hear)
    gone = weakref.ref(part)
    del part
    gc.collect()
    assert gone() is None
    source.changed.emit(1)


def test_what_the_collector_deletes_ends_without_harm():
    """In a process of its own: what goes wrong here ends the process."""
    done = subprocess.run([sys.executable, "-c", COLLECTED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "0"]


COLLECTED = """
import gc, threading
from psygnal import Signal
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget
from napari_matae.background import connections as module

class Source:
    changed = Signal()

class Part(QWidget):
    def __init__(self, parent=None):
        super().__init__(parent)
        self.me = self
        self.connections = module.connections_of(self)
        self.connections.connect(source.changed, self.hear)

    def hear(self):
        self.update()

application, source = QApplication([]), Source()
gc.disable()
for number in range(300):
    inner, whole = Part(), Part()
    inner.setParent(whole)
    del whole, inner
    if number % 7 == 0:  # in another thread, where nothing of Qt's is deleted at once
        collecting = threading.Thread(target=gc.collect)
        collecting.start()
        collecting.join()
        application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
gc.collect()
source.changed.emit()
print(len(source.changed))
last = QWidget()
module.connections_of(last)
print(len(getattr(module, "_waiting", [1])) - 1)
"""
