"""``demo`` and ``open``: the viewer as a process of its own, or files where there is no display."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from matae import RESEARCH_USE
from matae.cli.segment import run_segment
from matae.errors import MataeError
from matae.extras import without_extra

__all__ = ["demo", "open_"]

_QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


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
            typer.echo(f"{without_extra('viewer')} The demonstration is written to files.", err=True)
        else:
            _launch("--demo")
            return
    from matae.demo import demo_path
    from matae.jobs import JobSettings

    run_segment([demo_path()], JobSettings(out))
    typer.echo(RESEARCH_USE, err=True)


def open_(
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="Cine to open.", show_default=False)] = None,
) -> None:
    """Open the viewer, with a cine if one is named."""
    if path is not None and not path.exists():
        raise MataeError(f"{path} does not exist; check the path.")
    if not _has_viewer():
        raise MataeError(without_extra("viewer", "use 'napari-matae segment' here"))
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
