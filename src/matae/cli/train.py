"""``train``: labelled frames in, a model folder out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matae.cli.options import STOPPED, check_device

__all__ = ["train"]


def train(
    *,
    data: Annotated[
        list[Path],
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder with index.csv, images/ and masks/, CAMUS folder, EchoNet-Dynamic folder or packed frames "
            "(.npz); may be given several times.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the model; made if missing.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the model; the folder's if left out.")
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", metavar="NAME", help="Go on from this model; a new one if left out.")
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            "--family",
            metavar="NAME",
            help="Kind of a new network: matae, imagenet, unet-published or matae-published; instead of the settings'.",
            show_default=False,
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher",
            metavar="NAME|DIR",
            help="Learn from this model too, beside the masks; instead of the one in the settings.",
            show_default=False,
        ),
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(
            "--unlabelled",
            metavar="PATH",
            help="Clip or folder of clips without masks, for the autoencoder heads; may be given several times.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings as TOML, such as 'steps = 3000'.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="auto|cpu|cuda[:i]|mps",
            callback=check_device,
            help="Instead of the one in the settings.",
        ),
    ] = None,
) -> None:
    """Train a model on labelled frames; one that was stopped goes on when called again.

    Add the finished model with 'napari-matae models import DIR'.
    """
    from dataclasses import replace

    from matae.cli.training_reporter import TrainingReporter
    from matae.extras import curves_note
    from matae.train.config import TrainConfig
    from matae.train.run import train_model
    from matae.train.settings import read_settings

    settings = TrainConfig() if config is None else read_settings(config)
    if device is not None:
        settings = replace(settings, device=device)
    if family is not None:
        settings = replace(settings, network=replace(settings.network, family=family))
    if teacher is not None:
        settings = replace(settings, teacher=teacher)
    if note := curves_note():
        typer.echo(note, err=True)
    with TrainingReporter(settings.steps) as reporter:
        try:
            card = train_model(
                data,
                out,
                name=name or out.absolute().name,
                config=settings,
                init=init,
                unlabelled=unlabelled or (),
                report=reporter.report,
            )
        except KeyboardInterrupt:
            typer.echo("napari-matae: stopped; the same command goes on from the last validation.", err=True)
            raise typer.Exit(STOPPED) from None
    typer.echo(f"{card.name}  {out}")
