"""The Review step through a real window: mouse drags and clicks on the canvas, and keys over it."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QMainWindow, QOpenGLWidget

from matae.store import FrameStatus, Study
from napari_matae.background.connections import end_owned
from napari_matae.dock import MataeDock

from .conftest import disc, in_review, make_cine, settled

pytestmark = pytest.mark.gui


@pytest.fixture
def dock(make_napari_viewer_proxy, qtbot, tiny_model, cine):
    """A dock in a real window, with a beating disc proposed for every frame."""
    viewer = make_napari_viewer_proxy(show=True)  # hidden, a canvas does not know its size
    widget = MataeDock(viewer)
    viewer.window.add_dock_widget(widget, name="MatAE")
    yield from in_review(widget, qtbot, cine)


class Hand:
    """A hand on the mouse and the keyboard over the canvas."""

    def __init__(self, dock, qtbot) -> None:
        window = dock.parentWidget()
        while not isinstance(window, QMainWindow):
            window = window.parentWidget()
        self.canvas = max(window.findChildren(QOpenGLWidget), key=lambda w: w.width() * w.height())
        self.dock, self.qtbot = dock, qtbot

    def at(self, y: float, x: float) -> QPoint:
        """Return where a pixel of the cine is on the canvas."""
        camera = self.dock.viewer.camera
        scale = np.asarray(self.dock.session.current.cine.pixel_aspect)
        away = (np.array([y, x]) * scale - np.asarray(camera.center)[-2:]) * camera.zoom
        return QPoint(round(self.canvas.width() / 2 + away[1]), round(self.canvas.height() / 2 + away[0]))

    def drag(self, *places: tuple[float, float]) -> None:
        left = Qt.MouseButton.LeftButton
        points = [self.at(*place) for place in places]
        self.qtbot.mouseMove(self.canvas, points[0])
        self.qtbot.mousePress(self.canvas, left, pos=points[0])
        for point in points[1:]:
            self._move(point)
        self.qtbot.mouseRelease(self.canvas, left, pos=points[-1])

    def _move(self, point: QPoint) -> None:
        # QTest's own mouseMove holds no button down, and vispy ignores moves that follow each other within 10 ms.
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        place, everywhere = QPointF(point), QPointF(self.canvas.mapToGlobal(point))
        keys = Qt.KeyboardModifier.NoModifier

        def arrived() -> bool:
            move = QMouseEvent(QEvent.Type.MouseMove, place, everywhere, none, left, keys)
            QApplication.sendEvent(self.canvas, move)
            y, x = self.dock.viewer.cursor.position[-2:]
            scale = self.dock.session.current.cine.pixel_aspect
            shown = self.at(y / scale[0], x / scale[1])
            return (shown - point).manhattanLength() <= 2

        self.qtbot.waitUntil(arrived, timeout=10_000)

    def key(self, key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
        self.qtbot.keyClick(self.canvas, key, modifier)


@pytest.fixture
def hand(dock, qtbot) -> Hand:
    return Hand(dock, qtbot)


def the_mouse_draws_the_chosen_structure_and_takes_nothing_of_the_cavity(dock, hand, qtbot, cine):
    session, workspace = dock.session, dock.workspace
    panel = dock.review_panel
    assert panel.structure.isHidden()
    mask = disc(cine.shape, (30, 40), 14) * 2
    mask[disc(cine.shape, (30, 40), 9) > 0] = 1
    session.masks.change("drawn", {2: mask.astype(np.uint8)})
    session.seek(2)
    assert panel.structure.isVisible()
    shown = [panel.structure.box.itemText(place) for place in range(panel.structure.box.count())]
    assert shown[:2] == ["Left ventricular cavity", "Left ventricular myocardium"]
    assert shown[2:] == ["Left atrium (not in these masks)"]
    hand.key(Qt.Key.Key_W)
    assert panel.structure.box.currentText() == "Left ventricular myocardium"
    assert "myocardium" in panel.tool_buttons["brush"].toolTip()
    hand.key(Qt.Key.Key_B)
    before = session.current.mask(2).copy()
    steps = workspace.undo_stack.n_undo
    hand.drag((30, 40), (30, 50), (30, 58), (30, 62))  # from inside the cavity through the wall and out
    qtbot.waitUntil(lambda: workspace.undo_stack.n_undo == steps + 1)
    after = session.current.mask(2)
    np.testing.assert_array_equal(after == 1, before == 1)
    assert after[30, 60] == 2
    hand.key(Qt.Key.Key_E)
    hand.drag((30, 40), (30, 50), (30, 58))
    qtbot.waitUntil(lambda: workspace.undo_stack.n_undo == steps + 2)
    np.testing.assert_array_equal(session.current.mask(2) == 1, before == 1)
    assert session.current.mask(2)[30, 52] == 0
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(session.current.mask(2), after)
    assert panel.words.text() == "Undone: eraser (left ventricular myocardium), frame 3."


def brush_and_eraser_draw_one_step_a_stroke_and_every_stroke_is_saved(dock, hand, qtbot, cine, tmp_path):
    session, workspace = dock.session, dock.workspace
    session.seek(3)
    hand.key(Qt.Key.Key_B)
    assert workspace.tools.tool == "brush"
    before = session.current.mask(3).copy()
    hand.drag((10, 55), (10, 60), (12, 66))
    qtbot.waitUntil(lambda: workspace.undo_stack.n_undo == 1, timeout=10_000)
    drawn = session.current.mask(3).copy()
    assert drawn[10, 55]
    assert drawn[12, 66]
    assert drawn.sum() > before.sum()
    assert session.current.status[3] is FrameStatus.EDITED
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite") as study:
        np.testing.assert_array_equal(study.mask(cine.content_id, 3), drawn)
        assert study.history(cine.content_id, 3)[-1].note == "brush"
    hand.key(Qt.Key.Key_E)
    hand.drag((10, 52), (10, 60), (13, 69))
    qtbot.waitUntil(lambda: workspace.undo_stack.n_undo == 2, timeout=10_000)
    assert not session.current.mask(3)[10, 55]
    session.seek(9)
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.frame == 3
    assert dock.review_panel.words.text() == "Undone: eraser, frame 4."
    np.testing.assert_array_equal(session.current.mask(3), drawn)
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(session.current.mask(3), before)
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    hand.key(Qt.Key.Key_Z, both)
    np.testing.assert_array_equal(session.current.mask(3), drawn)
    settled(qtbot, workspace)


def push_and_handles_move_the_contour_as_one_step(dock, hand, qtbot):
    session, workspace = dock.session, dock.workspace
    session.seek(2)
    hand.key(Qt.Key.Key_G)
    workspace.tools.resize(24)
    before = session.current.mask(2).copy()
    right = int(np.flatnonzero(before[30])[-1])
    hand.drag((30, right), (30, right + 3), (30, right + 6))
    qtbot.waitUntil(lambda: workspace.undo_stack.undo_text == "push", timeout=10_000)
    pushed = session.current.mask(2).copy()
    assert pushed[30, right + 4]
    assert not pushed[30, right + 9]
    np.testing.assert_array_equal(pushed[:, :30], before[:, :30])
    hand.key(Qt.Key.Key_H)
    places = workspace.tools.handles.positions
    assert workspace.tools.handles.layer.visible
    hand.drag((5, 5), (15, 15))  # holds no handle: changes nothing
    np.testing.assert_array_equal(session.current.mask(2), pushed)
    assert workspace.undo_stack.undo_text == "push"
    apex = places[0]
    hand.drag(tuple(apex), (apex[0] - 3, apex[1]), (apex[0] - 6, apex[1]))
    qtbot.waitUntil(lambda: workspace.undo_stack.undo_text == "handles", timeout=10_000)
    top = np.flatnonzero(session.current.mask(2).any(1))[0]
    assert top == pytest.approx(np.flatnonzero(pushed.any(1))[0] - 6, abs=2)
    assert workspace.tools.handles.positions[0][0] < apex[0] - 3
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)  # ours over the handles' layer too
    np.testing.assert_array_equal(session.current.mask(2), pushed)
    hand.key(Qt.Key.Key_Escape)
    assert workspace.tools.tool == "move"
    assert not workspace.tools.handles.layer.visible
    assert len(dock.viewer.layers) == 4


def interpolation_is_shown_first_and_touches_machine_frames_only(dock, hand, qtbot, cine):
    session, workspace = dock.session, dock.workspace
    for frame, radius in ((2, 6), (8, 12)):
        session.seek(frame)
        session.masks.change("drawing", {frame: disc(cine.shape, (25, 35), radius)})
    session.seek(4)
    session.masks.change("drawing", {4: disc(cine.shape, (25, 35), 9)})
    session.seek(6)
    before = session.current.labels.data.copy()
    with qtbot.waitSignal(workspace.preview.finished, timeout=60_000):
        hand.key(Qt.Key.Key_I)
    assert workspace.preview.offered == [5, 6, 7]
    assert dock.review_panel.preview_bar.isVisibleTo(dock.review_panel)
    assert "frames 6 to 8" in dock.review_panel.preview_words.text()
    np.testing.assert_array_equal(session.current.labels.data, before)
    hand.key(Qt.Key.Key_Escape)
    assert not workspace.preview.is_open
    with qtbot.waitSignal(workspace.preview.finished, timeout=60_000):
        dock.review_panel.interpolate_button.click()
    hand.key(Qt.Key.Key_Return)
    changed = [t for t in range(12) if not np.array_equal(session.current.labels.data[t], before[t])]
    assert changed == [5, 6, 7]
    areas = [int(session.current.mask(t).sum()) for t in (4, 5, 6, 7, 8)]
    assert areas == sorted(areas)
    assert workspace.undo_stack.undo_text == "interpolation"
    session.seek(0)
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(session.current.labels.data, before)
    assert session.frame == 6


def test_a_beat_of_thirty_frames_is_corrected_and_accepted_in_eight_actions(
    make_napari_viewer_proxy, qtbot, tiny_model
):
    viewer = make_napari_viewer_proxy(show=True)
    dock = MataeDock(viewer)
    viewer.window.add_dock_widget(dock, name="MatAE")
    cine = make_cine(30)
    story = in_review(dock, qtbot, cine)
    next(story)
    hand, session, workspace = Hand(dock, qtbot), dock.session, dock.workspace
    strip, before = dock.strip, session.current.labels.data.copy()
    actions = 0

    def done(deed, *rest):
        nonlocal actions
        deed(*rest)
        actions += 1

    def go_to(frame):
        x = strip.edges()[frame : frame + 2].mean()
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(round(x), strip.height() // 2))
        assert session.frame == frame

    def stroke():
        steps = workspace.undo_stack.n_undo
        hand.drag((10, 55), (10, 60), (12, 66))
        qtbot.waitUntil(lambda: workspace.undo_stack.n_undo == steps + 1)

    assert session.frame == 0
    done(hand.key, Qt.Key.Key_B)
    done(stroke)
    done(go_to, 14)
    done(stroke)
    done(go_to, 29)
    done(stroke)
    with qtbot.waitSignal(workspace.preview.finished):
        done(hand.key, Qt.Key.Key_I)
    done(hand.key, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert actions <= 8
    assert set(session.current.status.values()) == {FrameStatus.ACCEPTED}
    assert len(session.current.status) == 30
    assert all((session.current.mask(t) != before[t]).any() for t in range(30))
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.current.with_status(FrameStatus.EDITED) == [0, 14, 29]
    np.testing.assert_array_equal(session.current.mask(7), before[7])
    with qtbot.waitSignal(workspace.preview.finished):
        dock.review_panel.interpolate_button.click()
    qtbot.mouseClick(dock.review_panel.apply_button, Qt.MouseButton.LeftButton)
    assert session.current.with_status(FrameStatus.EDITED) == list(range(30))
    qtbot.mouseClick(dock.review_panel.between_button, Qt.MouseButton.LeftButton)
    assert session.current.with_status(FrameStatus.ACCEPTED) == list(range(30))
    next(story, None)


def the_help_shows_every_key_and_a_click_changes_one_for_good(dock, hand, qtbot):
    from napari_matae.workspace.shortcuts import ACTIONS, Keys

    hand.key(Qt.Key.Key_F1)
    overlay = dock.key_help
    assert overlay.isVisibleTo(overlay.parentWidget())
    assert set(overlay.buttons) == {action.name for group in ACTIONS.values() for action in group}
    keys = [action.key for group in ACTIONS.values() for action in group]
    assert len(keys) == len(set(keys)), "two actions have one key"
    overlay.buttons["accept"].click()
    qtbot.keyClick(overlay, Qt.Key.Key_Y)
    assert overlay.buttons["accept"].text() == "Y"
    overlay.buttons["reject"].click()
    qtbot.keyClick(overlay, Qt.Key.Key_N)  # taken: the other action is left without
    assert overlay.buttons["next"].text() == "none"
    assert "Next frame to look at" in overlay.hint.text()
    qtbot.keyClick(overlay, Qt.Key.Key_Escape)
    dock.workspace.actions.go_on = False
    dock.session.seek(6)
    hand.key(Qt.Key.Key_A)
    assert dock.session.current.status[6] is FrameStatus.MACHINE
    hand.key(Qt.Key.Key_Y)
    assert dock.session.current.status[6] is FrameStatus.ACCEPTED
    assert "(Y)" in dock.review_panel.accept_button.toolTip()
    kept = Keys(dock.workspace)
    assert kept.key("accept") == "Y"
    end_owned(kept)
    dock.keys.reset()
    assert dock.keys.key("accept") == "A"


def three_clicks_outline_and_a_shift_click_takes_away(dock, hand, qtbot, cine):
    session, workspace = dock.session, dock.workspace
    session.seek(5)
    steps = workspace.undo_stack.n_undo
    hand.key(Qt.Key.Key_Q)
    assert workspace.tools.tool == "prompt"
    assert dock.review_panel.tool_buttons["prompt"].isChecked()
    prompting, left = workspace.tools.prompting, Qt.MouseButton.LeftButton
    with qtbot.waitSignal(prompting.made):
        for place in ((14, 40), (46, 32), (46, 48)):
            qtbot.mouseClick(hand.canvas, left, pos=hand.at(*place))
    assert workspace.undo_stack.n_undo == steps + 1
    assert session.current.mask(5)[30, 40] == 1
    with qtbot.waitSignal(prompting.made):
        qtbot.mouseClick(hand.canvas, left, Qt.KeyboardModifier.ShiftModifier, pos=hand.at(44, 40))
    assert session.current.mask(5)[44, 40] == 0
    with qtbot.waitSignal(prompting.made):
        hand.drag((12, 28), (30, 40), (48, 52))
    assert prompting._prompts.box is not None
    hand.key(Qt.Key.Key_Escape)
    assert workspace.tools.tool == "move"
    assert not [layer for layer in dock.viewer.layers if layer.name == "Clicks"]


def test_tools_over_the_picture(dock, hand, qtbot, cine, tmp_path):
    """One window for them: to make one and draw a clip takes longer than what a hand does in it."""
    brush_and_eraser_draw_one_step_a_stroke_and_every_stroke_is_saved(dock, hand, qtbot, cine, tmp_path)
    push_and_handles_move_the_contour_as_one_step(dock, hand, qtbot)
    the_mouse_draws_the_chosen_structure_and_takes_nothing_of_the_cavity(dock, hand, qtbot, cine)


def test_keys_and_clicks_over_the_picture(dock, hand, qtbot, cine):
    interpolation_is_shown_first_and_touches_machine_frames_only(dock, hand, qtbot, cine)
    three_clicks_outline_and_a_shift_click_takes_away(dock, hand, qtbot, cine)
    the_help_shows_every_key_and_a_click_changes_one_for_good(dock, hand, qtbot)
