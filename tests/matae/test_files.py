"""Files on disk: what a killed program leaves is cleared away, and what another still writes is not."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from matae import files
from matae.errors import OutputError
from matae.files import staged, write_atomic, writing_to

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import sys
from pathlib import Path
from matae.files import staged
with staged(Path(sys.argv[1])) as stage:
    (stage / "clip.nii.gz").write_bytes(b"half of it")
    print(stage.name, flush=True)
    sys.stdin.readline()
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start_writing(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a program that writes into a folder, and return it with the name of its half-written folder."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_failure_leaves_the_old_file_and_no_new_one(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written to"), writing_to(tmp_path):
        write_atomic(tmp_path / "absent" / "a.json", b"{}")

    def fail() -> None:
        with staged(tmp_path) as stage:
            (stage / "a").write_bytes(b"half of it")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(tmp_path) == []


def test_a_writer_that_is_still_at_work_keeps_its_files_however_old(tmp_path: Path) -> None:
    writer, left = start_writing(tmp_path)
    try:
        writer_began = time.time()
        with staged(tmp_path):
            assert left in names(tmp_path)
        assert (tmp_path / left).stat().st_mtime <= writer_began
    finally:
        writer.communicate("\n")
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_what_a_killed_writer_left_goes_at_the_next_start(tmp_path: Path) -> None:
    writer, left = start_writing(tmp_path)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert names(tmp_path) == [left]
    with staged(tmp_path) as stage:
        assert names(tmp_path) == [stage.name]
    assert names(tmp_path) == []


def aged(path: Path, seconds: float) -> Path:
    path.mkdir()
    (path / "clip.nii.gz").write_bytes(b"half of it")
    then = time.time() - seconds
    for each in (*path.rglob("*"), path):
        os.utime(each, (then, then))
    return path


@pytest.mark.parametrize("name", [".matae-00000000-1-abc.part", ".matae-abc.part", ".matae-export-abc.part"])
def test_what_nobody_here_knows_goes_after_a_day(tmp_path: Path, name: str) -> None:
    # Another machine, or a version of ours that wrote no number of its process.
    aged(tmp_path / name, 23 * 3600)
    files.sweep(tmp_path)
    assert names(tmp_path) == [name]
    (tmp_path / "later").mkdir()
    aged(tmp_path / "later" / name, 25 * 3600)
    files.sweep(tmp_path / "later")
    assert names(tmp_path / "later") == []


def test_what_another_machine_still_writes_stays_however_long_it_takes(tmp_path: Path) -> None:
    stage = tmp_path / ".matae-0123abcd-17-x.part"
    stage.mkdir()
    video = stage / "overlay.mp4"
    video.write_bytes(b"it grows")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(stage, (long_ago, long_ago))
    files.sweep(tmp_path)
    assert video.exists()
    os.utime(video, (long_ago, long_ago))
    os.utime(stage, (long_ago, long_ago))
    files._swept.clear()
    files.sweep(tmp_path)
    assert not stage.exists()


def test_a_number_that_another_process_has_since_is_no_writer(tmp_path: Path) -> None:
    mine = f"{os.getpid()}-abc.part"
    aged(tmp_path / f".matae-{files._where()}-{mine}", 10 * 24 * 3600)
    files.sweep(tmp_path)
    assert names(tmp_path) == []


def test_files_of_a_study_half_made_go_too_and_nothing_else(tmp_path: Path) -> None:
    old = time.time() - 25 * 3600
    others = [".matae-done.jsonl", ".matae-run-0123.part", "mine.part", ".matae-mine", ".mine.part", "video.mp4.part"]
    for name in [".matae-99-abcd.part", ".matae-99-abcd.part-wal", *others]:
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (old, old))
    files.sweep(tmp_path)
    assert names(tmp_path) == sorted(others)


def test_without_psutil_only_age_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    name = f".matae-{files._where()}-999999999-abc.part"
    aged(tmp_path / name, 60)
    files.sweep(tmp_path)
    assert names(tmp_path) == [name]
    (tmp_path / "later").mkdir()
    aged(tmp_path / "later" / name, 25 * 3600)
    files.sweep(tmp_path / "later")
    assert names(tmp_path / "later") == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "is full; free some space"),
        (errno.EDQUOT, "is full; free some space"),
        (errno.EFBIG, "may not be this large; choose a folder of another disk"),  # the disk has room
        (errno.EACCES, "cannot be written to; choose another folder"),
        (errno.EIO, "cannot be written to (as told)"),
    ],
)
def test_what_the_disk_refuses_is_said_as_it_is(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(OutputError) as caught, writing_to(tmp_path):
        raise OSError(number, "as told")
    assert said in str(caught.value)
