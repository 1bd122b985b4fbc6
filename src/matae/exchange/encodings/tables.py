"""CSV tables: written so that a spreadsheet runs nothing, read with bounds on rows, columns and bytes."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import TextIO

__all__ = ["MOST_ROWS", "number", "read_rows", "row_text"]

MOST_ROWS = 500_000
"""Rows a list of clips or frames may have."""

_MOST_COLUMNS = 100
_LONGEST_LINE = 20_000


def row_text(cells: Iterable[object]) -> str:
    """Return a line of CSV; None is an empty cell, and a float keeps every digit it needs.

    A text that a spreadsheet would run gets an apostrophe in front; control characters become spaces.
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_cell(cell) for cell in cells])
    return buffer.getvalue()


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t", "\r", "|")) else text


def read_rows(
    path: Path,
    needed: Iterable[str],
    *,
    most: int = MOST_ROWS,
    exact: bool = False,
    optional: Iterable[str] = (),
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a table with their number, one at a time.

    Parameters
    ----------
    path
        The file, UTF-8 with or without mark.
    needed
        Columns that must be there.
    most
        Rows it may have.
    exact
        Whether the columns must be just those.
    optional
        Columns that may be there. These and the needed ones are found whatever letters are large in them.

    Raises
    ------
    ExchangeError
        If it cannot be read, lacks a column, or is longer or wider than a table of labels can be.
    """
    wanted = list(needed)
    spelt = {name.lower(): name for name in (*wanted, *optional)}
    try:
        _check_length(path, most)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(_lines(file, path.name), strict=True)
            header = [spelt.get(name.strip().lower(), name.strip()) for name in next(reader, [])]
            if len(header) > _MOST_COLUMNS:
                raise ExchangeError(f"{path.name} has {len(header)} columns; it is no table of labels.")
            missing = [name for name in wanted if name not in header]
            if missing or (exact and header != wanted):
                raise ExchangeError(f"{path.name} needs the columns {','.join(wanted)}; copy it again from the data.")
            for number_, cells in enumerate(reader, start=2):
                if not cells:
                    continue
                while len(cells) > len(header) and not cells[-1].strip():
                    cells.pop()  # a comma at the end of every row
                if len(cells) != len(header):
                    raise ExchangeError(
                        f"{path.name} row {number_} has {len(cells)} cells, not {len(header)}; correct it."
                    )
                yield number_, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExchangeError(f"{path.name} cannot be read as a table; copy it again from the data.") from error


def _check_length(path: Path, most: int) -> None:
    """Count lines, which is much quicker than reading them as rows."""
    lines = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            lines += piece.count(b"\n")
            if lines > most + 1:
                raise ExchangeError(f"{path.name} has more than {most:,} rows; import the data in parts.")


def _lines(file: TextIO, name: str) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise ExchangeError(f"{name} has a line of more than {_LONGEST_LINE:,} characters; it is no such table.")
        yield line


def number(text: str, where: str, *, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a cell as a finite number within bounds.

    Raises
    ------
    ExchangeError
        If it is none, or outside.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high or not math.isfinite(value):
        raise ExchangeError(f"{where}: '{text[:30]}' is no sensible number; correct it.")
    return value
