"""``study worklist``, ``add``, ``segment`` and ``next``: the clips of a study, and which frame to correct next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matae.cli.options import Device, Jobs, Model, Width  # noqa: TC001 (Typer reads them)
from matae.cli.patients import Where  # noqa: TC001
from matae.segment.options import SegmentOptions

if TYPE_CHECKING:
    from matae.store import WorklistRow

__all__ = ["study_add", "study_next", "study_segment", "study_worklist"]


def study_worklist(
    study: Where,
    as_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the table there.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say it as JSON, a record a clip.")] = False,
) -> None:
    """List the clips of a study: how far each is, its flags and ejection fraction, who was there last and who is now.

    The table holds pseudonyms and names of files; a name of a file may be that of a person.
    """
    from matae.store import Study
    from matae.worklist import as_json as to_json
    from matae.worklist import write_csv

    with Study.open(study) as opened:
        rows = opened.worklist()
    if as_csv is not None:
        n = write_csv(as_csv, rows)
        typer.echo(f"{_clips(n)} in {as_csv}", err=True)
    if as_json:
        typer.echo(to_json(rows))
    elif as_csv is None:
        for row in rows:
            typer.echo("  ".join(_cells(row)).rstrip())


def _cells(row: WorklistRow) -> list[str]:
    measured = row.measurement
    ef = "" if measured is None or measured.ef is None else f"{measured.ef:.0f} %"
    if measured is not None and ef:
        ef = "not reliable" if measured.doubts else ef
        ef += " (changed since)" if measured.stale else ""
    frames = "" if row.n_frames is None else f"{row.n_reviewed}/{row.n_frames}"
    touched = "" if row.touched is None else row.touched.isoformat(sep=" ", timespec="minutes")[:16]
    who = f"open by {row.claims[0].rater or 'somebody'}" if row.claims else row.by
    return [
        f"{row.stem:<28}", f"{row.subject or '-':<14}", f"{row.view or '-':<5}", f"{frames:>9}",
        f"{row.status.value:<13}", f"{row.n_flags or '':>3}", f"{ef:<14}", f"{who:<16}", f"{touched}  {row.note}",
    ]  # fmt: skip


def _clips(n: int) -> str:
    return f"{n} clip{'' if n == 1 else 's'}"


def study_next(
    study: Where,
    n: Annotated[int, typer.Option("--n", min=1, max=100_000, metavar="N", help="Frames to name at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Say it as JSON, a record a frame.")] = False,
) -> None:
    """Say which frames to correct next, over all clips of the study, and why: those a retraining learns most from.

    Frames of held-out and unknown patients, frames that a person has judged, and clips that are open elsewhere or not
    where they were opened from are left out.
    """
    import json

    from matae.store import Study
    from matae.worklist import next_to_correct, suggestions_as_json

    with Study.open(study) as opened:
        found = next_to_correct(opened, n)
    if as_json:
        typer.echo(json.dumps(suggestions_as_json(found), indent=1))
        return
    for one in found:
        frame = one.frame
        typer.echo(f"{frame.stem:<28}  {frame.subject:<14}  frame {frame.frame + 1:>4}  {one.sentence}")
    if not found:
        typer.echo(
            "No flagged frame of a training patient waits; segment clips with 'study segment', or say whom clips of "
            "unknown patient show with 'study patient'.",
            err=True,
        )


def study_add(
    study: Where,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...", help="Files, folders to search for cines, or lists of paths (.txt, or - for the input)."
        ),
    ],
) -> None:
    """Add clips to the queue of a study, to be segmented by 'study segment' or from the viewer's worklist."""
    from matae.cluster.inputs import listed_paths
    from matae.store import Study
    from matae.worklist import add_paths

    with Study.open(study) as opened:
        done = add_paths(opened, listed_paths(inputs), lambda text: typer.echo(text, err=True))
    for failure in done.failures:
        typer.echo(f"napari-matae: {failure.source.name}: {failure.message}", err=True)
    typer.echo(done.sentence)
    if done.failures and not done.added:
        raise typer.Exit(1)


def study_segment(
    *,
    study: Where,
    model: Model,
    width: Width = SegmentOptions.width,
    device: Device = SegmentOptions.device,
    jobs: Jobs = 1,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Segment also clips that have masks, and all that the queue has done; broken off, it goes on.",
        ),
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try also what has failed; with --again, both.")] = False,
) -> None:
    """Segment and measure what waits in the queue of a study; stopped or killed, it goes on when it is called again.

    Without --again, a clip that has masks already is skipped; without --retry, what has failed stays as it is.

    Several may run at once, on several machines with a server's study: each clip goes to one of them.
    """
    from matae.store import Study
    from matae.worklist import WorkSettings, work_off

    settings = WorkSettings(SegmentOptions(model=model, width=width, device=device), jobs, again)
    failed = 0
    with Study.open(study) as opened:
        if again and not opened.redo_done() and (left := opened.left_to_redo()):
            typer.echo(
                f"{_clips(left)} of an --again that was not finished first; give it once more then, to do all anew.",
                err=True,
            )
        if retry:
            opened.retry_failed()
        for done in work_off(opened, settings, notify=lambda text: typer.echo(text, err=True)):
            counts = done.counts
            word = "skipped, has masks" if done.skipped else "could not be segmented" if done.problem else "segmented"
            typer.echo(f"{done.path.name}: {word} ({counts.done + counts.failed} of {counts.total})")
            for notice in done.notices:
                typer.echo(f"{done.path.name}: {notice}", err=True)
            if done.problem:
                failed += 1
                typer.echo(f"napari-matae: {done.problem}", err=True)
        counts = opened.queue_counts()
    typer.echo(f"{counts.done} done, {counts.failed} failed, {counts.waiting + counts.taken} waiting")
    if counts.waiting:
        typer.echo("Those that wait have no file on this computer: segment them where their files are.", err=True)
    if failed:
        raise typer.Exit(1)
