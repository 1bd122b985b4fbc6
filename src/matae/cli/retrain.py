"""``retrain``: a study's corrections in, a judged model out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matae.cli.from_options import cli_option
from matae.cli.options import STOPPED, check_device
from matae.learn.options import RetrainOptions

if TYPE_CHECKING:
    from matae.learn.events import Event
    from matae.learn.paired import Paired
    from matae.learn.verdict import Side, Verdict
    from matae.store import Study

__all__ = ["retrain", "verdict_lines"]

_FIRST = 18  # columns of the names of figures, at least


def retrain(
    *,
    study: Annotated[
        str, typer.Option("--study", metavar="FILE", help="File of the study, or its URL.", show_default=False)
    ],
    kind: Annotated[str, cli_option(RetrainOptions, "kind")] = RetrainOptions.kind,
    base: Annotated[str, cli_option(RetrainOptions, "base")] = RetrainOptions.base,
    seconds: Annotated[float, cli_option(RetrainOptions, "seconds")] = RetrainOptions.seconds,
    name: Annotated[str, cli_option(RetrainOptions, "name")] = RetrainOptions.name,
    replay: Annotated[str, cli_option(RetrainOptions, "replay")] = RetrainOptions.replay,
    self_training: Annotated[str, cli_option(RetrainOptions, "self_training")] = RetrainOptions.self_training,
    pseudo_labels: Annotated[str, cli_option(RetrainOptions, "pseudo_labels")] = RetrainOptions.pseudo_labels,
    steps: Annotated[int, cli_option(RetrainOptions, "steps")] = RetrainOptions.steps,
    seed: Annotated[int, cli_option(RetrainOptions, "seed")] = RetrainOptions.seed,
    accepted_only: Annotated[bool, cli_option(RetrainOptions, "statuses")] = False,
    odd_labels: Annotated[bool, cli_option(RetrainOptions, "odd_labels")] = RetrainOptions.odd_labels,
    processes: Annotated[int, cli_option(RetrainOptions, "processes")] = RetrainOptions.processes,
    promote: Annotated[
        bool, typer.Option("--promote", help="Put the model into use if its verdict says that it is better.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped or killed.")
    ] = None,
    discard: Annotated[
        Path | None,
        typer.Option("--discard", metavar="RUN", help="Only delete a run that was stopped or killed, for good."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the verdict as JSON.", show_default=False)
    ] = None,
    device: Annotated[str, cli_option(RetrainOptions, "device", callback=check_device)] = RetrainOptions.device,
) -> None:
    """Retrain a model on a study's corrections, and judge it on patients it never saw.

    The new model is put into use with 'napari-matae models promote NAME --study FILE', and taken back with 'models
    rollback'.
    """
    from matae.errors import TrainError
    from matae.files import write_atomic, writing_to
    from matae.learn import retrain as run
    from matae.learn.blinded import seen_by
    from matae.learn.folders import PLAN
    from matae.models import promote as put_into_use
    from matae.store import Study

    options = RetrainOptions(
        base=base,
        kind=kind,
        seconds=seconds,
        steps=steps,
        replay=replay if replay in {"auto", "site", "none"} else str(Path(replay).absolute()),
        self_training=self_training,
        pseudo_labels=pseudo_labels,
        device=device,
        seed=seed,
        name=name,
        statuses=("accepted",) if accepted_only else RetrainOptions.statuses,
        processes=processes,
        odd_labels=odd_labels,
    )
    if resume is not None and discard is not None:
        raise typer.BadParameter("go on with a run with --resume, or delete one with --discard")
    for run_folder, option in ((resume, "--resume"), (discard, "--discard")):
        if run_folder is not None and not (run_folder / PLAN).is_file():
            raise TrainError(f"{run_folder} is no run; leave out {option} to start a new one.")
    if discard is not None:
        with Study.open(study) as opened:
            typer.echo(_discarded(opened, discard))
        return
    before = ""
    with Study.open(study) as opened:
        folder = resume or _begun(opened, options)
        try:
            verdict = run(opened, folder=folder, emit=_say)
        except KeyboardInterrupt:
            typer.echo(f"napari-matae: stopped; go on with --resume {folder}", err=True)
            raise typer.Exit(STOPPED) from None
        if promote and verdict.offered:
            before = put_into_use(verdict.name, keyed=opened.keyed)
        verdict, more = seen_by(verdict, opened), _more_frames(opened, folder)
    typer.echo("\n".join([*verdict_lines(verdict), *more]))
    if json_file is not None:
        with writing_to(json_file.parent):
            write_atomic(json_file, (json.dumps(verdict.to_json(), indent=1) + "\n").encode())
    if not promote:
        return
    if not verdict.offered:
        raise TrainError(f"{verdict.name} was not put into use: {verdict.sentence}")
    typer.echo(f"{verdict.name} is in use now, {before} before; 'napari-matae models rollback' goes back.")


def _begun(study: Study, options: RetrainOptions) -> Path:
    """Begin a run, and say how it goes on: who is killed says nothing."""
    from matae.learn import unfinished_runs
    from matae.learn.plan import start_run

    left = [run for run in unfinished_runs(study) if not run.under_way]
    folder = start_run(study, options)
    for run in left:
        typer.echo(
            f"An earlier run, {run.name}, has no verdict; go on with --resume {run.folder} or delete it with --discard",
            err=True,
        )
    typer.echo(f"If this is stopped or killed, go on with --resume {folder}", err=True)
    return folder


def _discarded(study: Study, folder: Path) -> str:
    """Delete an unfinished run of a study, and return that in a sentence."""
    from matae.errors import TrainError
    from matae.learn.folders import VERDICT, runs_home
    from matae.learn.history import discard_run
    from matae.learn.plan import Plan

    folder = folder.resolve()  # '.' has no name, and nothing deletes it
    if folder.parent != runs_home().resolve():  # a copy, or what holds a plan besides: who knows what else is in it
        raise TrainError(
            f"{folder} does not lie in {runs_home()}, where retrain makes its runs; delete it yourself if it is one."
        )
    plan = Plan.read(folder)
    if plan is not None:
        plan.check_study(study)
    if (folder / VERDICT).exists():
        raise TrainError(
            f"{folder} has its verdict, which the forecast and the earlier verdicts rest on; leave it, or name an "
            "unfinished run."
        )
    discard_run(folder)
    name = "" if plan is None else f", which was to make {plan.options.name},"
    return f"The run {folder.name}{name} is deleted; a model that it has made already stays."


def _more_frames(study: Study, folder: Path) -> list[str]:
    """Return what more frames should bring, as lines; none where too few retrainings say so."""
    from matae.learn.forecast import earlier_points, forecast, forecast_sentence
    from matae.learn.plan import Plan

    plan = Plan.read(folder)
    expected = None if plan is None else forecast(earlier_points(study, plan.options))
    return [] if expected is None else ["", forecast_sentence(expected)]


def _say(event: Event) -> None:
    from matae.learn.events import Notice, Started, Stopped, Validation

    if isinstance(event, Started):
        text = (
            f"{event.kind} training of {event.name} from {event.base} on {event.device}: {event.n_frames} frames of "
            f"{event.n_patients} patients, checked on {event.held_out}, {event.n_replay} replay frames, "
            f"{event.n_unlabelled} uncorrected ones, {event.n_pseudo_labelled} filled ones, {event.steps} steps"
        )
    elif isinstance(event, Validation):
        scores = ", ".join(f"{width}: {score:.3f}" for width, score in event.dice.items())
        text = f"step {event.step}, {event.seconds:.0f} s, validation Dice at width {scores}"
    elif isinstance(event, Notice):
        text = event.sentence
    elif isinstance(event, Stopped):
        text = f"stopped at step {event.step}; the weights of step {event.best} are kept"
    else:
        return
    typer.echo(text, err=True)


def verdict_lines(verdict: Verdict) -> list[str]:
    """Return a verdict as lines for the terminal: both sides, each under its name.

    What whoever looks must not see is taken away before (`matae.learn.blinded`).
    """
    lines = [f"{verdict.name} against {verdict.against}"]
    for side in (verdict.held_out, verdict.agreement):
        lines += ["", f"{side.meaning[0].upper()}{side.meaning[1:]}", *_table(side)]
    if verdict.guard is not None:
        known = "Frames it must not forget" if verdict.guard_known else "Frames of another source, for information"
        lines += ["", known, _row(verdict.guard)]
    if verdict.kept is not None:
        lines += ["", "Agreement with the base where it was sure, on patients nobody corrected", _row(verdict.kept)]
    minutes = verdict.minutes
    amount, saved = minutes.per_100_frames, ""
    if amount is not None:
        saved = f"{abs(amount):.1f} minutes {'saved' if amount >= 0 else 'more'} on 100 frames. "
    said = f"{verdict.outcome[0].upper()}{verdict.outcome[1:]}: {verdict.sentence}"
    choice = (
        f"'napari-matae models promote {verdict.name} --by-choice --study FILE' uses it all the same."
        if verdict.by_choice
        else ""
    )
    return [*lines, "", f"{saved}{minutes.sentence}", "", said, *([choice] if choice else [])]


def _table(side: Side) -> list[str]:
    from matae.learn.blinded import WITHHELD, is_withheld

    if is_withheld(side):
        return [WITHHELD]
    shown = [figure for figure in side.figures.values() if figure.before is not None]
    wide = max([_FIRST, *(len(_called(figure)) + 1 for figure in shown)])
    head = f"{'figure':<{wide}}{'before':>8}{'after':>8}{'change':>9}  {'95 % interval':<18}{'n':>5}{'patients':>10}"
    return [head, *(_row(figure, wide) for figure in shown)]


def _called(figure: Paired) -> str:
    from matae.learn.verdict import STRUCTURE

    kind, _, structure = figure.name.removeprefix(STRUCTURE).partition(" ")
    name = f"{kind}, {structure}" if figure.name.startswith(STRUCTURE) else figure.name
    return f"{name}{f' ({figure.unit})' if figure.unit in {'mm', 'px'} else ''}"


def _row(figure: Paired, wide: int = _FIRST) -> str:
    interval = figure.difference_ci95
    between = "" if interval is None else f"{interval[0]:+.3f} to {interval[1]:+.3f}"
    name = f"{_called(figure):<{wide}}"
    return (
        f"{name}{figure.before or 0:>8.3f}{figure.after or 0:>8.3f}{figure.difference or 0:>+9.3f}  {between:<18}"
        f"{figure.n:>5}{figure.n_patients:>10}{'  worse' if figure.worse else ''}"
    )
