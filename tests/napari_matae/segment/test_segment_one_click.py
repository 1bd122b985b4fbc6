"""From an open clip to its ejection fraction in one action, and by itself if one likes."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from matae.store import FrameStatus
from napari_matae.dock import MataeDock
from napari_matae.widgets.settings import settings

from ..conftest import disc, make_cine, opened, settled

pytestmark = pytest.mark.gui


@pytest.fixture
def make_dock(qtbot, tiny_model):
    made = []

    def make():
        widget = MataeDock(ViewerModel())
        made.append(widget)
        qtbot.addWidget(widget)
        widget.resize(430, 760)
        widget.show()
        qtbot.waitUntil(lambda: not widget.is_probing and bool(widget.workspace.link.connection.name))
        return widget

    yield make
    for widget in made:
        widget.close_down()


def at_its_numbers(dock):
    measuring = dock.measure_panel.measuring
    return dock.steps.currentIndex() == 3 and measuring.measurement is not None and not measuring.is_running


def test_nothing_open_offers_nothing(make_dock):
    dock = make_dock()
    one_click = dock.segment_panel.one_click
    assert not one_click.button.isEnabled()
    one_click.go()
    dock.workspace.one_click_wanted.emit()
    assert dock.steps.currentIndex() == 0


def test_one_click_segments_the_clip_and_shows_its_numbers(make_dock, qtbot, cine):
    dock = make_dock()
    opened(qtbot, dock.workspace, cine)
    assert dock.steps.currentIndex() == 1
    qtbot.mouseClick(dock.segment_panel.one_click.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: at_its_numbers(dock))
    assert len(dock.session.current.status) == cine.n_frames
    qtbot.waitUntil(
        lambda: dock.measure_panel.pair.ed.frame is not None or dock.measure_panel.measuring.measurement.ef is None
    )
    dock.steps.setCurrentIndex(1)  # all frames have masks: straight to the numbers
    qtbot.mouseClick(dock.segment_panel.one_click.button, Qt.MouseButton.LeftButton)
    assert dock.steps.currentIndex() == 3
    assert not dock.segment_panel.is_running


def test_a_run_that_is_cancelled_or_of_another_clip_shows_no_numbers(make_dock, qtbot, cine):
    dock = make_dock()
    opened(qtbot, dock.workspace, cine)
    dock.segment_panel.one_click.go()
    with qtbot.waitSignal(dock.segment_panel.finished):
        dock.segment_panel.cancel()
    assert dock.steps.currentIndex() == 1
    with qtbot.waitSignal(dock.segment_panel.finished):
        dock.segment_panel.run()  # the plain button does not leave the step
    assert dock.steps.currentIndex() == 1


def test_by_itself_on_opening_is_remembered_and_leaves_a_persons_work(make_dock, qtbot, cine):
    dock = make_dock()
    automatic = dock.segment_panel.one_click.automatic
    assert not automatic.isChecked()
    opened(qtbot, dock.workspace, cine)
    dock.session.masks.change("brush", {2: disc(cine.shape, (30, 40), 8)})
    settled(qtbot, dock.workspace)
    automatic.click()
    assert settings().value("segment/measure_on_open") == "yes"
    opened(qtbot, dock.workspace, make_cine(seed=7))
    qtbot.waitUntil(lambda: at_its_numbers(dock))
    opened(qtbot, dock.workspace, cine)
    assert dock.session.current.status == {2: FrameStatus.EDITED}
    assert not dock.segment_panel.is_running
    assert dock.steps.currentIndex() == 1
    dock.close_down()
    assert make_dock().segment_panel.one_click.automatic.isChecked()
