"""The command line, ``napari-matae``: what the dock does, without a window, with the same defaults.

Exit codes: 0 done, 1 failed (one line says why), 2 wrong use, 130 stopped with Ctrl-C. What was made goes to the
standard output, everything else to the standard error.
"""

from __future__ import annotations

import contextlib
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from matae import RESEARCH_USE, __version__
from matae.errors import MataeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from matae.jobs import Failure, FileJob, FileResult, JobSettings
    from matae.nn.card import ModelCard
    from matae.train.loop import StepReport

__all__ = ["app", "main"]

_STOPPED = 130  # what a shell expects of a program that Ctrl-C ended
_QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
_NO_NAPARI = 'The viewer is not installed; pip install "napari-matae[all]" brings it.'
_KINDS = {"mask": "mask", "overlay": "overlay video", "still": "still picture", "record": "record"}


class _Backend(StrEnum):
    auto = "auto"
    torch = "torch"
    openvino = "openvino"


class _Flip(StrEnum):
    auto = "auto"
    none = "none"
    vertical = "vertical"


class _Group(TyperGroup):
    """Say in one line what a user can cause; a defect of ours keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except MataeError as error:
            typer.echo(f"napari-matae: {error}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo("napari-matae: stopped; finished results are kept, nothing half-written is left.", err=True)
            raise typer.Exit(_STOPPED) from None


app = typer.Typer(
    name="napari-matae",
    cls=_Group,
    help=f"Segment the left ventricle in echocardiography cines with MatAE-U-Net.\n\n{RESEARCH_USE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(help="The models on this machine.", no_args_is_help=True)
app.add_typer(models_app, name="models")


def main() -> None:
    """Run the command line and exit."""
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-matae {__version__}")
        raise typer.Exit


@app.callback()
def _napari_matae(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


# --- checks of options: wrong use is told at once and exits with 2 -------------------------------------------


def _check_width(text: str) -> str:
    from matae.nn.widths import parse_width

    if text != "auto":
        _checked(parse_width, text)
    return text


def _check_sector(text: str) -> str:
    from matae.jobs import parse_sector

    _checked(parse_sector, text)
    return text


def _check_device(text: str | None) -> str | None:
    if text is None:
        return None
    kind, _, index = text.partition(":")
    if kind not in {"auto", "cpu", "cuda"} or (":" in text and (kind != "cuda" or not index.isdigit())):
        raise typer.BadParameter(f"'{text}' is no device; choose auto, cpu, cuda or cuda:0.")
    return text


def _checked(parse: Any, text: str) -> None:
    try:
        parse(text)
    except MataeError as error:
        raise typer.BadParameter(str(error)) from None


_Model = Annotated[str, typer.Option("--model", metavar="NAME", help="Model; see 'models list'.")]
_Width = Annotated[
    str,
    typer.Option(
        "--width",
        metavar="1/8|1/4|1/2|1|auto",
        callback=_check_width,
        help="Share of the network to run: narrower is faster. auto: 1 on a GPU, 1/2 on the CPU.",
    ),
]
_Device = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:i]", callback=_check_device, help="Where to run.")
]
_DEFAULT_MODEL = "matae-lv"  # equal to matae.models.DEFAULT_MODEL, without importing it for --help


# --- segment -----------------------------------------------------------------------------------------------


@app.command()
def segment(
    *,
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Files, or folders to search for cines.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results; made if missing.")],
    model: _Model = _DEFAULT_MODEL,
    width: _Width = "auto",
    device: _Device = "auto",
    backend: Annotated[_Backend, typer.Option("--backend", help="Runtime of the network.")] = _Backend.auto,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDR",
            help="Run on the workers of this dask scheduler, such as tcp://box:8786; folders must be shared.",
        ),
    ] = None,
    overlay: Annotated[bool, typer.Option("--overlay/--no-overlay", help="Write a video with the outline.")] = True,
    sector: Annotated[
        str,
        typer.Option(
            "--sector",
            metavar="auto|whole|y0,x0,y1,x1",
            callback=_check_sector,
            help="Part of the picture to look at, in pixels.",
        ),
    ] = "auto",
    flip: Annotated[_Flip, typer.Option("--flip", help="vertical: the apex is at the bottom.")] = _Flip.auto,
    frame_rate: Annotated[
        float | None,
        typer.Option("--frame-rate", metavar="HZ", min=0.1, max=1000, help="Where the file does not state it."),
    ] = None,
) -> None:
    """Outline the left ventricle in every frame of every INPUT.

    Writes for each NAME_mask.nii.gz, NAME.json, NAME_still.png and NAME_overlay.mp4.

    One bad file does not stop the others; it is named at the end.
    """
    from matae.jobs import JobSettings
    from matae.segment import SegmentOptions

    options = SegmentOptions(model=model, width=width, device=device, backend=backend.value)
    settings = JobSettings(
        out, options, sector=sector, flip=flip.value, frame_rate=frame_rate, overlay=overlay
    )  # fmt: skip
    _segment(inputs, settings, scheduler)


def _segment(inputs: Sequence[Path], settings: JobSettings, scheduler: str | None = None) -> None:
    from matae.jobs import Failure, find_inputs, plan, run_here, run_on_cluster

    refs, failures = find_inputs(inputs)
    jobs = plan(refs, settings)
    try:
        with _Reporter(jobs) as reporter:
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
        _report_failures(failures)
    if failures:
        raise typer.Exit(1)


def _report_failures(failures: Sequence[Failure]) -> None:
    if len(failures) > 1:
        typer.echo(f"napari-matae: {len(failures)} could not be segmented:", err=True)
    for failure in failures:
        # The sentence names the file; where it does not, it is put before.
        name = "" if failure.source.name in failure.message else f"{failure.source.name}: "
        typer.echo(f"napari-matae: {name}{failure.message}", err=True)


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


class _Reporter:
    """Progress bars with the time left on a terminal, one quiet line a file elsewhere."""

    def __init__(self, jobs: Sequence[FileJob]) -> None:
        from rich.console import Console

        self._console: Console = Console(stderr=True, highlight=False)
        self._count = len(jobs)
        self._done = 0
        self._progress: Any = None
        self._files: Any = None
        self._frames: Any = None

    def __enter__(self) -> _Reporter:
        if self._console.is_terminal and self._count:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"),
                TimeRemainingColumn(), console=self._console, transient=True,
            )  # fmt: skip
            self._progress.start()
            if self._count > 1:
                self._files = self._progress.add_task("All", total=self._count, unit="files")
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def start(self, job: FileJob) -> None:
        """Show which file is being read."""
        if self._progress is not None:
            from rich.markup import escape

            self._end_frames()
            self._frames = self._progress.add_task(escape(job.ref.path.name), total=None, unit="frames")

    def progress(self, done: int, total: int) -> None:
        """Show how far the file is."""
        if self._progress is not None and self._frames is not None:
            self._progress.update(self._frames, completed=done, total=total)

    def finish(self, result: FileResult | None) -> None:
        """Say where the results of a file are."""
        self._done += 1
        if self._progress is not None:
            self._end_frames()
            if self._files is not None:
                self._progress.update(self._files, completed=self._done)
        if result is None:
            return
        run, name = result.run, result.source.name
        count = f"[{self._done}/{self._count}] " if self._count > 1 else ""
        self._line(
            f"{count}{name}: {_frames(run['frames'])}, {run['frames_per_second']} a second, "
            f"{run['model']} at width {run['width']} on {run['device']}"
        )
        if result.empty_frames:
            self._line(f"{name}: no left ventricle in {result.empty_frames} of {_frames(run['frames'])}.")
        for notice in result.notices:
            self._line(f"{name}: {notice}")
        with self._paused():
            for kind, label in _KINDS.items():
                if kind in result.files:
                    typer.echo(f"{label:<14} {result.files[kind]}")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def _end_frames(self) -> None:
        if self._frames is not None:
            self._progress.remove_task(self._frames)
            self._frames = None

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        # The bars are redrawn over the last lines of the terminal: what is written meanwhile would be lost.
        if self._progress is None:
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()


# --- demo and viewer ---------------------------------------------------------------------------------------


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Write files instead of opening the viewer.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results without a display.")] = Path(
        "matae-demo"
    ),
) -> None:
    """Segment the real cine that comes with pydicom: in the viewer, or into files where there is no display."""
    if not headless:
        if not _has_display():
            typer.echo("There is no display: the demonstration is written to files.", err=True)
        elif not _has_viewer():
            typer.echo(f"{_NO_NAPARI} The demonstration is written to files.", err=True)
        else:
            _launch("--demo")
            return
    from matae.demo import demo_path
    from matae.jobs import JobSettings

    _segment([demo_path()], JobSettings(out))
    typer.echo(RESEARCH_USE, err=True)


@app.command(name="open")
def open_(
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="Cine to open.", show_default=False)] = None,
) -> None:
    """Open the viewer, with a cine if one is named."""
    if path is not None and not path.exists():
        raise MataeError(f"{path} does not exist; check the path.")
    if not _has_viewer():
        raise MataeError(_NO_NAPARI)
    if not _has_display():
        raise MataeError("There is no display to open the viewer on; use 'napari-matae segment' here.")
    _launch(*(() if path is None else (str(path.absolute()),)))


def _has_display() -> bool:
    if not sys.platform.startswith("linux"):
        return True  # Windows and macOS desktops have no variable to look at
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _has_viewer() -> bool:
    from importlib.util import find_spec

    return find_spec("napari") is not None and any(find_spec(binding) is not None for binding in _QT_BINDINGS)


def _launch(*arguments: str) -> None:
    # A process of its own: the engine knows nothing of the viewer, and a crash of Qt is not ours.
    import subprocess

    code = subprocess.run([sys.executable, "-m", "napari_matae", *arguments], check=False).returncode  # noqa: S603
    if code:
        raise MataeError(
            f"The viewer ended with code {code}; 'napari --info' tells whether its graphics work, "
            "'napari-matae demo --headless' works without them."
        )


# --- train -------------------------------------------------------------------------------------------------


@app.command()
def train(
    *,
    data: Annotated[
        Path,
        typer.Option("--data", metavar="DIR", help="Folder with index.csv, images/ and masks/.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the model; made if missing.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the model; the folder's if left out.")
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", metavar="NAME", help="Go on from this model; a new one if left out.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings as TOML, such as 'steps = 3000'.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", metavar="auto|cpu|cuda[:i]", callback=_check_device, help="Instead of the one in the settings."
        ),
    ] = None,
) -> None:
    """Train a model on labelled frames; one that was stopped goes on when called again.

    Add the finished model with 'napari-matae models import DIR'.
    """
    from dataclasses import replace

    from matae.train.loop import TrainConfig
    from matae.train.run import train_model
    from matae.train.settings import read_settings

    settings = TrainConfig() if config is None else read_settings(config)
    if device is not None:
        settings = replace(settings, device=device)
    with _TrainingReporter(settings.steps) as reporter:
        try:
            card = train_model(
                data, out, name=name or out.absolute().name, config=settings, init=init, report=reporter.report
            )
        except KeyboardInterrupt:
            typer.echo("napari-matae: stopped; the same command goes on from the last validation.", err=True)
            raise typer.Exit(_STOPPED) from None
    typer.echo(f"{card.name}  {out}")


class _TrainingReporter:
    """One line a validation, and on a terminal a bar with the time left."""

    def __init__(self, steps: int) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._steps = steps
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> _TrainingReporter:
        if self._console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeElapsedColumn())
            left = TextColumn("{task.fields[left]}")
            self._progress = Progress(*columns, left, console=self._console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task("", total=self._steps, left="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def report(self, found: StepReport) -> None:
        """Say what a validation found, and how long the rest will take."""
        from matae.nn.widths import format_width

        seconds = found.seconds / max(found.step, 1) * (self._steps - found.step)
        left = f"{seconds / 60:.0f} min left" if seconds >= 60 else f"{seconds:.0f} s left"
        scores = ", ".join(f"{format_width(width)}: {score:.3f}" for width, score in found.dice.items())
        self._console.print(
            f"step {found.step}/{self._steps}, loss {found.loss:.4f}, Dice at width {scores}, {left}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        if self._progress is not None:
            self._progress.update(self._task, completed=found.step, left=left)


# --- models ------------------------------------------------------------------------------------------------


@models_app.command(name="list")
def models_list() -> None:
    """List the models on this machine, the default first."""
    from matae.models import list_models
    from matae.nn.widths import format_width

    rows = [("NAME", "WIDTHS", "GRID", "FROM", "LICENCE")]
    problems: list[str] = []
    for entry in list_models():
        try:
            card = entry.card
        except MataeError as error:
            problems.append(str(error))
            continue
        widths = ", ".join(format_width(w) for w in card.widths)
        rows.append((entry.name, widths, str(card.grid), "package" if entry.bundled else "you", card.licence))
    for row in _aligned(rows):
        typer.echo(row)
    for problem in problems:
        typer.echo(f"napari-matae: {problem}", err=True)
    if len(rows) == 1 and not problems:
        typer.echo("There is no model here; add one with 'napari-matae models import PATH'.", err=True)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    sizes = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip() for row in rows]


@models_app.command(name="show")
def models_show(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")]) -> None:
    """Show a model's card: what it is, what it was measured at, what it may be used for."""
    from matae.models import find_model

    entry = find_model(name)
    typer.echo(_card_text(entry.card))
    typer.echo(f"\nFolder: {entry.folder}")


