"""What the numbers of a mask mean, written beside masks that hold nothing but numbers, and read back.

``classes.csv`` stands in a folder of pictures; a NumPy file holds the same as arrays. Masks without a legend are
numbered as in CAMUS: 1 the left-ventricular cavity, 2 its myocardium, 3 the left atrium.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import class_name, code_of_class
from matae.errors import ExchangeError
from matae.exchange.encodings.tables import number, read_rows, row_text
from matae.exchange.names import check_cell
from matae.exchange.naming import Named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["LEGEND", "legend_text", "read_legend", "renumber"]

LEGEND = "classes.csv"
_COLUMNS = ("value", "name", "code", "coding_scheme")
_MOST = 256


def legend_text(values: Mapping[int, int]) -> str:
    """Return a legend: a row a value, with the name and code of its class.

    Parameters
    ----------
    values
        Value in the masks to class.
    """
    rows = ((value, class_name(kind), *code_of_class(kind)[:2]) for value, kind in sorted(values.items()))
    return "".join(row_text(row) for row in (_COLUMNS, *rows))


def read_legend(folder: Path) -> dict[int, Named]:
    """Return what a legend calls each value; empty where there is none.

    Raises
    ------
    ExchangeError
        If it cannot be read, or names a value twice.
    """
    path = folder / LEGEND
    if not path.is_file():
        return {}
    found: dict[int, Named] = {}
    for line, cells in read_rows(path, ("value", "name"), most=_MOST):
        where = f"{LEGEND} row {line}"
        value = int(number(cells["value"], where, low=0, high=65535))
        # Black and white is read as 0 and 1.
        value = 1 if value in (255, 65535) else value
        if value in found:
            raise ExchangeError(f"{where}: the value {value} is there twice; remove one of the rows.")
        found[value] = Named(check_cell(cells["name"], where))
    return found


def renumber(mask: NDArray[np.uint8], classes: Mapping[int, int] | None, where: str) -> NDArray[np.uint8]:
    """Return a mask in our own numbers.

    Parameters
    ----------
    mask
        As stored.
    classes
        Class of each value of the legend; None without one: then values are classes.
    where
        The mask, for the message.

    Raises
    ------
    ExchangeError
        If it holds a value that the legend does not have.
    """
    if classes is None:
        return mask
    table = np.zeros(_MOST, np.uint8)
    for value in np.unique(mask):
        if value and int(value) not in classes:
            raise ExchangeError(f"{where} holds the value {value}, which its legend does not name; add it there.")
    for value, kind in classes.items():
        if value < _MOST:
            table[value] = kind
    table[0] = 0
    renumbered: NDArray[np.uint8] = table[mask]
    return renumbered
