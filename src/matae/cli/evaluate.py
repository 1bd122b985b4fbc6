"""``evaluate``: a model against reference masks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matae.cli.options import Device, Model, check_sector, check_width

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
    sector: Annotated[
        str,
        typer.Option(
            "--sector",
            metavar="auto|whole|y0,x0,y1,x1",
            callback=check_sector,
            help="Part of the picture to look at, in pixels.",
        ),
    ] = "auto",
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", metavar="N", min=1, max=256, help="Processes at a time; the figures do not depend on it."
        ),
    ] = 1,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every figure, that of each frame too.")
    ] = None,
) -> None:
    """Compare a model's masks with reference masks, on the original pixels.

    Dice, IoU, boundary distances and ejection fraction, with intervals from a bootstrap over patients.
    """
    from matae.cli.evaluation_reporter import EvaluationReporter, write_json
    from matae.evaluate import evaluate as run
    from matae.files import writing_to

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
            sector=sector,
            jobs=jobs,
            progress=reporter.progress,
            notify=reporter.notice,
        )
    reporter.table(found)
    if json is not None:
        write_json(json, found)
        typer.echo(f"record  {json}")
