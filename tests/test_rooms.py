"""The rooms of both packages and their floors: imports go one way, and the engine knows no Qt.

In the engine data flows down a list, a room imports from those before it. In the plugin each floor imports from those
below it, never from its own or from above; what ties all parts together is on top.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .parsed import imports

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "src" / "matae"
PLUGIN = ROOT / "napari_matae"
ROOMS = (
    "errors", "option", "threads", "extras", "launch", "cine", "anatomy", "files", "records", "maskfile", "stack",
    "read", "demo", "placement", "phantom", "metrics", "nn", "models", "segment", "view", "measure", "edit", "output",
    "jobs", "cluster", "store", "labelled", "exchange", "clinic", "pacs", "review", "worklist", "readers", "evaluate",
    "speed", "train", "prompt", "learn", "cli", "command",
)  # fmt: skip
MODULES = sorted(ENGINE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names of what a module imports, at its top or inside its functions."""
    for node in imports(path):
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


FLOORS = (
    ("__main__", "contributions"),
    ("app",),
    ("dock",),
    ("learn",),
    ("verdict",),
    ("review", "measure", "exchange", "models", "worklist"),
    ("readers", "archive"),
    ("workspace",),
    ("open", "timeline"),
    ("study", "edit", "segment", "playing"),
    ("study_thread",),
    ("session",),
    ("widgets",),
    ("background",),
)
"""The plugin's rooms, from the roof to the ground; `docs/images/rooms.svg` shows them."""
MOST_MODULES = 16


def plugin_room(path: Path) -> str:
    return path.relative_to(PLUGIN).parts[0].removesuffix(".py")


def test_every_room_of_the_plugin_has_its_floor() -> None:
    rooms = {plugin_room(path) for path in PLUGIN.rglob("*.py")} - {"__init__"}
    assert rooms == {room for floor in FLOORS for room in floor}


def test_a_floor_of_the_plugin_imports_from_those_below() -> None:
    level = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    wrong = []
    for path in sorted(PLUGIN.rglob("*.py")):
        room = plugin_room(path)
        for name in imported(path) if room != "__init__" else ():
            other = name.split(".")[1] if name.startswith("napari_matae.") else ""
            if other in level and other != room and level[other] <= level[room]:
                wrong.append(f"{path.relative_to(PLUGIN)} imports {name}")
    assert not wrong


def test_no_folder_of_the_plugin_is_a_heap() -> None:
    folders = [PLUGIN, *(path for path in PLUGIN.rglob("*") if path.is_dir() and path.name != "__pycache__")]
    counts = {folder.name: len([path for path in folder.glob("*.py") if path.stem != "__init__"]) for folder in folders}
    assert {name: count for name, count in counts.items() if count > MOST_MODULES} == {}


MOST_LINES = 400
LONG = {
    "src/matae/store/sqlite_client.py": "one connection: its process, its answers, and what is said of its errors",
}
"""Modules that are longer than one idea should take, and why they are."""


def test_no_module_is_long() -> None:
    files = [*ENGINE.rglob("*.py"), *PLUGIN.rglob("*.py")]
    lengths = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n") for path in files}
    long = {path for path, lines in lengths.items() if lines > MOST_LINES}
    assert long - LONG.keys() == set(), f"longer than {MOST_LINES} lines: split them by idea"
    assert LONG.keys() - long == set(), "these are short by now: take them from the list"


def test_the_picture_of_the_rooms_is_that_of_the_code() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "draw_rooms.py"), "--check"], check=False)
    assert done.returncode == 0, "run python scripts/draw_rooms.py"
