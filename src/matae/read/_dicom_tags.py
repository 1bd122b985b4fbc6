"""Elements of a DICOM data set by keyword, where any of them may be absent, empty or malformed."""

from __future__ import annotations

import math
from collections.abc import MutableSequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_LONGEST = 64  # characters of a long string or an identifier, PS3.5 6.2

__all__ = ["floats", "integer", "number", "raw", "text"]


def raw(dataset: Any, keyword: str) -> Any:
    """Return an element's value; None when it is absent, empty or unreadable."""
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001 - a value that cannot be parsed is no value
        return None
    return None if value is None or value == "" else value


def text(dataset: Any, keyword: str) -> str:
    """Return an element as text without surrounding blanks; "" when absent.

    Of several values it is the first, and no more of it than one may hold: damaged files put kilobytes there.
    """
    value = raw(dataset, keyword)
    if isinstance(value, MutableSequence):
        value = next(iter(value), None)
    return "" if value is None else str(value).strip()[:_LONGEST]


def floats(value: Any) -> list[float]:
    """Return a value of any multiplicity as numbers; empty when one is no number."""
    values: Iterable[Any] = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    try:
        return [float(one) for one in values]
    except (TypeError, ValueError):
        return []


def number(dataset: Any, keyword: str) -> float | None:
    """Return a single number as stated, zero and negative included; None when absent."""
    value = raw(dataset, keyword)
    numbers = [] if value is None else floats(value)
    return numbers[0] if numbers else None


def integer(dataset: Any, keyword: str) -> int | None:
    """Return a single number cut to an integer; None when absent or not finite."""
    value = number(dataset, keyword)
    return int(value) if value is not None and math.isfinite(value) else None
