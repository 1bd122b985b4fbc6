"""While a clip plays one layer stands for several; whoever touches anything finds the layers as they were."""

from __future__ import annotations

import gc
import weakref
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Vectors
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QListView, QMainWindow, QOpenGLWidget

from matae.phantom import make_phantom
from matae.store.types import OverrideName
from napari_matae.dock import MataeDock
from napari_matae.playing import stand_in as module

from ..conftest import in_review, make_cine, opened

if TYPE_CHECKING:
    from matae.cine import Cine

pytestmark = pytest.mark.gui

LONG_MS = 3_600_000


@cache
def clip() -> Cine:
    """Pictures whose pixels hang together: where neighbours are noise, nothing between them is alike."""
    return make_phantom(n_frames=6, shape=(96, 128)).cine


@pytest.fixture
def dock(make_napari_viewer_proxy, qtbot, tiny_model):
    """A dock in a real window, with a beating disc proposed for every frame, and the predicted masks over it."""
    viewer = make_napari_viewer_proxy(show=True)
    widget = MataeDock(viewer)
    viewer.window.add_dock_widget(widget, name="MatAE")
    for made in in_review(widget, qtbot, clip()):
        widget.workspace.mask_style.set_difference(True)
        yield made


@pytest.fixture
def bare_dock(qtbot, tiny_model):
    """The same on a viewer's model: for what happens to the layers, not on the screen. A window takes seconds."""
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    for made in in_review(widget, qtbot, clip()):
        widget.workspace.mask_style.set_difference(True)
        yield made


@pytest.fixture
def canvas(dock):
    window = dock.parentWidget()
    while not isinstance(window, QMainWindow):
        window = window.parentWidget()
    return max(window.findChildren(QOpenGLWidget), key=lambda w: w.width() * w.height())


def state(dock) -> list[object]:
    """What a person sees in the layer list and has in the hand."""
    viewer, current = dock.viewer, dock.session.current
    layers = [(layer.name, layer.visible, str(layer.mode), layer.mouse_pan, layer.cursor) for layer in viewer.layers]
    selection = viewer.layers.selection
    active = None if selection.active is None else selection.active.name
    tool = dock.workspace.tools.tool
    return [layers, sorted(layer.name for layer in selection), active, tool, dict(current.status)]


def played(dock, qtbot) -> None:
    dock.player.play()
    stands(dock, qtbot)


def stands(dock, qtbot) -> None:
    """Wait until it stands for the layers, at once; once it has given way it does not come while a test looks."""
    stand_in = dock.workspace.stand_in
    stand_in.calm_ms = 0
    stand_in.give_way()
    qtbot.waitUntil(lambda: stand_in.stands)
    stand_in.calm_ms = LONG_MS


def picture(dock) -> np.ndarray:
    return np.asarray(dock.viewer.window.screenshot(canvas_only=True, flash=False))[..., :3].astype(float)


def test_the_layers_are_back_after_playing(bare_dock, qtbot):
    session, stand_in = bare_dock.session, bare_dock.workspace.stand_in
    bare_dock.workspace.tools.choose("brush")
    before, undo = state(bare_dock), bare_dock.workspace.undo_stack.n_undo
    masks = session.current.labels.data.copy()
    heard = []
    session.current.labels.events.mode.connect(heard.append)
    assert stand_in.calm_ms == 500  # nothing flickers between two touches
    bare_dock.player.play()
    qtbot.waitUntil(lambda: stand_in.stands)
    names = {layer.name: layer.visible for layer in bare_dock.viewer.layers}
    assert [name for name, visible in names.items() if visible] == ["Playing"]
    assert bare_dock.viewer.layers.selection.active.name == before[2]
    shown = session.frame
    qtbot.waitUntil(lambda: session.frame != shown)
    assert stand_in.stands
    qtbot.mouseClick(bare_dock.transport.play_button, Qt.MouseButton.LeftButton)
    assert not bare_dock.player.is_playing
    qtbot.waitUntil(lambda: "Playing" not in bare_dock.viewer.layers)
    assert state(bare_dock) == before
    assert not heard  # the tool stayed in the hand
    assert bare_dock.workspace.undo_stack.n_undo == undo
    np.testing.assert_array_equal(session.current.labels.data, masks)


