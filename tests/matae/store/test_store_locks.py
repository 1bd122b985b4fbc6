"""What other opens of a study's file can do to the locks on it: nothing, whoever opens it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from store_makers import make_cine, stroke

from matae.store import Edit, Study
from matae.store.sqlite_client import connect

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX locks")

HERE = Path(__file__).parent
IDENTITY = make_cine().content_id
ROUNDS = 60


_LOOK = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1])
other.execute("SELECT count(*) FROM revisions").fetchall()
other.close()
"""
_STATUS = "from matae.cli import main; main()"
_WRITE = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], timeout=0.1)
other.execute("BEGIN IMMEDIATE")
"""


def touch_all(study: Path) -> None:
    """Open and close every file of a study in this process, as a file dialog does that looks at what lies there."""
    for file in sorted(study.parent.iterdir()):
        with file.open("rb") as stream:
            stream.read(1)


def log_of(study: Path) -> Path:
    return study.with_name(study.name + "-wal")


@pytest.fixture
def drawn(file_study) -> Path:
    with Study.open(file_study, rater="anna") as study:
        study.add_cine(make_cine(), subject="p1")
    return file_study


def test_no_file_of_a_study_is_held_by_this_process(drawn) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("the open files of a process are listed in /proc")
    with Study.open(drawn) as study:
        study.cines()
        held = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink() and link.exists()}
    assert not [name for name in held if name.startswith(str(drawn))]


def test_a_process_that_opens_and_closes_the_file_does_not_take_the_log_away(drawn) -> None:
    """The fault as it was found: a dialog in this process, then any other program that closes the study."""
    with Study.open(drawn, rater="anna") as study:
        study.put_edits(IDENTITY, [Edit(0, stroke(1))])
        touch_all(drawn)
        subprocess.run(
            [sys.executable, "-c", _LOOK, str(drawn)],
            check=True,
        )
        assert log_of(drawn).exists()
        study.put_edits(IDENTITY, [Edit(0, stroke(2), 1)])
    with Study.open(drawn) as study:
        np.testing.assert_array_equal(study.mask(IDENTITY, 0), stroke(2))


def test_two_writers_never_write_at_once_whatever_this_process_opens(drawn) -> None:
    with Study.open(drawn) as study, study._writing() as writing:
        touch_all(drawn)
        assert writing.connection is not None
        other = subprocess.run(
            [sys.executable, "-c", _WRITE, str(drawn)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert "database is locked" in other.stderr


_DRAW = """
import os, random, sys
from pathlib import Path
from test_store_locks import IDENTITY, touch_all
from store_makers import stroke
from matae.store import Edit, OverrideName, Study
target, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
study = Study.open(target, rater="anna")
step = 0
while True:
    frame = chance.randrange(6)
    known = study.frames(IDENTITY)
    what = chance.randrange(4)
    if what == 0:
        study.set_landmarks(IDENTITY, frame, {"apex": (1.0, float(step))})
    elif what == 1:
        study.set_override(IDENTITY, OverrideName.SECTOR, [(0, 0), (0, 20), (20, step % 7 + 9.5)])
    else:
        study.put_edits(IDENTITY, [Edit(frame, stroke(step), known[frame].revision if frame in known else 0)])
    os.write(1, f"{('landmarks', 'sector', 'mask', 'mask')[what]} {frame} {step}\\n".encode())
    touch_all(target)
    step += 1
