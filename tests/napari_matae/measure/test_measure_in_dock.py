"""The Measure step in the whole dock: drawing with the mouse, dragging a handle; closing it in a real window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_matae.dock import MataeDock

from .measure_makers import show_masks, two_beats

pytestmark = pytest.mark.gui

MEASURE = 3


@pytest.fixture
def dock(qtbot):
    """A dock on a viewer's model: a layer hears of the mouse there too."""
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    qtbot.waitUntil(lambda: not widget.is_probing, timeout=30_000)
    yield widget
    widget.close_down()


def ready(dock, qtbot, cine, masks):
    dock.session.open(cine)
    qtbot.waitUntil(lambda: dock.session.current.ready, timeout=20_000)
    show_masks(dock.session, masks)
    dock.steps.setCurrentIndex(MEASURE)
    measuring = dock.measure_panel.measuring
    measuring.active = True  # the test's window is never shown
    qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running, timeout=20_000)
    return measuring


def drag(viewer, layer, start, end):
    """Drag with the left button from one pixel to another, as napari hands it to a layer."""
    from types import SimpleNamespace

    def event(kind, place):
        world = layer.data_to_world(place)
        position = np.zeros(viewer.dims.ndim)
        position[-2:] = world[-2:]
        return SimpleNamespace(type=kind, button=1, position=tuple(position), modifiers=(), handled=False)

    happening = event("mouse_press", start)
    moves = [callback(layer, happening) for callback in layer.mouse_drag_callbacks]
    for move in moves:
        next(move)
    happening.type = "mouse_move"
    happening.position = event("mouse_move", end).position
    for move in moves:
        next(move, None)
    happening.type = "mouse_release"
    for move in moves:
        next(move, None)


def test_a_dragged_handle_moves_every_number(dock, qtbot):
    measuring = ready(dock, qtbot, *two_beats())
    panel, session = dock.measure_panel, dock.session
    panel.ed_button.click()
    dock.workspace.tools.choose("handles")
    handles = dock.workspace.tools.handles
    before = measuring.measurement
    shown = panel.tiles.tiles["edv_ml"].accessibleName()
    apex = handles.positions[0]
    drag(dock.viewer, handles.layer, apex, apex - [6.0, 0.0])
    qtbot.waitUntil(lambda: measuring.measurement is not before, timeout=5000)
    ed = before.ed_frame
    assert measuring.measurement.shapes[ed].disks.volume > before.shapes[ed].disks.volume
    assert panel.tiles.tiles["edv_ml"].accessibleName() != shown
    assert session.current.status[ed].value == "edited"
    dock.workspace.undo_stack.undo()
    qtbot.waitUntil(lambda: panel.tiles.tiles["edv_ml"].accessibleName() == shown, timeout=5000)


def test_a_line_drawn_by_hand_becomes_an_m_mode(dock, qtbot):
    ready(dock, qtbot, *two_beats())
    panel = dock.measure_panel
    panel.sections["mmode"].set_open(True)
    panel.mmode.draw_button.click()
    layer = panel.mmode.line.layer
    assert str(layer.mode) == "add_line"
    assert dock.viewer.layers.selection.active.name == layer.name
    layer.add([np.array([[40.0, 30.0], [60.0, 80.0]])], shape_type="line")
    qtbot.waitUntil(lambda: panel.mmode.picture is not None, timeout=5000)
    assert str(layer.mode) == "pan_zoom"
    assert dock.viewer.layers.selection.active.name == dock.session.current.image.name


def test_calibrating_keeps_the_step_the_masks_and_what_is_over_them(dock, qtbot):
    cine, masks = two_beats()
    measuring = ready(dock, qtbot, replace(cine, spacing=None, spacing_note="none"), masks)
    panel = dock.measure_panel
    panel.outlines.click()
    panel.scale.line.put(np.array([[10.0, 100.0], [80.0, 100.0]]))
    panel.scale.length.setValue(8.0)
    panel.scale.use_button.click()
    qtbot.waitUntil(
        lambda: measuring.measurement is not None and measuring.measurement.calibrated and not measuring.is_running,
        timeout=20_000,
    )
    assert dock.steps.currentIndex() == MEASURE
    np.testing.assert_array_equal(dock.session.current.labels.data, masks)
    qtbot.waitUntil(lambda: dock.session.current.ready and dock.workspace.link.state == "saved", timeout=20_000)
    np.testing.assert_array_equal(dock.session.current.labels.data, masks)
    scales = {tuple(np.round(layer.scale[-2:], 6)) for layer in dock.viewer.layers}
    assert len(scales) == 1


def test_another_cine_while_one_is_measured_leaves_nothing_of_the_first(dock, qtbot):
    cine, masks = two_beats()
    measuring = ready(dock, qtbot, cine, masks)
    panel = dock.measure_panel
    panel.outlines.click()
    panel.mmode.line.put(np.array([[40.0, 30.0], [60.0, 80.0]]))
    dock.session.open(replace(cine, frames=cine.frames[:20].copy(), frame_times=cine.frame_times[:20]))
    dock.steps.setCurrentIndex(MEASURE)
    qtbot.waitUntil(lambda: dock.session.current.ready, timeout=20_000)
    assert measuring.measurement is None
    assert "There are no masks yet" in panel.message.text()
    panel.overlay.redraw()
    assert "ED and ES outlines" not in dock.viewer.layers


def test_closing_while_measuring_leaves_nothing_running(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    widget = MataeDock(viewer)
    viewer.window.add_dock_widget(widget, name="MatAE")
    qtbot.waitUntil(lambda: not widget.is_probing, timeout=30_000)
    cine, masks = two_beats()
    widget.session.open(cine)
    qtbot.waitUntil(lambda: widget.session.current.ready, timeout=20_000)
    show_masks(widget.session, masks)
    widget.steps.setCurrentIndex(MEASURE)
    panel = widget.measure_panel
    panel.outlines.click()
    panel.mmode.line.put(np.array([[40.0, 30.0], [60.0, 80.0]]))
    viewer.window.remove_dock_widget(widget)
    widget.close()
    assert not panel.measuring.is_running
    names = {layer.name for layer in viewer.layers}
    assert not names & {"ED and ES outlines", "M-mode line", "Depth scale"}
