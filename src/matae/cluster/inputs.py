"""Lists of paths: ten thousand clips do not fit on a command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read import is_there

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

__all__ = ["STDIN", "is_list", "listed_paths"]

STDIN = Path("-")
_SUFFIXES = {".txt", ".lst"}


def is_list(path: Path) -> bool:
    """Say whether a path names a list of paths: a text file, or the standard input (``-``)."""
    return path == STDIN or (path.suffix.lower() in _SUFFIXES and path.is_file())


def listed_paths(paths: Iterable[Path], stdin: TextIO | None = None) -> list[Path]:
    """Return paths with every list replaced by what it names, in order.

    A list has a path a line; empty lines and those that begin with ``#`` are left out. Paths that are not absolute
    count from the folder of the list, those of the standard input from the working folder.

    Parameters
    ----------
    paths
        Files, folders and lists.
    stdin
        Instead of the standard input.

    Raises
    ------
    ReadError
        If a list is no text, or names nothing that is there.
    """
    found: list[Path] = []
    for path in paths:
        found += _read(path, stdin) if is_list(path) else [path]
    return found


def _read(path: Path, stdin: TextIO | None) -> list[Path]:
    name = "The standard input" if path == STDIN else path.name
    try:
        lines = (stdin or sys.stdin).readlines() if path == STDIN else path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ReadError(f"{name} is no text in UTF-8; list a path a line.") from None
    except OSError as error:
        raise ReadError(f"{name} cannot be read ({error.strerror}); check the file.") from None
    found = list(_paths(lines, None if path == STDIN else path.parent))
    if not found:
        raise ReadError(f"{name} names no file; list a path a line.")
    if not any(map(is_there, found)):
        raise ReadError(f"{name} is read as a list of paths, and none is there ({found[0]}); list a path a line.")
    return found


def _paths(lines: Iterable[str], root: Path | None) -> Iterator[Path]:
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if "\0" in text:
            raise ReadError(f"A list holds a line that is no path ({text[:40]!r}); list a path a line.")
        yield Path(text) if root is None else root / text
