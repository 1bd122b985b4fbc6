"""Killed at any instant: what was acknowledged is there, and the study is sound."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from crash_drawer import FRAMES, frames_of, kind_of, others_in
from store_makers import make_cine, stroke

from matae.store import Study

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

HERE = Path(__file__).parent
SEARCHED = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])


def touch(target: str) -> None:
    """Open and close the study as other programs do, a viewer and one that looks at files."""
    Study.open(target).close()
    if "://" not in target:
        for file in sorted(Path(target).parent.glob(f"{Path(target).name}*")):
            with suppress(FileNotFoundError), file.open("rb") as stream:
                stream.read(1)


class Drawer:
    """The process that draws, seen from outside."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "crash_drawer.py")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1, env=os.environ | {"PYTHONPATH": SEARCHED},
        )  # fmt: skip
        self.pace = 0.01  # seconds a step takes
        self.drawing = 0  # pid

    def round(self, target: str, identity: str, first: int, chance: random.Random) -> list[int]:
        """Let it draw from step `first`, kill it, and return the steps it acknowledged."""
        self.process.stdin.write(f"{target} {identity} {first}\n")
        pid = self.drawing = int(self._line().removeprefix("pid "))
        lines: list[str] = []
        # Any instant: while the study is opened, in the first step, or in one of the next; measured in steps rather
        # than in seconds, for on a busy machine everything takes longer.
        for _ in range(chance.choice([0, 1, 1, 2])):
            started = time.perf_counter()
            lines.append(self._line())
            touch(target)
            self.pace = time.perf_counter() - started if lines[-1].startswith("ack") else self.pace
        time.sleep(chance.uniform(0, 1.5 * self.pace))
        os.kill(pid, signal.SIGKILL)
        while lines[-1:] != ["dead"]:
            lines.append(self._line())
        self.drawing = 0
        assert not [line for line in lines if line.startswith("error")]
        return [int(line.removeprefix("ack ")) for line in lines if line.startswith("ack")]

    def _line(self) -> str:
        line = self.process.stdout.readline().strip()
        assert line, "the drawer is gone"
        return line

    def close(self) -> None:
        if self.drawing:
            os.kill(self.drawing, signal.SIGKILL)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(300)


@pytest.fixture
def drawer():
    made = Drawer()
    yield made
    made.close()


def steps_in(study: Study, identity: str) -> dict[int, set[int]]:
    """Return the frames that each step changed, by the note it left, and hold every mask against the script."""
    found: dict[int, set[int]] = {}
    for revisions in study.steps(identity, limit=10_000):
        for revision in revisions:
            if revision.kind == "machine":
                continue  # see `others_in`
            step = int(revision.note)
            found.setdefault(step, set()).add(revision.frame)
            if revision.kind == "person":
                np.testing.assert_array_equal(revision.mask(), stroke(step))
    return found


def hold_to_account(target: str, identity: str, acknowledged: set[int]) -> int:
    """Open the study after a kill; return the step that comes next."""
    with Study.open(target) as study:
        assert study.check() == []
        found = steps_in(study, identity)
        missing = {step for step in acknowledged if kind_of(step) == "mask"} - found.keys()
        assert not missing, f"acknowledged and lost: {sorted(missing)}"
        others = others_in(study, identity)
        for step in acknowledged:
            assert kind_of(step) == "mask" or others[kind_of(step)] >= step
        # The step under way may have been stored before its acknowledgement was written; then all of it.
        assert len((found.keys() | set(others.values())) - acknowledged) <= 1
        for step, frames in found.items():
            assert frames == ({0} if step % 7 == 6 and frames == {0} else set(frames_of(step)))
        acknowledged.update(found, others.values())
        return max((*found, *others.values()), default=-1) + 1


def kill_many(drawer: Drawer, target: str, times: int, chance: random.Random) -> int:
    cine = make_cine(n_frames=FRAMES + 1)
    with Study.open(target) as study:
        study.add_cine(cine)
    acknowledged: set[int] = set()
    first = 0
    for _ in range(times):
        acknowledged |= set(drawer.round(target, cine.content_id, first, chance))
        first = hold_to_account(target, cine.content_id, acknowledged)
    return len(acknowledged)


@pytest.fixture
def quick_folder(tmp_path):
    """Return a folder in memory where there is one: a process that is killed does not tell it from a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


@pytest.mark.parametrize("times", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_no_acknowledged_stroke_is_lost_in_a_kill(quick_folder, empty_study_file, drawer, times) -> None:
    chance = random.Random(20)
    total = 0
    for number in range(times // 4):  # a new study now and then: the check reads all of it each time
        target = quick_folder / f"study{number}.matae"
        shutil.copy(empty_study_file, target)
        total += kill_many(drawer, str(target), 4, chance)
    assert total > 0.75 * times  # most kills met a process that was drawing


@pytest.mark.parametrize("times", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_nor_on_a_server(server, drawer, times) -> None:
    url = server.new_database()
    Study.create(url).close()
    assert kill_many(drawer, url, times, random.Random(21)) > 0
    server.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


def test_a_file_is_written_through_to_the_disk(file_study) -> None:
    """A kill cannot show what a power cut would: that every commit waits for the disk."""
    with Study.open(file_study) as study, study._reading() as connection:
        for pragma, expected in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("secure_delete", 1),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == expected
