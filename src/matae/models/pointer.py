"""Which model is in use: one small file, replaced whole, with the models that were in use before it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.files import write_atomic, writing_to

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["POINTER", "Pointer"]

POINTER = "current.json"
_MOST = 50


@dataclass(frozen=True)
class Pointer:
    """The model in use.

    Parameters
    ----------
    model
        Its name.
    before
        Names of those in use before, the last one last.
    """

    model: str
    before: tuple[str, ...] = ()

    @classmethod
    def read(cls, home: Path) -> Pointer | None:
        """Read what is in use; None where nothing was ever promoted, or the file is damaged."""
        try:
            values = json.loads((home / POINTER).read_text(encoding="utf-8"))
            model, before = values["model"], values["before"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not isinstance(model, str) or not isinstance(before, list) or not all(isinstance(b, str) for b in before):
            return None
        return cls(model, tuple(before))

    def write(self, home: Path) -> None:
        """Write it: from then on this model is in use, and until then the one before.

        Raises
        ------
        OutputError
            If the disk is full or the folder cannot be written.
        """
        text = json.dumps({"model": self.model, "before": list(self.before[-_MOST:])}, indent=2)
        with writing_to(home):
            home.mkdir(parents=True, exist_ok=True)
            write_atomic(home / POINTER, text.encode())
