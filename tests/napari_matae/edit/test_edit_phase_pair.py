"""End-diastole and end-systole side by side: shown as measured, clicked, and dragged by real mouse events."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from matae.store import FrameStatus
from napari_matae.background.connections import end_owned

from ..measure.measure_makers import Bench, two_beats

pytestmark = pytest.mark.gui


@pytest.fixture
def bench(make_workspace, qtbot):
    from napari_matae.measure.panel import MeasurePanel
    from napari_matae.timeline.area_plot import AreaPlot
    from napari_matae.workspace.shortcuts import Keys

    workspace = make_workspace(None)
    keys, plot = Keys(workspace), AreaPlot(workspace.session)
    panel = MeasurePanel(workspace, keys, plot)

    def close_down(_: object) -> None:
        for part in (panel, plot, keys):
            end_owned(part)

    qtbot.addWidget(panel, before_close_func=close_down)
    qtbot.addWidget(plot)
    panel.resize(420, 900)
    panel.show()
    return Bench(workspace, panel, plot)


def drag(view, start: QPointF, *ways: tuple[float, float]) -> None:
    """Press at a place, move by steps and let go, as a hand does."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kinds = [(QEvent.Type.MouseButtonPress, start, left, left)]
    kinds += [(QEvent.Type.MouseMove, start + QPointF(*way), none, left) for way in ways]
    kinds += [(QEvent.Type.MouseButtonRelease, start + QPointF(*(ways or ((0, 0),))[-1]), left, none)]
    for kind, place, button, buttons in kinds:
        everywhere = QPointF(view.mapToGlobal(place.toPoint()))
        event = QMouseEvent(kind, place, everywhere, button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(view, event)
        QApplication.processEvents()


def shown(bench, qtbot):
    cine, masks = two_beats()
    bench.open(qtbot, cine, masks)
    measured = bench.measured(qtbot)
    pair = bench.panel.pair
    qtbot.waitUntil(lambda: pair.ed.frame is not None)
    return measured, pair


def test_nothing_open_shows_nothing_and_takes_no_drag(bench):
    pair = bench.panel.pair
    pair.show_measurement(None)
    drag(pair.ed, QPointF(40, 40), (5, 5))
    assert (pair.ed.frame, pair.es.frame) == (None, None)
    assert not pair.ed.grab().isNull()


def test_both_frames_of_the_beat_are_shown_with_their_contours(bench, qtbot):
    measured, pair = shown(bench, qtbot)
    assert (pair.ed.frame, pair.es.frame) == measured.primary.frames
    for view in (pair.ed, pair.es):
        outline = measured.outline(view.frame)
        places = [view.on_screen(y, x) for y, x in outline]
        assert all(view.rect().contains(place.toPoint()) for place in places)
        picture = view.grab().toImage()
        colours = {picture.pixelColor(place.toPoint()).name() for place in places}
        assert any(name != "#000000" for name in colours)
        assert "mL" in view.accessibleDescription()
        assert view.toolTip()
    here, there = pair.ed.on_screen(40.0, 50.0), pair.es.on_screen(40.0, 50.0)
    assert (here - there).manhattanLength() <= 2  # one scale for both, or end-systole looks as large


def test_a_click_and_the_enter_key_show_the_frame(bench, qtbot):
    measured, pair = shown(bench, qtbot)
    session = bench.workspace.session
    session.seek(1)
    qtbot.mouseClick(pair.es, Qt.MouseButton.LeftButton, pos=pair.es.rect().center())
    assert session.frame == measured.primary.frames[1]
    qtbot.keyClick(pair.ed, Qt.Key.Key_Return)
    assert session.frame == measured.primary.frames[0]
    assert bench.workspace.undo_stack.n_undo == 0


@pytest.mark.parametrize("on_screen", [True, False])
def test_a_dragged_contour_is_one_step_that_undo_takes_back_and_moves_the_number(bench, qtbot, on_screen):
    measured, pair = shown(bench, qtbot)
    session, workspace, frame = bench.workspace.session, bench.workspace, pair.ed.frame
    session.seek(frame if on_screen else (frame + 3) % session.current.cine.n_frames)
    before, area = session.current.mask(frame).copy(), session.current.area_px[frame]
    ef = measured.ef.value
    outline = measured.outline(frame)
    lowest = outline[outline[:, 1].argmax()]  # the right-hand wall
    drag(pair.ed, pair.ed.on_screen(*lowest), (4, 0), (9, 0), (14, 0))
    after = session.current.mask(frame)
    assert session.current.area_px[frame] > area
    assert (after != before).any()
    assert session.current.status[frame] is FrameStatus.EDITED
    assert workspace.undo_stack.undo_text == "contour dragged"
    assert workspace.undo_stack.n_undo == 1
    qtbot.waitUntil(lambda: bench.measuring.measurement.ef.value != ef)
    assert bench.measuring.measurement.outline(frame)[:, 1].max() > outline[:, 1].max()
    workspace.undo_stack.undo()
    np.testing.assert_array_equal(session.current.mask(frame), before)


def test_a_drag_beside_the_contour_changes_nothing(bench, qtbot):
    _, pair = shown(bench, qtbot)
    session = bench.workspace.session
    before = session.current.labels.data.copy()
    drag(pair.ed, QPointF(4, pair.ed.height() - 4), (10, 0), (20, 0))
    np.testing.assert_array_equal(session.current.labels.data, before)
    assert bench.workspace.undo_stack.n_undo == 0


def test_another_clip_in_the_midst_of_a_drag_ends_it(bench, qtbot, cine):
    measured, pair = shown(bench, qtbot)
    session = bench.workspace.session
    outline = measured.outline(pair.ed.frame)
    at = pair.ed.on_screen(*outline[0])
    press = QMouseEvent(
        QEvent.Type.MouseButtonPress, at, QPointF(pair.ed.mapToGlobal(at.toPoint())), Qt.MouseButton.LeftButton,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(pair.ed, press)
    bench.open(qtbot, cine)
    pair.show_measurement(None)
    assert pair.ed.frame is None
    assert not session.paint.stroking
