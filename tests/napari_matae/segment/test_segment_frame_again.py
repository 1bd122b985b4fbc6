"""The frame on screen follows its sector: what is left alone first."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from matae.segment import Segmenter
from matae.store.types import FrameStatus, OverrideName
from napari_matae.background.connections import end_owned
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
