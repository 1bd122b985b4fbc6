"""Jobs on workers that come and go: each has a few at a time, and what a lost one had goes to others.

A job whose worker was lost may have been what killed it (memory). It is tried again alone, so that no other is lost
with it; lost alone twice, it is given up.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Protocol

from matae.cluster.worker import Refusal
from matae.errors import MataeError
from matae.jobs import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from matae.jobs import Job, Outcome

__all__ = ["Pool", "run_pool"]

_WAIT = 0.5  # seconds until the workers are looked at again
_LOSSES = 3  # in company once, then alone


class Pool(Protocol):
    """Workers, by name."""

    patience: float
    """Seconds for which there may be no worker."""

    def workers(self) -> Mapping[str, int]:
        """Return the workers there are now, and how many jobs each may have at a time."""
        ...

    def submit(self, worker: str, number: int, job: Job) -> None:
        """Give a job to a worker."""
        ...

    def wait(self, seconds: float) -> Sequence[tuple[int, Outcome | Failure | Refusal]]:
        """Return what was answered since, after some seconds at the latest."""
        ...

    def forget(self, numbers: Iterable[int]) -> None:
        """Ask for no answer any more."""
        ...

    def refuse(self, worker: str, reason: str) -> None:
        """Give nothing to a worker any more."""
        ...

    def no_worker(self) -> str:
        """Return the sentence for somebody who has no worker left."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


@dataclass(eq=False)
class _Task:
    job: Job
    losses: int = 0


@dataclass(eq=False)
class _Run:
    pool: Pool
    fresh: Iterator[Job]
    notify: Callable[[str], None]
    again: deque[_Task] = field(default_factory=deque)
    suspects: deque[_Task] = field(default_factory=deque)
    at: dict[str, dict[int, _Task]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    is_empty: bool = False
    alone_since: float | None = None

    def lost(self, rooms: Mapping[str, int]) -> Iterator[Failure]:
        """Take back what the workers had that are gone."""
        for worker in [name for name in self.at if name not in rooms]:
            tasks = self.at.pop(worker)
            self.pool.forget(tasks)
            for task in tasks.values():
                task.losses += 1
                name = task.job.ref.path.name
                if task.losses >= _LOSSES:
                    yield Failure(
                        task.job.ref.path,
                        f"{name} ended the worker that had it, {task.losses} times; it may be too large for the memory "
                        "there, so try it alone.",
                    )
                else:
                    self.notify(f"The worker that had {name} is lost; the clip is tried again.")
                    self.suspects.append(task)

    def fill(self, rooms: Mapping[str, int]) -> None:
        """Give every worker as much as it may have."""
        for worker in rooms:
            self.at.setdefault(worker, {})
        # Those with the least first: they are the next to be empty, for what must be alone.
        drained = len(self.suspects)
        for worker in sorted(rooms, key=lambda name: len(self.at[name])):
            mine = self.at[worker]
            if any(task.losses for task in mine.values()):
                continue
            if drained:
                drained -= 1
                if not mine:
                    self._give(worker, self.suspects.popleft())
                continue
            while len(mine) < rooms[worker] and (task := self._next()) is not None:
                self._give(worker, task)

    def _next(self) -> _Task | None:
        if self.again:
            return self.again.popleft()
        job = next(self.fresh, None)
        self.is_empty = job is None
        return None if job is None else _Task(job)

    def _give(self, worker: str, task: _Task) -> None:
        number = next(self.numbers)
        self.at[worker][number] = task
        self.pool.submit(worker, number, task.job)

    def answered(self, number: int, answer: Outcome | Failure | Refusal) -> Outcome | Failure | None:
        """Return what a job came to, or None where it must be done elsewhere."""
        worker = next((name for name, tasks in self.at.items() if number in tasks), None)
        if worker is None:
            return None
        task = self.at[worker].pop(number)
        if isinstance(answer, Refusal):
            self.pool.refuse(worker, answer.reason)
            self.again.append(task)
            return None
        return answer

    @property
    def is_over(self) -> bool:
        return self.is_empty and not (self.again or self.suspects or any(self.at.values()))

    def check_for_workers(self, rooms: Mapping[str, int]) -> None:
        """Raise if there was no worker for too long."""
        now = time.monotonic()
        if rooms:
            self.alone_since = None
        elif self.alone_since is None:
            self.alone_since = now
        elif now - self.alone_since > self.pool.patience:
            raise MataeError(self.pool.no_worker())


def run_pool(
    jobs: Iterable[Job], pool: Pool, notify: Callable[[str], None] = lambda _: None
) -> Iterator[Outcome | Failure]:
    """Do jobs on the workers of a pool, as they become free.

    Parameters
    ----------
    jobs
        What to do; taken a few at a time.
    pool
        Who does it; closed at the end, also when the caller stops.
    notify
        Told of workers that were lost.

    Yields
    ------
    Outcome or Failure
        As each job ends, in any order.

    Raises
    ------
    MataeError
        If no worker is there or left, or the folder of the results cannot be written.
    """
    run = _Run(pool, iter(jobs), notify)
    try:
        while True:
            rooms = pool.workers()
            yield from run.lost(rooms)
            run.fill(rooms)
            if run.is_over:
                return
            run.check_for_workers(rooms)
            for number, answer in pool.wait(_WAIT):
                outcome = run.answered(number, answer)
                if isinstance(outcome, Failure) and outcome.stops_all:
                    raise MataeError(outcome.message)
                if outcome is not None:
                    yield outcome
    finally:
        pool.close()
