"""``export``, ``import`` and ``release``: training data out and in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matae.cli.from_options import cli_option
from matae.cli.options import STOPPED
from matae.errors import ExchangeError
from matae.exchange.options import ExportOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matae.exchange import ExportPlan, Progress

__all__ = ["app", "export", "import_"]

app = typer.Typer(help="Releases: exports with a name and a number.", no_args_is_help=True)


class _Format(StrEnum):
    echonet = "echonet"
    camus = "camus"
    png = "png"
    coco = "coco"
    npz = "npz"
    dicom_seg = "dicom-seg"


Study = Annotated[
    str,
    typer.Option(
        "--study", metavar="STUDY", help="File of the study, or postgresql://USER@HOST/DATABASE.", show_default=False
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a release.", show_default=False)]


def export(
    *,
    study: Study,
    format_: Annotated[_Format, cli_option(ExportOptions, "format", show_default=False, case_sensitive=False)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to make.", show_default=False)
    ] = None,
    name: Annotated[str, cli_option(ExportOptions, "name")] = ExportOptions.name,
    edited: Annotated[bool, cli_option(ExportOptions, "edited", show_default=False)] = ExportOptions.edited,
    size: Annotated[int | None, cli_option(ExportOptions, "size", show_default="112 in echonet")] = ExportOptions.size,
    native: Annotated[bool, cli_option(ExportOptions, "native", show_default=False)] = ExportOptions.native,
    view: Annotated[str | None, cli_option(ExportOptions, "view", show_default=False)] = ExportOptions.view,
    reading: Annotated[str | None, cli_option(ExportOptions, "reading", show_default=False)] = ExportOptions.reading,
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would leave, and write nothing.", show_default=False)
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Draw the preview as a PNG for your eyes.", show_default=False),
    ] = None,
    looked: Annotated[
        bool,
        typer.Option(
            "--looked", help="I have looked at the pictures: what seems to be text may leave.", show_default=False
        ),
    ] = False,
) -> None:
    """Export what people accepted as training data: pseudonymous, blanked outside the sector, with a manifest.

    Try --preview first. What no person has looked at never leaves.
    """
    from matae.exchange import plan_export, run_export
    from matae.store import Study as OpenStudy

    if out is None and not preview:
        raise typer.BadParameter("name a folder, or ask for --preview.", param_hint="--out")
    if size is not None and native:
        raise typer.BadParameter("--size and --native contradict each other.", param_hint="--size")
    options = ExportOptions(format_.value, name, edited=edited, size=size, native=native, view=view, reading=reading)
    with OpenStudy.open(study) as opened, _Bar() as bar:
        plan = plan_export(opened, **options.arguments(), progress=bar.show)
        bar.hide()
        _say(plan, everything=preview)
        if picture is not None:
            _draw(plan, picture)
        if preview or out is None:
            return
        release = run_export(plan, out, bar.show, looked=looked)
    known = "" if release.is_new else ", the same as before"
    typer.echo(f"{release.name} {release.number}{known}  {release.folder}")


def import_(
    *,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="Folder of EchoNet-Dynamic, CAMUS, PNG with index.csv, COCO, NPZ, DICOM SEG or LabelMe; or a .zip.",
            show_default=False,
        ),
    ],
    study: Study,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME=CLASS",
            help="What a class of the folder is: left ventricle, myocardium, left atrium, or skip; any number of them.",
            show_default=False,
        ),
    ] = None,
    rater: Annotated[
        str, typer.Option("--rater", metavar="ID", help="Under whose id the labels are stored.", show_default=False)
    ] = "",
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would be stored, and store nothing.", show_default=False)
    ] = False,
) -> None:
    """Import labels. A label that a person drew here is never overwritten: those that differ are listed."""
    from matae.exchange import plan_import, run_import
    from matae.exchange.naming import read_answers
    from matae.store import Study as OpenStudy

    answers = read_answers(classes or ())
    with OpenStudy.open(study, rater=rater, as_reader=True) as opened, _Bar() as bar:
        plan = plan_import(opened, path, classes=answers, progress=bar.show)
        bar.hide()
        typer.echo(plan.describe(), err=not preview)
        if preview:
            return
        result = run_import(plan, bar.show)
    for problem in result.problems:
        typer.echo(problem, err=True)
    kept = f", {result.conflicts} kept as they were" if result.conflicts else ""
    typer.echo(f"{result.stored} labels stored, {result.clips} clips added{kept}")
    if plan.n_new and not result.stored:
        raise typer.Exit(1)


@app.command(name="list")
def release_list(study: Study) -> None:
    """List the releases of a study."""
    from matae.store import Study as OpenStudy

    with OpenStudy.open(study) as opened:
        for release in opened.releases():
            manifest = release.manifest
            clips = manifest.get("clips", [])
            frames = sum(len(clip["frames"]) for clip in clips)
            label = f"{release.name} {release.number}"
            typer.echo(
                f"{label:<30}{manifest.get('format', ''):<12}{len(clips):>6} clips {frames:>7} frames  "
                f"{release.at:%Y-%m-%d %H:%M}"
            )


@app.command(name="compare")
def release_compare(first: Folder, second: Folder) -> None:
    """Say which labels two releases differ in; exits with 1 if a patient changed sides."""
    from matae.exchange import compare_releases

    found = compare_releases(_manifest(first), _manifest(second))
    typer.echo(found.describe())
    if found.moved:
        raise typer.Exit(1)


@app.command(name="verify")
def release_verify(folder: Folder) -> None:
    """Check every file of a release against its manifest; exits with 1 if one differs."""
    from matae.exchange import verify_release

    problems = verify_release(folder)
    typer.echo("\n".join(problems) if problems else "Every file is as it was exported.")
    if problems:
        raise typer.Exit(1)


def _manifest(folder: Path) -> Mapping[str, Any]:
    from matae.exchange import read_manifest

    manifest = read_manifest(folder)
    if manifest is None:
        raise ExchangeError(f"{folder} holds no release; choose a folder with release.json.")
    return manifest


def _say(plan: ExportPlan, *, everything: bool) -> None:
    """Tell what would leave; on the standard output when that is all that was asked for."""
    lines = [f"{plan.n_frames} labelled frames of {len(plan.clips)} clips, about {plan.bytes_needed / 1e6:.1f} MB."]
    lines += [
        f"  {side:<6} {counts.patients} patients, {counts.clips} clips, {counts.frames} frames"
        for side, counts in plan.splits.items()
    ]
    if everything:
        lines += ["What leaves, with examples:", *(f"  {field:<34}{value}" for field, value in plan.fields)]
        lines += ["  pictures: inside the sector only; everything else is black."]
    lines += [f"! {finding.sentence}" if finding.needs_look else finding.sentence for finding in plan.findings]
    typer.echo("\n".join(lines), err=not everything)


def _draw(plan: ExportPlan, path: Path) -> None:
    from io import BytesIO

    from matae.exchange.export.contact_sheet import draw_sheet
    from matae.files import write_atomic, writing_to

    buffer = BytesIO()
    draw_sheet(plan.previews).save(buffer, format="PNG")
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())


class _Bar:
    """A bar with the time left on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> _Bar:
        from rich.console import Console

        console = Console(stderr=True)
        if console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"),
                console=console, transient=True,
            )  # fmt: skip
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self.hide()
        if kind is KeyboardInterrupt:
            typer.echo("napari-matae: stopped; nothing half-made is left.", err=True)
            raise typer.Exit(STOPPED)

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        if self._progress is None:
            return
        left = "" if progress.seconds_left is None else f"{progress.seconds_left:.0f} s left"
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(progress.what, total=progress.total, left=left)
        self._progress.update(
            self._task, description=progress.what, completed=progress.done, total=progress.total, left=left
        )

    def hide(self) -> None:
        """Take it off the screen."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._progress.stop()
            self._task = None