def test_another_plugin_that_hides_a_layer_or_has_it_look_otherwise_is_obeyed(bare_dock, qtbot):
    current = bare_dock.session.current
    played(bare_dock, qtbot)
    current.labels.blending = "additive"
    assert not bare_dock.workspace.stand_in.stands
    assert current.labels.visible
    current.labels.blending = "translucent_no_depth"
    stands(bare_dock, qtbot)
    current.sector_layer.visible = False  # it is hidden already, and is to stay so
    assert current.image.visible
    assert current.labels.visible
    assert not current.sector_layer.visible
    stands(bare_dock, qtbot)
    bare_dock.player.pause()
    assert not current.sector_layer.visible
    assert current.labels.visible


def test_its_layer_is_marked_and_left_alone_where_all_layers_change(bare_dock, qtbot):
    before, current = list(bare_dock.viewer.layers), bare_dock.session.current
    old = np.array(current.cine.pixel_aspect)
    played(bare_dock, qtbot)
    (marked,) = (layer for layer in bare_dock.viewer.layers if layer.metadata.get("matae_stand_in"))
    assert [layer for layer in bare_dock.viewer.layers if layer is not marked] == before
    bare_dock.session.overrides.apply(
        OverrideName.SPACING, (2.0, 1.0)
    )  # all layers over the picture take the new scale
    new = np.array(bare_dock.session.current.cine.pixel_aspect)
    assert not np.allclose(new, old)
    assert all(np.allclose(layer.scale[-2:], new) for layer in before)
    np.testing.assert_allclose(marked.scale, old)
    bare_dock.player.pause()


def test_another_clip_opened_while_it_plays_has_its_own_layers(bare_dock, qtbot):
    played(bare_dock, qtbot)
    old = bare_dock.session.current
    opened(qtbot, bare_dock.workspace, other := make_cine(6, seed=4))
    assert bare_dock.session.current.cine is other
    assert old.image not in bare_dock.viewer.layers
    assert bare_dock.session.current.image.visible
    qtbot.waitUntil(lambda: "Playing" not in bare_dock.viewer.layers)


def test_the_image_taken_away_while_it_plays_ends_it(bare_dock, qtbot):
    played(bare_dock, qtbot)
    current = bare_dock.session.current
    bare_dock.viewer.layers.remove(current.image)
    assert bare_dock.session.current is None
    qtbot.waitUntil(lambda: "Playing" not in bare_dock.viewer.layers)
    assert current.labels.visible
    assert current.sector_layer.visible


def test_a_dock_closed_while_it_plays_leaves_nothing(bare_dock, qtbot):
    before = [name for name, *_ in state(bare_dock)[0] if name != "Predicted mask"]
    played(bare_dock, qtbot)
    bare_dock.close_down()
    assert [layer.name for layer in bare_dock.viewer.layers] == before
    assert all(layer.visible for layer in bare_dock.viewer.layers)


@pytest.mark.filterwarnings("ignore:Contours are not displayed during 3D rendering")
def test_while_a_layer_is_shown_in_three_dimensions_it_stays_away(bare_dock, qtbot):
    played(bare_dock, qtbot)
    bare_dock.viewer.dims.ndisplay = 3
    assert not bare_dock.workspace.stand_in.stands
    assert bare_dock.session.current.image.visible
    bare_dock.workspace.stand_in._calm.stop()
    bare_dock.workspace.stand_in._begin()
    assert not bare_dock.workspace.stand_in.stands
    bare_dock.viewer.dims.ndisplay = 2


def test_it_does_not_come_while_a_button_is_held(bare_dock, qtbot, monkeypatch):
    monkeypatch.setattr(module, "_is_touched", lambda: True)
    bare_dock.player.play()
    bare_dock.workspace.stand_in._calm.stop()
    bare_dock.workspace.stand_in._begin()
    assert not bare_dock.workspace.stand_in.stands
    assert bare_dock.workspace.stand_in._calm.isActive()
    bare_dock.player.pause()


