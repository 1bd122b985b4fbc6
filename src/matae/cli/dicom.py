"""``dicom``: the clips of a folder of a clinic, and the DICOM objects that ``measure`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matae.clinic import ClipEntry, Described
    from matae.measure import Measurement

__all__ = ["app", "say_clips", "say_described", "write_json", "write_objects"]

app = typer.Typer(help="Clips in a DICOM folder, and what DICOM objects hold.", no_args_is_help=True)


@app.command(name="list")
def list_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of DICOM files, or a DICOMDIR.")],
    *,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the list, patients' names included.")
    ] = None,
) -> None:
    """List the ultrasound clips of a folder with patient, study date, view and frames; no pixels are read."""
    from matae.clinic import list_clips

    found = list_clips(folder)
    say_clips(found.clips)
    for kind, count in found.left_out.items():
        typer.echo(f"left out: {count} x {kind}", err=True)
    for name in found.missing:
        typer.echo(f"named by the index, but not there: {name}", err=True)
    if not found.clips:
        typer.echo(f"{folder} holds no ultrasound clip with more than one frame.", err=True)
    if json is not None:
        write_json(json, found.to_json())


@app.command()
def show(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="What measure wrote as DICOM.")],
    *,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the same.")] = None,
) -> None:
    """Say what structured reports, segmentations and encapsulated PDFs hold: whose they are, and every value."""
    from matae.clinic import describe

    found = [describe(path) for path in files]
    say_described(found)
    if json is not None:
        write_json(json, [one.to_json() for one in found])


def say_clips(clips: Iterable[ClipEntry]) -> None:
    """Print a line a clip."""
    for clip in clips:
        size = "size not told" if clip.rows is None else f"{clip.columns} x {clip.rows}"
        frames = "frames not told" if clip.frames is None else f"{clip.frames} frames"
        who = "  ".join(filter(None, (clip.patient_id or "no patient ID", clip.patient_name)))
        parts = (who, clip.study_date or "no date", clip.view or "view not stated", frames, size)
        typer.echo("  ".join((*parts, clip.file or clip.instance_uid)))


def say_described(found: Iterable[Described]) -> None:
    """Print what each object holds, with the identity that it carries first."""
    for one in found:
        identity = "the patient's identity was removed" if one.deidentified else "it names the patient"
        typer.echo(f"{one.file}: {one.kind}, {one.size} bytes, by {one.made_by or 'nobody stated'}; {identity}")
        typer.echo(f"  patient {one.patient_id or 'without ID'}  {one.patient_name or 'without name'}")
        typer.echo(f"  study of {one.study_date or 'no date'}  {one.study_uid}")
        for uid in one.refers_to:
            typer.echo(f"  refers to {uid}")
        for line in one.says:
            typer.echo(f"  {line}")


def write_json(path: Path, values: Any) -> None:
    """Write JSON values, whole or not at all, and print the path."""
    import json

    from matae.files import write_atomic, writing_to

    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, f"{json.dumps(values, indent=2, ensure_ascii=False)}\n".encode())
    typer.echo(str(path))


def write_objects(found: Measurement, header: Any, outputs: Mapping[str, Path], *, keep_margins: bool = False) -> None:
    """Write a measurement as the DICOM objects that were asked for.

    Parameters
    ----------
    found
        The measurement.
    header
        As `matae.clinic.read_source` gives it.
    outputs
        By the name of the option: ``--sr``, ``--dicom-seg``, ``--dicom-pdf``.
    keep_margins
        As for the page.
    """
    from matae.clinic import write_objects as write_all

    kinds: Mapping[str, Any] = {"--sr": "sr", "--dicom-seg": "seg", "--dicom-pdf": "pdf"}
    write_all(found, header, {kinds[name]: path for name, path in outputs.items()}, keep_margins=keep_margins)
