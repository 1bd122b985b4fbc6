"""The lines as Qt asks for them: sorted, filtered, brought up to date in place."""

from __future__ import annotations

import random

import pytest
from qtpy.QtCore import QPersistentModelIndex, Qt
from qtpy.QtGui import QPixmap
from qtpy.QtTest import QAbstractItemModelTester

from matae.store import Claim, ClipStatus, FrameStatus, StoredMeasurement
from napari_matae.worklist.columns import CLIP, COLUMNS, STATUS
from napari_matae.worklist.model import ROW, WorklistFilter, WorklistModel

from .worklist_makers import NOW, line, lines

DOWN, UP = Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder
TITLES = [column.title for column in COLUMNS]


@pytest.fixture
def model(qapp):
    made = WorklistModel()
    QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    return made


@pytest.fixture
def kept(model):
    made = WorklistFilter(model)
    QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    return made


def shown(lines_model, title):
    column = TITLES.index(title)
    return [lines_model.data(lines_model.index(place, column)) for place in range(lines_model.rowCount())]


def test_an_empty_study_is_an_empty_table(model, kept):
    assert (model.rowCount(), model.columnCount()) == (0, len(COLUMNS))
    model.sort(3, DOWN)
    kept.look_for("nothing")
    model.show_claims({})
    assert model.update_rows([]) == []
    assert kept.rowCount() == 0
    assert model.data(model.index(0, 0)) is None


@pytest.mark.parametrize("title", TITLES)
def test_every_column_sorts_both_ways_and_says_what_it_is(model, title):
    made = lines(40)
    random.Random(1).shuffle(made)
    model.show_rows(made)
    column = TITLES.index(title)
    keys = [COLUMNS[column].key(row) for row in made]
    model.sort(column, UP)
    assert [COLUMNS[column].key(row) for row in model.rows] == sorted(keys)
    model.sort(column, DOWN)
    assert [COLUMNS[column].key(row) for row in model.rows] == sorted(keys, reverse=True)
    assert "sorts" in model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)


def test_a_chosen_line_stays_chosen_when_the_table_is_sorted(model, kept):
    model.show_rows(lines(20))
    chosen = QPersistentModelIndex(kept.index(4, 0))
    key = kept.data(kept.index(4, 0), ROW).key
    kept.sort(TITLES.index("EF"), DOWN)
    assert kept.data(kept.index(chosen.row(), 0), ROW).key == key


def test_words_and_status_narrow_it_down(model, kept, qtbot):
    model.show_rows(lines(30))
    with qtbot.waitSignal(kept.narrowed):
        kept.look_for("P3 a2c")
    assert {(row.subject, row.view) for row in (kept.row(kept.index(n, 0)) for n in range(kept.rowCount()))} == {
        ("p3", "A2C")
    }
    kept.look_for("")
    kept.only(ClipStatus.ACCEPTED)
    assert set(shown(kept, "Status")) == {"accepted"}
    kept.look_for("bela")  # in By, or who has it open
    assert kept.rowCount() == sum(row.by == "bela" and row.status is ClipStatus.ACCEPTED for row in lines(30))
    kept.only(None)
    kept.look_for("clip00002")
    assert kept.rowCount() == 1
    kept.look_for("no such clip")
    assert kept.rowCount() == 0


def test_what_changed_is_shown_where_it_is(model, kept, qtbot):
    model.show_rows(lines(10))
    kept.only(ClipStatus.SEGMENTED)
    before = kept.rowCount()
    changed = line(3, ClipStatus.ACCEPTED, counts={FrameStatus.ACCEPTED: 60}, by="cleo")
    with qtbot.waitSignal(model.dataChanged):
        assert model.update_rows([changed, line(99)]) == [line(99)]
    assert shown(model, "By")[3] == "cleo"
    assert shown(model, "Frames")[3] == "60 / 60"
    kept.invalidateFilter()
    assert kept.rowCount() == before - 1
    model.show_claims({line(1).content_id: (Claim("dora", NOW),)})
    (text,) = [text for text in shown(model, "Open") if text]
    assert text == f"dora since {NOW.astimezone():%H:%M}"


def test_a_picture_and_a_dot_stand_before_the_words(model):
    model.show_rows(lines(2))
    decoration = Qt.ItemDataRole.DecorationRole
    assert model.data(model.index(0, CLIP), decoration) is None
    model.show_picture(line(0).key, QPixmap(8, 8))
    assert model.data(model.index(0, CLIP), decoration).width() == 8
    assert not model.data(model.index(0, STATUS), decoration).isNull()
    model.forget_pictures([line(0).key, "never there"])
    assert model.data(model.index(0, CLIP), decoration) is None


@pytest.mark.parametrize(
    ("measured", "text", "part"),
    [
        (None, "", "Not measured yet"),
        (StoredMeasurement(None, at=NOW), "–", "No ejection fraction"),
        (StoredMeasurement(57.4, 50.0, 64.0, at=NOW, rater="anna"), "57 %", "interval 50 to 64 %"),
        (StoredMeasurement(57.4, 50.0, 64.0, ("area-jump",), at=NOW), "not reliable", "area-jump"),
        (StoredMeasurement(57.4, 50.0, 64.0, at=NOW, stale=True), "57 % (old)", "have changed since"),
        (StoredMeasurement(57.4, 50.0, 64.0, provisional=True, at=NOW), "57 %", "Provisional"),
    ],
)
def test_an_ejection_fraction_that_should_not_be_trusted_does_not_look_like_one_that_should(
    model, measured, text, part
):
    model.show_rows([line(1, measurement=measured)])
    assert shown(model, "EF") == [text]
    assert part in model.data(model.index(0, TITLES.index("EF")), Qt.ItemDataRole.ToolTipRole)


def test_a_waiting_and_a_failed_clip(model):
    model.show_rows([
        line(1, ClipStatus.WAITING, content_id="", queue_id=1, n_frames=None, counts={}, measurement=None),
        line(2, ClipStatus.FAILED, content_id="", queue_id=2, note="b.avi is damaged; copy it again."),
    ])  # fmt: skip
    assert shown(model, "Status") == ["waiting", "failed"]
    assert model.data(model.index(1, STATUS), Qt.ItemDataRole.ToolTipRole) == "b.avi is damaged; copy it again."
    text = model.data(model.index(0, STATUS), Qt.ItemDataRole.AccessibleTextRole)
    assert text == "Status: waiting"
