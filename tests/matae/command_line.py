"""Calls the command line as a person does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.testing import CliRunner

from matae.cli import app

if TYPE_CHECKING:
    from click.testing import Result

__all__ = ["run"]


def run(*arguments: object) -> Result:
    """Call it and return what it said; an error that it does not tell of in a line of its own escapes."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
