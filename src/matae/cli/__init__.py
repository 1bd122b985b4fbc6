"""The command line, ``napari-matae``: what the dock does, without a window, with the same defaults.

Exit codes: 0 done, 1 failed (one line says why), 2 wrong use, 130 stopped with Ctrl-C. What was made goes to the
standard output, everything else to the standard error. One module a command.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from matae import RESEARCH_USE, __version__
from matae.cli.options import STOPPED
from matae.errors import MataeError, too_long

if TYPE_CHECKING:
    from collections.abc import Collection

    app: typer.Typer
    """All commands; made when it is first asked for."""

__all__ = ["app", "main"]

# As help lists them: each with its module of this room and the function there.
_COMMANDS = {
    "segment": ("segment", "segment"), "measure": ("measure", "measure"), "prompt": ("prompt", "prompt"),
    "demo": ("viewer", "demo"), "open": ("viewer", "open_"), "train": ("train", "train"),
    "retrain": ("retrain", "retrain"), "evaluate": ("evaluate", "evaluate"), "benchmark": ("benchmark", "benchmark"),
    "phantom": ("phantom", "phantom"), "export": ("exchange", "export"), "import": ("exchange", "import_"),
}  # fmt: skip
_GROUPS = {"release": "exchange", "models": "models", "study": "study", "dicom": "dicom", "pacs": "pacs"}


class _Group(TyperGroup):
    """Say in one line what a user can cause; a defect of ours keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except MataeError as error:
            typer.echo(f"napari-matae: {error}", err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            if (sentence := too_long(error)) is None:
                raise
            typer.echo(f"napari-matae: {sentence}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo("napari-matae: stopped; finished results are kept, nothing half-written is left.", err=True)
            raise typer.Exit(STOPPED) from None


def main() -> None:
    """Run the command line and exit."""
    asked = sys.argv[1:2]
    # Typer makes all commands there are, from all their options: one that is named first is made alone. What is no
    # command is a mistake or a call for help, which lists them all.
    _made(asked if asked and asked[0] in {*_COMMANDS, *_GROUPS} else {*_COMMANDS, *_GROUPS})()


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = made = _made({*_COMMANDS, *_GROUPS})
    return made


def _made(names: Collection[str]) -> typer.Typer:
    """Return the command line with some of its commands; the modules of the others are not loaded."""
    made = typer.Typer(
        name="napari-matae",
        cls=_Group,
        help=f"Segment the left ventricle in echocardiography cines with MatAE-U-Net.\n\n{RESEARCH_USE}",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, (module, function) in _COMMANDS.items():
        if name in names:
            made.command(name=name)(getattr(import_module(f"matae.cli.{module}"), function))
    for name, module in _GROUPS.items():
        if name in names:
            made.add_typer(import_module(f"matae.cli.{module}").app, name=name)
    made.callback()(_napari_matae)
    return made


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-matae {__version__}")
        raise typer.Exit


def _napari_matae(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
