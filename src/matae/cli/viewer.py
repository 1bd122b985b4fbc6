"""``demo`` and ``open``: the viewer as a process of its own, or files where there is no display."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matae import RESEARCH_USE
from matae.cli.segment import run_segment
from matae.errors import MataeError
from matae.extras import without_extra
from matae.launch import has_display, has_viewer, launch

__all__ = ["demo", "open_"]


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Write files instead of opening the viewer.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results without a display.")] = Path(
        "matae-demo"
    ),
) -> None:
    """Segment the real cine that comes with pydicom: in the viewer, or into files where there is no display."""
    if not headless:
        if not has_display():
            typer.echo("There is no display: the demonstration is written to files.", err=True)
        elif not has_viewer():
            typer.echo(f"{without_extra('viewer')} The demonstration is written to files.", err=True)
        else:
            launch("--demo")
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
    if not has_viewer():
        raise MataeError(without_extra("viewer", "use 'napari-matae segment' here"))
    if not has_display():
        raise MataeError("There is no display to open the viewer on; use 'napari-matae segment' here.")
    launch(*(() if path is None else (str(path.absolute()),)))
