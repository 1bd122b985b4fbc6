"""The Learn step: what people accepted leaves, looked at first."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from matae.exchange import read_manifest, verify_release
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study
from napari_matae.dock import MataeDock
from napari_matae.exchange.export_form import ExportForm

from ..conftest import proposals, settled
from .data_makers import WAIT, exported, fill, phantom, previewed, write

pytestmark = pytest.mark.gui


def test_without_a_study_it_says_where_to_choose_one(learn, qtbot):
    data = learn(None).data
    assert "choose one or begin a new one in step 1" in data.message.text()
    assert data.counts.isHidden()
    assert not data.preview_button.isEnabled()
    assert not data.folder_button.isEnabled()


def test_with_nothing_accepted_it_says_what_to_do(learn, tmp_path):
    fill(tmp_path / "study.sqlite", {"P1": write(tmp_path / "a.mha")}, FrameStatus.EDITED)
    data = learn().data
    assert "Nothing is accepted yet" in data.message.text()
    assert "step 3" in data.message.text()
    assert "<b>0 accepted frames</b>" in data.counts.text()
    assert "3 edited" in data.counts.text()
    assert not data.preview_button.isEnabled()
    data.form.edited.click()  # edited frames may leave where a person says so
    assert data.preview_button.isEnabled()
    assert data.message.isHidden()


def test_a_format_whose_extra_is_missing_says_which(qtbot, own_home, tmp_path, monkeypatch):
    form = ExportForm()
    qtbot.addWidget(form)
    form.folder.setText(str(tmp_path))
    form.name.setText("spring")
    monkeypatch.setattr("matae.extras.find_spec", lambda _: None)
    form.format.setCurrentIndex(form.format.findData("dicom-seg"))
    assert form.problem == form.place.text()
    assert "is not installed (extra dicom-seg): pip install 'highdicom" in form.problem
    form.format.setCurrentIndex(form.format.findData("npz"))
    assert form.problem == ""


def test_a_form_keeps_what_was_chosen_and_names_a_new_folder(qtbot, own_home, tmp_path):
    form = ExportForm()
    qtbot.addWidget(form)
    form.folder.setText(str(tmp_path))
    form.name.setText("spring")
    sentences = set()
    for place in range(form.format.count()):
        form.format.setCurrentIndex(place)
        sentences.add(form.sentence.text())
        assert form.choice.folder == tmp_path / f"spring-{form.format.currentData()}"
        assert form.options.size is None
        assert not form.options.native
    assert len(sentences) == form.format.count() == 6
    form.format.setCurrentIndex(form.format.findData("echonet"))
    form.size.setCurrentIndex(1)
    assert form.options.native
    form.remember()
    again = ExportForm()
    qtbot.addWidget(again)
    assert again.options.format == "echonet"
    assert again.name.text() == "spring"
    again.name.setText(" ")
    assert "Give the release a name" in again.problem


def test_an_export_is_looked_at_and_then_really_written(learn, qtbot, tmp_path):
    (content_id,) = fill(tmp_path / "study.sqlite", {"P1": write(tmp_path / "secret.mha")})
    panel = learn()
    data = panel.data
    assert "<b>3 accepted frames</b> in 1 clip of 1 patient" in data.counts.text()
    assert data.overview.new_patients is None
    dialog = previewed(qtbot, panel)
    assert "3 frames of 1 clip from 1 patient" in dialog.summary.text()
    assert "Pictures and masks (PNG)" in dialog.summary.text()
    assert "free there" in dialog.summary.text()
    assert "Nothing is written yet" in dialog.summary.text()
    assert dialog.findings.textFormat() is Qt.TextFormat.RichText
    assert dialog.looked.isHidden()
    assert not (tmp_path / "out").exists()
    before = data.overview.releases
    with qtbot.waitSignal(data.counted, timeout=WAIT):
        release = exported(qtbot, dialog)
    assert before == ()
    assert release.folder == tmp_path / "out" / "lv-png"
    assert len(list((release.folder / "masks").rglob("*.png"))) == 3
    assert verify_release(release.folder) == []
    assert "secret" not in json.dumps(read_manifest(release.folder))
    assert "Exported as lv 1: 3 frames of 1 clip" in dialog.result.text()
    assert not dialog.open_button.isHidden()
    assert "Nothing is written yet" not in dialog.summary.text()
    assert "left as Pictures and masks" in dialog.summary.text()
    qtbot.waitUntil(lambda: len(data.overview.releases) == 1, timeout=WAIT)
    assert "No new patient since the last release, lv 1." in data.counts.text()
    assert data.releases.list.topLevelItem(0).text(0) == "lv 1"
    assert data.releases.list.topLevelItem(0).text(2) == "3"
    assert content_id in data.overview.titles

    # The folder is there now: said before anything is planned, with what to do.
    assert "lv-png is in that folder already" in data.form.place.text()
    with qtbot.waitSignal(data.failed, timeout=WAIT) as failed:
        data.preview_button.click()
    assert "give another name" in failed.args[0]
    assert "give another name" in data.words.text()
    dialog.close()
    assert data.dialogs == []


def read_blind(target: Path, content_id: str) -> None:
    """Let bela read beside anna, in a study that is blind from then on."""
    with Study.open(target, rater="bela", as_reader=True) as study:
        wider = np.array(phantom().masks[1] == 1, np.uint8)
        wider[:, 1:] |= wider[:, :-1]
        study.put_edits(content_id, [Edit(1, wider, 0, FrameStatus.ACCEPTED)])


def test_the_reading_of_one_rater_is_chosen_and_leaves(learn, qtbot, tmp_path):
    target = tmp_path / "study.sqlite"
    files = {"P1": write(tmp_path / "a.mha")}
    Study.create(target, rater="anna").close()
    with Study.open(target) as study:
        study.set_blind(True)
    (content_id,) = fill(target, files, frames=(1, 2))
    panel = learn()
    form = panel.data.form
    assert not form.reading.isVisibleTo(form)  # one rater: nothing to choose
    read_blind(target, content_id)
    with qtbot.waitSignal(panel.data.counted, timeout=WAIT):
        panel.data.count()
    assert form.reading.isVisibleTo(form)
    assert [form.reading.itemData(place) for place in range(3)] == [None, "anna", "bela"]
    assert form.options.reading is None
    qtbot.mouseClick(panel.data.preview_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(panel.data.words.text()), timeout=WAIT)
    assert "export the reading of one of them" in panel.data.words.text()  # they differ, and nobody has chosen
    form.reading.setFocus()
    qtbot.keyClicks(form.reading, "bela")
    assert form.options.reading == "bela"
    dialog = previewed(qtbot, panel)
    assert dialog._prepared.plan.reading == "bela"
    assert dialog._prepared.hidden == {content_id}  # anna has not finished, nor has bela
    captions = [label.text() for label in dialog.pictures.findChildren(QLabel)]
    assert any("outline hidden, others read this clip blind" in text for text in captions)
    release = exported(qtbot, dialog)
    (written,) = sorted((release.folder / "masks").rglob("*.png"))
    with Study.open(target) as study:
        expected = study.reading_masks(content_id, "bela")[1]
    np.testing.assert_array_equal(np.asarray(Image.open(written)) > 0, expected > 0)


def test_a_folder_that_appears_after_the_preview_is_not_overwritten(learn, qtbot, tmp_path):
    fill(tmp_path / "study.sqlite", {"P1": write(tmp_path / "a.mha")})
    panel = learn()
    dialog = previewed(qtbot, panel)
    folder = tmp_path / "out" / "lv-png"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    with qtbot.waitSignal(dialog.failed, timeout=WAIT) as failed:
        dialog.export_button.click()
    assert failed.args[0].endswith("name a new folder, so that nothing is overwritten.")
    assert dialog.result.text() == panel.data.words.text() == failed.args[0]
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("closed", [False, True])
def test_cancel_answers_at_once_and_leaves_nothing(learn, qtbot, tmp_path, monkeypatch, closed):
    from matae.exchange.layouts.png import PngWriter

    fill(tmp_path / "study.sqlite", {"P1": write(tmp_path / "a.mha")})
    panel = learn()
    dialog = previewed(qtbot, panel)
    real, begun, go = PngWriter.add, threading.Event(), threading.Event()

    def slow(self, clip, tick):
        begun.set()
        go.wait(300)  # a clip that takes very long
        real(self, clip, tick)

    monkeypatch.setattr(PngWriter, "add", slow)
    dialog.export_button.click()
    qtbot.waitUntil(begun.is_set, timeout=WAIT)
    assert not dialog.bar.isHidden()
    if closed:
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert dialog.isHidden()
    else:
        dialog.bar.cancel_button.click()
        assert dialog.bar.text.text() == "Stopping…"  # before the writer has come back
    with qtbot.waitSignal(dialog.job.ended, timeout=WAIT):
        go.set()
    assert panel.data.words.text() == "Stopped; nothing was exported and nothing is left behind."
    assert list((tmp_path / "out").iterdir()) == []
    if not closed:
        assert dialog.result.text() == panel.data.words.text()
        assert dialog.export_button.isEnabled()


def test_text_in_the_picture_holds_the_export_back_until_ticked(learn, qtbot, tmp_path):
    fill(tmp_path / "study.sqlite", {"P1": write(tmp_path / "a.mha", text=True)})
    panel = learn()
    dialog = previewed(qtbot, panel)
    assert not dialog.looked.isHidden()
    assert "⚠ a: text seems to be burned into the picture" in dialog.findings.text()
    assert not dialog.export_button.isEnabled()
    dialog.export()  # not even so
    assert not dialog.job.is_running
    assert "tick that you did" in dialog.result.text()
    dialog.looked.click()
    assert exported(qtbot, dialog).folder.is_dir()


def test_two_releases_are_compared_in_the_words_of_this_screen(learn, qtbot, tmp_path):
    target = tmp_path / "study.sqlite"
    (content_id,) = fill(target, {"P1": write(tmp_path / "a.mha")})
    panel = learn()
    data = panel.data
    first = exported(qtbot, previewed(qtbot, panel))
    drawn = np.zeros((96, 112), np.uint8)
    drawn[10:30, 40:60] = 1
    with Study.open(target, rater="anna") as study:
        revision = study.frames(content_id)[1].revision
        study.put_edits(
            content_id, [Edit(1, drawn, revision, FrameStatus.ACCEPTED), Edit(4, drawn, 0, FrameStatus.ACCEPTED)]
        )
    data.form.folder.setText(str(tmp_path / "out-2"))
    second = exported(qtbot, previewed(qtbot, panel))
    assert (first.number, second.number) == (1, 2)
    qtbot.waitUntil(lambda: len(data.overview.releases) == 2, timeout=WAIT)
    text = data.releases.words.text()
    assert "2 labels the same." in text
    assert "Added: 1, in a (frame 5)." in text
    assert "Changed: 1, in a (frame 2)." in text
    assert "Removed: none." in text


def test_in_the_dock_what_was_just_accepted_leaves(qtbot, tmp_path):
    dock = MataeDock(ViewerModel())
    qtbot.addWidget(dock)
    qtbot.waitUntil(lambda: not dock.is_probing, timeout=WAIT)
    dock.session.open(open_cine(write(tmp_path / "a.mha")))
    qtbot.waitUntil(lambda: dock.session.current.ready, timeout=WAIT)
    proposals(dock.session.current.cine, dock.session)
    dock.session.seek(3)
    dock.workspace.actions.accept()
    settled(qtbot, dock.workspace)
    dock.workspace.link.record.set_subject("p1")  # a clip of nobody does not leave
    qtbot.waitUntil(lambda: dock.workspace.link.sync_state.entry.subject == "p1", timeout=WAIT)
    dock.steps.setCurrentIndex(4)
    data = dock.learn_panel.data
    data.form.folder.setText(str(tmp_path / "out"))
    data.show()
    data.count()
    qtbot.waitUntil(lambda: data.overview is not None and data.overview.accepted == 1, timeout=WAIT)
    dialog = previewed(qtbot, dock.learn_panel)
    assert exported(qtbot, dialog).manifest["clips"][0]["frames"][0]["frame"] == 3
    dock.close_down()
    assert data.dialogs == []
