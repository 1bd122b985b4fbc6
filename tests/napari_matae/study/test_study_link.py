"""The study behind the viewer: strokes that are saved, and a study that refuses."""

from __future__ import annotations

import sqlite3

import numpy as np

from matae.store import FrameStatus, Study

from ..conftest import make_cine, opened, paint, proposals, result, settled


def test_a_study_that_cannot_be_opened_is_a_sentence_and_work_goes_on(make_workspace, qtbot, tmp_path, cine):
    (tmp_path / "notes.sqlite").write_text("these are notes, and they are longer than a header would be" * 30)
    workspace = make_workspace("notes.sqlite")
    workspace.session.open(cine)
    qtbot.waitUntil(lambda: workspace.link.state == "unsaved", timeout=60_000)
    assert "notes.sqlite" in workspace.link.connection.problem
    assert workspace.session.current.ready
    proposals(cine, workspace.session)
    paint(workspace, 3)
    drawn = workspace.session.current.labels.data.copy()
    workspace.link.open(str(tmp_path / "other.sqlite"), "anna")  # and nothing drawn meanwhile is lost
    qtbot.waitUntil(lambda: workspace.link.state == "saved" and workspace.session.current.ready, timeout=60_000)
    np.testing.assert_array_equal(workspace.session.current.labels.data, drawn)
    settled(qtbot, workspace)
    with Study.open(tmp_path / "other.sqlite") as study:
        infos = study.frames(cine.content_id)
        assert infos[3].status is FrameStatus.EDITED
        assert infos[4].status is FrameStatus.MACHINE
        np.testing.assert_array_equal(study.mask(cine.content_id, 3), drawn[3])
        assert study.check() == []


