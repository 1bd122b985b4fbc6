"""The entry point of ``napari-matae``: the viewer at once where that is all that is asked, else the command line.

The command line with the options of all its commands takes about a third of a second of processor time to load, and
whoever opens a clip waits for it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import MataeError
from matae.files import is_file_or_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_STOPPED = 130  # equal to matae.cli.options.STOPPED, without importing the command line for it


def main() -> None:
    """Run the command and exit."""
    if _opens_viewer(sys.argv[1:]):
        return
    from matae.cli import main as command_line

    command_line()


def _opens_viewer(arguments: Sequence[str]) -> bool:
    """Run the viewer if that is asked and can be done; return whether. What is wrong is said by the command line."""
    from matae.launch import has_display, has_viewer, launch

    if not 1 <= len(arguments) <= 2 or arguments[0] != "open":
        return False
    paths = [Path(text) for text in arguments[1:]]
    if any(str(path).startswith("-") or not is_file_or_folder(path) for path in paths):
        return False
    if not (has_viewer() and has_display()):
        return False
    try:
        launch(*(str(path.absolute()) for path in paths))
    except MataeError as error:
        sys.stderr.write(f"napari-matae: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(_STOPPED) from None
    return True
