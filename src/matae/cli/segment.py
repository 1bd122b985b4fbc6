"""``segment``: outline the left ventricle in files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matae.cli.from_options import cli_option
from matae.cli.options import (
    Again,
    Backend,
    BackendOption,
    Device,
    Grid,
    Jobs,
    Model,
    Region,
    Scheduler,
    Sector,
    ThirdAxis,
    ThirdAxisOption,
    View,
    Width,
    check_where,
)
from matae.segment.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.jobs import JobSettings

__all__ = ["run_segment", "same_width", "segment"]


class _Flip(StrEnum):
    auto = "auto"
    none = "none"
    vertical = "vertical"


def segment(
    *,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...", help="Files, folders to search for cines, or lists of paths (.txt, or - for the input)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results; made if missing.")],
    model: Model,
    width: Width = SegmentOptions.width,
    device: Device = SegmentOptions.device,
    backend: BackendOption = Backend.auto,
    grid: Grid = SegmentOptions.grid,
    rate: Annotated[float | None, cli_option(SegmentOptions, "rate", show_default=False)] = SegmentOptions.rate,
    scheduler: Scheduler = None,
    jobs: Jobs = 1,
    again: Again = False,
    overlay: Annotated[bool, typer.Option("--overlay/--no-overlay", help="Write a video with the outline.")] = True,
    keep_margins: Annotated[
        bool,
        typer.Option(
            "--keep-margins",
            help="Show in still and video what is written around the sector; names and dates often stand there.",
        ),
    ] = False,
    sector: Sector = "auto",
    flip: Annotated[_Flip, typer.Option("--flip", help="vertical: the apex is at the bottom.")] = _Flip.auto,
    frame_rate: Annotated[
        float | None,
        typer.Option("--frame-rate", metavar="HZ", min=0.1, max=1000, help="Where the file does not state it."),
    ] = None,
    view: Annotated[
        View | None,
        typer.Option(
            "--view",
            help="Standard view, where the file does not state it; what looks like no echo is outlined all the same.",
        ),
    ] = None,
    third_axis: ThirdAxisOption = ThirdAxis.auto,
    region: Region = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Say where in the code a file failed that nobody foresaw.")
    ] = False,
) -> None:
    """Outline the left ventricle in every frame of every INPUT.

    Writes for each NAME_mask.nii.gz, NAME.json, NAME_still.png and NAME_overlay.mp4.

    One bad file does not stop the others; it is named at the end. What has its results already is left as it is.
    """
    check_where(scheduler, jobs)
    from matae.jobs import JobSettings

    options = SegmentOptions(model=model, width=width, device=device, backend=backend.value, grid=grid, rate=rate)
    settings = JobSettings(
        out, options, sector=sector, flip=flip.value, frame_rate=frame_rate,
        view=None if view is None else view.value, overlay=overlay,
        third_axis_is_time=third_axis is ThirdAxis.time, region=region, keep_margins=keep_margins, again=again,
    )  # fmt: skip
    run_segment(inputs, settings, scheduler, jobs, debug=debug)


def run_segment(
    inputs: Sequence[Path],
    settings: JobSettings,
    scheduler: str | None = None,
    processes: int = 1,
    *,
    debug: bool = False,
) -> None:
    """Segment files and report; exit with 1 if one could not be done."""
    from dataclasses import replace

    from matae.cli.file_reporter import FileReporter
    from matae.cli.many import do_all
    from matae.cluster.inputs import listed_paths
    from matae.jobs import find_inputs, plan

    refs, failures = find_inputs(listed_paths(inputs), lambda text: typer.echo(text, err=True))
    if scheduler is not None:
        settings = replace(settings, options=same_width(settings.options))
    jobs = plan(refs, settings)
    do_all(jobs, failures, FileReporter(jobs), "segmented", scheduler=scheduler, processes=processes, debug=debug)


def same_width(options: SegmentOptions) -> SegmentOptions:
    """Return options with one width for all machines: ``auto`` is another on each, so the widest is taken for it."""
    from dataclasses import replace

    from matae.models import find_model
    from matae.nn.widths import format_width

    if options.width != "auto":
        return options
    return replace(options, width=format_width(max(find_model(options.model).card.widths)))
