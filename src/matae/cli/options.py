"""Options that several commands share, checked at once: wrong use exits with 2."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from matae.cli.from_options import cli_option
from matae.errors import MataeError
from matae.segment.options import SegmentOptions

__all__ = [
    "STOPPED",
    "Again",
    "Backend",
    "BackendOption",
    "Device",
    "Grid",
    "Jobs",
    "Model",
    "Region",
    "Scheduler",
    "Sector",
    "ThirdAxis",
    "ThirdAxisOption",
    "View",
    "Width",
    "check_device",
    "check_grid",
    "check_sector",
    "check_where",
    "check_width",
]

STOPPED = 130
"""Exit code of what Ctrl-C ended, as a shell expects it."""


def check_width(text: str) -> str:
    """Return the text if it is a width or ``auto``."""
    from matae.nn.widths import parse_width

    if text != "auto":
        _checked(parse_width, text)
    return text


def check_sector(text: str) -> str:
    """Return the text if it names a part of the picture."""
    from matae.segment.choice import parse_sector

    _checked(parse_sector, text)
    return text


def check_device(text: str | None) -> str | None:
    """Return the text if it is written like a device; whether it is there is found out later."""
    from matae.segment.device import parse_device

    if text is not None:
        _checked(parse_device, text)
    return text


def check_grid(text: str) -> str:
    """Return the text if it is ``auto``, ``own`` or a side."""
    from matae.segment.grid import parse_grid

    _checked(parse_grid, text)
    return text


def check_where(scheduler: str | None, jobs: int) -> None:
    """Refuse to be told of two places to work in."""
    if scheduler is not None and jobs > 1:
        raise typer.BadParameter("--scheduler and --jobs cannot go together; the workers are as many as were started.")


def _checked(parse: Any, text: str) -> None:
    try:
        parse(text)
    except MataeError as error:
        raise typer.BadParameter(str(error)) from None


def _in_use() -> str:
    from matae.models import current_model

    return current_model()


Model = Annotated[str, cli_option(SegmentOptions, "model", default_factory=_in_use, show_default="the one in use")]
Width = Annotated[str, cli_option(SegmentOptions, "width", callback=check_width)]
Device = Annotated[str, cli_option(SegmentOptions, "device", callback=check_device)]
Grid = Annotated[str, cli_option(SegmentOptions, "grid", callback=check_grid)]


class Backend(StrEnum):
    """Runtime of a network."""

    auto = "auto"
    torch = "torch"
    openvino = "openvino"
    onnxruntime = "onnxruntime"


BackendOption = Annotated[Backend, cli_option(SegmentOptions, "backend")]


class ThirdAxis(StrEnum):
    """What the third axis of a volume file counts."""

    auto = "auto"
    time = "time"


class View(StrEnum):
    """A standard view whose name somebody states."""

    a4c = "A4C"
    a2c = "A2C"
    a3c = "A3C"


ThirdAxisOption = Annotated[
    ThirdAxis,
    typer.Option("--third-axis", help="Of NIfTI, MetaImage and NRRD. time: a cine, though it looks like a volume."),
]
Region = Annotated[
    int | None,
    typer.Option(
        "--region",
        metavar="NUMBER",
        min=1,
        help="Which picture to take of a DICOM frame that shows several B-mode regions, from 1.",
    ),
]
Sector = Annotated[
    str,
    typer.Option(
        "--sector",
        metavar="auto|whole|y0,x0,y1,x1",
        callback=check_sector,
        help="Part of the picture to look at, in pixels.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDR",
        help="Run on the workers of this dask scheduler, such as tcp://box:8786; folders must be shared.",
    ),
]
Jobs = Annotated[
    int, typer.Option("--jobs", metavar="N", min=1, max=256, help="Clips at a time on this machine, each a process.")
]
Again = Annotated[
    bool, typer.Option("--again", help="Do also the clips whose results are there already, made from the same.")
]
