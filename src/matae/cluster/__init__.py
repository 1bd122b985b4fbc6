"""Many clips: here one after another, in several processes, or on the workers of a dask scheduler.

Whoever does them, the results are the same, each is written once, and a run that is started again goes on where it was.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from matae.jobs import Failure, check_folder, run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from matae.cluster.ledger import Ledger
    from matae.cluster.pool import Pool
    from matae.jobs import Job, Outcome

__all__ = ["run_jobs"]


def run_jobs(
    jobs: Sequence[Job],
    *,
    scheduler: str | None = None,
    processes: int = 1,
    start: Callable[[Any], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> Iterator[Outcome | Failure]:
    """Do jobs; a bad file does not stop the others, and what is done already is left as it is.

    Parameters
    ----------
    jobs
        What to do; all of one kind, with the same settings.
    scheduler
        Address of a dask scheduler; its workers do them then.
    processes
        Clips at a time on this machine; no more than there are jobs.
    start, progress
        As for `matae.jobs.run_here`; not called where others do the work.
    notify
        Told of workers that are refused or lost.

    Yields
    ------
    Outcome or Failure
        Those that were done first, then each as it ends.

    Raises
    ------
    MataeError
        If nothing can be done: no model, device, folder, scheduler or worker.
    """
    if not jobs:
        return
    settings = jobs[0].settings
    check_folder(settings.out)
    with _ledger(settings.out, len(jobs)) as ledger:
        left: list[Job] = []
        for job in jobs:
            done = None if ledger is None or settings.again else ledger.find(job)
            if done is None:
                left.append(job)
            else:
                yield done
        if not left:
            return
        by_path = {job.ref.path.absolute(): job for job in left}
        for outcome in _run(left, scheduler, min(processes, len(left)), start=start, progress=progress, notify=notify):
            if ledger is not None and not isinstance(outcome, Failure):
                ledger.add(by_path[outcome.source.absolute()], outcome)
            yield outcome


def _run(
    jobs: Sequence[Job],
    scheduler: str | None,
    processes: int,
    *,
    start: Callable[[Any], None] | None,
    progress: Callable[[int, int], None] | None,
    notify: Callable[[str], None],
) -> Iterator[Outcome | Failure]:
    from matae.cluster.pool import run_pool

    pool: Pool
    if scheduler is not None:
        from matae.cluster.scheduler import DaskPool

        settings = jobs[0].settings
        with _token(settings.out) as token:
            pool = DaskPool(scheduler, settings.model, token, notify)
            yield from run_pool(map(_absolute, jobs), pool, notify)
    elif processes > 1:
        from matae.cluster.local import LocalPool

        yield from run_pool(jobs, LocalPool(processes), notify)
    else:
        yield from run_here(jobs, start=start, progress=progress)


def _absolute(job: Job) -> Job:
    # Workers have another working folder. Links are kept: a shared folder may be mounted behind one.
    ref = replace(job.ref, path=job.ref.path.absolute())
    settings = replace(job.settings, out=job.settings.out.absolute())  # type: ignore[type-var]
    return replace(job, ref=ref, settings=settings)  # type: ignore[type-var]


@contextmanager
def _ledger(out: Path, count: int) -> Iterator[Ledger | None]:
    """Give the ledger of a folder; a single clip needs none, its record says all."""
    from matae.cluster.ledger import Ledger

    if count == 1:
        yield None
        return
    ledger = Ledger(out)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def _token(out: Path) -> Iterator[Path]:
    """Give a file in a folder by which others show that they see the same folder."""
    path = out.absolute() / f".matae-run-{secrets.token_hex(8)}.part"
    path.write_bytes(b"")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
