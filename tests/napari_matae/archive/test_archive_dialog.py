"""An archive as a worklist, by mouse and keyboard: nothing open and nobody there first, then found, chosen, fetched."""

from __future__ import annotations

import socket

import pytest
from clinic_makers import PATIENT, phantom_dataset, save
from napari.components import ViewerModel
from orthanc_server import free_port
from pydicom import dcmread
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from matae.store import Study
from napari_matae.archive.dialog import ArchiveDialog
from napari_matae.archive.place import ArchivePlace
from napari_matae.background.connections import end_owned
from napari_matae.dock import MataeDock

pytestmark = [pytest.mark.gui, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]


@pytest.fixture
def dialog_of(make_workspace, qtbot, tmp_path):
    made = []

    def make(target: str | None = "study.sqlite") -> ArchiveDialog:
        workspace = make_workspace(target)
        if target is not None:
            qtbot.waitUntil(lambda: bool(workspace.link.connection.opened_target))
        dialog = ArchiveDialog(workspace)
        made.append(dialog)
        qtbot.addWidget(dialog)
        dialog.out.setText(str(tmp_path / "got"))
        dialog.show()
        return dialog

    yield make
    for dialog in made:
        end_owned(dialog)


def click(qtbot, button) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def find(qtbot, dialog, address: str, patient: str = PATIENT) -> None:
    dialog.place.name.setCurrentText(address)
    dialog.patient.setFocus()
    dialog.patient.setText("")
    qtbot.keyClicks(dialog.patient, patient)
    qtbot.keyClick(dialog.patient, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not dialog.fetcher.searching.is_running)


def fetched(qtbot, dialog) -> str:
    qtbot.waitUntil(lambda: not dialog.fetcher.fetching.is_running)
    return dialog.words.text()


def test_without_a_study_or_an_archive_it_is_said_what_to_do(dialog_of, qtbot) -> None:
    dialog = dialog_of(None)
    assert "Open a study first" in dialog.fetch_button.toolTip()
    assert not dialog.fetch_button.isEnabled()
    click(qtbot, dialog.find_button)
    assert "Name an archive first" in dialog.words.text()
    dialog.place.name.setCurrentText("nowhere")
    click(qtbot, dialog.find_button)
    assert "lists no archive called 'nowhere'" in dialog.words.text()
    dialog.place.name.setCurrentText("dimse://A@127.0.0.1:9")
    click(qtbot, dialog.find_button)
    assert "Say what to look for in the archive" in dialog.words.text()  # never everything
    dialog.day_from.setText("soon")
    click(qtbot, dialog.find_button)
    assert "is no date" in dialog.words.text()
    dialog.day_from.setText("2026-01-01")
    dialog.day_to.setText("2026-01-31")
    assert dialog.query.date == "20260101-20260131"


def test_nobody_there_is_one_sentence(dialog_of, qtbot) -> None:
    dialog = dialog_of()
    dialog.place.name.setCurrentText(f"dimse://A@127.0.0.1:{free_port()}")
    click(qtbot, dialog.place.test_button)
    qtbot.waitUntil(lambda: not dialog.place.testing.is_running)
    assert "cannot be reached" in dialog.words.text()
    find(qtbot, dialog, f"http://127.0.0.1:{free_port()}/dicom-web")
    assert "cannot be reached" in dialog.words.text()
    assert ArchivePlace().name.count() == 0  # what never answered is not remembered


def test_a_password_is_kept_nowhere(qtbot, own_home) -> None:
    place = ArchivePlace()
    qtbot.addWidget(place)
    place.name.setCurrentText("https://pacs.example/dicom-web")
    place.user.setText("reader")
    place.password.setText("swordfish")
    address = place.address()
    assert (address.user, address.password) == ("reader", "swordfish")
    assert place.password.echoMode() == QLineEdit.EchoMode.Password
    place.remember()
    again = ArchivePlace()
    qtbot.addWidget(again)
    assert (again.text, again.user.text(), again.password.text()) == ("https://pacs.example/dicom-web", "reader", "")
    assert not any(b"swordfish" in path.read_bytes() for path in own_home.rglob("*") if path.is_file())


def test_found_in_a_dimse_archive_chosen_and_fetched_into_the_worklist(dialog_of, qtbot, loopback, tmp_path) -> None:
    dialog = dialog_of()
    dialog.place.name.setCurrentText(loopback.address)
    click(qtbot, dialog.place.test_button)
    qtbot.waitUntil(lambda: "answers" in dialog.words.text())
    find(qtbot, dialog, loopback.address, "nobody")
    assert "holds 0 ultrasound clips of this. Look for another patient" in dialog.words.text()
    assert not dialog.fetch_button.isEnabled()
    find(qtbot, dialog, loopback.address)
    assert dialog.table.topLevelItemCount() == 3
    assert dialog.table.topLevelItem(0).text(0) == PATIENT
    assert dialog.count.text() == "3 of 3 clips chosen"
    qtbot.keyClick(dialog.table, Qt.Key.Key_Space)  # the first is not wanted
    assert dialog.fetch_button.text() == "Fetch 2 clips"
    wanted = [clip.instance_uid for clip in dialog.table.chosen]
    click(qtbot, dialog.fetch_button)
    assert fetched(qtbot, dialog) == "2 of 2 clips added to the queue."
    assert sorted(path.stem for path in (tmp_path / "got").iterdir()) == sorted(wanted)
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.queue_counts().waiting == 2
    again = ArchivePlace()
    qtbot.addWidget(again)
    assert again.text == loopback.address  # it answered


