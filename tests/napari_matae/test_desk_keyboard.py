"""From a clip to a saved report by the keyboard alone: key events into a real window."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QMainWindow, QOpenGLWidget

from matae.demo import demo_path
from matae.store import FrameStatus
from napari_matae.dock import MataeDock

pytestmark = pytest.mark.gui

SHIFT, ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def answers(monkeypatch) -> dict[str, str]:
    """Answer the file dialogs, which are the desktop's own: the name to give, by what the dialog asks for."""
    given: dict[str, str] = {}
    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda _parent, title, *_: (given[title], ""))
    return given


class Keyboard:
    """Presses keys where the keyboard is."""

    def __init__(self, dock: MataeDock, qtbot) -> None:
        window = dock.parentWidget()
        while not isinstance(window, QMainWindow):
            window = window.parentWidget()
        self.canvas = max(window.findChildren(QOpenGLWidget), key=lambda w: w.width() * w.height())
        self.qtbot = qtbot

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
        self.qtbot.keyClick(QApplication.focusWidget() or self.canvas, key, modifier)


def test_from_a_clip_to_a_saved_report_by_keys(make_napari_viewer_proxy, qtbot, tiny_model, tmp_path, answers) -> None:
    clip = tmp_path / "clip.dcm"
    clip.write_bytes(demo_path().read_bytes())
    viewer = make_napari_viewer_proxy(show=True)
    dock = MataeDock(viewer)
    viewer.window.add_dock_widget(dock, name="MatAE")
    qtbot.waitUntil(lambda: not dock.is_probing)
    dock.segment_panel.model.setCurrentText("tiny")
    keys = Keyboard(dock, qtbot)
    keys.canvas.setFocus()

    answers["Open an echo cine"] = str(clip)
    with qtbot.waitSignal(dock.open_panel.finished):
        keys.press(Qt.Key.Key_O, SHIFT)
    session = dock.session
    qtbot.waitUntil(lambda: session.current is not None and session.current.ready)

    with qtbot.waitSignal(dock.segment_panel.finished) as ended:
        keys.press(Qt.Key.Key_R)
    assert ended.args == ["done"]

    keys.press(Qt.Key.Key_Right, ALT)
    assert dock.steps.currentWidget().widget() is dock.review_panel
    here = session.frame
    keys.press(Qt.Key.Key_A)
    assert session.current.status[here] is FrameStatus.ACCEPTED
    there = session.frame
    before = session.current.mask(there).copy()
    keys.press(Qt.Key.Key_C)
    assert session.current.status[there] is FrameStatus.EDITED or np.array_equal(before, session.current.mask(there))

    keys.press(Qt.Key.Key_M, SHIFT)
    assert dock.steps.currentWidget().widget() is dock.measure_panel
    measuring = dock.measure_panel.measuring
    qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running)
    report = tmp_path / "heart.json"
    answers["Save what was measured"] = str(report)
    with qtbot.waitSignal(dock.measure_panel.report_button.finished) as saved:
        keys.press(Qt.Key.Key_R, SHIFT)
    assert saved.args == [True]
    assert "Research use only" in json.loads(report.read_text())["research_use"]

    keys.press(Qt.Key.Key_Left, ALT)
    assert dock.steps.currentWidget().widget() is dock.review_panel
    keys.press(Qt.Key.Key_F2)
    assert dock.more_room.is_folded
    keys.press(Qt.Key.Key_F2)
    assert not dock.more_room.is_folded
    dock.close_down()


def test_without_a_clip_the_keys_say_what_to_do_first(make_napari_viewer_proxy, qtbot, tiny_model) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    dock = MataeDock(viewer)
    viewer.window.add_dock_widget(dock, name="MatAE")
    qtbot.waitUntil(lambda: not dock.is_probing)
    keys = Keyboard(dock, qtbot)
    keys.canvas.setFocus()
    for key, modifier in ((Qt.Key.Key_R, NONE), (Qt.Key.Key_M, SHIFT), (Qt.Key.Key_R, SHIFT)):
        viewer.status = ""
        keys.press(key, modifier)
        assert viewer.status == "Open a cine first."
        assert dock.steps.currentIndex() == 0
    for expected in (1, 2, 3, 4, 4):
        keys.press(Qt.Key.Key_Right, ALT)
        assert dock.steps.currentIndex() == expected
    dock.close_down()
