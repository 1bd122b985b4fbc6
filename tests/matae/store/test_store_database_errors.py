"""Disks that fill, files that are locked, read-only, damaged or too new: a sentence each, and nothing lost."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from store_makers import disc, make_cine, stroke

from matae.errors import MataeError
from matae.store import Edit, StoreError, Study
from matae.store.migrations import HEAD

HERE = Path(__file__).parent
SEARCHED = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
IDENTITY = make_cine().content_id


@pytest.fixture
def filled(file_study) -> Path:
    """Return a study with a cine, two proposals and a stroke."""
    with Study.open(file_study, rater="anna") as study:
        study.add_cine(make_cine(), subject="p1")
        study.put_proposals(IDENTITY, {0: disc(), 1: disc()}, model="m", width="1")
        study.put_edits(IDENTITY, [Edit(0, stroke(1), 1)])
    return file_study


def holds_the_stroke(path: Path) -> None:
    with Study.open(path) as study:
        assert study.check() == []
        np.testing.assert_array_equal(study.mask(IDENTITY, 0), stroke(1))
        assert study.frames(IDENTITY)[0].revision == 2


# --- full --------------------------------------------------------------------------------------------------


def draw_until_refused(study: Study) -> tuple[int, str]:
    """Draw noise, which does not compress; return the number of strokes that were stored, and the sentence."""
    chance = np.random.default_rng(1)
    revision = study.frames(IDENTITY)[1].revision
    for count in range(3000):
        mask = chance.integers(0, 2, (24, 32)).astype(np.uint8)
        try:
            revision = study.put_edits(IDENTITY, [Edit(1, mask, revision)])[0].revision
        except MataeError as error:
            return count, str(error)
    pytest.fail("the disk never filled")


def test_a_database_that_may_not_grow_refuses_and_goes_on_when_it_may(filled) -> None:
    """SQLite's own limit, which is found at the very place where a full disk is."""
    with Study.open(filled, rater="anna") as study:
        with study._reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # the least is what there is
            count, sentence = 0, ""
        with study._engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA max_page_count").scalar() < 200  # the one the pool gives
        count, sentence = draw_until_refused(study)
        assert "is full" in sentence
        assert "What was stored before is safe" in sentence
        assert len(study.history(IDENTITY, 1)) == count + 1
        with study._reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        study.put_edits(IDENTITY, [Edit(1, disc(2), count + 1)])
    holds_the_stroke(filled)


def in_a_process(code: str, *arguments: object) -> str:
    """Run code that limits or demotes its own process; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": SEARCHED}, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_a_file_that_may_not_grow_is_a_sentence(filled) -> None:
    """The operating system's limit on the size of a file: every write beyond it fails for real."""
    said = in_a_process(
        "import resource, sys\nfrom pathlib import Path\n"
        "from test_store_database_errors import IDENTITY, draw_until_refused\nfrom matae.store import Study\n"
        "with Study.open(sys.argv[1], rater='anna') as study:\n"
        "    study.frames(IDENTITY)\n"
        "    limit = Path(sys.argv[1]).stat().st_size + 60_000\n"
        "    with study._reading() as connection:\n"
        "        holder = connection.connection.dbapi_connection.worker_pid\n"
        "    resource.prlimit(holder, resource.RLIMIT_FSIZE, (limit, limit))\n"
        "    count, sentence = draw_until_refused(study)\n"
        "    print(count, len(study.history(IDENTITY, 1)), sentence)\n",
        filled,
    )
    count, versions, sentence = said.split(" ", 2)
    assert "could not be read or written: the disk is full" in sentence
    assert int(versions) == int(count) + 1
    holds_the_stroke(filled)
    with Study.open(filled) as study:
        assert len(study.history(IDENTITY, 1)) == int(count) + 1


