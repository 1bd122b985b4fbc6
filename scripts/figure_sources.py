"""The files that figures stand in and come from: documents, cards of models, records of runs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["BUNDLED", "FIGURES", "ROOT", "card", "figures_of", "flat", "read", "table"]

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
BUNDLED = "src/matae/models/bundled"


@cache
def read(file: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / file).read_text(encoding="utf-8")


def flat(text: str) -> str:
    """Return a text in one line: where it breaks is no figure."""
    return " ".join(text.split())


def card(name: str) -> dict[str, Any]:
    """Return the card of a bundled model."""
    found: dict[str, Any] = json.loads(read(f"{BUNDLED}/{name}/card.json"))
    return found


def figures_of(name: str) -> dict[str, Any]:
    """Return the JSON of a run that docs/figures keeps; empty where it is not there."""
    path = FIGURES / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def cells(line: str) -> list[str]:
    """Return the cells of a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def table(file: str, first: str) -> list[dict[str, str]]:
    """Return the rows of the table of a file whose first column is called so."""
    rows: list[dict[str, str]] = []
    names: list[str] = []
    for line in read(file).splitlines():
        row = cells(line)
        if not line.startswith("|"):
            names = []
        elif row[0] == first:
            names = row
        elif names and not set(line) <= set("|-: "):
            rows.append(dict(zip(names, row, strict=True)))
    return rows
