"""What the modules of this repository import, found once a process for all tests that ask."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@cache
def imports(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Return what a module imports, at its top or inside its functions."""
    found = statements(ast.parse(path.read_text(encoding="utf-8")))
    return tuple(each for each in found if isinstance(each, ast.Import | ast.ImportFrom))


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements inside a node; no import is inside an expression, and most of a module are expressions."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, part, ()):
            if isinstance(inner, ast.stmt):
                yield inner
            yield from statements(inner)
