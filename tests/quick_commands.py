"""The command line is built once a process: the tests call it many hundred times, a person's process once.

Typer makes all commands anew from the annotations of their functions for each call: 65 ms of a processor. What it makes
keeps nothing of a call; `napari-matae` as a process of its own is started by other tests.
"""

from __future__ import annotations

from functools import cache

__all__ = ["build_commands_once"]


def build_commands_once() -> None:
    """Let typer's `CliRunner` call the commands that it made before."""
    try:
        import typer.testing
    except ImportError:  # the tests of `make gpu` run where only what computes is installed
        return
    if hasattr(typer.testing, "_get_command"):  # typer's own: without it the tests are only slower
        typer.testing._get_command = cache(typer.testing._get_command)