def test_a_transfer_is_paused_goes_on_and_is_cancelled(dialog_of, qtbot, loopback, tmp_path) -> None:
    dialog = dialog_of()
    find(qtbot, dialog, loopback.address)
    loopback.gate.clear()
    assert dialog.pause_button.isHidden()
    click(qtbot, dialog.fetch_button)
    qtbot.waitUntil(lambda: dialog.pause_button.isVisible() and loopback.began.is_set())
    click(qtbot, dialog.pause_button)
    assert "Paused" in dialog.words.text()
    assert dialog.pause_button.text() == "Go on"
    loopback.gate.set()
    qtbot.waitUntil(lambda: dialog.bar.text.text().startswith("Clips: 1 of 3"))  # the one under way came
    assert len(loopback.given) == 1
    click(qtbot, dialog.pause_button)
    assert dialog.pause_button.text() == "Pause"
    qtbot.waitUntil(lambda: len(loopback.given) >= 2)
    click(qtbot, dialog.pause_button)
    if dialog.fetcher.fetching.is_running:
        click(qtbot, dialog.bar.cancel_button)
    fetched(qtbot, dialog)
    assert "added to the queue" in dialog.words.text()
    came = len(list((tmp_path / "got").iterdir()))
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.queue_counts().waiting == came  # what came stays
    click(qtbot, dialog.fetch_button)
    fetched(qtbot, dialog)
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.queue_counts().waiting == 3  # it went on where it was


def test_a_dicom_folder_is_listed_and_added_where_it_lies(dialog_of, qtbot, phantom, tmp_path) -> None:
    dialog = dialog_of()
    (tmp_path / "cd").mkdir()
    dialog.list_folder(tmp_path / "cd")
    qtbot.waitUntil(lambda: "cd holds 0 ultrasound clips" in dialog.words.text())
    for number in range(2):
        save(phantom_dataset(phantom), tmp_path / "cd" / f"im{number}.dcm")
    dialog.list_folder(tmp_path / "cd")
    qtbot.waitUntil(lambda: dialog.table.topLevelItemCount() == 2)
    assert dialog.out.isHidden()  # nothing is copied
    assert dialog.fetch_button.text() == "Add 2 clips"
    click(qtbot, dialog.none_button)
    assert not dialog.fetch_button.isEnabled()
    click(qtbot, dialog.all_button)
    click(qtbot, dialog.fetch_button)
    assert fetched(qtbot, dialog) == "2 clips added to the queue."
    assert not (tmp_path / "got").exists()


def test_where_clips_were_found_counts_until_others_are_shown(dialog_of, qtbot, loopback, phantom, tmp_path) -> None:
    dialog = dialog_of()
    find(qtbot, dialog, loopback.address)
    dialog.list_folder(tmp_path / "not there")
    qtbot.waitUntil(lambda: "not there" in dialog.words.text() and not dialog.fetcher.searching.is_running)
    assert dialog.fetch_button.text() == "Fetch 3 clips"  # those of the archive are still what is shown
    dialog.place.name.setCurrentText("another archive")
    click(qtbot, dialog.fetch_button)
    assert fetched(qtbot, dialog) == "3 of 3 clips added to the queue."
    (tmp_path / "cd").mkdir()
    save(phantom_dataset(phantom), tmp_path / "cd" / "im0.dcm")
    dialog.list_folder(tmp_path / "cd")
    qtbot.waitUntil(lambda: dialog.table.topLevelItemCount() == 1)
    find(qtbot, dialog, f"dimse://A@127.0.0.1:{free_port()}")
    assert "cannot be reached" in dialog.words.text()
    assert dialog.fetch_button.text() == "Add 1 clip"
    click(qtbot, dialog.fetch_button)
    assert fetched(qtbot, dialog) == "1 clip added to the queue."


# What a protocol does is told apart in `tests/matae/pacs`; this window asks for an archive by its address.
@pytest.mark.parametrize("protocol", ["web", pytest.param("dimse", marks=pytest.mark.slow)])
def test_from_the_worklist_to_orthanc_and_the_clip_is_listed(*, qtbot, tiny_model, stored, orthanc, protocol, tmp_path):
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    qtbot.waitUntil(lambda: not widget.is_probing and bool(widget.workspace.link.connection.opened_target))
    widget.show_worklist()
    qtbot.waitUntil(lambda: widget.worklist.count.text() == "0 clips")
    click(qtbot, widget.worklist.queue_bar.archive_button)
    dialog = widget.worklist.archive
    dialog.out.setText(str(tmp_path / "got"))
    find(qtbot, dialog, getattr(orthanc, protocol))
    assert dialog.table.topLevelItemCount() == 1
    click(qtbot, dialog.fetch_button)
    assert fetched(qtbot, dialog) == "1 of 1 clip added to the queue."
    (file,) = (tmp_path / "got").iterdir()
    assert (dcmread(file).pixel_array == dcmread(tmp_path / "scanner.dcm").pixel_array).all()
    qtbot.waitUntil(lambda: widget.worklist.model.rowCount() == 1)
    assert PATIENT not in " ".join(str(row.subject) for row in widget.worklist.model.rows)
    click(qtbot, dialog.close_button)
    assert dialog.isHidden()
    widget.close_down()


def test_one_that_never_answers_can_be_given_up(dialog_of, qtbot, own_home) -> None:
    own_home.mkdir(exist_ok=True)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        (own_home / "pacs.toml").write_text(
            f'[archives.silent]\nhost = "127.0.0.1"\nport = {port}\nae_title = "A"\ntimeout = 0.3\n'
        )
        dialog = dialog_of()
        assert dialog.place.name.findText("silent") >= 0  # the names of the list are offered
        find(qtbot, dialog, "silent")
        assert "silent" in dialog.words.text()
        assert dialog.find_button.isEnabled()