"""


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_nothing_acknowledged_is_lost_while_everybody_opens_and_closes_the_file(drawn, seed) -> None:
    """Strokes in a process that opens the file itself all the time, others that come and go, and a kill at the end."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _DRAW, str(drawn), str(seed)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    said: list[str] = []
    chance = random.Random(seed)
    try:
        while len(said) < ROUNDS:
            line = process.stdout.readline()
            assert line, "the drawing process ended by itself"
            said.append(line)
            what = chance.randrange(3)
            if len(said) % 40 == 20:
                subprocess.run(
                    [sys.executable, "-c", _STATUS, "study", "status", str(drawn)],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            elif what == 0:
                touch_all(drawn)
            elif what == 1:
                with closing(connect(drawn)) as other:
                    other.execute("SELECT count(*) FROM revisions").fetchall()
            else:
                with Study.open(drawn) as other:
                    other.statistics()
    finally:
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines(keepends=True)
        process.wait(300)
        process.stdout.close()
    said = [line for line in said if line.endswith("\n") and len(line.split()) == 3]
    with Study.open(drawn) as study:
        assert study.check() == []
        for frame in range(6):
            steps = [int(step) for kind, at, step in map(str.split, said) if kind == "mask" and int(at) == frame]
            kept = {revision.mask().tobytes() for revision in study.history(IDENTITY, frame)}
            assert {stroke(step).tobytes() for step in steps} <= kept
        landmarks = {at: float(step) for kind, at, step in map(str.split, said) if kind == "landmarks"}
        for at, step in landmarks.items():
            assert study.landmarks(IDENTITY)[int(at)].points["apex"].x >= step
        sectors = [line for line in said if line.startswith("sector")]
        assert sectors
        assert study.overrides(IDENTITY).revisions["sector"] >= 1


def test_the_process_that_holds_the_file_ends_with_the_one_that_asked(drawn) -> None:
    code = (
        "import sys\nfrom matae.store import Study\nstudy = Study.open(sys.argv[1])\n"
        "with study._reading() as connection:\n"
        "    print(connection.connection.dbapi_connection.worker_pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(drawn)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    holder = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait(300)
    process.stdin.close()
    process.stdout.close()
    with Study.open(drawn, rater="bela") as study:  # and its locks are gone with it
        study.put_edits(IDENTITY, [Edit(0, stroke(1))])
    for _ in range(200):
        if not Path(f"/proc/{holder}").exists() and not is_running(holder):
            break
        signal.sigtimedwait([signal.SIGUSR2], 0.05)
    assert not is_running(holder)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_holder_that_is_killed_is_a_sentence_and_the_next_stroke_works(drawn) -> None:
    from matae.store import StoreError

    with Study.open(drawn, rater="anna") as study:
        with study._reading() as connection:
            holder = connection.connection.dbapi_connection.worker_pid
        os.kill(holder, signal.SIGKILL)
        with pytest.raises(StoreError, match="has ended") as caught:
            study.put_edits(IDENTITY, [Edit(0, stroke(1))])
        assert caught.value.transient
        study.put_edits(IDENTITY, [Edit(0, stroke(1))])
    with Study.open(drawn) as study:
        np.testing.assert_array_equal(study.mask(IDENTITY, 0), stroke(1))


def test_a_forked_child_starts_its_own_and_leaves_the_parents_alone(drawn) -> None:
    with Study.open(drawn, rater="anna") as study:
        study.put_edits(IDENTITY, [Edit(0, stroke(1))])
        child = os.fork()
        if child == 0:
            try:
                with Study.open(drawn, rater="bela") as other:
                    other.put_edits(IDENTITY, [Edit(1, stroke(2))])
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        study.put_edits(IDENTITY, [Edit(0, stroke(3), 1)])
        assert set(study.frames(IDENTITY)) == {0, 1}


def test_values_and_errors_come_through_as_from_sqlite3(tmp_path) -> None:
    import sqlite3

    with closing(connect(tmp_path / "values.sqlite", make=True)) as made:
        made.execute("CREATE TABLE t (a, b UNIQUE)")
        rows = [(None, 1), (1.5, "text \N{SNOWMAN}"), (b"\0\xff" * 10, 2**60), (True, "x")]
        made.cursor().executemany("INSERT INTO t VALUES (?, ?)", rows)
        assert made.execute("SELECT a, b FROM t ORDER BY rowid").fetchall() == [
            (None, 1), (1.5, "text \N{SNOWMAN}"), (b"\0\xff" * 10, 2**60), (1, "x")
        ]  # fmt: skip
        many = made.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n"
        )
        assert many.fetchone() == (1,)
        assert len(many.fetchmany(3000)) == 3000
        assert [row[0] for row in many.fetchall()][-1] == 5000
        with pytest.raises(sqlite3.IntegrityError) as caught:
            made.execute("INSERT INTO t VALUES (0, 'x')")
        assert caught.value.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE"
        with pytest.raises(sqlite3.ProgrammingError, match="not supported"):
            made.execute("SELECT ?", (object(),))
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made.execute("SELECT 1")
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        connect(tmp_path / "nowhere" / "a.sqlite")


def test_an_answer_that_was_not_read_is_never_taken_for_the_next_one(tmp_path, monkeypatch) -> None:
    """Ctrl-C between question and answer."""
    import sqlite3

    made = connect(tmp_path / "a.sqlite", make=True)
    worker = made._worker

    def interrupted(_: int) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.execute("SELECT 1")
    monkeypatch.undo()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made.execute("SELECT 2")
    made.close()


def test_a_copy_of_the_file_by_another_program_does_no_harm(drawn) -> None:
    with Study.open(drawn, rater="anna") as study:
        for number in range(20):
            study.put_edits(IDENTITY, [Edit(0, stroke(number), number)])
            shutil.copy(drawn, drawn.with_name("backup.bin"))  # in this very process
    with Study.open(drawn) as study:
        assert study.frames(IDENTITY)[0].revision == 20
