"""The dock as a user would work it, waiting on signals; in a real window where it is closed and opened again."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from matae.cine import Cine
from matae.models import DEFAULT_MODEL
from matae.segment import Segmenter
from matae.segment.kept import forget_kept
from napari_matae.dock import MataeDock

from .conftest import make_cine

pytestmark = pytest.mark.gui


@pytest.fixture
def dock(qtbot, tiny_model):
    """A dock on a viewer's model: every widget of ours. What a window adds has tests of its own."""
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    widget.resize(430, 760)
    widget.show()
    qtbot.waitUntil(lambda: not widget.is_probing, timeout=30_000)
    widget.segment_panel.model.setCurrentText("tiny")
    yield widget
    widget.close_down()


def segment(dock, qtbot):
    with qtbot.waitSignal(dock.segment_panel.finished, timeout=60_000) as ended:
        dock.segment_panel.run_button.click()
    return ended.args[0]


def test_nothing_open_offers_only_to_open(dock):
    assert not dock.segment_panel.run_button.isEnabled()
    assert not dock.transport.play_button.isEnabled()
    assert dock.open_panel.file_button.isEnabled()
    assert dock.segment_panel.status.text() == "Open a cine first."


def test_a_dock_that_the_collector_has_emptied_leaves_the_windows_events_alone(qtbot):
    emptied = MataeDock.__new__(MataeDock)
    QWidget.__init__(emptied)
    qtbot.addWidget(emptied)
    assert not emptied.eventFilter(emptied, QEvent(QEvent.Type.Close))


def test_learn_is_made_when_somebody_looks_and_ends_with_the_dock(dock, qtbot):
    steps, learn = dock.steps, dock.steps.count() - 1
    assert steps.widget(learn).widget() is None
    steps.setCurrentIndex(learn)
    panel = steps.widget(learn).widget()
    assert panel is dock.learn_panel
    qtbot.waitUntil(lambda: panel.retrain.is_current and panel.data.overview is not None)
    dock.close_down()
    assert not panel.retrain._timer.isActive()
    assert not panel.models._soon.isActive()


def test_a_dock_that_nobody_learnt_in_closes_without_the_panel(dock):
    dock.close_down()
    assert dock.steps.widget(dock.steps.count() - 1).widget() is None


def test_open_segment_play(dock, qtbot, cine):
    dock.session.open(cine)
    assert dock.steps.currentIndex() == 1
    assert segment(dock, qtbot) == "done"
    text = dock.segment_panel.status.text()
    assert "12 frames by tiny" in text
    assert "frames/s" in text
    assert np.isfinite(dock.session.current.area_px).all()
    dock.area_plot.redraw()
    dock.transport.play_button.click()
    qtbot.waitUntil(lambda: dock.session.frame > 0, timeout=5000)
    dock.transport.play_button.click()
    assert not dock.player.is_playing


def test_what_is_no_echo_is_said_when_the_run_is_over_until_a_person_states_the_view(dock, qtbot):
    panel = dock.segment_panel
    panel.model.setCurrentText(DEFAULT_MODEL)
    panel.width_choice.setCurrentIndex(panel.width_choice.findData("1/8"))
    noise = np.random.default_rng(0).integers(0, 256, (2, 200, 240), dtype=np.uint8)
    dock.session.open(Cine(noise, None, None, Path("noise.npy")))
    assert segment(dock, qtbot) == "done"
    assert panel.status.text().startswith("The pictures do not look like an echo")
    assert "nothing is outlined; state the view if they are one" in panel.status.text()
    assert not np.asarray(dock.session.current.labels.data).any()
    assert np.isnan(dock.session.current.expected_dice).all()  # no bar in the strip: there is no outline to judge
    dock.measure_panel.view.setCurrentIndex(dock.measure_panel.view.findData("A4C"))
    dock.measure_panel.view.activated.emit(dock.measure_panel.view.currentIndex())
    assert segment(dock, qtbot) == "done"
    assert "do not look like an echo" not in panel.status.text()


