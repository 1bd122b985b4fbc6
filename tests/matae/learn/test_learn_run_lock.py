"""One process at a time in a run's folder: real processes, one of them killed."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from matae.errors import OutputError, TrainError
from matae.learn import LearnRun, RetrainOptions, discard_run
from matae.learn.events import Failed, Notice
from matae.learn.plan import Plan, code_of
from matae.learn.run_lock import BusyError, claim, is_claimed
from matae.learn.worker import BUSY, EVENTS, _Telling
from matae.store import Study

HOLD = """
import sys
from pathlib import Path
from matae.learn.run_lock import claim
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Start a process that holds the run."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_nobody_is_at_work(tmp_path: Path) -> None:
    assert not is_claimed(tmp_path / "no such run")
    with claim(tmp_path / "run"):
        assert is_claimed(tmp_path / "run")
    assert not is_claimed(tmp_path / "run")


def test_somebody_who_only_looks_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    look = FileLock(tmp_path / "run" / "lock")
    look.acquire()
    monkeypatch.setattr(time, "sleep", lambda _: look.release())  # the look is over
    with claim(tmp_path / "run"):
        assert not look.is_locked


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_drive_without_locks_is_no_reason_not_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with claim(tmp_path / "run"):
        assert not is_claimed(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["lock"]


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match="is a file or lies below one"), claim(tmp_path / "run"):
        pass
    assert not is_claimed(tmp_path / "run")


def test_a_killed_process_leaves_no_lock(holder: subprocess.Popen, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert is_claimed(folder)
    with pytest.raises(BusyError, match="under way in another window or terminal"), claim(folder):
        pass
    with pytest.raises(TrainError, match="under way"):
        discard_run(folder)
    holder.kill()
    holder.wait()
    with claim(folder):
        pass
    discard_run(folder)
    assert not folder.exists()


def test_a_second_worker_leaves_the_events_of_the_first_alone(
    holder: subprocess.Popen, tmp_path: Path, empty_study: Study, matae_home: Path
) -> None:
    folder = tmp_path / "run"
    Plan(RetrainOptions(), code_of(empty_study)).write(folder)
    (folder / EVENTS).write_text('{"event": "notice", "sen')  # the first is about to write the rest
    run = LearnRun(empty_study, folder)  # as two windows do that look at once
    (said,) = run.wait(100.0)
    assert isinstance(said, Failed)
    assert "under way in another window" in said.sentence
    assert run._process.returncode == BUSY
    assert (folder / EVENTS).read_text() == '{"event": "notice", "sen'
    assert (folder / "log.txt").read_text() == ""


@pytest.mark.parametrize(("before", "after"), [(b"", b""), (b"x\n", b"x\n"), (b'{"event": "st', b'{"event": "st\n')])
def test_a_line_that_a_kill_cut_off_does_not_swallow_the_next(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / EVENTS
    path.write_bytes(before)
    with path.open("a+b") as file:
        assert isinstance(file, io.BufferedRandom)
        _Telling(file)(Notice("It goes on."))
    assert path.read_bytes() == after + b'{"event": "notice", "sentence": "It goes on."}\n'
