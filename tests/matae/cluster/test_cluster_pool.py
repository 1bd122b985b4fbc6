"""Workers that come and go, played out: who has what when one is lost, refused or missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from matae.cluster.pool import run_pool
from matae.cluster.worker import Refusal
from matae.errors import MataeError
from matae.jobs import Failure, FileResult
from matae.read import CineRef

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Clip:
    """As much of a job as the pool looks at."""

    ref: CineRef


def clips(count: int) -> list[Any]:
    return [Clip(CineRef(Path(f"clip{n}.npy"), "", "array")) for n in range(count)]


class Script:
    """A pool of workers in this process; `act` says what a worker answers, or "lost"."""

    patience = 0.0

    def __init__(self, names: str, act: Callable[[str, str, int], Any], rooms: int = 2) -> None:
        self.alive, self.act, self.rooms = list(names), act, rooms
        self.given: list[tuple[str, str]] = []
        self.company: dict[str, set[str]] = {}
        self.todo: list[tuple[str, int, Any]] = []
        self.refused: list[tuple[str, str]] = []
        self.born = 0
        self.closed = False

    def workers(self) -> dict[str, int]:
        return dict.fromkeys(self.alive, self.rooms)

    def submit(self, worker: str, number: int, job: Any) -> None:
        self.given.append((worker, job.ref.path.stem))
        self.todo.append((worker, number, job))

    def wait(self, seconds: float) -> list[tuple[int, Any]]:
        if not self.todo:
            return []
        worker, number, job = self.todo.pop(0)
        name = job.ref.path.stem
        at_once = {other.ref.path.stem for where, _, other in self.todo if where == worker}
        answer = self.act(worker, name, len(at_once))
        if answer == "lost":
            self.company[name] = at_once
            self.todo = [task for task in self.todo if task[0] != worker]
            self.alive.remove(worker)
            self.born += 1
            self.alive.append(f"new{self.born}")
            return []
        return [(number, answer or FileResult(job.ref.path, {}, {}, 0))]

    def forget(self, numbers: Any) -> None:
        pass

    def refuse(self, worker: str, reason: str) -> None:
        self.alive.remove(worker)
        self.refused.append((worker, reason))

    def no_worker(self) -> str:
        return "There is no worker; start one."

    def close(self) -> None:
        self.closed = True


def names(outcomes: list[Any]) -> list[str]:
    return sorted(outcome.source.stem for outcome in outcomes)


def test_nothing_to_do() -> None:
    pool = Script("a", lambda *_: None)
    assert list(run_pool([], pool)) == []
    assert pool.closed


def test_no_worker_is_said() -> None:
    pool = Script("", lambda *_: None)
    pool.patience = -1.0
    with pytest.raises(MataeError, match="There is no worker; start one"):
        list(run_pool(clips(2), pool))
    assert pool.closed


def test_each_is_done_once_and_few_wait_at_a_worker() -> None:
    pool = Script("ab", lambda *_: None)
    asked = iter(clips(50))
    run = run_pool(asked, pool)
    next(run)
    assert len(pool.given) <= 4  # a million jobs are not handed out at once
    assert len(names([*run])) == 49
    assert len({name for _, name in pool.given}) == len(pool.given) == 50


def test_what_a_lost_worker_had_is_tried_again_alone() -> None:
    fallen = []

    def act(worker: str, name: str, company: int) -> Any:
        if name == "clip0" and not fallen:
            fallen.append(worker)
            return "lost"
        if fallen and name in {"clip0", "clip1", "clip2"}:
            assert company == 0 or name not in pool.company["clip0"] | {"clip0"}
        return None

    pool, said = Script("ab", act), []
    outcomes = list(run_pool(clips(8), pool, said.append))
    assert names(outcomes) == [f"clip{n}" for n in range(8)]
    assert not any(isinstance(outcome, Failure) for outcome in outcomes)
    twice = {name for _, name in pool.given if [n for _, n in pool.given].count(name) > 1}
    assert twice == {"clip0"} | pool.company["clip0"]  # only what that worker had
    assert any("clip0" in text for text in said)


def test_a_clip_that_ends_every_worker_is_given_up_and_no_other() -> None:
    pool = Script("ab", lambda _, name, __: "lost" if name == "clip1" else None)
    outcomes = list(run_pool(clips(6), pool))
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert names(failures) == ["clip1"]
    assert "3 times" in failures[0].message
    assert names(outcomes) == [f"clip{n}" for n in range(6)]
    assert pool.born == 3


def test_a_worker_that_does_not_match_loses_its_jobs_to_others() -> None:
    pool = Script("ab", lambda worker, *_: Refusal("it runs another version") if worker == "a" else None)
    outcomes = list(run_pool(clips(6), pool))
    assert names(outcomes) == [f"clip{n}" for n in range(6)]
    assert pool.refused == [("a", "it runs another version")]


def test_a_full_disk_stops_all() -> None:
    full = Failure(Path("clip0.npy"), "The disk of results is full; free some space.", stops_all=True)
    pool = Script("ab", lambda *_: full)
    with pytest.raises(MataeError, match="is full"):
        list(run_pool(clips(6), pool))
    assert pool.closed


def test_one_that_cannot_be_done_does_not_stop_the_others() -> None:
    broken = Failure(Path("clip2.npy"), "clip2.npy is damaged; copy it again.")
    pool = Script("ab", lambda _, name, __: broken if name == "clip2" else None)
    outcomes = list(run_pool(clips(5), pool))
    assert sum(isinstance(outcome, Failure) for outcome in outcomes) == 1
    assert len(outcomes) == 5
