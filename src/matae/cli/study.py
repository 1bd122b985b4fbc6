"""``study``: the database of what people drew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matae.cli.patients import Where, study_migrate, study_patient, warn_of_password
from matae.cli.readers import (
    pair_json,
    pair_lines,
    study_adjudicate,
    study_blind,
    study_day,
    study_history,
    study_readers,
)
from matae.cli.worklist import study_add, study_next, study_segment, study_worklist

if TYPE_CHECKING:
    from typing import Any

    from matae.store import Statistics

__all__ = ["app"]

app = typer.Typer(help="The study: the database of what people drew.", no_args_is_help=True)


@app.command(name="init")
def study_init(study: Where) -> None:
    """Make an empty study: a file, or the tables in an empty PostgreSQL database."""
    from matae.store import Study

    with Study.create(study) as made:
        typer.echo(made.name)


@app.command(name="status")
def study_status(
    study: Where,
    as_json: Annotated[bool, typer.Option("--json", help="Say it as JSON, with a line for each cine.")] = False,
) -> None:
    """Say what a study holds and how far it is: frames by status, minutes per frame, share accepted unedited."""
    from matae.readers import pair_agreements, study_agreement
    from matae.store import Study

    with Study.open(study) as opened:
        statistics, summaries = opened.statistics(), opened.cines()
        pairs = pair_agreements(study_agreement(opened, measure=False)[0])
        unknown = sum(cine.known_subject is None for cine in summaries)
        if opened.notice:
            typer.echo(opened.notice, err=True)
        if not as_json:
            typer.echo("\n".join(f"{key:<28}{value}" for key, value in _facts(statistics, unknown)))
            for pair in pairs:
                typer.echo("\n".join(pair_lines(pair)))
            return
        cines = [
            {
                "content_id": cine.content_id,
                "patient": None if cine.known_subject is None else str(cine.subject_source),
                "view": cine.view,
                "n_frames": cine.n_frames,
                "split": cine.split,
                "frames": {str(status): n for status, n in cine.counts.items()},
                "seconds": round(cine.seconds, 1),
            }
            for cine in summaries
        ]
        facts = _as_json(statistics) | {"n_unknown_patient": unknown, "cines": cines}
        facts["readers"] = [pair_json(pair) for pair in pairs]
        typer.echo(json.dumps(facts, indent=1))


def _facts(statistics: Statistics, unknown: int) -> list[tuple[str, str]]:
    minutes, share = statistics.minutes_per_accepted, statistics.accepted_unedited
    return [
        ("subjects", str(statistics.n_subjects)),
        ("cines", str(statistics.n_cines)),
        ("  of unknown patient", str(unknown)),
        ("frames", str(statistics.n_frames)),
        *((f"  {status}", str(n)) for status, n in statistics.by_status.items()),
        ("  without a label", str(statistics.n_unlabelled)),
        ("hours of work", f"{statistics.seconds / 3600:.1f}"),
        ("minutes per accepted frame", "none accepted yet" if minutes is None else f"{minutes:.2f}"),
        ("accepted unedited", "none accepted yet" if share is None else f"{100 * share:.0f} %"),
    ]


def _as_json(statistics: Statistics) -> dict[str, Any]:
    return {
        "n_subjects": statistics.n_subjects,
        "n_cines": statistics.n_cines,
        "n_frames": statistics.n_frames,
        "frames": {str(status): n for status, n in statistics.by_status.items()} | {"none": statistics.n_unlabelled},
        "seconds": statistics.seconds,
        "minutes_per_accepted": statistics.minutes_per_accepted,
        "accepted_unedited": statistics.accepted_unedited,
    }


@app.command(name="check")
def study_check(study: Where) -> None:
    """Read everything in a study and say what is damaged; exits with 1 if something is.

    What an older study lacks is said too; that is no damage.
    """
    from matae.learn import what_is_lacking
    from matae.store import Study

    with Study.open(study) as opened:
        problems, notes = opened.check(), []
        if not problems:
            notes = what_is_lacking(opened)
        name = opened.name
    for note in notes:
        typer.echo(f"Note: {note}")
    for problem in problems:
        typer.echo(problem)
    if problems:
        typer.echo(f"napari-matae: {name} is damaged; leave it as it is and go back to the last backup.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{name} is sound.")


app.command(name="patient")(study_patient)
app.command(name="migrate")(study_migrate)
app.command(name="worklist")(study_worklist)
app.command(name="add")(study_add)
app.command(name="segment")(study_segment)
app.command(name="next")(study_next)
app.command(name="blind")(study_blind)
app.command(name="readers")(study_readers)
app.command(name="adjudicate")(study_adjudicate)
app.command(name="history")(study_history)
app.command(name="day")(study_day)


@app.command(name="backup")
def study_backup(
    study: Where,
    copy: Annotated[
        str,
        typer.Argument(
            metavar="COPY",
            help="File to make, or an empty PostgreSQL database.",
            show_default=False,
            callback=warn_of_password,
        ),
    ],
) -> None:
    """Copy a study while people work in it; also how it moves to a server, or from one into a file."""
    from matae.store import Study

    with Study.open(study) as opened:
        if "://" in copy:
            opened.copy(copy)
            typer.echo("copied")
        else:
            typer.echo(str(opened.backup(Path(copy))))


@app.command(name="merge")
def study_merge(
    rescue: Annotated[
        str, typer.Argument(metavar="RESCUE", help="The rescue study that a message named.", show_default=False)
    ],
    into: Annotated[
        str,
        typer.Option(
            "--into",
            metavar="STUDY",
            help="The study that refused its changes.",
            show_default=False,
            callback=warn_of_password,
        ),
    ],
    on_top: Annotated[
        bool,
        typer.Option("--on-top", help="Where two people changed the same, the rescued version counts; both are kept."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring what a rescue study holds back into its study; of what two people changed, both versions are kept."""
    from matae.store import Study
    from matae.store.merging import Merge

    with Study.open(rescue) as opened:
        merge = Merge.plan(opened, into, on_top=on_top)
        items = merge.items
        for item in items:
            typer.echo(f"{item.stem}: {item.what}: {_OUTCOMES[item.outcome]}{': ' * bool(item.why)}{item.why}")
        refused = any(item.outcome == "refused" for item in items)
        if all(item.outcome == "refused" for item in items):
            typer.echo("The study lacks nothing that could be merged.")
        elif not dry_run:
            if not yes:
                typer.confirm("Merge this into the study?", abort=True)
            done = merge.carry_out()
            for planned, item in zip(items, done, strict=True):
                if item.outcome != planned.outcome:
                    typer.echo(f"{item.stem}: {item.what}: somebody changed it meanwhile, {_OUTCOMES[item.outcome]}")
            counts = {name: sum(item.outcome == name for item in done) for name in ("added", "on top", "beside")}
            typer.echo(f"merged: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    if refused and not dry_run:
        raise typer.Exit(1)


_OUTCOMES = {
    "added": "added",
    "on top": "put on top, the version before stays in the history",
    "beside": "changed by two people, kept in the history beside what the study shows",
    "refused": "not merged",
}


@app.command(name="forget")
def study_forget(
    study: Where,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Pseudonym of the person.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    no_retrain: Annotated[
        bool, typer.Option("--no-retrain", help="Remove the models that learnt from them, and train none anew.")
    ] = False,
) -> None:
    """Take a subject out of a study for good, and out of the models that learnt from them; copies are not reached."""
    from matae.learn import forget_patient, models_trained_on
    from matae.learn.blinded import seen_by
    from matae.store import Study

    with Study.open(study) as opened:
        learnt = [entry.name for entry in models_trained_on(opened, subject)]
        if learnt:
            anew = "removed" if no_retrain else "removed and trained anew without them"
            typer.echo(f"These models learnt from {subject} and will be {anew}: {', '.join(learnt)}", err=True)
        if not yes:
            typer.confirm(f"Delete {subject} and all their labels from the study? This cannot be undone.", abort=True)
        done = forget_patient(opened, subject, again=not no_retrain)
        retrained = {name: seen_by(verdict, opened) for name, verdict in done.retrained.items()}
    typer.echo(f"forgotten, with {done.n_cines} cine{'' if done.n_cines == 1 else 's'}")
    for name, verdict in retrained.items():
        typer.echo(f"{name} was trained anew, {verdict.outcome}: {verdict.sentence}")
    for name, sentence in done.failed.items():
        typer.echo(f"napari-matae: {name} was removed and not trained anew: {sentence}", err=True)
    if done.change:
        typer.echo(done.change)
