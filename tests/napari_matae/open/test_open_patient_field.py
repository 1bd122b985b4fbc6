"""Whom clips show: asked in the Open step and in the Learn step, with who says so and why it is unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from qtpy.QtCore import Qt

from matae.cine import Patient
from matae.read import CineRef
from matae.store import Edit, FrameStatus, Study, SubjectSource
from napari_matae.background.connections import end_owned
from napari_matae.exchange.panel import ExchangePanel
from napari_matae.open.folder_list import FolderList
from napari_matae.open.patient_field import PatientField
from napari_matae.study_thread.patients import Scope

from ..conftest import disc, make_cine, opened

pytestmark = pytest.mark.gui

WAIT = 60_000
NOTE = "The file states no patient ID; say whom the clip shows."


def clip(seed: int, number: str = "", folder: str = "/d", name: str = "IM_0001.avi"):
    return replace(
        make_cine(2, seed=seed),
        source=Path(folder) / name,
        patient=Patient(number) if number else None,
        patient_note="" if number else NOTE,
    )


@pytest.fixture
def field(make_workspace, qtbot):
    """Return a maker of fields with their workspace."""
    made = []

    def make(target: str | None = "study.sqlite"):
        workspace = make_workspace(target)
        shown = PatientField(workspace.link)
        made.append(shown)
        qtbot.addWidget(shown)
        shown.show()
        return workspace, shown

    yield make
    for shown in made:
        end_owned(shown)


def give(qtbot, field, code: str, scope: Scope | None = None) -> None:
    field.code.clear()
    qtbot.keyClicks(field.code, code)
    if scope is not None:
        field.scope.setCurrentIndex(field.scope.findData(scope.value))
    assert field.button.isEnabled()
    qtbot.mouseClick(field.button, Qt.MouseButton.LeftButton)


def test_without_a_cine_nothing_can_be_said(field):
    _, shown = field(None)
    assert not shown.code.isEnabled()
    assert shown.button.isHidden()
    assert shown.state.isHidden()
    shown.give()


def test_an_unknown_patient_is_called_so_with_the_reason_and_can_be_named(field, qtbot):
    workspace, shown = field()
    opened(qtbot, workspace, clip(1))
    qtbot.waitUntil(lambda: "Unknown" in shown.state.text(), timeout=WAIT)
    assert NOTE in shown.state.text()
    assert shown.code.text() == ""
    assert "unknown" in shown.code.placeholderText()
    assert not shown.button.isEnabled()
    qtbot.keyClicks(shown.code, " s042 ")
    qtbot.keyPress(shown.code, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: workspace.link.sync_state.entry.subject == "s042", timeout=WAIT)
    assert shown.code.text() == "s042"
    assert shown.state.text() == "As a reader said."


def test_the_number_of_a_file_is_one_patient_unless_it_is_called_wrong(field, qtbot):
    workspace, shown = field()
    first, second = clip(1, "4711"), clip(2, "4711", name="IM_0002.dcm")
    opened(qtbot, workspace, first)
    opened(qtbot, workspace, second)
    qtbot.waitUntil(lambda: "patient number in the file" in shown.state.text(), timeout=WAIT)
    assert [shown.scope.itemData(place) for place in range(shown.scope.count())] == [
        Scope.NUMBER.value, Scope.ONLY.value, Scope.FOLDER.value,
    ]  # fmt: skip
    with qtbot.waitSignal(workspace.link.said, timeout=WAIT) as said:
        give(qtbot, shown, "s1")
    assert said.args[0] == "This clip and another one of the same number show s1."
    with qtbot.waitSignal(workspace.link.entry_changed, timeout=WAIT):
        give(qtbot, shown, "s2", Scope.ONLY)
    assert workspace.link.sync_state.entry.subject_source is SubjectSource.CORRECTED
    with Study.open(workspace.link.connection.target) as study:
        assert study.cine(first.content_id).subject == "s1"
        assert study.cine(second.content_id).subject == "s2"


def test_a_folder_is_named_at_once_and_for_clips_to_come(field, qtbot):
    workspace, shown = field()
    opened(qtbot, workspace, clip(1))
    qtbot.waitUntil(lambda: workspace.link.sync_state.entry is not None, timeout=WAIT)
    with qtbot.waitSignal(workspace.link.said, timeout=WAIT) as said:
        give(qtbot, shown, "s1", Scope.FOLDER)
    assert "1 clip of the folder d and those opened from it later show s1" in said.args[0]
    assert workspace.link.sync_state.entry.subject == "s1"
    opened(qtbot, workspace, clip(2, name="IM_0002.avi"))
    qtbot.waitUntil(lambda: shown.code.text() == "s1", timeout=WAIT)


def test_a_guess_of_before_can_be_confirmed(field, qtbot, tmp_path):
    cine = clip(1)
    with Study.create(tmp_path / "study.sqlite") as study:
        study.add_cine(cine, subject="P-0a1b2c", source=SubjectSource.GUESSED)
    workspace, shown = field()
    opened(qtbot, workspace, cine)
    qtbot.waitUntil(lambda: "guessed this code from the name" in shown.state.text(), timeout=WAIT)
    assert shown.code.text() == "P-0a1b2c"
    assert shown.button.text() == "Confirm"
    qtbot.mouseClick(shown.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.link.sync_state.entry.known_subject == "P-0a1b2c", timeout=WAIT)
    assert shown.button.text() == "Give"


def test_a_refusal_is_shown_and_the_code_stays(field, qtbot, tmp_path):
    cine = clip(1)
    with Study.create(tmp_path / "study.sqlite") as study:
        study.add_cine(cine, subject="s1")
        study.note_model_use("lv-1", "trained", [cine.content_id])
    workspace, shown = field()
    opened(qtbot, workspace, cine)
    qtbot.waitUntil(lambda: shown.code.text() == "s1", timeout=WAIT)
    give(qtbot, shown, "s2")
    qtbot.waitUntil(lambda: "model lv-1 was trained with it" in shown.state.text(), timeout=WAIT)
    assert shown.code.text() == "s1"
    assert workspace.link.connection.problem == ""


def test_several_files_of_a_folder_are_given_one_patient(make_workspace, qtbot):
    workspace = make_workspace(None)
    listed = FolderList(workspace.link)
    qtbot.addWidget(listed)
    cines = [clip(seed, name=f"IM_{seed}.avi") for seed in range(3)]
    listed.show_cines([])
    assert listed.isHidden()
    listed.show_cines([CineRef(cine.source, cine.source.name, "video") for cine in cines])
    assert not listed.isHidden()
    assert listed.code.isHidden()
    for row in (0, 2):
        listed.choices.item(row).setSelected(True)
    qtbot.keyClicks(listed.code.code, "s1")
    qtbot.mouseClick(listed.code.button, Qt.MouseButton.LeftButton)
    assert "No study is open" in listed.code.words.text()
    workspace.link.open(desk_target(workspace), "anna")
    opened(qtbot, workspace, cines[0])
    qtbot.mouseClick(listed.code.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "1 clip of the study shows s1. Another will when opened" in listed.code.words.text(),
                    timeout=WAIT)  # fmt: skip
    assert workspace.link.sync_state.entry.subject == "s1"
    for cine, subject in ((cines[2], "s1"), (cines[1], None)):
        opened(qtbot, workspace, cine)
        qtbot.waitUntil(lambda: workspace.link.sync_state.entry is not None, timeout=WAIT)
        assert workspace.link.sync_state.entry.subject == subject


def desk_target(_: object) -> str:
    import os

    return os.environ["MATAE_STUDY"]


def test_the_learn_step_lists_reviewed_clips_of_nobody_and_names_them(make_workspace, qtbot, tmp_path):
    cines = [clip(seed, name=f"IM_{seed}.avi") for seed in range(3)]
    with Study.create(tmp_path / "study.sqlite") as study:
        for cine in cines:
            study.add_as_stated(cine)
        for cine in cines[:2]:
            study.put_edits(cine.content_id, [Edit(0, disc(cine.shape, (30, 40), 9), 0, FrameStatus.ACCEPTED)])
    workspace = make_workspace()
    data = ExchangePanel(workspace)
    qtbot.addWidget(data)
    data.show()
    qtbot.waitUntil(lambda: data.overview is not None, timeout=WAIT)
    unknown = data.unknown
    assert unknown.isVisible()
    assert "2 clips of unknown patient" in unknown.sentence.text()
    assert "say below which patients" in data.message.text()
    assert not data.preview_button.isEnabled()
    rows = [unknown.list.topLevelItem(row) for row in range(unknown.list.topLevelItemCount())]
    assert [[row.text(column) for column in range(3)] for row in rows] == [
        ["IM_0", "1", "nobody has said"], ["IM_1", "1", "nobody has said"],
    ]  # fmt: skip
    assert not unknown.code.button.isEnabled()
    unknown.list.selectAll()
    qtbot.keyClicks(unknown.code.code, "s1")
    with qtbot.waitSignal(data.counted, timeout=WAIT):
        qtbot.mouseClick(unknown.code.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: data.overview.patients == 1, timeout=WAIT)
    assert unknown.list.isHidden()
    assert unknown.code.words.text() == "2 clips show s1."
    assert data.preview_button.isEnabled()
    end_owned(data)
