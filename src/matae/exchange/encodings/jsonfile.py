"""JSON files from outside, with a bound on their size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_object"]

MOST_BYTES = 128 * 2**20


def read_object(path: Path, *, most: int = MOST_BYTES) -> dict[str, Any]:
    """Return the object a JSON file holds.

    Raises
    ------
    ExchangeError
        If it cannot be read, is larger than `most` bytes, or holds no object.
    """
    try:
        if path.stat().st_size > most:
            raise ExchangeError(f"{path.name} is larger than {most // 2**20} MiB; import the data in parts.")
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ExchangeError(f"{path.name} is damaged or no JSON file; copy it again.") from error
    if not isinstance(values, dict):
        raise ExchangeError(f"{path.name} holds no object; copy it again.")
    return values
