"""Do jobs one after another in this process, into a folder that was tried before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.jobs.job import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from matae.jobs.job import Job, Outcome

__all__ = ["check_folder", "run_here"]


def check_folder(out: Path) -> None:
    """Make the folder of the results and try it, before minutes are spent on what cannot be kept.

    Raises
    ------
    OutputError
        If it cannot be made or written.
    """
    from matae.files import staged, writing_to

    with writing_to(out), staged(out) as stage:
        (stage / "try").write_bytes(b"")


def run_here(
    jobs: Sequence[Job],
    *,
    start: Callable[[Any], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Outcome | Failure]:
    """Do jobs one after another in this process; a bad file does not stop the others.

    Parameters
    ----------
    jobs
        What to do.
    start
        Called before each job.
    progress
        Called with (frames done, frames in all) of the job.

    Yields
    ------
    Outcome or Failure
        As each job ends.

    Raises
    ------
    MataeError
        If the model or the device is not there, or the folder cannot be written: that would stop every job.
    """
    for job in jobs[:1]:
        check_folder(job.settings.out)
        job.prepare()
    for job in jobs:
        if start is not None:
            start(job)
        outcome: Outcome | Failure
        try:
            outcome = job.run(progress)
        except Exception as error:  # a codec may raise anything, and the other files are sound
            outcome = Failure.of(job.ref.path, error)
            if outcome.stops_all:
                raise
        yield outcome
