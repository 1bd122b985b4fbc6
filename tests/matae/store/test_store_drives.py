"""Network drives and other file systems that cannot keep the write-ahead log."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from store_makers import make_cine, stroke

from matae.store import Edit, StoreError, Study
from matae.store.drives import file_system_of, keeps_shared_memory

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = make_cine().content_id


def mounts(*listed: tuple[str, str]):
    return lambda **_: [SimpleNamespace(mountpoint=at, fstype=kind, opts="rw", device="") for at, kind in listed]


@pytest.mark.parametrize(
    ("kind", "keeps"),
    [
        ("ext4", True), ("tmpfs", True), ("NTFS", True), ("apfs", True), ("nfs4", False), ("cifs", False),
        ("smb3", False), ("fuse.sshfs", False), ("fuseblk", False), ("9p", False), ("", True),
    ],
)  # fmt: skip
def test_disks_keep_a_log_and_network_drives_do_not(tmp_path, monkeypatch, kind, keeps) -> None:
    monkeypatch.setattr("psutil.disk_partitions", mounts(("/", "ext4"), (str(tmp_path.resolve()), kind)))
    assert file_system_of(tmp_path / "not" / "there.sqlite") == kind.lower()
    assert keeps_shared_memory(tmp_path / "study.sqlite") is keeps


def test_the_nearest_mount_counts(tmp_path, monkeypatch) -> None:
    inner = tmp_path / "a"
    inner.mkdir()
    at = str(tmp_path.resolve())
    monkeypatch.setattr("psutil.disk_partitions", mounts((at, "nfs"), (f"{at}/a", "ext4"), (f"{at}/ab", "nfs")))
    assert file_system_of(inner / "s.sqlite") == "ext4"
    assert file_system_of(tmp_path / "abc.sqlite") == "nfs"


def journal_of(study: Study) -> str:
    with study._reading() as connection:
        return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())


def test_on_a_network_drive_the_rollback_journal_is_kept_and_said(file_study, monkeypatch) -> None:
    with Study.open(file_study) as study:
        assert journal_of(study) == "wal"
        assert study.notice == ""
    monkeypatch.setattr("matae.store.engine.keeps_shared_memory", lambda _: False)
    monkeypatch.setattr("matae.store.base.file_system_of", lambda _: "nfs4")
    monkeypatch.setattr("matae.store.base.keeps_shared_memory", lambda _: False)
    with Study.open(file_study, rater="anna") as study:
        assert journal_of(study) == "truncate"
        assert "network drive (nfs4)" in study.notice
        study.add_cine(make_cine())
        study.put_edits(IDENTITY, [Edit(0, stroke(1))])
        assert study.check() == []
        with Study.open(file_study, rater="bela") as other:
            other.put_edits(IDENTITY, [Edit(0, stroke(2), 1)])
        assert study.frames(IDENTITY)[0].revision == 2
    assert not file_study.with_name(file_study.name + "-wal").exists()


def test_a_log_that_another_program_keeps_there_is_refused(file_study, monkeypatch) -> None:
    with Study.open(file_study) as study:
        study.cines()
        monkeypatch.setattr("matae.store.engine.keeps_shared_memory", lambda _: False)
        with pytest.raises(StoreError, match="network drive and is open in another program"):
            Study.open(file_study, wait_s=0.1)


@contextmanager
def fuse(source: Path, at: Path):
    at.mkdir()
    if shutil.which("bindfs") is None or subprocess.run(
        ["bindfs", str(source), str(at)], capture_output=True, check=False
    ).returncode:  # fmt: skip
        pytest.skip("a FUSE file system needs bindfs and the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(at)], check=True)


def test_a_study_on_a_real_fuse_file_system(file_study, tmp_path) -> None:
    at = tmp_path / "mounted"
    with fuse(_folder_of(file_study, tmp_path), at):
        target = at / "study.matae"
        assert file_system_of(target).startswith("fuse")
        with Study.open(target, rater="anna") as study:
            assert journal_of(study) == "truncate"
            study.add_cine(make_cine())
            for number in range(20):
                study.put_edits(IDENTITY, [Edit(0, stroke(number), number)])
        with Study.open(target) as study:
            assert study.check() == []
            assert study.frames(IDENTITY)[0].revision == 20


def _folder_of(file_study: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    shutil.copy(file_study, folder / "study.matae")
    return folder
