"""``evaluate``: a model against reference masks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matae.cli.options import (
    Backend,
    BackendOption,
    Device,
    Grid,
    Model,
    Scheduler,
    Sector,
    check_where,
    check_width,
)
from matae.segment.options import SegmentOptions

__all__ = ["evaluate"]


def _check_width(text: str) -> str:
    return text if text == "all" else check_width(text)


def evaluate(
    *,
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder with index.csv, images/ and masks/, a CAMUS folder, or EchoNet-Dynamic.",
            show_default=False,
        ),
    ],
    split: Annotated[
        str, typer.Option("--split", metavar="train|val|test|all", help="Which side of the data's own split.")
    ] = "test",
    model: Model,
    width: Annotated[
        str,
        typer.Option(
            "--width", metavar="1/8|1/4|1/2|1|auto|all", callback=_check_width, help="Share of the network to run."
        ),
    ] = "auto",
    view: Annotated[
        str, typer.Option("--view", metavar="A4C|A2C|all", help="Standard view; frames of another are left out.")
    ] = "A4C",
    device: Device = "auto",
    backend: BackendOption = Backend.auto,
    grid: Grid = SegmentOptions.grid,
    sector: Sector = "auto",
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", metavar="N", min=1, max=256, help="Processes at a time; the figures do not depend on it."
        ),
    ] = 1,
    scheduler: Scheduler = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every figure, that of each frame too.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Judge all anew, also what a run that was ended had judged.")
    ] = False,
) -> None:
    """Compare a model's masks with reference masks, on the original pixels.

    Dice, IoU, boundary distances and ejection fraction, with intervals from a bootstrap over patients.

    With --json, what is judged is kept until the figures are written: the same command goes on where a run was ended.
    """
    from matae.cli.evaluation_reporter import EvaluationReporter, write_json
    from matae.evaluate import evaluate as run
    from matae.evaluate.journal import journal_of
    from matae.files import writing_to

    check_where(scheduler, jobs)
    if scheduler is not None and json is None:
        raise typer.BadParameter("--scheduler needs --json FILE: what is judged is kept beside it.")
    journal = None if json is None else journal_of(json)
    if json is not None:
        # Before the work, not after it.
        if json.is_dir():
            raise typer.BadParameter(f"'{json}' is a folder; name a file.", param_hint="--json")
        with writing_to(json.parent):
            json.parent.mkdir(parents=True, exist_ok=True)
    with EvaluationReporter() as reporter:
        found = run(
            data,
            model=model,
            width=width,
            split=split,
            view=view,
            device=device,
            backend=backend.value,
            grid=grid,
            sector=sector,
            jobs=jobs,
            scheduler=scheduler,
            journal=journal,
            again=again,
            progress=reporter.progress,
            notify=reporter.notice,
        )
    reporter.table(found)
    if json is not None and journal is not None:
        write_json(json, found)
        journal.unlink(missing_ok=True)
        typer.echo(f"record  {json}")