def test_cancel_keeps_what_is_done_and_answers_at_once(dock, qtbot, monkeypatch):
    dock.session.open(make_cine(64))
    real = Segmenter.stream
    release = threading.Event()

    def watched(self, *args):
        for result in real(self, *args):
            yield result
            if result.index >= 8:
                release.wait(300)  # a batch that takes very long

    monkeypatch.setattr(Segmenter, "stream", watched)
    panel = dock.segment_panel
    panel.run_button.click()
    qtbot.waitUntil(lambda: panel.progress.value() >= 9, timeout=30_000)
    ended = []
    panel.finished.connect(ended.append)
    panel.cancel_button.click()
    assert ended == ["cancelled"]  # before the network has come back
    release.set()
    done = np.isfinite(dock.session.current.area_px)
    assert done[:9].all()
    assert not done.all()
    assert "Cancelled: 9 of 64" in panel.status.text()
    assert panel.run_button.isEnabled()


def test_cancel_answers_while_the_model_loads_and_changes_nothing(dock, qtbot, cine, monkeypatch):
    dock.session.open(cine)
    segment(dock, qtbot)
    before = dock.session.current.labels.data.copy()
    forget_kept()
    release = threading.Event()
    real = Segmenter.__init__

    def slow(self, *args, **how):
        release.wait(300)
        real(self, *args, **how)

    monkeypatch.setattr(Segmenter, "__init__", slow)
    ended, said = [], []
    dock.segment_panel.finished.connect(ended.append)
    for name in ("run_asked", "run_began", "run_ended"):
        getattr(dock.session, name).connect(lambda name=name: said.append(name), max_args=0)
    dock.segment_panel.run_button.click()
    assert said == ["run_asked"]  # what would hold up the first mask waits from the click on
    dock.segment_panel.cancel_button.click()
    assert ended == ["cancelled"]
    assert said == ["run_asked", "run_ended"]
    release.set()
    monkeypatch.setattr(Segmenter, "__init__", real)
    assert segment(dock, qtbot) == "done"  # and what the old run still had to say is not heard
    np.testing.assert_array_equal(dock.session.current.labels.data, before)


def test_a_run_that_cannot_start_leaves_the_masks(dock, qtbot, cine, monkeypatch):
    monkeypatch.setattr("napari.utils.notifications.show_error", lambda _: None)
    dock.session.open(cine)
    segment(dock, qtbot)
    labels, before = dock.session.current.labels, dock.session.current.labels.data.copy()
    dock.segment_panel.device.setCurrentText("cuda")
    monkeypatch.setattr("matae.segment.device.has_gpu", lambda: False)
    assert segment(dock, qtbot) == "failed"
    assert dock.session.current.labels is labels
    np.testing.assert_array_equal(labels.data, before)
    assert np.isfinite(dock.session.current.area_px).all()


def test_the_widths_offered_are_the_models_own(dock):
    panel = dock.segment_panel
    assert [panel.width_choice.itemData(i) for i in range(5)] == ["auto", "1", "1/2", "1/4", "1/8"]


def test_edited_frames_are_kept_and_said_so(dock, qtbot, cine):
    dock.session.open(cine)
    segment(dock, qtbot)
    dock.session.seek(3)
    labels = dock.session.current.labels
    labels.data[3] = 0
    labels.paint((3, 30, 40), 1)
    edited = labels.data[3].copy()
    segment(dock, qtbot)
    np.testing.assert_array_equal(dock.session.current.labels.data[3], edited)
    assert "1 edited frame kept" in dock.segment_panel.status.text()


