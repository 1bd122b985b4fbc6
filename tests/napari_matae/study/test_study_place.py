"""The frame somebody stays at is kept soon, for whoever it was; frames that fly by are not."""

from __future__ import annotations

from matae.store import Study

from ..conftest import make_cine, opened


def _place(tmp_path, cine, rater: str = "anna") -> int | None:
    with Study.open(tmp_path / "study.sqlite", rater=rater) as study:
        return study.last_frame(cine.content_id) if study.has_cine(cine.content_id) else None


def _count_writes(workspace, monkeypatch) -> list[int]:
    written: list[int] = []
    ask = workspace.link.connection.requests.ask

    class Seen:
        def set_last_frame(self, _: str, frame: int) -> None:
            written.append(frame)

    def listening(work, *arguments, **keywords):
        if work.__module__ == "napari_matae.study.place":
            work(Seen())
        ask(work, *arguments, **keywords)

    monkeypatch.setattr(workspace.link.connection.requests, "ask", listening)
    return written


def test_frames_that_fly_by_are_written_once(make_workspace, qtbot, cine, tmp_path, monkeypatch):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    written = _count_writes(workspace, monkeypatch)
    for frame in range(cine.n_frames - 2):
        workspace.session.seek(frame)
    assert not written  # nothing goes to the study while the frames fly by
    qtbot.waitUntil(lambda: _place(tmp_path, cine) == 9)
    assert written == [9]


def test_another_cine_keeps_the_place_of_the_one_before(make_workspace, qtbot, cine, tmp_path):
    workspace = make_workspace()
    long, short = make_cine(30, seed=1), cine  # the slider is cut to the shorter one when the longer one goes
    opened(qtbot, workspace, long)
    workspace.session.seek(25)
    opened(qtbot, workspace, short)
    assert workspace.session.frame == 0
    assert workspace.link.flush()
    assert _place(tmp_path, long) == 25
    workspace.session.seek(3)
    opened(qtbot, workspace, long)
    assert workspace.session.frame == 25
    assert workspace.link.flush()
    assert _place(tmp_path, short) == 3


def test_the_place_is_the_persons_own(make_workspace, qtbot, cine, tmp_path):
    anna, bob = make_workspace(rater="anna"), make_workspace(rater="bob")
    opened(qtbot, anna, cine)
    anna.session.seek(8)
    qtbot.waitUntil(lambda: _place(tmp_path, cine) == 8)
    opened(qtbot, bob, make_cine())
    assert bob.session.frame == 8  # nobody else's yet: that of whoever looked last
    bob.session.seek(2)
    qtbot.waitUntil(lambda: _place(tmp_path, cine, "bob") == 2)
    assert _place(tmp_path, cine, "anna") == 8


def test_no_place_is_kept_before_the_study_has_answered(make_workspace, qtbot, cine, tmp_path):
    first = make_workspace()
    opened(qtbot, first, cine)
    first.session.seek(6)
    first.close_down()
    second = make_workspace()
    second.session.open(make_cine())
    second.session.seek(1)
    second.session.open(make_cine(seed=2))  # the first is left before the study said where it was
    assert second.link.flush()
    assert _place(tmp_path, cine) == 6
    second.close_down()


def test_a_viewer_without_a_study_keeps_no_place(make_workspace, cine):
    workspace = make_workspace(None)
    workspace.session.open(cine)
    workspace.session.seek(4)
    workspace.link.flush()
    assert workspace.session.frame == 4
