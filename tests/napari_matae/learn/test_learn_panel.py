"""The Learn step: what people accepted leaves, looked at first; what others labelled comes in."""

from __future__ import annotations

import json
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from matae.exchange import read_manifest, verify_release
from matae.phantom import make_phantom
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study
from napari_matae.background.connections import end_owned
from napari_matae.dock import MataeDock
from napari_matae.exchange.export_dialog import ExportDialog
from napari_matae.exchange.export_form import ExportForm
from napari_matae.exchange.import_dialog import ImportDialog
from napari_matae.learn.panel import LearnPanel

from ..conftest import proposals, settled

pytestmark = pytest.mark.gui

WAIT = 30_000


@cache
def phantom():
    return make_phantom(seed=5, n_frames=9, shape=(96, 112))


def write(path: Path, *, text: bool = False) -> Path:
    """Write a phantom as a file of its own; with something like text burned in if wished."""
    frames = np.array(phantom().cine.frames)
    if text:
        from PIL import Image, ImageDraw

        line = Image.new("L", (112, 96))
        ImageDraw.Draw(line).text((38, 40), "DOE 12", fill=255)
        frames[:, np.asarray(line) > 128] = 255
    sitk.WriteImage(sitk.GetImageFromArray(frames), str(path))
    return path


def fill(target: Path, files: dict[str, Path], status=FrameStatus.ACCEPTED, frames=(1, 2, 6)) -> list[str]:
    """Put cines into a study, with masks a person drew."""
    masks = phantom().masks
    found = []
    with Study.open(target, rater="anna") if target.exists() else Study.create(target, rater="anna") as study:
        for subject, path in files.items():
            cine = open_cine(path)
            study.add_cine(cine, subject=subject)
            edits = [Edit(t, (masks[t] == 1).astype(np.uint8), 0, status) for t in frames]
            study.put_edits(cine.content_id, edits)
            found.append(cine.content_id)
    return found


@pytest.fixture
def learn(make_workspace, qtbot, tmp_path):
    """Return a maker of panels on a study that is open and counted."""
    made = []

    def make(target: str | None = "study.sqlite") -> LearnPanel:
        workspace = make_workspace(target)
        panel = LearnPanel(workspace)
        made.append(panel)
        qtbot.addWidget(panel)
        panel.data.form.folder.setText(str(tmp_path / "out"))
        panel.data.form.name.setText("lv")
        panel.show()
        if target is not None:
            qtbot.waitUntil(lambda: panel.data.overview is not None, timeout=WAIT)
        return panel

    yield make
    for panel in made:
        end_owned(panel)


def previewed(qtbot, panel) -> ExportDialog:
    with qtbot.waitSignal(panel.data.opened, timeout=WAIT) as opened:
        panel.data.preview_button.click()
    return opened.args[0]


def looked_at(qtbot, panel, path: Path) -> ImportDialog:
    with qtbot.waitSignal(panel.data.opened, timeout=WAIT) as opened:
        panel.data.look_at(path)
    return opened.args[0]


def exported(qtbot, dialog):
    with qtbot.waitSignal(dialog.exported, timeout=WAIT) as done:
        dialog.export_button.click()
    return done.args[0]


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
        go.wait(20)  # a clip that takes very long
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


def test_an_import_lists_conflicts_first_and_leaves_them_alone(learn, qtbot, tmp_path):
    (content_id,) = fill(tmp_path / "study.sqlite", {"P1": write(tmp_path / "a.mha")}, frames=(6,))
    with Study.open(tmp_path / "study.sqlite") as study:
        study.backup(tmp_path / "copy.sqlite")
    fill(tmp_path / "study.sqlite", {"P1": tmp_path / "a.mha"}, frames=(1, 2))
    panel = learn()
    release = exported(qtbot, previewed(qtbot, panel))

    drawn = np.zeros((96, 112), np.uint8)
    drawn[10:30, 40:60] = 1
    with Study.open(tmp_path / "copy.sqlite", rater="bea") as study:  # another workplace, meanwhile
        study.put_edits(content_id, [Edit(1, drawn, 0, FrameStatus.EDITED)])
    panel = learn("copy.sqlite")
    dialog = looked_at(qtbot, panel, release.folder)
    first = dialog.clips.topLevelItem(0)
    assert [first.text(place) for place in range(4)] == ["a", "frame 2", "frame 3", "frame 7"]
    assert "1 differs from a manual label" in dialog.summary.text()
    dialog.rater.setText("anna")
    with qtbot.waitSignal(dialog.imported, timeout=WAIT) as done:
        dialog.import_button.click()
    assert (done.args[0].stored, done.args[0].conflicts) == (1, 1)
    assert "1 label stored." in dialog.result.text()
    assert "1 label of yours differs and was left as it is." in dialog.result.text()
    with Study.open(tmp_path / "copy.sqlite") as study:
        np.testing.assert_array_equal(study.mask(content_id, 1), drawn)
        assert study.frames(content_id)[2].rater == "anna"

    again = looked_at(qtbot, panel, release.folder)
    assert not again.import_button.isEnabled()
    assert again.import_button.toolTip() == "There is nothing new in it."


def test_what_is_no_training_data_is_refused_in_a_sentence(learn, qtbot, tmp_path):
    Study.create(tmp_path / "study.sqlite").close()
    panel = learn()
    (tmp_path / "holiday").mkdir()
    with qtbot.waitSignal(panel.data.failed, timeout=WAIT) as failed:
        panel.data.look_at(tmp_path / "holiday")
    assert "choose the folder that holds the lists" in failed.args[0]
    assert panel.data.folder_button.isEnabled()


def test_classes_that_are_not_known_are_asked_for(learn, qtbot, tmp_path):
    Study.create(tmp_path / "study.sqlite").close()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8)).save(tmp_path / "p1.png")
    shapes = [
        {"label": name, "points": [[left, 10], [left + 20, 10], [left + 20, 40], [left, 40]], "shape_type": "polygon"}
        for name, left in (("blob", 10), ("thing", 50))
    ]
    (tmp_path / "p1.json").write_text(json.dumps({"shapes": shapes, "imagePath": "p1.png", "imageData": None}))
    panel = learn()
    with qtbot.waitSignal(panel.data.opened, timeout=WAIT) as opened:
        panel.data.look_at(tmp_path / "p1.json")
    question = opened.args[0]
    assert list(question.choices) == ["blob", "thing"]
    assert not question.go_button.isEnabled()
    question.choices["blob"].setCurrentText("left ventricular cavity")
    question.choices["thing"].setCurrentText("left out")
    with qtbot.waitSignal(panel.data.opened, timeout=WAIT) as opened:
        question.go_button.click()
    dialog = opened.args[0]
    assert dialog.notes.text() == "Classes read: 'blob' as left ventricular cavity, 'thing' as nothing."
    with qtbot.waitSignal(dialog.imported, timeout=WAIT) as done:
        dialog.import_button.click()
    assert done.args[0].stored == 1
    with Study.open(tmp_path / "study.sqlite") as study:
        mask = study.mask(study.cines()[0].content_id, 0)
    assert set(np.unique(mask)) == {0, 1}
    assert not mask[:, 45:].any()


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


def test_in_the_dock_what_was_just_accepted_leaves(make_napari_viewer_proxy, qtbot, tmp_path):
    viewer = make_napari_viewer_proxy()
    dock = MataeDock(viewer)
    viewer.window.add_dock_widget(dock, name="MatAE")
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
