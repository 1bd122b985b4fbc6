"""What the plugin does in one way only: how a study is opened, and how work leaves the GUI thread."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGIN = Path(__file__).resolve().parent.parent / "napari_matae"

OPENS_STUDIES = {
    "study_thread/request_queue.py": "the connection that lives as long as the study is open",
    "study_thread/recovery.py": "the same one, opened anew where its files are not those on disk",
    "study_thread/rescue.py": "a study of its own, for what the study refuses",
    "study_thread/own_connection.py": "the one function for long work in a worker",
}
STARTS_THREADS = {
    "study_thread/request_queue.py": "lives as long as the study is open, and ends after the program",
    "segment/clip_widths.py": "runs at the least priority, which a pool's thread would keep",
    "segment/warm_up.py": "nobody waits for it, not even at the end; a worker is waited for",
    "open/early.py": "begins before there is an application that could run a worker",
}
MAKES_WORKERS = {"background/worker.py": "the one place"}


@cache
def calls(path: Path) -> frozenset[str]:
    """Return what a module calls, as ``name`` or ``name.attribute``."""
    return frozenset(_calls(path))


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                yield f"{node.func.value.id}.{node.func.attr}"


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        ({"Study.open", "Study.create"}, OPENS_STUDIES),
        ({"threading.Thread", "Thread", "QThread"}, STARTS_THREADS),
        ({"create_worker", "thread_worker"}, MAKES_WORKERS),
    ],
    ids=["studies", "threads", "workers"],
)
def test_there_is_one_way(names: set[str], allowed: dict[str, str]) -> None:
    found = {path.relative_to(PLUGIN).as_posix() for path in PLUGIN.rglob("*.py") if names & calls(path)}
    assert found == set(allowed)
