"""The overlay of keys (napari_matae.workspace.shortcut_help) in windows of several sizes: no word is cut."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QLabel, QWidget

from napari_matae.background.connections import end_owned
from napari_matae.workspace.shortcut_help import KeyHelp
from napari_matae.workspace.shortcuts import Keys
from napari_matae.workspace.workspace import Workspace

from ..test_desk_controls import style

pytestmark = pytest.mark.gui


@pytest.fixture(params=["plain", "napari's"])
def overlay(request, qtbot):
    workspace = Workspace(ViewerModel())
    keys = Keys(workspace)
    window = QWidget()
    qtbot.addWidget(window)
    if request.param == "napari's":  # whose letters are larger
        window.setStyleSheet(style("dark"))
    yield KeyHelp(keys, window)
    end_owned(keys)
    end_owned(workspace)


@pytest.mark.parametrize("size", [(1000, 700), (1000, 500), (640, 480), (1280, 800), (1920, 1080)])
def test_no_action_is_cut_whatever_the_window(overlay, qtbot, size) -> None:
    window = overlay.parentWidget()
    window.resize(*size)
    window.show()
    overlay.toggle()
    qtbot.waitUntil(lambda: overlay.table.width() > 0 and overlay.isVisible())
    assert window.rect().contains(overlay.geometry())
    labels = [label for label in overlay.table.findChildren(QLabel) if label.wordWrap()]
    assert len(labels) > 30
    cut = [
        label.text()
        for label in labels
        if label.height() < label.heightForWidth(label.width()) or label.geometry().right() > overlay.table.width()
    ]
    assert cut == []
    assert overlay.close_button.visibleRegion().boundingRect() == overlay.close_button.rect()


def test_in_a_wide_window_each_action_stands_on_one_line(overlay, qtbot) -> None:
    overlay.parentWidget().resize(1920, 1080)
    overlay.parentWidget().show()
    overlay.toggle()
    qtbot.waitUntil(overlay.isVisible)
    labels = [label for label in overlay.table.findChildren(QLabel) if label.wordWrap()]
    assert [
        label.text() for label in labels if label.heightForWidth(label.width()) > 1.5 * label.fontMetrics().height()
    ] == []
