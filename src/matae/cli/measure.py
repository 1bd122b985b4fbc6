"""``measure``: volumes, ejection fraction and motion of a clip."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matae.cli.options import Device, Model, Region, ThirdAxis, ThirdAxisOption, Width, check_sector

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.measure import Measurement

__all__ = ["measure"]


class _View(StrEnum):
    a4c = "A4C"
    a2c = "A2C"
    a3c = "A3C"


class _Flip(StrEnum):
    auto = "auto"
    none = "none"
    vertical = "vertical"


def _check_spacing(text: str | None) -> str | None:
    if text is not None:
        _spacing(text)
    return text


def _spacing(text: str) -> tuple[float, float]:
    try:
        sides = [float(part) for part in text.split(",")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or not all(0.02 <= side <= 5 for side in sides):
        raise typer.BadParameter("give the size of a pixel in mm, such as 0.31, or its height and width: 0.31,0.15.")
    return sides[0], sides[-1]


def measure(
    *,
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A clip, or a folder that holds one.", show_default=False)
    ],
    json: Annotated[
        Path, typer.Option("--json", metavar="FILE", help="Write every number, curve and flag.", show_default=False)
    ],
    mask: Annotated[
        Path | None,
        typer.Option("--mask", metavar="FILE", help="Masks of the clip; segmented first if left out."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a row a beat.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write one page, .pdf or .png.")
    ] = None,
    keep_margins: Annotated[
        bool,
        typer.Option(
            "--keep-margins",
            help="Show on the page what is written around the sector; names and dates often stand there.",
        ),
    ] = False,
    view: Annotated[
        _View | None, typer.Option("--view", help="Standard view, where the file does not state it.")
    ] = None,
    ed: Annotated[
        list[int] | None,
        typer.Option(
            "--ed",
            metavar="FRAME",
            help="End-diastole, counted from 1 as in the dock (JSON and CSV count from 0); any number of them.",
        ),
    ] = None,
    es: Annotated[list[int] | None, typer.Option("--es", metavar="FRAME", help="End-systole, likewise.")] = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            "--spacing",
            metavar="MM[,MM]",
            callback=_check_spacing,
            help="Size of a pixel: height, then width.",
        ),
    ] = None,
    frame_rate: Annotated[
        float | None,
        typer.Option("--frame-rate", metavar="HZ", min=0.1, max=1000, help="Where the file does not state it."),
    ] = None,
    model: Model,
    width: Width = "auto",
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
    flip: Annotated[_Flip, typer.Option("--flip", help="vertical: the apex is at the bottom.")] = _Flip.auto,
    third_axis: ThirdAxisOption = ThirdAxis.auto,
    region: Region = None,
) -> None:
    """Measure volumes, ejection fraction and wall motion of the left ventricle in a clip.

    Ejection fraction comes with its 90 % interval; millilitres and millimetres only where the clip is calibrated.
    """
    from dataclasses import replace

    from matae import RESEARCH_USE
    from matae.cine import Spacing
    from matae.measure import Marks, MeasureOptions, measure_cine
    from matae.measure.mask_file import read_masks
    from matae.measure.record import write_csv, write_json
    from matae.measure.report import write_report
    from matae.measure.run import sector_pixels
    from matae.read import open_cine
    from matae.segment import SegmentOptions
    from matae.segment.choice import choose_sector

    _check_outputs({"--json": json, "--csv": csv, "--report": report}, inputs=(source, mask))
    cine = open_cine(source, third_axis_is_time=third_axis is ThirdAxis.time)
    if frame_rate is not None:
        cine = cine.with_frame_rate(frame_rate)
    if spacing is not None:
        cine = replace(cine, spacing=Spacing(*_spacing(spacing)), spacing_note="Pixel size given by the user.")
    masks = None if mask is None else read_masks(mask, cine)
    if region is not None:
        cine = cine.with_region(region)
    elif masks is not None:
        cine = cine.scaled_for((masks == 1).any(axis=0))  # where the heart lies is known
    options = MeasureOptions(view=None if view is None else view.value)
    # People count from 1; whatever is computed or written counts from 0.
    marks = Marks(tuple(frame - 1 for frame in ed or ()), tuple(frame - 1 for frame in es or ()))
    fan = choose_sector(cine, sector, flip.value)
    cine = fan.scaled(cine) if masks is None else cine
    for text in cine.warnings:
        typer.echo(f"{cine.source.name}: {text}", err=True)
    if masks is None:
        settings = SegmentOptions(model=model, width=width, device=device)
        found = _segmented(cine, settings, options, marks=marks, fan=fan)
    else:
        options = replace(options, apex_down=fan.apex_down)
        found = measure_cine(cine, masks, options, marks=marks, sector=sector_pixels(fan, cine.shape))
    write_json(json, found)
    if csv is not None:
        write_csv(csv, found)
    if report is not None and (notice := write_report(report, found, keep_margins=keep_margins)):
        typer.echo(f"{report.name}: {notice}", err=True)
    _say(found)
    for path in filter(None, (json, csv, report)):
        typer.echo(str(path))
    typer.echo(RESEARCH_USE, err=True)


def _check_outputs(outputs: dict[str, Path | None], *, inputs: tuple[Path | None, ...]) -> None:
    """Refuse what could not be written, or would replace what is read, before the work and not after it."""
    from matae.files import writing_to

    report = outputs["--report"]
    if report is not None and report.suffix.lower() not in (".pdf", ".png"):
        raise typer.BadParameter(f"'{report.name}' must end in .pdf or .png.", param_hint="--report")
    taken = {path.resolve(): "is read by this command" for path in inputs if path is not None}
    for name, path in outputs.items():
        if path is None:
            continue
        if path.is_dir():
            raise typer.BadParameter(f"'{path}' is a folder; name a file.", param_hint=name)
        if (why := taken.get(path.resolve())) is not None:
            raise typer.BadParameter(f"'{path}' {why}; give another name.", param_hint=name)
        taken[path.resolve()] = f"is written by {name} already"
    for path in outputs.values():
        if path is not None:
            with writing_to(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)


def _segmented(cine: Cine, settings: Any, options: Any, *, marks: Any, fan: Any) -> Measurement:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from matae.measure.run import segment_and_measure

    console = Console(stderr=True, highlight=False)
    bar = Progress(
        BarColumn(), MofNCompleteColumn(), TextColumn("frames"), TimeRemainingColumn(), console=console,
        transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=cine.n_frames)
        found, result = segment_and_measure(
            cine, settings, options, sector=fan, marks=marks,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    for notice in result.notices:
        typer.echo(notice, err=True)
    return found


def _say(found: Measurement) -> None:
    rows = {row.key: row for row in found.table()}
    if found.ef is None:
        typer.echo(f"{found.name}: no ejection fraction")
    else:
        parts = [
            f"EF {rows['ef_percent'].text} (90 % interval {found.ef.low:.0f} to {found.ef.high:.0f})",
            *(
                f"{short} {rows[key].text}"
                for short, key in (("EDV", "edv_ml"), ("ESV", "esv_ml"), ("CO", "co_l_min"))
                if rows[key].value is not None
            ),
            "" if found.calibrated else "uncalibrated",
            f"{found.method}, {found.view or 'view not stated'}",
            f"{len(found.beats)} beat{'' if len(found.beats) == 1 else 's'}",
        ]
        typer.echo(f"{found.name}: {'; '.join(filter(None, parts))}")
    for flag in found.flags:
        # Numbered as in the viewer and the report; the JSON counts from 0.
        frames = f" Frame {', '.join(str(frame + 1) for frame in flag.frames[:8])}." if flag.frames else ""
        typer.echo(f"{flag.level}: {flag.text}{frames}", err=True)
