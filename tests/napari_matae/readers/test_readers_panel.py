"""The readings of a clip by mouse over a real study: hidden while read blind, both outlines afterwards, one chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study
from matae.store.types import StoredMeasurement
from napari_matae.dock import MataeDock
from napari_matae.readers.tasks import fetch_readings

from ..conftest import disc

pytestmark = pytest.mark.gui


def own_id() -> str:
    from napari_matae.study.connection import _user

    return _user()


@pytest.fixture
def clip(tmp_path) -> Path:
    rows, columns = np.mgrid[:60, :80]
    fan = np.abs(columns - 40) < 4 + 0.7 * rows
    frames = np.random.default_rng(0).integers(20, 200, (6, 60, 80)) * fan
    np.save(tmp_path / "clip0.npy", frames.astype(np.uint8))
    return tmp_path / "clip0.npy"


@pytest.fixture
def target(tmp_path, clip) -> Path:
    """Have bela read a clip in a blind study."""
    cine = open_cine(clip)
    with Study.create(tmp_path / "study.sqlite") as study:
        study.set_blind(True)
    with Study.open(tmp_path / "study.sqlite", rater="bela", as_reader=True) as bela:
        bela.add_cine(cine, subject="p1")
        bela.put_proposals(cine.content_id, {t: disc(cine.shape, (30, 40), 8) for t in range(6)}, model="m", width="1")
        bela.put_edits(cine.content_id, [Edit(t, disc(cine.shape, (30, 40), 14), 1) for t in (0, 1)])
        bela.put_measurement(cine.content_id, StoredMeasurement(61.0, 55.0, 67.0, view="A4C"))
    return tmp_path / "study.sqlite"


@pytest.fixture
def dock(qtbot, tiny_model, target, clip):
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    widget.resize(430, 760)
    widget.show()
    qtbot.waitUntil(lambda: not widget.is_probing and bool(widget.workspace.link.connection.name))
    widget.session.open(open_cine(clip))
    qtbot.waitUntil(lambda: widget.session.current is not None and widget.session.current.ready)
    panel = widget.review_panel.readings
    qtbot.waitUntil(lambda: panel.found is not None)
    yield widget
    widget.close_down()


def read_own(qtbot, dock, clip) -> None:
    """Correct frame 1 by the writer, as a stroke does."""
    current = dock.session.current
    session = dock.session
    current.labels.data[0] = disc(current.cine.shape, (30, 40), 12)
    session.masks.show_stored({0: (disc(current.cine.shape, (30, 40), 12), FrameStatus.EDITED)})
    with qtbot.waitSignal(dock.workspace.link.acknowledged):
        session.written.emit([0], "brush")


def test_what_others_drew_is_hidden_and_said_so(qtbot, dock, clip) -> None:
    current, panel = dock.session.current, dock.review_panel.readings
    assert int(current.mask(0).sum()) == int(disc(current.cine.shape, (30, 40), 8).sum())
    assert current.status[0] is FrameStatus.MACHINE
    assert "Hidden are the masks" in panel.words.text()
    assert "1 other reader" in panel.words.text()
    assert panel.finish_button.isHidden()
    assert panel.outlines.isHidden()
    dock.show_worklist()
    qtbot.waitUntil(lambda: dock.worklist.model.rowCount() == 1)
    assert dock.worklist.model.rows[0].measurement is None  # bela's 61 % is none of ours


def test_both_finish_then_compare_and_one_is_taken(qtbot, dock, clip, target) -> None:
    panel, session = dock.review_panel.readings, dock.session
    cine = session.current.cine
    read_own(qtbot, dock, clip)
    qtbot.waitUntil(lambda: panel.found.own is not None)
    assert panel.finish_button.isVisibleTo(panel)
    qtbot.mouseClick(panel.finish_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.found.own.finished is not None)
    assert not panel.found.pairs
    assert "until they have finished; you have" in panel.words.text()
    with Study.open(target, rater="bela", as_reader=True) as bela:
        bela.finish_reading(cine.content_id)
    panel.refresh()
    qtbot.waitUntil(lambda: bool(panel.found.pairs))
    assert "2 readers, Dice" in panel.words.text()
    assert "Dice 0." in panel.frame_words.text()
    session.seek(3)
    assert "not outlined by both" in panel.frame_words.text()
    panel.outlines.setChecked(True)
    names = [layer.name for layer in dock.viewer.layers if layer.visible]
    assert {"First reading", "Second reading"} <= set(names)
    first = next(layer for layer in dock.viewer.layers if layer.name == "First reading")
    assert int(np.asarray(first.data[0]).sum()) == int(disc(cine.shape, (30, 40), 14).sum())
    dock.show_worklist()
    qtbot.waitUntil(lambda: dock.worklist.model.rowCount() == 1 and bool(dock.worklist.model.rows[0].readers))
    assert dock.worklist.model.rows[0].disagree  # Dice below 0.90
    dock.worklist.disagree.setChecked(True)
    assert dock.worklist.lines.rowCount() == 1
    qtbot.mouseClick(panel.take_buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.found.decided is not None)
    large = int(disc(cine.shape, (30, 40), 14).sum())
    qtbot.waitUntil(lambda: int(session.current.mask(0).sum()) == large == int(session.current.mask(1).sum()))
    assert not first.visible
    with Study.open(target) as study:
        assert study.adjudication(cine.content_id).chosen == "bela"
        assert int(study.mask(cine.content_id, 0).sum()) == large
    read_own(qtbot, dock, clip)  # going on from it is a correction of what counts
    with Study.open(target) as study:
        assert study.frames(cine.content_id)[0].rater == own_id()


def test_an_open_study_says_who_read_alone(tmp_path, clip) -> None:
    cine = open_cine(clip)
    with Study.create(tmp_path / "open.sqlite", rater="anna") as study:
        assert fetch_readings(study, cine.content_id).readings == ()
        study.add_cine(cine)
        study.put_edits(cine.content_id, [Edit(0, disc(cine.shape, (30, 40), 9))])
        found = fetch_readings(study, cine.content_id)
        assert (found.others, found.own.rater, found.pairs) == ((), "anna", ())