def test_running_out_of_memory_is_a_sentence(dock, qtbot, cine, monkeypatch):
    import torch

    def broken(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        yield

    monkeypatch.setattr(Segmenter, "stream", broken)
    monkeypatch.setattr("napari.utils.notifications.show_error", lambda _: None)
    dock.session.open(cine)
    assert segment(dock, qtbot) == "failed"
    assert dock.segment_panel.status.text().startswith("Memory ran out")
    assert dock.segment_panel.run_button.isEnabled()


def test_opening_another_cine_ends_the_run(dock, qtbot):
    dock.session.open(make_cine(200))
    panel = dock.segment_panel
    panel.run_button.click()
    qtbot.waitUntil(lambda: panel.progress.value() > 0, timeout=30_000)
    with qtbot.waitSignal(panel.finished, timeout=20_000):
        dock.session.open(make_cine(5, seed=2))
    assert np.isnan(dock.session.current.area_px).all()


def test_a_click_in_the_curve_seeks(dock, qtbot, cine):
    dock.session.open(cine)
    dock.area_plot.seek_to(0.101)
    assert dock.session.frame == 5
    assert dock.area_plot._cursor.value() == pytest.approx(0.1)


def test_the_sector_can_be_adjusted_turned_and_found_again(dock, cine):
    dock.session.open(cine)
    controls = dock.segment_panel.sector
    controls.adjust_button.click()
    assert dock.viewer.layers.selection.active.name.startswith("Sector")
    controls.apex_down.click()
    assert dock.session.current.sector.apex_down
    dock.session.current.sector_layer.data = [np.array([[5, 5], [5, 70], [50, 70], [50, 5]], float)]
    assert "drawn by hand" in controls.text.text()
    controls.reset_button.click()
    assert "drawn by hand" not in controls.text.text()


def test_an_unknown_frame_rate_is_asked_for(dock, qtbot):
    dock.session.open(make_cine(timed=False))
    question = dock.open_panel.rate_question
    assert not question.isHidden()
    assert question.candidates.isHidden()
    assert "frame rate" in dock.transport.play_button.toolTip()
    question.button.click()  # nothing chosen yet: nothing is guessed
    assert dock.session.current.cine.frame_rate is None
    question.rate.setValue(42)
    question.button.click()
    assert dock.session.current.cine.frame_rate == pytest.approx(42)
    assert "by hand" in question.text.text()  # it can be changed, and taken back
    assert dock.transport.play_button.isEnabled()


def test_contradictory_rates_are_offered_to_choose_from(dock):
    from dataclasses import replace

    stated = {"frame_rate_candidates": {"FrameTime": 25.0, "CineRate": 50.0}}
    dock.session.open(replace(make_cine(timed=False), info=stated, timing_note="FrameTime and CineRate disagree."))
    question = dock.open_panel.rate_question
    assert question.text.text() == "FrameTime and CineRate disagree."
    question.candidates.setCurrentIndex(2)
    question.candidates.activated.emit(2)
    question.button.click()
    assert dock.session.current.cine.frame_rate == pytest.approx(50)


def test_reading_a_file_happens_off_the_gui_thread(dock, qtbot):
    from matae.demo import demo_path

    with qtbot.waitSignal(dock.open_panel.finished, timeout=30_000) as ended:
        dock.open_panel.open(demo_path())
    assert ended.args == [True]
    assert "No millimetres" in dock.open_panel.facts.text()


def test_a_bad_file_is_a_sentence_and_nothing_is_lost(dock, qtbot, cine, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_error", said.append)
    dock.session.open(cine)
    (tmp_path / "notes.dcm").write_text("these are notes")
    with qtbot.waitSignal(dock.open_panel.finished, timeout=30_000) as ended:
        dock.open_panel.open(tmp_path / "notes.dcm")
    assert ended.args == [False]
    assert said
    assert "notes.dcm" in said[0]
    assert dock.session.current.cine is cine
    assert dock.open_panel.file_button.isEnabled()


def test_a_folder_of_cines_is_a_list_to_choose_from(dock, qtbot, tmp_path):
    from matae.demo import demo_path

    for name in ("a.dcm", "b.dcm"):
        (tmp_path / name).write_bytes(demo_path().read_bytes())
    with qtbot.waitSignal(dock.open_panel.finished, timeout=30_000):
        dock.open_panel.open(tmp_path)
    assert dock.open_panel.choices.count() == 2
    assert dock.open_panel.status.text() == f"2 cines in {tmp_path.name}: choose one."
    with qtbot.waitSignal(dock.open_panel.finished, timeout=30_000):
        dock.open_panel.choices.itemActivated.emit(dock.open_panel.choices.item(1))
    assert dock.session.current.cine.source.name == "b.dcm"


def test_keys_are_bound_and_given_back(dock, cine):
    dock.session.open(cine)
    bound = {str(key) for key in dock.viewer.keymap}
    assert any("Space" in key for key in bound)
    dock.close_down()
    assert not any("Shift+Space" in str(key) for key in dock.viewer.keymap)


def test_closing_while_segmenting_leaves_nothing_running(make_napari_viewer_proxy, qtbot, tiny_model):
    viewer = make_napari_viewer_proxy()
    widget = MataeDock(viewer)
    viewer.window.add_dock_widget(widget, name="MatAE")
    qtbot.waitUntil(lambda: not widget.is_probing, timeout=30_000)
    widget.segment_panel.model.setCurrentText("tiny")
    widget.session.open(make_cine(400))
    widget.segment_panel.run()  # as soon as the study has said which frames are a person's
    qtbot.waitUntil(lambda: widget.segment_panel.is_running, timeout=10_000)
    worker = widget.segment_panel._run._worker._worker
    qtbot.waitUntil(lambda: widget.segment_panel.progress.value() > 0, timeout=30_000)
    viewer.window.remove_dock_widget(widget)
    widget.close()
    assert not widget.segment_panel.is_running
    qtbot.waitUntil(lambda: not worker.is_running, timeout=10_000)


def test_a_dock_closed_and_opened_again_works_once(make_napari_viewer_proxy, qtbot, tiny_model, cine):
    viewer = make_napari_viewer_proxy()
    docked, first = viewer.window.add_plugin_dock_widget("napari-matae", "MatAE")
    qtbot.waitUntil(lambda: not first.is_probing, timeout=30_000)
    viewer.window.remove_dock_widget(docked)
    _, second = viewer.window.add_plugin_dock_widget("napari-matae", "MatAE")
    qtbot.waitUntil(lambda: not second.is_probing, timeout=30_000)
    second.session.open(cine)
    assert first.session.current is None
    assert len([layer for layer in viewer.layers if layer.name.startswith("Sector")]) == 1
    second.close_down()


@pytest.mark.parametrize("name", ["cine.dcm", "IM000001"])
def test_a_file_that_napari_opens_by_our_reader_is_taken_over(dock, qtbot, tmp_path, name):
    from npe2 import PluginManager

    from matae.demo import demo_path

    PluginManager.instance().discover()  # as napari does for its first window; here the viewer is a model alone
    (tmp_path / name).write_bytes(demo_path().read_bytes())
    dock.viewer.open(str(tmp_path / name), plugin="napari-matae")
    assert dock.session.current.cine.source.name == name
    qtbot.waitUntil(lambda: dock.session.current.sector is not None, timeout=20_000)
    assert dock.session.current.sector.source == "fan"
    assert dock.steps.currentIndex() == 1


def test_a_file_dropped_on_the_dock_opens(dock, qtbot):
    from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
    from qtpy.QtGui import QDropEvent

    from matae.demo import demo_path

    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(demo_path()))])
    action, button, key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    with qtbot.waitSignal(dock.open_panel.finished, timeout=30_000):
        dock.dropEvent(QDropEvent(QPointF(5, 5), action, files, button, key))
    assert dock.session.current.cine.source == demo_path()


