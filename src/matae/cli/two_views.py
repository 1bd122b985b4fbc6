"""``measure A4C A2C``: biplane volumes of two clips of one person."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matae.cluster.measuring import MeasureSettings
    from matae.measure import Measurement, TwoViews
    from matae.measure.person import Person

__all__ = ["check_pair", "check_stored_pair", "measure_pair", "measure_stored_pair"]


def measure_pair(
    inputs: Sequence[Path], settings: MeasureSettings, outputs: dict[str, Path | None], *, keep_margins: bool
) -> None:
    """Measure an A4C and an A2C clip and both together, and write what is asked for.

    Parameters
    ----------
    inputs
        Two clips, or a folder that holds them.
    settings
        How; ``masks`` is a folder of masks named as ``segment`` names them.
    outputs
        File by option: ``--json``, ``--csv`` (a row a beat of each view, in each the numbers of both), ``--report``.
    keep_margins
        Show on the page what is written around the sector.
    """
    from matae.cli.measure_progress import progress_bar
    from matae.cluster.measuring import find_masks, measure_file
    from matae.measure.find_pair import find_pair

    measured = []
    pair = find_pair(inputs, third_axis_is_time=settings.third_axis_is_time)
    for cine, view in zip(pair, ("A4C", "A2C"), strict=True):
        masks = None if settings.masks is None else find_masks(settings.masks, cine)
        with progress_bar(cine.n_frames if masks is None else 0) as progress:
            found, notices = measure_file(
                cine, replace(settings, view=None), masks=masks, assumed=None if cine.view else view,
                progress=progress, warn=_warning(cine.source.name),
            )  # fmt: skip
        for notice in notices:
            typer.echo(notice, err=True)
        measured.append(found)
    _write(measured, outputs, keep_margins=keep_margins)


def check_pair(single: dict[str, Any], mask: Path | None) -> None:
    """Refuse what is for one clip alone."""
    for name, value in single.items():
        if value:
            raise typer.BadParameter("is for one clip; measure each view with it first.", param_hint=name)
    if mask is not None and not mask.is_dir():
        raise typer.BadParameter(f"'{mask}' is no folder; name the one with the masks of both.", param_hint="--mask")


def check_stored_pair(
    study: str | None, subject: str | None, names: Sequence[Path], outputs: dict[str, Path | None], *, biplane: bool
) -> None:
    """Refuse a pair of a study that is not wholly said."""
    if not biplane or study is None or subject is None:
        raise typer.BadParameter("give --biplane, --study STUDY and --subject CODE together.", param_hint="--study")
    if outputs["--json"] is None or len(names) not in (0, 2):
        raise typer.BadParameter("give --json FILE, and the names of two clips of the subject or none.")


def measure_stored_pair(
    target: str,
    subject: str,
    names: Sequence[Path],
    outputs: dict[str, Path | None],
    *,
    person: Person,
    keep_margins: bool,
) -> None:
    """Measure the A4C and the A2C clip of a subject from the masks of a study, as the dock does.

    Parameters
    ----------
    target
        The study, path or URL.
    subject
        Pseudonym.
    names
        Names of the two clips; empty for those that `matae.readers.find_stored_pair` finds.
    outputs, keep_margins
        As for `measure_pair`.
    person
        What is said here of the person.
    """
    from matae.readers import find_stored_pair, measure_stored
    from matae.store import Study

    with Study.open(target) as study:
        pair = find_stored_pair(study, subject, [str(name) for name in names])
        measured = [
            measure_stored(study, content_id, view, person=person)
            for content_id, view in zip(pair, ("A4C", "A2C"), strict=True)
        ]
    _write(measured, outputs, keep_margins=keep_margins)


def _write(measured: Sequence[Measurement], outputs: dict[str, Path | None], *, keep_margins: bool) -> None:
    """Measure both views together, and write what is asked for."""
    from matae.measure import measure_two_views
    from matae.measure.record import write_beats, write_values
    from matae.measure.two_views_report import write_two_views_report

    views = measure_two_views(*measured)
    if (path := outputs["--json"]) is not None:
        write_values(path, views.to_json())
    if (path := outputs["--csv"]) is not None:
        write_beats(path, measured, views.csv_columns())
    path = outputs["--report"]
    if path is not None and (notice := write_two_views_report(path, views, keep_margins=keep_margins)):
        typer.echo(f"{path.name}: {notice}", err=True)
    _say(views)
    for path in filter(None, outputs.values()):
        typer.echo(str(path))


def _warning(name: str) -> Callable[[str], None]:
    return lambda text: typer.echo(f"{name}: {text}", err=True)


def _say(views: TwoViews) -> None:
    from matae.measure.reliability import NOT_RELIABLE

    ef = f"EF {views.ef.value:.0f} %"
    interval = f"90 % interval {views.ef.low:.0f} to {views.ef.high:.0f}"
    rows = {row.key: row for row in views.table()}
    parts = [
        f"EF {NOT_RELIABLE} ({views.ef.value:.0f} % computed, {interval})" if views.doubts else f"{ef} ({interval})",
        *(
            f"{short} {rows[key].text}"
            for short, key in (("EDV", "edv_ml"), ("ESV", "esv_ml"), ("LA", "la_volume_ml"), ("mass", "lv_mass_g"))
            if rows[key].value is not None
        ),
        "biplane disks",
    ]
    typer.echo(f"{views.four_chamber.name} and {views.two_chamber.name}: {'; '.join(parts)}")
    for flag in views.doubts:
        typer.echo(f"{NOT_RELIABLE}: {flag.sentence}", err=True)
    for flag in views.flags:
        typer.echo(f"{flag.level}: {flag.text}", err=True)
    for view, measurement in (("A4C", views.four_chamber), ("A2C", views.two_chamber)):
        for flag in measurement.flags:
            frames = f" Frame {', '.join(str(frame + 1) for frame in flag.frames[:8])}." if flag.frames else ""
            typer.echo(f"{view} {flag.level}: {flag.text}{frames}", err=True)
