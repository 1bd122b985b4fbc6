"""``phantom``: synthetic labelled frames, for training without anybody's data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["phantom"]


def phantom(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for index.csv, images/ and masks/.")],
    hearts: Annotated[int, typer.Option("--hearts", min=2, help="Number of hearts; two frames of each.")] = 2600,
    held_out: Annotated[int, typer.Option("--held-out", min=1, help="How many of them are for validation.")] = 100,
    size: Annotated[int, typer.Option("--size", min=32, max=1024, help="Rows and columns of a frame.")] = 224,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Number of the first heart.")] = 10_000,
) -> None:
    """Make synthetic labelled frames that 'train' takes; the defaults made matae-phantom."""
    from rich.console import Console
    from rich.progress import Progress

    from matae.phantom.frames import write_phantom_frames

    if held_out >= hearts:
        raise typer.BadParameter("keep some hearts for training: --held-out must be below --hearts")
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("hearts", total=hearts)
        write_phantom_frames(
            out, hearts, held_out=held_out, size=size, seed=seed, report=lambda n: bar.update(task, completed=n)
        )
    typer.echo(f"{2 * hearts} frames  {out}")