def test_text_dropped_on_the_dock_is_declined(dock):
    from qtpy.QtCore import QMimeData, QPointF, Qt
    from qtpy.QtGui import QDropEvent

    text = QMimeData()
    text.setText("hello")
    action, button, key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    dock.dropEvent(QDropEvent(QPointF(5, 5), action, text, button, key))
    assert dock.session.current is None


def test_a_volume_is_opened_as_a_cine_where_a_person_says_so(dock, qtbot, tmp_path, monkeypatch):
    import SimpleITK

    monkeypatch.setattr("napari.utils.notifications.show_error", lambda text: None)
    path = tmp_path / "a.nii"
    image = SimpleITK.GetImageFromArray(make_cine(5).frames)
    image.SetSpacing((0.5, 0.5, 0.5))
    SimpleITK.WriteImage(image, str(path))
    panel = dock.open_panel
    with qtbot.waitSignal(panel.finished, timeout=30_000) as ended:
        panel.open(path)
    assert ended.args == [False]
    assert panel.volume_button.isVisible()
    assert "'The third axis is time' in the Open step" in panel.status.text()
    with qtbot.waitSignal(panel.finished, timeout=30_000) as ended:
        panel.volume_button.click()
    assert ended.args == [True]
    assert not panel.volume_button.isVisible()
    assert dock.session.current.cine.n_frames == 5
