"""The engine's rooms: data flows down the list, a room imports only from those before it, and none knows Qt."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINE = Path(__file__).resolve().parent.parent / "src" / "matae"
ROOMS = (
    "errors", "threads", "extras", "cine", "anatomy", "files", "maskfile", "stack", "read", "demo", "placement",
    "phantom", "metrics", "nn", "models", "segment", "measure", "edit", "output", "jobs", "cluster", "store",
    "labelled", "exchange", "review", "evaluate", "speed", "train", "learn", "cli",
)  # fmt: skip
MODULES = sorted(ENGINE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names of what a module imports, at its top or inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_its_place() -> None:
    assert {room_of(path) for path in MODULES} - {"__init__"} == set(ROOMS)


def wrongly_imported(path: Path) -> list[str]:
    """Return what a module may not import: a viewer, or a room after its own."""
    names = list(imported(path))
    wrong = [name for name in names if name.split(".")[0] in {"qtpy", "PyQt6", "PySide6", "napari", "napari_matae"}]
    room = room_of(path)
    if room == "__init__":
        return wrong
    rooms = [(name, name.split(".")[1]) for name in names if name.startswith("matae.")]
    return wrong + [name for name, other in rooms if other in ROOMS and ROOMS.index(other) > ROOMS.index(room)]


def test_a_room_imports_from_those_before_it() -> None:
    found = {path.relative_to(ENGINE).as_posix(): wrongly_imported(path) for path in MODULES}
    assert not {path: names for path, names in found.items() if names}
