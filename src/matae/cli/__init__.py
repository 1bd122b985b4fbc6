"""The command line, ``napari-matae``: what the dock does, without a window, with the same defaults.

Exit codes: 0 done, 1 failed (one line says why), 2 wrong use, 130 stopped with Ctrl-C. What was made goes to the
standard output, everything else to the standard error. One module a command.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from matae import RESEARCH_USE, __version__
from matae.cli import dicom, exchange, models, pacs, study
from matae.cli.benchmark import benchmark
from matae.cli.evaluate import evaluate
from matae.cli.exchange import export, import_
from matae.cli.measure import measure
from matae.cli.options import STOPPED
from matae.cli.phantom import phantom
from matae.cli.prompt import prompt
from matae.cli.retrain import retrain
from matae.cli.segment import segment
from matae.cli.train import train
from matae.cli.viewer import demo, open_
from matae.errors import MataeError, too_long

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typer.models import CommandInfo

__all__ = ["app", "main"]


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


app = typer.Typer(
    name="napari-matae",
    cls=_Group,
    help=f"Segment the left ventricle in echocardiography cines with MatAE-U-Net.\n\n{RESEARCH_USE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(segment)
app.command()(measure)
app.command()(prompt)
app.command()(demo)
app.command(name="open")(open_)
app.command()(train)
app.command()(retrain)
app.command()(evaluate)
app.command()(benchmark)
app.command()(phantom)
app.command()(export)
app.command(name="import")(import_)
app.add_typer(exchange.app, name="release")
app.add_typer(models.app, name="models")
app.add_typer(study.app, name="study")
app.add_typer(dicom.app, name="dicom")
app.add_typer(pacs.app, name="pacs")


def main() -> None:
    """Run the command line and exit."""
    _keep_what_is_asked(sys.argv[1:])
    app()


def _keep_what_is_asked(arguments: Sequence[str]) -> None:
    """Leave the other commands out where one is named first: typer makes all there are, from all their options."""
    asked = arguments[0] if arguments else ""
    commands = [command for command in app.registered_commands if _name(command) == asked]
    groups = [group for group in app.registered_groups if group.name == asked]
    if commands or groups:  # else it is a mistake or a call for help, which lists them all
        app.registered_commands[:], app.registered_groups[:] = commands, groups


def _name(command: CommandInfo) -> str:
    return command.name or str(getattr(command.callback, "__name__", ""))


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