def test_a_mask_that_changes_while_one_frame_stays_is_shown(bare_dock, qtbot):
    session = bare_dock.session
    bare_dock.player.speed = 1e-4
    played(bare_dock, qtbot)
    mask = np.zeros_like(session.current.labels.data[session.frame])
    mask[20:60, 30:90] = 1
    with qtbot.waitSignal(bare_dock.workspace.stand_in._again.timeout):
        session.masks.change("drawn elsewhere", {session.frame: mask})
    shown = bare_dock.workspace.stand_in._picture.pixels
    assert bare_dock.workspace.stand_in.stands
    outline = shown[20, 40:80, :3].astype(int)
    assert (outline[:, 0] > outline[:, 2] + 40).all()  # its yellow


def it_looks_as_the_layers_do(dock, qtbot):
    current = dock.session.current
    current.image.contrast_limits, current.image.gamma = (10, 180), 1.3
    for outline in (True, False):
        dock.workspace.mask_style.set_outline(outline)
        looks_as_the_layers_do(dock, qtbot)
        dock.player.pause()


def looks_as_the_layers_do(dock, qtbot):
    current = dock.session.current
    played(dock, qtbot)
    dock.player._timer.stop()  # one frame, both ways
    dock.session.seek(0)
    assert dock.workspace.stand_in.stands
    by_one = picture(dock)
    dock.workspace.stand_in.give_way()
    by_layers = picture(dock)
    assert by_layers.std() > 20
    # Edges of what is drawn are softer by a pixel's width, and that is all.
    away = np.abs(by_one - by_layers).max(axis=2)
    assert away.mean() < 4
    assert (away > 80).mean() < 0.02
    masks = [layer for layer in dock.viewer.layers if layer.name == "Predicted mask"] + [current.labels]
    for hidden in ([current.sector_layer], masks):  # without either it would not look so
        for layer in hidden:
            layer.visible = False
        without = np.abs(picture(dock) - by_one).max(axis=2)
        assert (without > 80).mean() > 2 * (away > 80).mean()
        for layer in hidden:
            layer.visible = True


def layers_of_the_user_stay_on_top(dock, qtbot):
    scale = dock.session.current.image.scale[-2:]
    played(dock, qtbot)
    own = dock.viewer.add_points([[60, 80]], size=30, face_color="red", border_width=0, scale=scale, name="own")
    assert dock.session.current.labels.visible  # at once: the list is another
    stands(dock, qtbot)
    assert own.visible
    names = [layer.name for layer in dock.viewer.layers]
    assert (names[0], names[-1]) == ("Playing", "own")
    red = picture(dock)
    assert ((red[..., 0] > 200) & (red[..., 1] < 60) & (red[..., 2] < 60)).sum() > 200
    dock.player.pause()
    qtbot.waitUntil(lambda: "Playing" not in dock.viewer.layers)
    assert [layer.name for layer in dock.viewer.layers][-1] == "own"


def a_hidden_layer_among_them_that_is_shown_is_seen(dock, qtbot):
    layers, labels = dock.viewer.layers, dock.session.current.labels
    line = np.array([[[10.0, 10.0], [50.0, 50.0]]])
    own = Vectors(line, edge_width=6, edge_color="red", scale=labels.scale[-2:], visible=False, name="own")
    layers.insert(layers.index(labels) + 1, own)
    played(dock, qtbot)
    own.visible = True
    red = picture(dock)
    assert ((red[..., 0] > 200) & (red[..., 1] < 60) & (red[..., 2] < 60)).sum() > 100
    own.visible = False  # as disks are, where a frame has none
    stands(dock, qtbot)
    covered = dock.workspace.stand_in._picture.layers
    assert max(map(layers.index, covered)) < layers.index(own)  # it may come again


