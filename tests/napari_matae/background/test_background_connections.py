"""Connections end with their owner, however it ends, and hold nobody who could go."""

from __future__ import annotations

import gc
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


def test_an_owner_nobody_holds_goes():
    source, part = Source(), Part()
    part.connections.connect(source.changed, part.hear)
    gone = weakref.ref(part)
    del part
    gc.collect()
    assert gone() is None
    source.changed.emit(1)
