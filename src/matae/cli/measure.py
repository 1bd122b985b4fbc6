"""``measure``: volumes, ejection fraction and motion of a clip."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matae.cli.options import (
    Again,
    Device,
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
from matae.cli.two_views import check_pair, check_stored_pair, measure_pair, measure_stored_pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.cluster.measuring import MeasureSettings
    from matae.measure import Measurement

__all__ = ["measure"]

_DICOM = ("--sr", "--dicom-seg", "--dicom-pdf")


class _Sex(StrEnum):
    female = "female"
    male = "male"


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
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT...",
            help="A clip, or a folder that holds one; two clips of one person, A4C and A2C, for biplane volumes; "
            "with --out any number of files, folders and lists of paths; with --study names of clips.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write every number, curve and flag.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Of many clips: write NAME_measure.json each, and measure.csv with a row a clip.",
            show_default=False,
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            "--mask", metavar="FILE", help="Masks of the clip, with --out the folder of them; segmented first without."
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a row a beat, with --out a row a clip.")
    ] = None,
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
    sr: Annotated[
        Path | None,
        typer.Option("--sr", metavar="FILE", help="Of a DICOM clip: write a structured report of the patient's study."),
    ] = None,
    dicom_seg: Annotated[
        Path | None,
        typer.Option("--dicom-seg", metavar="FILE", help="Likewise: write the masks as a DICOM segmentation."),
    ] = None,
    dicom_pdf: Annotated[
        Path | None,
        typer.Option("--dicom-pdf", metavar="FILE", help="Likewise: write the page of --report as encapsulated PDF."),
    ] = None,
    view: Annotated[
        View | None, typer.Option("--view", help="Standard view, where the file does not state it.")
    ] = None,
    biplane: Annotated[
        bool,
        typer.Option(
            "--biplane", help="Of a folder: measure its A4C and its A2C clip together, as two clips that are named."
        ),
    ] = False,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="STUDY",
            help="With --biplane: measure the A4C and the A2C clip of a subject from the masks of this study.",
        ),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject", metavar="CODE", help="Whose clips; those of the latest examination, unless two are named."
        ),
    ] = None,
    sex: Annotated[
        _Sex | None, typer.Option("--sex", help="For normal ranges, where the file does not state it.")
    ] = None,
    height: Annotated[
        float | None,
        typer.Option("--height", metavar="CM", help="With the weight: volumes and masses by body surface area too."),
    ] = None,
    weight: Annotated[float | None, typer.Option("--weight", metavar="KG", help="Likewise.")] = None,
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
    sector: Sector = "auto",
    flip: Annotated[_Flip, typer.Option("--flip", help="vertical: the apex is at the bottom.")] = _Flip.auto,
    third_axis: ThirdAxisOption = ThirdAxis.auto,
    region: Region = None,
    scheduler: Scheduler = None,
    jobs: Jobs = 1,
    again: Again = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Say where in the code a file failed that nobody foresaw.")
    ] = False,
) -> None:
    """Measure volumes, ejection fraction and wall motion of the left ventricle in a clip, in two views, or in many.

    Ejection fraction comes with its 90 % interval; millilitres and millimetres only where the clip is calibrated.
    """
    from matae import RESEARCH_USE
    from matae.cluster.measuring import MeasureSettings
    from matae.measure.person import Person
    from matae.segment import SegmentOptions

    check_where(scheduler, jobs)
    settings = MeasureSettings(
        Path() if out is None else out,
        SegmentOptions(model=model, width=width, device=device),
        view=None if view is None else view.value,
        spacing=None if spacing is None else _spacing(spacing),
        masks=mask,
        sector=sector,
        flip=flip.value,
        frame_rate=frame_rate,
        third_axis_is_time=third_axis is ThirdAxis.time,
        region=region,
        again=again,
        person=Person(None if sex is None else sex.value, height, weight),
    )
    if study is not None or subject is not None:
        outputs = {"--json": json, "--csv": csv, "--report": report}
        check_stored_pair(study, subject, inputs or (), outputs, biplane=biplane)
        _check_outputs(outputs, inputs=())
        person = Person(None if sex is None else sex.value, height, weight)
        measure_stored_pair(str(study), str(subject), inputs or (), outputs, person=person, keep_margins=keep_margins)
        typer.echo(RESEARCH_USE, err=True)
        return
    if not inputs:
        raise typer.BadParameter("name a clip, or a study with --biplane --study STUDY --subject CODE.")
    pair = biplane or (out is None and len(inputs) == 2)
    if out is not None:
        single = {"--json": json, "--report": report, "--sr": sr, "--dicom-seg": dicom_seg, "--dicom-pdf": dicom_pdf}
        _check_many(single | {"--ed": ed, "--es": es, "--biplane": biplane}, mask)
        _measure_many(inputs, settings, csv or out / "measure.csv", scheduler=scheduler, processes=jobs, debug=debug)
    else:
        if json is None or len(inputs) > 2:
            raise typer.BadParameter("give --json FILE for one clip or two, or --out DIR for any number of them.")
        if scheduler is not None or jobs > 1 or again:
            raise typer.BadParameter("--scheduler, --jobs and --again are for many clips; give --out DIR.")
        outputs = {"--json": json, "--csv": csv, "--report": report}
        if pair:
            alone: dict[str, Any] = {"--view": view, "--ed": ed, "--es": es}
            check_pair(alone | {"--sr": sr, "--dicom-seg": dicom_seg, "--dicom-pdf": dicom_pdf}, mask)
            _check_outputs(outputs, inputs=tuple(inputs))
            measure_pair(inputs, settings, outputs, keep_margins=keep_margins)
        else:
            outputs |= {"--sr": sr, "--dicom-seg": dicom_seg, "--dicom-pdf": dicom_pdf}
            _measure_one(inputs[0], settings, outputs, ed=ed or (), es=es or (), keep_margins=keep_margins)
    typer.echo(RESEARCH_USE, err=True)


def _check_many(single: dict[str, Any], mask: Path | None) -> None:
    for name, value in single.items():
        if value:
            raise typer.BadParameter("is for one clip, and --out for many; leave one of them out.", param_hint=name)
    if mask is not None and not mask.is_dir():
        raise typer.BadParameter(f"'{mask}' is no folder; name the one with the masks.", param_hint="--mask")


def _measure_many(
    inputs: Sequence[Path],
    settings: MeasureSettings,
    table: Path,
    *,
    scheduler: str | None,
    processes: int,
    debug: bool,
) -> None:
    from dataclasses import replace

    from matae.cli.many import Unfinished, do_all
    from matae.cli.measure_reporter import MeasureReporter
    from matae.cli.segment import same_width
    from matae.cluster.inputs import listed_paths
    from matae.cluster.measuring import plan_measures, write_table
    from matae.jobs import find_inputs

    refs, failures = find_inputs(listed_paths(inputs), lambda text: typer.echo(text, err=True))
    if settings.masks is not None:
        settings = replace(settings, masks=settings.masks.absolute())  # a worker has another working folder
    elif scheduler is not None:
        settings = replace(settings, options=same_width(settings.options))
    todo = plan_measures(refs, settings)
    try:
        done = do_all(
            todo, failures, MeasureReporter(todo), "measured", scheduler=scheduler, processes=processes, debug=debug,
            keep=True,
        )  # fmt: skip
    except Unfinished as some:
        if some.done:
            write_table(table, some.done)
            typer.echo(str(table))
        raise
    write_table(table, done)
    typer.echo(str(table))


def _measure_one(
    source: Path,
    settings: MeasureSettings,
    outputs: dict[str, Path | None],
    *,
    ed: Sequence[int],
    es: Sequence[int],
    keep_margins: bool,
) -> None:
    from matae.cli.dicom import write_objects
    from matae.cli.measure_progress import progress_bar
    from matae.clinic import read_source
    from matae.cluster.measuring import measure_file
    from matae.measure import PhaseMarks
    from matae.measure.record import write_csv, write_json
    from matae.measure.report import write_report
    from matae.read import open_cine

    _check_outputs(outputs, inputs=(source, settings.masks))
    cine = open_cine(source, third_axis_is_time=settings.third_axis_is_time)
    # Before the work: a clip that is not DICOM has no study that a DICOM object could belong to.
    dicom = {name: path for name in _DICOM if (path := outputs[name]) is not None}
    header = read_source(cine) if dicom else None
    # People count from 1; whatever is computed or written counts from 0.
    marks = PhaseMarks(tuple(frame - 1 for frame in ed), tuple(frame - 1 for frame in es))
    with progress_bar(cine.n_frames if settings.masks is None else 0) as progress:
        found, notices = measure_file(
            cine, settings, masks=settings.masks, marks=marks, progress=progress,
            warn=lambda text: typer.echo(f"{cine.source.name}: {text}", err=True),
        )  # fmt: skip
    for notice in notices:
        typer.echo(notice, err=True)
    for name, write in (("--json", write_json), ("--csv", write_csv)):
        if (path := outputs[name]) is not None:
            write(path, found)
    if (path := outputs["--report"]) is not None and (notice := write_report(path, found, keep_margins=keep_margins)):
        typer.echo(f"{path.name}: {notice}", err=True)
    if header is not None:
        write_objects(found, header, dicom, keep_margins=keep_margins)
    _say(found)
    for path in filter(None, outputs.values()):
        typer.echo(str(path))


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


def _say(found: Measurement) -> None:
    from matae.measure.reliability import NOT_RELIABLE

    rows = {row.key: row for row in found.table()}
    if found.ef is None:
        typer.echo(f"{found.name}: no ejection fraction")
    else:
        interval = f"90 % interval {found.ef.low:.0f} to {found.ef.high:.0f}"
        ef = rows["ef_percent"].text
        parts = [
            f"EF {NOT_RELIABLE} ({ef} computed, {interval})" if found.doubts else f"EF {ef} ({interval})",
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
    codes = {flag.code for flag in found.doubts}
    for flag in sorted(found.flags, key=lambda flag: flag.code not in codes):
        # Numbered as in the viewer and the report; the JSON counts from 0.
        frames = f" Frame {', '.join(str(frame + 1) for frame in flag.frames[:8])}." if flag.frames else ""
        word = NOT_RELIABLE if flag.code in codes else flag.level
        typer.echo(f"{word}: {flag.text}{frames}", err=True)
