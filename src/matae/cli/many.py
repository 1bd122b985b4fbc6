"""Many files of one command: do them, show how far it is, and say at the end what could not be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.cli.reporter import Reporter
    from matae.jobs import Failure, Job, Outcome

__all__ = ["Unfinished", "do_all"]

_SHOWN = 50  # failures on the screen; all of them are in the file
_FAILED = "failed.csv"


def do_all(
    jobs: Sequence[Job],
    failures: Sequence[Failure],
    reporter: Reporter,
    done_word: str,
    *,
    scheduler: str | None = None,
    processes: int = 1,
    debug: bool = False,
    keep: bool = False,
) -> list[Outcome]:
    """Do jobs and report; exit with 1 if one could not be done.

    Parameters
    ----------
    jobs
        What to do.
    failures
        What could not even be begun.
    reporter
        Says what happens.
    done_word
        As in "3 could not be segmented".
    scheduler, processes
        As for `matae.cluster.run_jobs`.
    debug
        Say where in the code a file failed that nobody foresaw.
    keep
        Whether what came of each is wanted: of a million it is gigabytes.

    Returns
    -------
    list of Outcome
        In the order of the jobs, those that were done before too; empty unless `keep`.
    """
    from matae.cluster import run_jobs
    from matae.jobs import Failure

    failed = list(failures)
    found: dict[Any, Outcome] = {}
    done = kept = 0
    try:
        with reporter:
            for outcome in run_jobs(
                jobs, scheduler=scheduler, processes=processes, start=reporter.start, progress=reporter.progress,
                notify=reporter.note,
            ):  # fmt: skip
                if isinstance(outcome, Failure):
                    failed.append(outcome)
                    reporter.finish(None)
                else:
                    done, kept = done + 1, kept + outcome.skipped
                    if keep:
                        found[outcome.source.absolute()] = outcome
                    reporter.finish(outcome)
    finally:
        _say_kept(kept, done)
        _report_failures(failed, jobs, done_word, debug=debug)
    if failed:
        raise Unfinished(_in_order(jobs, found))
    return _in_order(jobs, found)


class Unfinished(typer.Exit):
    """Something could not be done; the others are."""

    def __init__(self, done: list[Outcome]) -> None:
        super().__init__(1)
        self.done = done


def _in_order(jobs: Sequence[Job], found: dict[Any, Outcome]) -> list[Outcome]:
    return [found[path] for job in jobs if (path := job.ref.path.absolute()) in found]


def _say_kept(kept: int, done: int) -> None:
    if kept:
        were = "was" if kept == 1 else "were"
        typer.echo(f"{kept} of {done} {were} done before and kept; --again does them anew.", err=True)


def _report_failures(failures: Sequence[Failure], jobs: Sequence[Job], done_word: str, *, debug: bool) -> None:
    if len(failures) > 1:
        typer.echo(f"napari-matae: {len(failures)} could not be {done_word}:", err=True)
    shown = failures[:_SHOWN]
    column = max((len(failure.source.name) for failure in shown), default=0) if len(failures) > 1 else 0
    for failure in shown:
        if column:
            typer.echo(f"  {failure.source.name:<{column}}  {failure.message}", err=True)
        else:
            # The sentence names the file; where it does not, it is put before.
            name = "" if failure.source.name in failure.message else f"{failure.source.name}: "
            typer.echo(f"napari-matae: {name}{failure.message}", err=True)
        if debug and failure.trace:
            typer.echo(failure.trace.rstrip(), err=True)
    if len(failures) > _SHOWN and jobs:
        path = jobs[0].settings.out / _FAILED
        _write_failures(failures, path)
        typer.echo(f"  and {len(failures) - _SHOWN} more; all are in {path}", err=True)


def _write_failures(failures: Sequence[Failure], path: Any) -> None:
    import csv
    import io

    from matae.files import write_atomic, writing_to

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["file", "why"])
    writer.writerows([str(failure.source), failure.message] for failure in failures)
    with writing_to(path.parent):
        write_atomic(path, buffer.getvalue().encode("utf-8", "surrogatepass"))
