"""``segment``: outline the left ventricle in files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matae.cli.options import Device, Model, Region, ThirdAxis, ThirdAxisOption, Width, check_sector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.jobs import Failure, JobSettings

__all__ = ["run_segment", "segment"]


class _Backend(StrEnum):
    auto = "auto"
    torch = "torch"
    openvino = "openvino"
    onnxruntime = "onnxruntime"


class _Flip(StrEnum):
    auto = "auto"
    none = "none"
    vertical = "vertical"


def segment(
    *,
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Files, or folders to search for cines.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results; made if missing.")],
    model: Model,
    width: Width = "auto",
    device: Device = "auto",
    backend: Annotated[
        _Backend, typer.Option("--backend", help="Runtime of the network. auto: the quickest on this computer.")
    ] = _Backend.auto,
    rate: Annotated[
        float | None,
        typer.Option(
            "--keep-up",
            metavar="HZ",
            min=0.1,
            max=100_000,
            help="Frames a second that --width auto must reach; the clip's own rate if left out.",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDR",
            help="Run on the workers of this dask scheduler, such as tcp://box:8786; folders must be shared.",
        ),
    ] = None,
    overlay: Annotated[bool, typer.Option("--overlay/--no-overlay", help="Write a video with the outline.")] = True,
    keep_margins: Annotated[
        bool,
        typer.Option(
            "--keep-margins",
            help="Show in still and video what is written around the sector; names and dates often stand there.",
        ),
    ] = False,
    sector: Annotated[
        str,
        typer.Option(
            "--sector",
            metavar="auto|whole|y0,x0,y1,x1",
            callback=check_sector,
            help="Part of the picture to look at, in pixels.",
        ),
    ] = "auto",
    flip: Annotated[_Flip, typer.Option("--flip", help="vertical: the apex is at the bottom.")] = _Flip.auto,
    frame_rate: Annotated[
        float | None,
        typer.Option("--frame-rate", metavar="HZ", min=0.1, max=1000, help="Where the file does not state it."),
    ] = None,
    third_axis: ThirdAxisOption = ThirdAxis.auto,
    region: Region = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Say where in the code a file failed that nobody foresaw.")
    ] = False,
) -> None:
    """Outline the left ventricle in every frame of every INPUT.

    Writes for each NAME_mask.nii.gz, NAME.json, NAME_still.png and NAME_overlay.mp4.

    One bad file does not stop the others; it is named at the end.
    """
    from matae.jobs import JobSettings
    from matae.segment import SegmentOptions

    options = SegmentOptions(model=model, width=width, device=device, backend=backend.value, rate=rate)
    settings = JobSettings(
        out, options, sector=sector, flip=flip.value, frame_rate=frame_rate, overlay=overlay,
        third_axis_is_time=third_axis is ThirdAxis.time, region=region, keep_margins=keep_margins,
    )  # fmt: skip
    run_segment(inputs, settings, scheduler, debug=debug)


def run_segment(
    inputs: Sequence[Path], settings: JobSettings, scheduler: str | None = None, *, debug: bool = False
) -> None:
    """Segment files and report; exit with 1 if one could not be done."""
    from matae.cli.file_reporter import FileReporter
    from matae.jobs import Failure, find_inputs, plan, run_here, run_on_cluster

    refs, failures = find_inputs(inputs, lambda text: typer.echo(text, err=True))
    jobs = plan(refs, settings)
    try:
        with FileReporter(jobs) as reporter:
            done = (
                run_on_cluster(jobs, scheduler)
                if scheduler
                else run_here(jobs, start=reporter.start, progress=reporter.progress)
            )
            for outcome in done:
                if isinstance(outcome, Failure):
                    failures.append(outcome)
                    reporter.finish(None)
                else:
                    reporter.finish(outcome)
    finally:
        _report_failures(failures, debug=debug)
    if failures:
        raise typer.Exit(1)


def _report_failures(failures: Sequence[Failure], *, debug: bool) -> None:
    if len(failures) > 1:
        typer.echo(f"napari-matae: {len(failures)} could not be segmented:", err=True)
    for failure in failures:
        # The sentence names the file; where it does not, it is put before.
        name = "" if failure.source.name in failure.message else f"{failure.source.name}: "
        typer.echo(f"napari-matae: {name}{failure.message}", err=True)
        if debug and failure.trace:
            typer.echo(failure.trace.rstrip(), err=True)
