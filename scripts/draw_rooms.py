"""Draw the rooms of the plugin and who imports whom, from the code: docs/images/rooms.svg.

    python scripts/draw_rooms.py [--check]

A row is a floor, as tests/test_rooms.py holds them; a line says that one room imports the other. With --check nothing
is written, and the script fails where the picture is no longer that of the code.
"""

from __future__ import annotations

import ast
import runpy
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "napari_matae"
PICTURE = ROOT / "docs" / "images" / "rooms.svg"
WIDE, HIGH, GAP_X, GAP_Y, EDGE = 132, 40, 18, 30, 24


def main() -> int:
    """Draw, or compare."""
    sys.path.insert(0, str(ROOT))
    drawn = draw(runpy.run_module("tests.test_rooms")["FLOORS"], arrows())
    if "--check" in sys.argv[1:]:
        return int(not PICTURE.is_file() or PICTURE.read_text("utf-8") != drawn)
    PICTURE.write_text(drawn, encoding="utf-8")
    return 0


def room_of(path: Path) -> str:
    """Return the room of a module of the plugin."""
    return path.relative_to(PLUGIN).parts[0].removesuffix(".py")


def arrows() -> set[tuple[str, str]]:
    """Return which room imports which."""
    found = set()
    for path in PLUGIN.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("napari_matae."):
                found.add((room_of(path), node.module.split(".")[1]))
    return {(a, b) for a, b in found if a != b and "__init__" not in {a, b}}


def draw(floors: tuple[tuple[str, ...], ...], lines: set[tuple[str, str]]) -> str:
    """Return the picture as SVG."""
    most = max(len(floor) for floor in floors)
    width = 2 * EDGE + most * WIDE + (most - 1) * GAP_X
    height = 2 * EDGE + len(floors) * HIGH + (len(floors) - 1) * GAP_Y
    at: dict[str, tuple[float, float]] = {}
    for row, floor in enumerate(floors):
        left = (width - len(floor) * WIDE - (len(floor) - 1) * GAP_X) / 2
        for column, room in enumerate(floor):
            at[room] = left + column * (WIDE + GAP_X), EDGE + row * (HIGH + GAP_Y)
    counts = {room: _modules(room) for room in at}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for upper, lower in sorted(lines):
        (x1, y1), (x2, y2) = at[upper], at[lower]
        bend = (y1 + HIGH + y2) / 2
        x1, x2 = x1 + WIDE / 2, x2 + WIDE / 2
        curve = f"M{x1:g} {y1 + HIGH:g} C{x1:g} {bend:g} {x2:g} {bend:g} {x2:g} {y2:g}"
        parts.append(f'<path d="{curve}" fill="none" stroke="#0072b2" stroke-opacity="0.28"/>')
    for room, (x, y) in at.items():
        count = f"{counts[room]} module{'' if counts[room] == 1 else 's'}"
        middle = f'x="{x + WIDE / 2:g}" text-anchor="middle"'
        parts += [
            f'<rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="6" fill="#f4f7fa" stroke="#5b6b7a"/>',
            f'<text {middle} y="{y + 18:g}" font-size="13" fill="#1b242c">{escape(room)}</text>',
            f'<text {middle} y="{y + 32:g}" font-size="10" fill="#5b6b7a">{count}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _modules(room: str) -> int:
    folder = PLUGIN / room
    return len([path for path in folder.rglob("*.py") if path.stem != "__init__"]) if folder.is_dir() else 1


if __name__ == "__main__":
    sys.exit(main())