def test_a_stroke_is_durable_when_it_is_called_saved(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    paint(workspace, 2)
    assert workspace.link.state == "saving"
    with qtbot.waitSignal(workspace.link.acknowledged, timeout=60_000) as saved:
        pass
    assert saved.args == [[2]]
    with Study.open(tmp_path / "study.sqlite") as study:  # another connection: it is in the file
        info = study.frames(cine.content_id)[2]
        assert (info.status, info.rater, info.model) == (FrameStatus.EDITED, "anna", "disc")
        assert (info.width, info.model_sha256) == ("1", "ab" * 32)
        np.testing.assert_array_equal(study.mask(cine.content_id, 2), workspace.session.current.labels.data[2])
        assert not np.array_equal(study.proposal(cine.content_id, 2), study.mask(cine.content_id, 2))


def test_a_first_stroke_on_a_bare_frame_comes_off_without_a_trace(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    workspace.session.masks.ensure_labels()
    paint(workspace, 3)
    workspace.undo_stack.undo()
    assert workspace.session.current.status == {}
    assert np.isnan(workspace.session.current.area_px[3])
    workspace.undo_stack.redo()
    workspace.undo_stack.undo()
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.frames(cine.content_id) == {}


def test_undone_proposals_are_the_machines_again_in_the_study_too(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    old = workspace.session.current.labels.data.copy()
    proposals(cine, workspace.session, centre=(25, 30))
    workspace.undo_stack.undo()
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite") as study:
        masks = np.zeros(cine.frames.shape, np.uint8)
        infos = study.load_masks(cine.content_id, masks)
    np.testing.assert_array_equal(masks, old)
    assert {info.status for info in infos.values()} == {FrameStatus.MACHINE}


def test_a_rerun_leaves_a_persons_frames_and_keeps_what_it_would_say_beside_them(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    paint(workspace, 3)
    workspace.actions.go_on = False
    workspace.session.seek(4)
    workspace.actions.accept()
    before = workspace.session.current.labels.data[3:5].copy()
    proposals(cine, workspace.session, centre=(25, 30))
    settled(qtbot, workspace)
    np.testing.assert_array_equal(workspace.session.current.labels.data[3:5], before)
    with Study.open(tmp_path / "study.sqlite") as study:
        np.testing.assert_array_equal(study.mask(cine.content_id, 4), before[1])
        assert study.frames(cine.content_id)[4].status is FrameStatus.ACCEPTED


def test_a_locked_study_is_said_and_written_to_as_soon_as_it_lets_go(
    make_workspace, qtbot, tmp_path, cine, monkeypatch
):
    monkeypatch.setattr("napari_matae.study_thread.request_queue._LOCK_WAIT_S", 0.1)
    monkeypatch.setattr("napari_matae.study_thread.request_queue._RETRY_S", 0.1)
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    settled(qtbot, workspace)
    other = sqlite3.connect(tmp_path / "study.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    paint(workspace, 2)
    paint(workspace, 5)
    qtbot.waitUntil(lambda: workspace.link.state == "unsaved", timeout=60_000)
    assert "writing" in workspace.link.connection.problem
    other.execute("ROLLBACK")
    other.close()
    qtbot.waitUntil(lambda: workspace.link.state == "saved", timeout=60_000)
    with Study.open(tmp_path / "study.sqlite") as study:
        infos = study.frames(cine.content_id)
        assert {t for t, info in infos.items() if info.status is FrameStatus.EDITED} == {2, 5}


def test_the_next_cine_does_not_wait_for_the_last_ones_strokes(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    workspace.session.masks.ensure_labels()
    for t in range(6):
        paint(workspace, t)
    other = make_cine(5, seed=1)
    opened(qtbot, workspace, other)
    workspace.session.masks.ensure_labels()
    paint(workspace, 1)
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite") as study:
        assert len(study.frames(cine.content_id)) == 6
        assert list(study.frames(other.content_id)) == [1]
    assert len([layer for layer in workspace.viewer.layers if layer.name.startswith("LV")]) == 1


def test_a_dock_closed_and_opened_again_goes_on_without_a_study(make_workspace, cine):
    first = make_workspace(None)
    first.session.open(cine)
    proposals(cine, first.session)
    paint(first, 3)
    masks = first.session.current.labels.data.copy()
    viewer = first.viewer
    first.close_down()
    first.session.viewer = None
    viewer.layers[-1].data[5, 50:55, 60:65] = 1  # somebody draws while the dock is closed

    from napari_matae.workspace.workspace import Workspace

    second = Workspace(viewer)
    names = [layer.name.split(" of ")[0] for layer in viewer.layers]
    assert sorted(names) == ["LV", "Sector", "clip-0.avi"]
    assert second.session.current.with_status(FrameStatus.EDITED) == [3, 5]
    np.testing.assert_array_equal(second.session.current.labels.data[3], masks[3])
    second.undo_stack.undo()
    second.undo_stack.undo()
    assert second.session.current.with_status(FrameStatus.EDITED) == []
    second.close_down()


def test_subject_and_statistics(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    assert workspace.link.sync_state.entry.subject is None
    workspace.link.record.set_subject("heart-7")
    qtbot.waitUntil(lambda: workspace.link.sync_state.entry.subject == "heart-7", timeout=60_000)
    proposals(cine, workspace.session)
    workspace.actions.go_on = False
    workspace.actions.accept()
    paint(workspace, 2)
    settled(qtbot, workspace)
    workspace.link.connection.count()
    wanted = {FrameStatus.MACHINE: 10, FrameStatus.EDITED: 1, FrameStatus.ACCEPTED: 1, FrameStatus.REJECTED: 0}
    qtbot.waitUntil(lambda: workspace.link.connection.statistics.by_status == wanted, timeout=60_000)
    assert workspace.link.connection.statistics.accepted_unedited == 1.0


def test_what_a_data_set_calls_its_patient_is_the_code(make_workspace, qtbot):
    from dataclasses import replace

    from matae.cine import Patient

    workspace = make_workspace()
    opened(qtbot, workspace, replace(make_cine(), patient=Patient("patient0042", "", "data set")))
    assert workspace.link.sync_state.entry.subject == "patient0042"


def test_proposals_of_a_run_are_stored_as_its_own_though_another_follows_at_once(make_workspace, qtbot, cine) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    masks, current = workspace.session.masks, workspace.session.current
    for width, frames in (("1", range(cine.n_frames)), ("1/2", (1, 2))):
        masks.begin_run()
        current.run = {"model": "disc", "width": width, "model_sha256": "ab" * 32}
        for frame in frames:
            masks.receive(result(cine, frame))
        masks.end_run()
    settled(qtbot, workspace)
    with Study.open(workspace.link.connection.target) as study:
        infos = study.frames(cine.content_id)
        assert [t for t, info in infos.items() if info.width == "1/2"] == [1, 2]
        assert {info.width for info in infos.values()} == {"1", "1/2"}
        assert len(study.history(cine.content_id, 0)) == 1
