"""What goes back to an archive: refused for a clip without a study, shown first, sent only when somebody looked."""

from __future__ import annotations

import io
import tempfile
import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from clinic_makers import NAME, PATIENT, phantom_dataset, save
from pydicom import Dataset, dcmread
from qtpy.QtCore import Qt

from matae.measure import measure_cine
from matae.read import open_cine
from napari_matae.archive.sending import SendDialog
from napari_matae.background.connections import end_owned

pytestmark = [pytest.mark.gui, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]


@pytest.fixture
def dialog_of(qtbot):
    made = []

    def make(measured) -> SendDialog:
        dialog = SendDialog(measured)
        made.append(dialog)
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: not dialog.making.is_running)
        return dialog

    yield make
    for dialog in made:
        dialog.close()
        end_owned(dialog)


@pytest.fixture
def own_temporary(tmp_path, monkeypatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def measured_in(path, phantom):
    return measure_cine(open_cine(path), phantom.masks, sector=phantom.sector)


def shown(dialog) -> str:
    tree = dialog.preview
    items = [tree.topLevelItem(place) for place in range(tree.topLevelItemCount())]
    return "\n".join(
        one.text(0) for item in items for one in (item, *(item.child(n) for n in range(item.childCount())))
    )


def test_a_clip_that_is_no_dicom_file_is_refused_in_a_sentence(dialog_of, phantom, tmp_path) -> None:
    np.save(tmp_path / "clip.npy", phantom.cine.frames)
    dialog = dialog_of(measured_in(tmp_path / "clip.npy", phantom))
    assert dialog.described == ()
    assert dialog.words.text().endswith(".")
    assert "DICOM" in dialog.words.text()
    assert not dialog.send_button.isEnabled()
    assert not dialog.looked.isEnabled()


def test_everything_is_shown_and_nothing_leaves_before_somebody_looked(dialog_of, qtbot, phantom, tmp_path) -> None:
    dialog = dialog_of(measured_in(save(phantom_dataset(phantom), tmp_path / "clip.dcm"), phantom))
    assert [one.kind for one in dialog.described] == ["structured report", "segmentation"]
    assert PATIENT in shown(dialog)
    assert NAME in shown(dialog)
    assert "jection fraction" in shown(dialog)
    assert not dialog.send_button.isEnabled()
    dialog.send()
    assert not dialog.sending.is_running
    dialog.looked.setChecked(True)
    assert dialog.send_button.isEnabled()
    dialog.kinds["pdf"].click()  # another choice: what is shown is another, and has to be looked at again
    qtbot.waitUntil(lambda: len(dialog.described) == 3)
    assert not dialog.looked.isChecked()
    assert not dialog.send_button.isEnabled()
    dialog.looked.setChecked(True)
    qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
    assert "Name an archive first" in dialog.words.text()
    for box in dialog.kinds.values():
        box.setChecked(False)
    assert "Tick what is to be sent first" in dialog.words.text()


# What a protocol does is told apart in `tests/matae/pacs`; this window asks for an archive by its address.
@pytest.mark.parametrize("protocol", ["web", pytest.param("dimse", marks=pytest.mark.slow)])
def test_report_and_masks_arrive_in_the_study_of_the_clip(
    *, dialog_of, qtbot, stored, orthanc, protocol, phantom, tmp_path
):
    dialog = dialog_of(measured_in(tmp_path / "scanner.dcm", phantom))
    dialog.place.name.setCurrentText(getattr(orthanc, protocol))
    dialog.looked.setChecked(True)
    assert orthanc.held("SR") == []
    qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(dialog.sent) or not dialog.sending.is_running)
    assert "Sent to" in dialog.words.text()
    assert not dialog.send_button.isEnabled()  # once is enough
    for kind in ("SR", "SEG"):
        (data,) = orthanc.held(kind)
        assert dcmread(io.BytesIO(data)).StudyInstanceUID == stored.StudyInstanceUID
    assert len(orthanc.held("US")) == 1  # a clip never leaves


def test_an_archive_that_does_not_hold_the_study_gets_nothing(dialog_of, qtbot, orthanc, phantom, tmp_path) -> None:
    dialog = dialog_of(measured_in(save(phantom_dataset(phantom), tmp_path / "clip.dcm"), phantom))
    dialog.place.name.setCurrentText(orthanc.web)
    dialog.looked.setChecked(True)
    qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.sending.is_running)
    assert "The archive holds no study" in dialog.words.text()
    assert dialog.sent == ()
    assert orthanc.held("SR") == []


def leftovers() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(".matae-*.part"))


class Gated:
    """An archive in memory whose first object is under way until somebody opens the gate."""

    def __init__(self, study_uid: str) -> None:
        self.known, self.taken, self.began, self.gate = Dataset(), [], threading.Event(), threading.Event()
        self.known.StudyInstanceUID, self.known.PatientID = study_uid, PATIENT

    def find(self, _level: str, _keys: dict[str, str]) -> list[Dataset]:
        return [self.known]

    def store(self, path: Path) -> None:
        self.began.set()
        assert self.gate.wait(300)
        assert path.is_file()  # it is there as long as something leaves
        self.taken.append(path.name)


def test_a_window_closed_midway_stops_and_says_what_left(
    *, dialog_of, qtbot, phantom, tmp_path, monkeypatch, own_temporary
) -> None:
    made = phantom_dataset(phantom)
    archive = Gated(str(made.StudyInstanceUID))
    monkeypatch.setattr("matae.pacs.connect", lambda _: nullcontext(archive))
    dialog = dialog_of(measured_in(save(made, tmp_path / "clip.dcm"), phantom))
    assert leftovers()
    dialog.place.name.setCurrentText("dimse://A@127.0.0.1:1")
    dialog.looked.setChecked(True)
    dialog.send()
    qtbot.waitUntil(archive.began.is_set)
    dialog.close()
    assert dialog.isVisible()
    assert "stops after the object that is under way" in dialog.words.text()
    archive.gate.set()
    qtbot.waitUntil(lambda: not dialog.sending.is_running)
    assert archive.taken == ["sr.dcm"]
    assert dialog.words.text() == "Stopped; send it again to go on. Sent before that: sr.dcm."
    dialog.close()
    assert not dialog.isVisible()
    assert leftovers() == []


def test_what_names_the_patient_goes_with_the_dock_too(dialog_of, phantom, tmp_path, own_temporary) -> None:
    dialog = dialog_of(measured_in(save(phantom_dataset(phantom), tmp_path / "clip.dcm"), phantom))
    assert leftovers()
    end_owned(dialog)  # as the dock does when the viewer is closed
    assert leftovers() == []


def test_a_temporary_folder_that_takes_nothing_is_a_sentence(*, dialog_of, phantom, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    measured = measured_in(save(phantom_dataset(phantom), tmp_path / "clip.dcm"), phantom)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    dialog = dialog_of(measured)
    assert "is a file or lies below one" in dialog.words.text()
    assert not dialog.send_button.isEnabled()
