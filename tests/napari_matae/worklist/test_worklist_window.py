"""The worklist by mouse and keyboard over a real study: found, opened where one left off, segmented behind it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt

from matae.read import open_cine
from matae.store import ClipStatus, Edit, FrameStatus, Study
from napari_matae.dock import MataeDock
from napari_matae.worklist.columns import CLIP
from napari_matae.worklist.thumbnails import SIZE, Thumbnails, read_thumbnail

from ..conftest import disc, settled

pytestmark = pytest.mark.gui


def make_clips(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:60, :80]
    fan = np.abs(columns - 40) < 4 + 0.7 * rows
    for number in range(count):
        frames = np.random.default_rng(number).integers(20, 200, (6, 60, 80)) * fan
        np.save(folder / f"clip{number}.npy", frames.astype(np.uint8))
    return [folder / f"clip{number}.npy" for number in range(count)]


@pytest.fixture
def clips(tmp_path):
    return make_clips(tmp_path / "in", 3)


@pytest.fixture
def study(tmp_path, clips):
    """Fill the study of the dock: one clip accepted in part, one as predicted, one without masks."""
    with Study.create(tmp_path / "study.sqlite", rater="bela") as made:
        for number, path in enumerate(clips):
            cine = open_cine(path)
            made.add_cine(cine, subject=f"p{number}")
            masks = {t: disc(cine.shape, (30, 40), 8 + t) for t in range(6)}
            if number < 2:
                made.put_proposals(cine.content_id, masks, model="disc", width="1", model_sha256="ab" * 32)
            if number == 0:
                made.put_edits(cine.content_id, [Edit(4, masks[4], 1, FrameStatus.ACCEPTED)])
    return tmp_path / "study.sqlite"


@pytest.fixture
def dock(qtbot, tiny_model, study):
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    widget.resize(430, 760)
    widget.show()
    qtbot.waitUntil(lambda: not widget.is_probing and bool(widget.workspace.link.connection.name))
    widget.segment_panel.model.setCurrentText("tiny")
    yield widget
    widget.close_down()


@pytest.fixture
def window(dock, qtbot):
    qtbot.mouseClick(dock.open_panel.worklist_button, Qt.MouseButton.LeftButton)
    window = dock.worklist
    qtbot.waitUntil(lambda: window.model.rowCount() == 3)
    return window


def names(window):
    lines = window.lines
    return [lines.row(lines.index(place, 0)).stem for place in range(lines.rowCount())]


def test_an_empty_study_opens_an_empty_worklist(qtbot, tiny_model, own_home):
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    widget.workspace.worklist_wanted.emit()
    qtbot.waitUntil(lambda: widget.worklist.count.text() == "0 clips")
    qtbot.keyClick(widget.worklist.table, Qt.Key.Key_Return)  # opens nothing
    assert not widget.worklist.queue_bar.start_button.isEnabled()
    widget.close_down()


def test_letters_filter_arrows_move_and_enter_opens_where_one_left_off(dock, window, qtbot):
    assert names(window) == ["clip0", "clip1", "clip2"]
    assert [row.status for row in window.model.rows] == [
        ClipStatus.IN_REVIEW, ClipStatus.SEGMENTED, ClipStatus.NOT_SEGMENTED,
    ]  # fmt: skip
    window.table.setFocus()
    qtbot.keyClick(window.table, Qt.Key.Key_Down)
    assert window.table.chosen.stem == "clip1"
    qtbot.keyClicks(window.table, "p")
    assert window.filter.text() == "p"
    qtbot.keyClicks(window.filter, "0")
    assert names(window) == ["clip0"]
    assert window.count.text() == "1 of 3 clips"
    with qtbot.waitSignal(dock.session.restored):
        qtbot.keyClick(window.filter, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.steps.currentIndex() == 2)
    assert dock.session.current.cine.source.stem == "clip0"
    dock.session.seek(3)
    settled(qtbot, dock.workspace)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert window.filter.text() == ""
    assert window.isVisible()
    with qtbot.waitSignal(dock.session.restored):
        window._on_open(window.model.rows[1])
    with qtbot.waitSignal(dock.workspace.next_cine.arrived):
        place = window.table.visualRect(window.lines.index(0, 0)).center()
        qtbot.mouseClick(window.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        qtbot.mouseDClick(window.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert dock.session.current.cine.source.stem == "clip0"
    assert dock.session.frame == 3


def test_a_click_on_a_head_sorts_and_the_choice_of_a_status_narrows(window, qtbot):
    header = window.table.horizontalHeader()
    at = QPoint(header.sectionViewportPosition(0) + 20, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert names(window) == ["clip2", "clip1", "clip0"]
    window.status.setCurrentIndex(window.status.findData(ClipStatus.SEGMENTED))
    assert names(window) == ["clip1"]


def test_what_another_reader_does_is_seen_and_who_has_a_clip_open(window, qtbot, study, clips):
    cine = open_cine(clips[1])
    with Study.open(study, rater="cleo") as other:
        other.claim(cine.content_id)
        other.put_edits(
            cine.content_id,
            [Edit(t, other.mask(cine.content_id, t), 1, FrameStatus.ACCEPTED) for t in range(6)],
        )
        window.source.poll()
        qtbot.waitUntil(lambda: window.model.rows[1].status is ClipStatus.ACCEPTED)
        qtbot.waitUntil(lambda: [claim.rater for claim in window.model.rows[1].claims] == ["cleo"])
        assert window.model.rows[1].by == "cleo"
        other.release_claim()
        window.source.poll()
        qtbot.waitUntil(lambda: window.model.rows[1].claims == ())


def test_thumbnails_come_for_the_lines_on_screen(window, qtbot):
    qtbot.waitUntil(lambda: window.model.data(window.model.index(2, CLIP), Qt.ItemDataRole.DecorationRole) is not None)
    picture = window.model.data(window.model.index(0, CLIP), Qt.ItemDataRole.DecorationRole)
    assert not picture.isNull()
    assert picture.width() <= SIZE.width()
    assert picture.height() <= SIZE.height()


def test_a_thumbnail_of_no_clip_is_empty_and_is_not_read_again(qtbot, tmp_path, clips):
    thumbnails = Thumbnails()
    (tmp_path / "broken.npy").write_bytes(b"no")
    with qtbot.waitSignal(thumbnails.came) as came:
        thumbnails.want([("broken", tmp_path / "broken.npy")])
    assert came.args[1].isNull()
    qtbot.waitUntil(lambda: not thumbnails.is_reading)
    thumbnails.want([("broken", tmp_path / "broken.npy")])
    assert not thumbnails.is_reading
    pixels = read_thumbnail(clips[0])
    np.testing.assert_array_equal(pixels, np.load(clips[0])[3])


def test_a_folder_is_added_segmented_and_shown_while_the_window_is_open(dock, window, qtbot, tmp_path):
    make_clips(tmp_path / "in", 5)
    with qtbot.waitSignal(window.runner.adding.finished):
        window.runner.add([tmp_path / "in"])
    qtbot.waitUntil(lambda: window.model.rowCount() == 5)
    assert window.words.text() == "2 clips added to the queue, 3 in the study already."
    assert [row.status for row in window.model.rows][3:] == [ClipStatus.WAITING] * 2
    qtbot.waitUntil(window.queue_bar.start_button.isEnabled)
    with qtbot.waitSignal(window.runner.working.ended, timeout=180_000):
        qtbot.mouseClick(window.queue_bar.start_button, Qt.MouseButton.LeftButton)
        assert window.queue_bar.pause_button.isVisible()
    assert window.words.text() == "Nothing waits any more: 2 clips done."
    qtbot.waitUntil(lambda: [row.status for row in window.model.rows][3:] == [ClipStatus.SEGMENTED] * 2)
    assert window.model.rows[3].measurement.model == "tiny"
    assert window.queue_bar.start_button.isVisible()
    assert not window.queue_bar.start_button.isEnabled()


def test_paused_and_left_the_queue_stays_for_the_next_viewer(dock, window, qtbot, tmp_path, study):
    make_clips(tmp_path / "in", 6)
    with qtbot.waitSignal(window.runner.adding.finished):
        window.runner.add([tmp_path / "in"])
    qtbot.waitUntil(window.queue_bar.start_button.isEnabled)
    with qtbot.waitSignal(window.runner.done, timeout=180_000):
        qtbot.mouseClick(window.queue_bar.start_button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(window.runner.working.ended, timeout=180_000):
        qtbot.mouseClick(window.queue_bar.pause_button, Qt.MouseButton.LeftButton)
    with Study.open(study) as again:
        counts = again.queue_counts()
    assert counts.done >= 1
    assert counts.taken == 0
    assert counts.waiting == 3 - counts.done


def test_the_table_is_saved_as_it_is_shown(window, qtbot, tmp_path):
    window.filter.setText("clip1")
    window.save_csv(tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8") as file:
        assert [record["clip"] for record in csv.DictReader(file)] == ["clip1"]
    (tmp_path / "file").write_text("")
    window.save_csv(tmp_path / "file" / "list.csv")
    assert "list.csv" not in window.words.text() or "cannot" in window.words.text()


def test_every_control_has_a_name_and_a_tooltip(window):
    for widget in (
        window.filter, window.status, window.csv_button, window.open_button, window.queue_bar.add_folder_button,
        window.queue_bar.add_files_button, window.queue_bar.start_button, window.queue_bar.pause_button,
        window.queue_bar.retry_button,
    ):  # fmt: skip
        assert widget.accessibleName()
        assert widget.toolTip()
    assert window.table.accessibleName()