@contextmanager
def small_disk(folder: Path, size: str):
    """Mount a file system of its own; only root can, and not in every container."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "matae-test", str(folder)], capture_output=True, check=False
    ) if shutil.which("mount") else None  # fmt: skip
    if done is None or done.returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_refuses_and_goes_on_when_there_is_room(tmp_path, filled) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "1m"):
        path = Path(shutil.copy(filled, disk / "study.matae"))
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(300_000))
        with Study.open(path, rater="anna") as study:
            count, sentence = draw_until_refused(study)
            assert "is full" in sentence
            with pytest.raises(MataeError, match="full"):
                study.backup(disk / "copy.matae")
            assert len(study.history(IDENTITY, 1)) == count + 1
            ballast.unlink()
            study.put_edits(IDENTITY, [Edit(1, disc(2), count + 1)])
        assert sorted(file.name for file in disk.iterdir()) == ["study.matae"]
        holds_the_stroke(path)
        (disk / "more").write_bytes(bytes(_room(disk)))
        with pytest.raises(MataeError, match="full"):
            Study.create(disk / "second.matae")
        assert sorted(file.name for file in disk.iterdir()) == ["more", "study.matae"]


def _room(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize - 8192


# --- not allowed -------------------------------------------------------------------------------------------

# Nothing is forbidden to root, so it gives up the right to pass over permissions, for itself and what it starts.
WITHOUT_PRIVILEGE = (
    "import ctypes, os, sys\n"
    "if os.geteuid() == 0 and 'again' not in sys.argv:\n"
    "    for capability in (1, 2):\n"  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    "        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)\n"  # PR_CAPBSET_DROP
    "    os.execv(sys.executable, [sys.executable, '-c', CODE, *sys.argv[1:], 'again'])\n"
    "from matae.store import Study\nfrom matae.errors import MataeError\n"
)


def in_a_process_without_privilege(code: str, *arguments: object) -> str:
    whole = WITHOUT_PRIVILEGE + code
    return in_a_process(f"CODE = {whole!r}\nCODE = f'CODE = {{CODE!r}}\\n' + CODE\n{whole}", *arguments)


@pytest.fixture
def public(filled):
    """Put the study where nobody can get at it: the folders of pytest are for their owner only."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield Path(shutil.copy(filled, folder / "study.matae"))
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("file_mode", "folder_mode"),
    [
        (0o444, 0o777),
        (0o666, 0o555),
        pytest.param(0o444, 0o555, marks=pytest.mark.slow),
    ],
)
def test_a_read_only_file_or_folder_is_a_sentence(public, file_mode, folder_mode) -> None:
    public.chmod(file_mode)
    public.parent.chmod(folder_mode)
    said = in_a_process_without_privilege(
        "try:\n    Study.open(sys.argv[1])\nexcept MataeError as error:\n    print(error)\n", public
    )
    assert "read-only" in said
    assert "copy the study to a folder of yours" in said
    public.parent.chmod(0o755)
    public.chmod(0o644)
    holds_the_stroke(public)


def test_a_file_that_may_not_be_read_and_a_folder_that_takes_none_are_sentences(public) -> None:
    public.chmod(0)
    public.parent.chmod(0o555)
    said = in_a_process_without_privilege(
        "for do in (Study.open, lambda path: Study.create(path + '2')):\n"
        "    try:\n        do(sys.argv[1])\n    except MataeError as error:\n        print(error)\n",
        public,
    )
    assert "cannot be read" in said
    assert "cannot be written to; choose another folder" in said


def test_a_server_that_only_reads_is_a_sentence(study_database, study, server, backend) -> None:
    if backend == "sqlite":
        pytest.skip("of a server")
    name = study_database.rpartition("/")[2]
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        with Study.open(study_database) as reading:
            assert reading.cines() == []
            with pytest.raises(StoreError, match="server is read-only"):
                reading.add_cine(make_cine())
    finally:
        server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


# --- in use ------------------------------------------------------------------------------------------------


def test_a_study_somebody_else_holds_is_read_at_once_and_written_after_waiting(target, study, cine) -> None:
    with Study.open(target, rater="bela", wait_s=0.2) as other, study._writing():
        assert [line.subject for line in other.cines()] == ["p1"]
        with pytest.raises(StoreError, match=r"has been writing to .* for too long"):
            other.put_edits(cine.content_id, [Edit(0, disc())])
        with Study.open(target, wait_s=0.2) as third:  # that somebody writes is no reason not to look
            assert third.statistics().n_cines == 1
    with Study.open(target, wait_s=0.2) as other:
        assert other.put_edits(cine.content_id, [Edit(0, disc())])[0].revision == 1


def test_a_writer_waits_for_another_that_is_soon_done(target, study, cine) -> None:
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with study._writing():
            holds.set()
            may_end.wait(300)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(300)
    threading.Timer(0.2, may_end.set).start()
    with Study.open(target, wait_s=20) as other:
        other.put_edits(cine.content_id, [Edit(0, disc())])
    thread.join()


def test_a_server_that_went_away_is_a_sentence_and_one_that_came_back_is_used(
    server, study_database, study, backend
) -> None:
    if backend == "sqlite":
        pytest.skip("of a server")
    study.add_cine(make_cine())
    name = study_database.rpartition("/")[2]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with pytest.raises(StoreError, match="does not answer"):
        cut_while_writing(study, lambda: server.execute(cut))
    server.execute(cut)
    study.put_edits(IDENTITY, [Edit(0, stroke(1))])  # the pool notices, and connects again
    assert study.check() == []


