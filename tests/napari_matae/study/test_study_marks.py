"""End-diastole and end-systole: stored as they are marked, seen by others, and never over theirs in silence."""

from __future__ import annotations

from dataclasses import replace

from matae.store import Study

from ..conftest import make_cine, opened, settled


def mark(workspace, phase: str, frame: int) -> None:
    workspace.session.seek(frame)
    workspace.actions.mark(phase)


def stored(tmp_path, cine):
    with Study.open(tmp_path / "study.sqlite") as study:
        return study.marks(cine.content_id)


def test_what_one_viewer_marks_the_other_shows(make_workspace, qtbot, cine):
    anna, ben = make_workspace(rater="anna"), make_workspace(rater="ben")
    opened(qtbot, anna, cine)
    opened(qtbot, ben, make_cine())
    heard = []
    ben.said.connect(heard.append)
    mark(anna, "ed", 4)
    settled(qtbot, anna)
    ben.link.watcher.poll()
    qtbot.waitUntil(lambda: ben.session.current.ed == 4)
    assert heard[-1] == "End-diastole and end-systole of this cine were marked in another window by anna."
    assert ben.phase_finder.phases.ed == 4
    mark(ben, "es", 9)  # on top of hers: no conflict
    settled(qtbot, ben)
    anna.link.watcher.poll()
    qtbot.waitUntil(lambda: anna.session.current.es == 9)
    assert anna.session.current.ed == 4
    assert not anna.link.connection.problem


def test_what_is_shown_of_others_is_not_stored_again(make_workspace, qtbot, cine, tmp_path):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    with Study.open(tmp_path / "study.sqlite", rater="bea") as study:
        study.set_marks(cine.content_id, ed=2, es=7)
    workspace.link.watcher.poll()
    qtbot.waitUntil(lambda: workspace.session.current.ed == 2)
    assert workspace.link.flush()
    found = stored(tmp_path, cine)
    assert (found.revision, found.rater) == (1, "bea")


def test_of_two_who_mark_at_once_the_later_sees_theirs_and_both_are_kept(make_workspace, qtbot, cine, tmp_path):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    settled(qtbot, workspace)
    workspace.link.watcher.stop()  # the other's marks are not seen yet
    said = []
    workspace.said.connect(said.append)
    with Study.open(tmp_path / "study.sqlite", rater="bea") as study:
        study.set_marks(cine.content_id, ed=2, es=7)
        mark(workspace, "ed", 5)
        mark(workspace, "es", 10)  # in line behind one that is refused
        qtbot.waitUntil(lambda: workspace.session.current.ed == 2)
        assert workspace.session.current.es == 7
        assert "Somebody else marked end-diastole" in said[-1]
        assert not workspace.link.connection.problem
        with study._reading() as connection:
            rows = connection.exec_driver_sql("SELECT ed_frame, es_frame, shown FROM marks ORDER BY revision").all()
        assert [tuple(row) for row in rows] == [(2, 7, 1), (5, None, 0), (5, 10, 0)]
    mark(workspace, "ed", 5)  # having seen theirs
    settled(qtbot, workspace)
    assert (stored(tmp_path, cine).ed, stored(tmp_path, cine).es) == (5, 7)


def test_a_mark_of_the_file_that_was_taken_away_stays_away(make_workspace, qtbot, cine):
    marked = replace(cine, ed_frame=3, es_frame=8)
    first = make_workspace()
    opened(qtbot, first, marked)
    mark(first, "es", 8)  # marking it again takes it away
    assert first.session.current.es is None
    settled(qtbot, first)
    first.close_down()
    second = make_workspace()
    opened(qtbot, second, replace(make_cine(), ed_frame=3, es_frame=8))
    assert (second.session.current.ed, second.session.current.es) == (3, None)


def test_what_was_marked_without_a_study_goes_into_the_one_opened_then(make_workspace, qtbot, cine, tmp_path):
    workspace = make_workspace(None)
    workspace.session.open(cine)
    mark(workspace, "ed", 6)
    workspace.link.open(str(tmp_path / "study.sqlite"), "anna")
    qtbot.waitUntil(lambda: workspace.session.current.ready)
    settled(qtbot, workspace)
    assert stored(tmp_path, cine).ed == 6
