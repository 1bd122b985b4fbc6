"""The queue to the study: it never blocks, drops nothing, and says where a change is that the study refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matae.store import Edit, FrameStatus, StoreError, Study
from napari_matae.study_thread.request_queue import RequestQueue

from ..conftest import make_cine, opened, paint, proposals, settled

STORE_TESTS = Path(__file__).parents[1] / "matae" / "store"


@pytest.fixture
def quick(monkeypatch):
    """Try again after a tenth of a second."""
    monkeypatch.setattr("napari_matae.study_thread.request_queue._LOCK_WAIT_S", 0.1)
    monkeypatch.setattr("napari_matae.study_thread.request_queue._RETRY_S", 0.1)
    monkeypatch.setattr("napari_matae.study_thread.request_queue._LOOK_S", 0.1)


class Listener:
    """A queue and what it says."""

    def __init__(self, target: str) -> None:
        self.queue = RequestQueue(target, "anna")
        self.answers: list[object] = []
        self.trouble: list[str] = []
        self.said: list[str] = []
        self.names: list[str] = []
        self.queue.trouble.connect(self.trouble.append)
        self.queue.said.connect(self.said.append)
        self.queue.opened.connect(self.names.append)
        self.queue.start()

    def stroke(self, cine, frame: int = 0, at: int = 5) -> None:
        mask = np.zeros(cine.shape, np.uint8)
        mask[at : at + 9, at : at + 9] = 1

        def put(study: Study) -> object:
            known = study.frames(cine.content_id)
            return study.put_edits(
                cine.content_id, [Edit(frame, mask, known[frame].revision if frame in known else 0)], note="brush"
            )

        self.queue.write(put, self.answers.append, self.answers.append, about=cine)

    def look(self, cine) -> None:
        self.queue.ask(lambda study: study.cine(cine.content_id), self.answers.append, self.answers.append, about=cine)


@pytest.fixture
def listen(qapp, quick):
    made: list[Listener] = []

    def make(target: object) -> Listener:
        made.append(Listener(str(target)))
        return made[-1]

    yield make
    for one in made:
        one.queue.close(0.5)
        one.queue.finish(30)


@pytest.fixture
def target(tmp_path) -> Path:
    path = tmp_path / "study.sqlite"
    with Study.create(path, rater="anna") as study:
        study.add_cine(make_cine(), subject="p1")
        study.add_cine(make_cine(seed=1), subject="p2")
    return path


def test_a_write_that_nothing_can_cure_is_answered_at_once_and_kept(listen, target, qtbot) -> None:
    """Another viewer, or the command line, forgets the person on screen."""
    cine, other = make_cine(), make_cine(seed=1)
    one = listen(target)
    qtbot.waitUntil(lambda: bool(one.names), timeout=60_000)
    with Study.open(target, rater="bela") as study:
        study.forget_subject("p1")
    one.stroke(cine)
    one.stroke(other)
    one.look(other)
    qtbot.waitUntil(lambda: len(one.answers) == 3, timeout=60_000)
    assert "is not in study.sqlite" in str(one.answers[0])
    assert str(one.queue.rescue.path) in str(one.answers[0])
    assert one.answers[1][0].revision == 1
    assert one.answers[2].subject == "p2"
    assert one.trouble == []
    assert not one.queue.close()
    with Study.open(one.queue.rescue.path) as kept:
        assert kept.check() == []
        assert kept.mask(cine.content_id, 0)[5:14, 5:14].all()


def test_a_defect_in_one_write_leaves_the_others_alone(listen, target, qtbot) -> None:
    one = listen(target)
    one.queue.write(lambda _: 1 / 0, one.answers.append, one.answers.append)
    one.stroke(make_cine())
    qtbot.waitUntil(lambda: len(one.answers) == 2, timeout=60_000)
    assert isinstance(one.answers[0], ZeroDivisionError)
    assert one.answers[1][0].revision == 1


def test_other_cines_are_read_while_a_write_waits_and_its_own_is_not(listen, target, qtbot) -> None:
    cine, other = make_cine(), make_cine(seed=1)
    one = listen(target)
    qtbot.waitUntil(lambda: bool(one.names), timeout=60_000)
    holder = sqlite3.connect(target, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    one.stroke(cine)
    one.look(cine)
    one.look(other)
    qtbot.waitUntil(lambda: len(one.answers) == 1, timeout=60_000)
    assert one.answers[0].content_id == other.content_id
    assert "writing" in one.trouble[0]
    holder.execute("ROLLBACK")
    holder.close()
    qtbot.waitUntil(lambda: len(one.answers) == 3, timeout=60_000)
    assert one.answers[1][0].revision == 1
    assert one.answers[2].content_id == cine.content_id
    assert one.trouble[-1] == ""


def test_closing_keeps_what_a_locked_study_did_not_take(listen, target, qtbot) -> None:
    one = listen(target)
    qtbot.waitUntil(lambda: bool(one.names), timeout=60_000)
    holder = sqlite3.connect(target, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    one.stroke(make_cine(), 0)
    one.stroke(make_cine(), 1)
    qtbot.waitUntil(lambda: bool(one.trouble), timeout=60_000)
    copy = one.queue.keep_waiting()
    with Study.open(copy) as kept:  # before it is closed: the window may still be told not to
        assert set(kept.frames(make_cine().content_id)) == {0, 1}
    assert not one.queue.close()
    one.queue.finish(30)
    assert one.queue.rescue.count == 2
    holder.execute("ROLLBACK")
    holder.close()


def test_a_log_that_is_deleted_costs_nothing(listen, target, qtbot) -> None:
    cine = make_cine()
    one = listen(target)
    for frame in range(3):
        one.stroke(cine, frame)
    qtbot.waitUntil(lambda: len(one.answers) == 3, timeout=60_000)
    target.with_name(target.name + "-wal").unlink()
    for frame in range(3, 6):
        one.stroke(cine, frame)
    qtbot.waitUntil(lambda: len(one.answers) == 6, timeout=60_000)
    assert [type(answer) for answer in one.answers] == [list] * 6
    assert len(one.said) == 1
    assert "nothing is lost" in one.said[0]
    assert one.queue.close()
    with Study.open(target) as study:
        assert study.check() == []
        assert set(study.frames(cine.content_id)) == set(range(6))


def test_it_is_noticed_within_a_moment_even_where_nobody_draws(listen, target, qtbot) -> None:
    one = listen(target)
    one.stroke(make_cine())
    qtbot.waitUntil(lambda: len(one.answers) == 1, timeout=60_000)
    target.with_name(target.name + "-wal").unlink()
    qtbot.waitUntil(lambda: len(one.said) == 1, timeout=60_000)


def test_a_study_that_is_moved_away_goes_on_in_a_copy(listen, target, qtbot) -> None:
    cine = make_cine()
    one = listen(target)
    one.stroke(cine, 0)
    qtbot.waitUntil(lambda: len(one.answers) == 1, timeout=60_000)
    target.rename(target.with_name("elsewhere.sqlite"))
    one.stroke(cine, 1)
    qtbot.waitUntil(lambda: len(one.answers) == 2, timeout=60_000)
    assert "no longer where it was" in one.said[0]
    assert one.queue.target in one.said[0]
    assert one.queue.close()
    with Study.open(one.queue.target) as study:
        assert set(study.frames(cine.content_id)) == {0, 1}
        assert study.check() == []


def test_a_study_that_cannot_be_opened_anew_at_once_is_tried_again(listen, target, qtbot, monkeypatch) -> None:
    cine = make_cine()
    one = listen(target)
    one.stroke(cine, 0)
    qtbot.waitUntil(lambda: len(one.answers) == 1, timeout=60_000)

    def fails(study: Study, *_: object, **__: object) -> None:
        study.close()
        raise StoreError("The disk is not there just now.")

    monkeypatch.setattr("napari_matae.study_thread.request_queue.reopen", fails)
    target.with_name(target.name + "-wal").unlink()
    one.stroke(cine, 1)
    qtbot.waitUntil(lambda: len(one.answers) == 2, timeout=60_000)
    assert [type(answer) for answer in one.answers] == [list] * 2
    assert one.queue.close()
    with Study.open(target) as study:
        assert set(study.frames(cine.content_id)) == {0, 1}


def test_the_next_sitting_opens_the_copy_of_a_study_that_is_gone(
    make_workspace, qtbot, tmp_path, cine, monkeypatch
) -> None:
    from napari_matae.open.study_picker import StudyChoice, default_study
    from napari_matae.widgets.settings import settings

    monkeypatch.delenv("MATAE_STUDY")
    workspace = make_workspace()
    choice = StudyChoice(workspace.link)
    qtbot.addWidget(choice)
    opened(qtbot, workspace, cine)
    workspace.session.masks.ensure_labels()
    paint(workspace, 1)
    settled(qtbot, workspace)
    with qtbot.waitSignal(workspace.link.connection.moved, timeout=60_000):
        (tmp_path / "study.sqlite").rename(tmp_path / "elsewhere.sqlite")
        paint(workspace, 2)
    settled(qtbot, workspace)
    assert default_study() == str(settings().value("study")) == workspace.link.connection.target
    with Study.open(default_study()) as study:
        assert set(study.frames(cine.content_id)) == {1, 2}
    choice.close_down()


def test_a_file_dialog_over_the_study_and_the_command_line_beside_it(make_workspace, qtbot, tmp_path, cine) -> None:
    """The fault as a person met it: Open..., Esc, 'study status' in a terminal, draw again."""
    from qtpy.QtWidgets import QFileDialog, QListView

    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    paint(workspace, 2)
    settled(qtbot, workspace)
    dialog = QFileDialog(None, "Open a study", str(tmp_path))
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(
        lambda: any(view.model() is not None and view.model().rowCount(view.rootIndex()) > 0
                    for view in dialog.findChildren(QListView)),
        timeout=60_000,
    )  # fmt: skip
    dialog.reject()
    for file in tmp_path.glob("study.sqlite*"):
        file.read_bytes()  # as the dialog does of what it finds, sooner or later
    done = subprocess.run(
        [sys.executable, "-c", "from matae.cli import main; main()", "study", "status", str(tmp_path / "study.sqlite")],
        capture_output=True, text=True, check=False, env=os.environ | {"MATAE_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    paint(workspace, 2, (20, 40))
    paint(workspace, 3)
    settled(qtbot, workspace)
    copy = tmp_path / "as_a_kill_leaves_it"
    copy.mkdir()
    for file in tmp_path.glob("study.sqlite*"):
        shutil.copy(file, copy)
    with Study.open(copy / "study.sqlite") as study:
        assert study.check() == []
        infos = study.frames(cine.content_id)
        assert {t for t, info in infos.items() if info.status is FrameStatus.EDITED} == {2, 3}
        np.testing.assert_array_equal(study.mask(cine.content_id, 2), workspace.session.current.labels.data[2])


def test_a_person_who_is_forgotten_elsewhere_and_the_next_cine(make_workspace, qtbot, tmp_path, cine) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    with Study.open(tmp_path / "study.sqlite", rater="bela") as study:
        study.set_subject(cine.content_id, "p1")
        study.forget_subject("p1")
    workspace.session.masks.ensure_labels()
    paint(workspace, 1)
    qtbot.waitUntil(lambda: "kept in" in workspace.link.connection.problem, timeout=60_000)
    other = make_cine(seed=3)
    opened(qtbot, workspace, other)
    workspace.session.masks.ensure_labels()
    paint(workspace, 4)
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.mask(other.content_id, 4) is not None
        assert not study.has_cine(cine.content_id)
    said: list[str] = []
    workspace.link.said.connect(said.append)
    assert not workspace.link.leave()
    assert any("could not be stored" in sentence and "rescued" in sentence for sentence in said)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB; only root can mount one, and not in every container."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "matae-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_lets_the_next_cine_open_and_takes_everything_when_there_is_room(
    listen, small_disk, target, qtbot
) -> None:
    cine, other = make_cine(), make_cine(seed=1)
    place = Path(shutil.copy(target, small_disk / "study.sqlite"))
    one = listen(place)
    qtbot.waitUntil(lambda: bool(one.names), timeout=60_000)
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        left = os.statvfs(small_disk)
        file.write(bytes(left.f_bavail * left.f_frsize))
    for frame in range(12):
        one.stroke(cine, frame % 12, at=3 + frame)
    qtbot.waitUntil(lambda: any("full" in sentence for sentence in one.trouble), timeout=60_000)
    before = len(one.answers)
    one.look(other)
    qtbot.waitUntil(lambda: len(one.answers) > before, timeout=60_000)
    assert one.answers[-1].content_id == other.content_id
    ballast.unlink()
    qtbot.waitUntil(lambda: one.queue.waiting == 0, timeout=60_000)
    assert one.queue.close()
    with Study.open(place) as study:
        assert study.check() == []
        assert set(study.frames(cine.content_id)) == set(range(12))


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="needs the extra postgresql", exc_type=ImportError)
    sys.path.insert(0, str(STORE_TESTS))
    try:
        from store_server import Server

        made = Server()
    except (ImportError, RuntimeError) as error:
        pytest.skip(str(error))
    finally:
        sys.path.remove(str(STORE_TESTS))
    yield made
    made.close()


def test_a_server_that_loses_the_connection_again_and_again(listen, server, qtbot) -> None:
    url = server.new_database()
    cine, other = make_cine(), make_cine(seed=1)
    with Study.create(url, rater="anna") as study:
        study.add_cine(cine)
        study.add_cine(other)
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{url.rpartition('/')[2].partition('?')[0]}' AND pid <> pg_backend_pid()"
    )
    one = listen(url)
    qtbot.waitUntil(lambda: bool(one.names), timeout=60_000)
    for number in range(12):
        one.stroke(cine, number % 12, at=3 + number)
        if number % 3 == 1:
            server.execute(cut)
    one.look(other)
    qtbot.waitUntil(lambda: len(one.answers) == 13, timeout=120_000)
    assert [answer.content_id for answer in one.answers if not isinstance(answer, list)] == [other.content_id]
    assert one.queue.close(10)
    with Study.open(url) as study:
        assert study.check() == []
        for frame in range(12):
            assert len(study.history(cine.content_id, frame)) == 1  # each stroke once, whatever was cut