def cut_while_writing(study: Study, cut) -> None:
    with study._writing() as writing:
        cut()
        writing.connection.execute(text("SELECT 1"))


# --- another version, damage -------------------------------------------------------------------------------


def test_a_study_of_a_newer_version_is_left_alone(target, study, backend, server_or_none) -> None:
    set_version(target, "9999", server_or_none)
    try:
        with pytest.raises(StoreError, match="newer version of napari-matae; update"):
            Study.open(target)
    finally:
        set_version(target, HEAD, server_or_none)


@pytest.fixture
def server_or_none(backend, request):
    return None if backend == "sqlite" else request.getfixturevalue("server")


def set_version(target: str, version: str, server) -> None:
    statement = f"UPDATE alembic_version SET version_num = '{version}'"
    if server is not None:
        server.execute(statement, target.rpartition("/")[2])
        return
    with closing(sqlite3.connect(target)) as raw:
        raw.execute(statement)
        raw.commit()


@pytest.mark.parametrize("start", [0, 18, 60])
def test_a_damaged_header_is_a_sentence(filled, start) -> None:
    data = bytearray(filled.read_bytes())
    data[start : start + 12] = b"\xff" * 12
    filled.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|read-only|newer"):
        Study.open(filled)
    assert filled.read_bytes() == data


def test_a_file_that_was_cut_is_found(filled) -> None:
    data = filled.read_bytes()
    filled.write_bytes(data[: len(data) // 2])
    try:
        with Study.open(filled) as study:
            problems = study.check()
    except StoreError as error:
        problems = [str(error)]
    assert "damaged" in problems[0]


def test_damaged_pages_are_found_and_never_shown_as_a_mask(filled) -> None:
    """Every page is spoilt in turn: the study says so, or the page held nothing that anybody asked for."""
    original = filled.read_bytes()
    found, chance = 0, random.Random(1)
    pages = range(4096, len(original), 4096)
    for start in pages:
        data = bytearray(original)
        data[start : start + 4096] = chance.randbytes(4096)
        filled.write_bytes(data)
        try:
            with Study.open(filled) as study:
                problems = study.check()
                mask = study.mask(IDENTITY, 0)
                found += bool(problems)
                if not problems:
                    np.testing.assert_array_equal(mask, stroke(1))
        except StoreError as error:
            found += 1
            assert "damaged" in str(error) or "no study" in str(error)  # noqa: PT017 (one of two ways)
        finally:
            for suffix in ("-wal", "-shm"):
                filled.with_name(filled.name + suffix).unlink(missing_ok=True)
    assert found >= 0.9 * len(pages)


def test_a_mask_whose_bytes_changed_is_refused_not_shown(filled) -> None:
    with closing(sqlite3.connect(filled)) as raw:
        raw.execute("DROP TRIGGER masks_refuses_update")
        other = raw.execute("SELECT png FROM masks ORDER BY id LIMIT 1").fetchone()[0]
        raw.execute("UPDATE masks SET png = ? WHERE id = 2", (other,))
        raw.commit()
    with Study.open(filled) as study:
        with pytest.raises(StoreError, match="damaged"):
            study.mask(IDENTITY, 0)
        with pytest.raises(StoreError, match="damaged"):
            study.load_masks(IDENTITY, np.zeros((6, 24, 32), np.uint8))
        problems = " ".join(study.check())
    assert "is not what was stored" in problems
    assert "masks_refuses_update is gone" in problems


def test_a_label_that_lost_its_version_and_rows_that_lost_their_cine_are_found(filled) -> None:
    with closing(sqlite3.connect(filled)) as raw:
        raw.execute("UPDATE labels SET revision = 77 WHERE frame = 1")
        raw.execute("INSERT INTO flags VALUES (55, 0, 1.0, 'x')")
        raw.commit()
    with Study.open(filled) as study:
        problems = " ".join(study.check())
    assert "Frame 2 of cine" in problems
    assert "belongs to a row of cines that is gone" in problems


def test_a_study_without_its_tables_or_its_row_is_a_sentence(filled) -> None:
    with closing(sqlite3.connect(filled)) as raw:
        raw.execute("DELETE FROM study")
        raw.commit()
    with Study.open(filled) as study:
        assert any("own row is gone" in problem for problem in study.check())
        with pytest.raises(StoreError, match="damaged"):
            study.set_last_frame(IDENTITY, 0)
    with closing(sqlite3.connect(filled)) as raw:
        raw.execute("DROP TABLE flags")
        raw.commit()
    with pytest.raises(StoreError, match="flags is missing"):
        Study.open(filled)