def its_layers_are_no_garbage_and_what_others_froze_stays_frozen(dock, qtbot):
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    try:
        for begins_frozen in (False, True):
            if begins_frozen:
                gc.freeze()
            played(dock, qtbot)
            layer = weakref.ref(dock.workspace.stand_in._layer)
            dock.player.pause()
            qtbot.waitUntil(lambda: "Playing" not in dock.viewer.layers)
            assert begins_frozen or layer() is None
            assert bool(gc.get_freeze_count()) == begins_frozen
    finally:
        gc.unfreeze()
        if frozen:
            gc.freeze()


def a_press_on_the_picture_finds_the_layers(dock, canvas, qtbot):
    before = state(dock)
    played(dock, qtbot)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(30, 30))
    assert not dock.workspace.stand_in.stands
    assert dock.session.current.labels.visible
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(30, 30))
    qtbot.waitUntil(lambda: "Playing" not in dock.viewer.layers)
    assert state(dock)[0] == before[0]
    stands(dock, qtbot)  # it is calm again
    dock.player.pause()
    qtbot.waitUntil(lambda: "Playing" not in dock.viewer.layers)


def a_click_in_the_layer_list_takes_the_layer_that_is_shown_there(dock, canvas, qtbot):
    layers, current = dock.viewer.layers, dock.session.current
    rows = next(view for view in canvas.window().findChildren(QListView) if view.model().rowCount() == len(layers))
    layers.selection.active = current.image
    before = list(layers)
    place = rows.visualRect(rows.model().index(len(layers) - 1 - layers.index(current.labels), 0)).center()
    played(dock, qtbot)
    assert list(layers)[1:] == before
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert layers.selection.active == current.labels
    assert all(layer.visible for layer in before)
    qtbot.waitUntil(lambda: list(layers) == before)


def hiding_the_masks_hides_them_and_it_goes_on_playing(dock, canvas, qtbot):
    labels = dock.session.current.labels
    by_key = partial(qtbot.keyClick, canvas, Qt.Key.Key_T)
    for hide in (by_key, dock.workspace.mask_style.toggle_hidden):
        played(dock, qtbot)
        hide()
        assert not labels.visible
        assert dock.session.current.image.visible
        stands(dock, qtbot)
        assert dock.player.is_playing
        dock.player.pause()
        assert not labels.visible
        assert dock.session.current.image.visible
        dock.workspace.mask_style.toggle_hidden()
        assert labels.visible


def a_brush_taken_while_it_plays_paints(dock, canvas, qtbot):
    session = dock.session
    played(dock, qtbot)
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    assert not dock.player.is_playing
    assert session.current.labels.visible
    assert str(session.current.labels.mode) == "paint"
    steps, frame = dock.workspace.undo_stack.n_undo, session.frame
    session.current.labels.paint((frame, 10, 10), 1)
    session.settle()
    assert dock.workspace.undo_stack.n_undo == steps + 1
    assert session.current.labels.data[frame, 10, 10] == 1


def test_in_a_window_it_looks_as_the_layers_do_and_is_nowhere_once_it_gave_way(dock, qtbot):
    """One window for all that is looked at in it: to make one and draw a clip takes longer than any of these."""
    it_looks_as_the_layers_do(dock, qtbot)
    its_layers_are_no_garbage_and_what_others_froze_stays_frozen(dock, qtbot)
    layers_of_the_user_stay_on_top(dock, qtbot)
    a_hidden_layer_among_them_that_is_shown_is_seen(dock, qtbot)


def test_in_a_window_whoever_touches_anything_finds_the_layers(dock, canvas, qtbot):
    """By the mouse on the picture and in the list, by keys, and by what the dock calls."""
    a_press_on_the_picture_finds_the_layers(dock, canvas, qtbot)
    a_click_in_the_layer_list_takes_the_layer_that_is_shown_there(dock, canvas, qtbot)
    hiding_the_masks_hides_them_and_it_goes_on_playing(dock, canvas, qtbot)
    a_brush_taken_while_it_plays_paints(dock, canvas, qtbot)
