"""The frame on screen follows its sector: what is left alone first."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QCoreApplication, QEvent, QObject, Qt

from matae.segment import Segmenter
from matae.store.types import FrameStatus, OverrideName
from napari_matae.background.connections import end_owned
from napari_matae.segment import frame_again
from napari_matae.segment.panel import SegmentPanel
from napari_matae.segment.run import outwards
from napari_matae.session.session import Session

from ..conftest import disc

pytestmark = pytest.mark.gui

OUTLINES = [((5.0, 5.0), (5.0, 70.0), (50.0, 70.0 - step), (50.0, 5.0)) for step in range(4)]


@pytest.fixture
def panel(qtbot, tiny_model, cine):
    """The Segment step with a cine that was segmented, on frame 3."""
    session = Session(ViewerModel())
    widget = SegmentPanel(session)
    qtbot.addWidget(widget)
    widget.model.setCurrentText("tiny")
    session.open(cine)
    session.seek(3)
    with qtbot.waitSignal(widget.finished):
        widget.run()
    yield widget
    end_owned(widget)


def test_frames_come_from_the_one_on_screen_outwards():
    assert outwards(0, 0) == []
    assert outwards(0, 3) == [0, 1, 2]
    assert outwards(2, 6) == [2, 3, 1, 4, 0, 5]
    assert outwards(5, 6) == [5, 4, 3, 2, 1, 0]


def test_a_run_begins_with_the_frame_on_screen(panel, qtbot, monkeypatch):
    asked = []
    monkeypatch.setattr(Segmenter, "stream", lambda _, cine, sector, frames: asked.extend(frames) or iter(()))
    with qtbot.waitSignal(panel.finished):
        panel.run()
    assert asked == [3, 4, 2, 5, 1, 6, 0, 7, 8, 9, 10, 11]


def test_before_a_run_or_on_a_persons_frame_nothing_is_segmented(qtbot, panel, cine, monkeypatch):
    session = panel._session
    session.masks.change("drawing", {3: disc(cine.shape, (30, 40), 9)})
    monkeypatch.setattr(panel.again._worker, "start", lambda *_: pytest.fail("it was segmented"))
    session.overrides.apply(OverrideName.SECTOR, OUTLINES[0])
    assert session.current.status[3] is FrameStatus.EDITED
    other = SegmentPanel(Session(ViewerModel()))
    qtbot.addWidget(other)
    monkeypatch.setattr(other.again._worker, "start", lambda *_: pytest.fail("it was segmented"))
    other._session.open(cine)
    other._session.overrides.apply(OverrideName.SECTOR, OUTLINES[0])
    end_owned(other)


def test_the_frame_on_screen_is_segmented_again_with_the_model_that_is_loaded(panel, qtbot, cine, monkeypatch):
    session, steps, loaded = panel._session, [], []
    session.stepped.connect(steps.append)
    real = Segmenter.__init__
    monkeypatch.setattr(Segmenter, "__init__", lambda self, *a, **k: (loaded.append(a), real(self, *a, **k))[1])
    before = session.current.labels.data.copy()
    with qtbot.waitSignal(panel.again.done):
        session.overrides.apply(OverrideName.SECTOR, OUTLINES[0])
    after = session.current.labels.data
    assert not np.array_equal(after[3], before[3])
    np.testing.assert_array_equal(np.delete(after, 3, 0), np.delete(before, 3, 0))
    assert loaded == []
    assert session.current.status[3] is FrameStatus.MACHINE
    qtbot.waitUntil(lambda: len(steps) == 1)
    assert [change.frame for change in steps[0].changes] == [3]


def test_a_drag_is_one_step_and_ends_with_the_last_outline(panel, qtbot, cine):
    session, steps, done = panel._session, [], []
    panel.again.done.connect(done.append)
    for outline in OUTLINES:
        session.overrides.apply(OverrideName.SECTOR, outline)
    session.stepped.connect(steps.append)
    qtbot.waitUntil(lambda: len(steps) == 1)
    assert 1 <= len(done) <= 2  # the first outline, and the last one
    (again,) = Segmenter(panel.options, cine.frame_rate).stream(cine, session.current.sector, [3])
    np.testing.assert_array_equal(session.current.labels.data[3], again.mask)
    assert session.masks.apply(steps[0], forward=False)
    assert session.masks.apply(steps[0], forward=True)
    np.testing.assert_array_equal(session.current.labels.data[3], again.mask)


class Window(QObject):
    """Stands for a window that is to be drawn: Qt lets that wait behind everything else."""

    def __init__(self, order: list[str]) -> None:
        super().__init__()
        self._order = order

    def ask(self) -> None:
        QCoreApplication.postEvent(self, QEvent(QEvent.Type.User), Qt.EventPriority.LowEventPriority.value)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.User:
            self._order.append("drawn")
        return super().event(event)


def test_the_mask_comes_before_the_window_is_drawn_with_its_outline(panel, qtbot, monkeypatch):
    monkeypatch.setattr(frame_again, "_TOGETHER_S", 60.0)  # that it comes in time is not what is tested
    session, order, waiting = panel._session, [], threading.Event()
    real = Segmenter.stream

    class Arrived(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waiting.set()
            return super().wait(timeout)

    def stream(*arguments):
        waiting.wait(60)  # not sooner than the window waits for it
        yield from real(*arguments)

    monkeypatch.setattr(frame_again, "threading", SimpleNamespace(Event=Arrived))
    monkeypatch.setattr(Segmenter, "stream", stream)
    window = Window(order)
    panel.again.done.connect(lambda _: order.append("mask"))
    session.sector_taken.connect(lambda: order.append("taken"))
    session.current.sector_layer.events.set_data.connect(lambda _: order.append("outline"))
    window.ask()
    session.overrides.apply(OverrideName.SECTOR, OUTLINES[1])
    qtbot.waitUntil(lambda: "drawn" in order)
    waiting.set()
    assert list(dict.fromkeys(order)) == ["taken", "outline", "mask", "drawn"]


def test_a_network_that_takes_long_or_fails_does_not_hold_the_window(panel, qtbot, monkeypatch):
    session, order, go = panel._session, [], threading.Event()
    window = Window(order)
    real = Segmenter.stream

    def slow(*arguments):
        go.wait(60)
        yield from real(*arguments)

    monkeypatch.setattr(Segmenter, "stream", slow)
    panel.again.done.connect(lambda _: order.append("mask"))
    window.ask()
    session.overrides.apply(OverrideName.SECTOR, OUTLINES[1])
    qtbot.waitUntil(lambda: order == ["drawn"])
    with qtbot.waitSignal(panel.again.done):
        go.set()
    qtbot.waitUntil(lambda: not panel.again._worker.is_running)
    monkeypatch.setattr(frame_again, "_TOGETHER_S", 3600.0)
    monkeypatch.setattr(Segmenter, "stream", lambda *_: 1 / 0)
    session.overrides.apply(OverrideName.SECTOR, OUTLINES[2])  # it ends as soon as the worker has
    qtbot.waitUntil(lambda: not panel.again._worker.is_running)
    assert order == ["drawn", "mask"]
