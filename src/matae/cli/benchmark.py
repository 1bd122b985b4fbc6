"""``benchmark``: how fast this machine is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matae.cli.options import Device, Model  # noqa: TC001 - Typer reads them at run time

__all__ = ["benchmark"]


def benchmark(
    *,
    model: Model,
    device: Device = "auto",
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=1, max=100, help="Runs of each figure; the median counts.")
    ] = 3,
    seconds: Annotated[
        float,
        typer.Option("--seconds", metavar="S", min=1, max=3600, help="About how long it may take in all."),
    ] = 45,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write every figure with its range.", show_default=False),
    ] = None,
) -> None:
    """Measure how fast this machine is, on synthetic clips; no data is needed.

    Frames a second at each width and backend, opening a clip, a cold start to the first mask, memory.
    """
    from matae.cli.benchmark_reporter import BenchmarkReporter
    from matae.cli.evaluation_reporter import write_json
    from matae.files import writing_to
    from matae.speed import measure_speed

    if json is not None:
        # Before the work, not after it.
        if json.is_dir():
            raise typer.BadParameter(f"'{json}' is a folder; name a file.", param_hint="--json")
        with writing_to(json.parent):
            json.parent.mkdir(parents=True, exist_ok=True)
    with BenchmarkReporter() as reporter:
        found = measure_speed(
            model,
            device=device,
            repeats=repeats,
            seconds=seconds,
            progress=reporter.progress,
            notify=reporter.notice,
        )
    reporter.table(found)
    if json is not None:
        write_json(json, found)
        typer.echo(f"record  {json}")