def _card_text(card: ModelCard) -> str:
    from matae.nn.widths import format_width

    parent = card.parent.get("name", "unnamed") if card.parent else "none"
    facts = [
        ("family", card.family),
        ("widths", ", ".join(format_width(w) for w in card.widths)),
        ("grid", f"{card.grid} x {card.grid} pixels"),
        ("finds", ", ".join(card.classes)),
        ("data", card.data),
        ("licence", card.licence),
        ("citation", card.citation or "none stated"),
        ("parent", parent),
        ("sha256", card.sha256 or "none stated"),
    ]
    lines = [card.name, "", *(f"{key:<10}{value}" for key, value in facts)]
    for title, values in (("Figures", card.figures), ("Training", card.training)):
        lines += ["", f"{title}:", *(_indented(values) or ["  none stated"])]
    lines += ["", "Limits:", *([f"  - {limit}" for limit in card.limits] or ["  none stated"]), "", card.research_use]
    return "\n".join(lines)


def _indented(value: Any, depth: int = 1) -> list[str]:
    pad = "  " * depth
    if not isinstance(value, dict):
        return [f"{pad}{_plain(value)}"]
    lines: list[str] = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            lines += [f"{pad}{key}:", *_indented(inner, depth + 1)]
        else:
            lines.append(f"{pad}{key}: {_plain(inner)}")
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@models_app.command(name="import")
def models_import(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A model folder, or the authors' .pth file.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name here; the file's if left out.")
    ] = None,
) -> None:
    """Add a model: it is read without running code in it, checked, and stored as safetensors with a card."""
    from matae.models import import_model

    entry = import_model(path, name)
    typer.echo(f"{entry.name}  {entry.folder}")
