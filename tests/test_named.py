"""Every module of the plugin is named by a test, or it is said why none does; and tests stand in the room they test."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "napari_matae"
TESTS = ROOT / "tests"

_THROUGH = {
    "test_review_gui.py": ("edit.handles", "edit.tools"),
    "test_review_keys.py": ("edit.actions", "review.live_figures"),
    "worklist/test_worklist_window.py": (
        "worklist.queue", "worklist.queue_bar", "worklist.source", "worklist.view",
    ),
    "archive/test_archive_dialog.py": ("archive.clip_table", "archive.fetching"),
    "segment/test_segment_regions.py": ("open.sector_finder",),
    "session/test_session_mask_changes.py": ("session.open_cine", "session.signals"),
    "study/test_study_link.py": ("study.cine_record", "study.proposals", "study.writer"),
    "study_thread/test_study_thread_request_queue.py": ("study_thread.recovery",),
    "workspace/test_workspace_flags_and_next.py": ("workspace.flag_saver", "workspace.next_cine"),
}  # fmt: skip
UNNAMED = {f"napari_matae.{module}": test for test, modules in _THROUGH.items() for module in modules}
"""Modules that no test names, with the test that goes through them: by a window, a panel or what owns them."""

AT_THE_TOP = {
    "test_dialog_controls.py": "names and tooltips of every control of the windows beside the dock",
    "test_desk_controls.py": "names, tooltips, widths and colours of every control of the dock",
    "test_desk_keyboard.py": "the whole story by key events, over every step",
    "test_review_gui.py": "the Review step by real events, over `review`, `edit`, `timeline` and `workspace`",
    "test_review_keys.py": "the Review step by keys and buttons, over the same rooms and `study`",
}
"""Test files beside the rooms that are not called after a module of the top, with the reason."""


def modules() -> set[str]:
    """Return the plugin's modules, dotted, without the packages' own files."""
    found = (path.relative_to(ROOT).with_suffix("") for path in PLUGIN.rglob("*.py") if path.stem != "__init__")
    return {".".join(path.parts) for path in found}


def named() -> set[str]:
    """Return the modules that a test names: imports, runs or replaces something in, or is called after."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py") if path != Path(__file__))
    words = set(re.findall(r"napari_matae(?:\.\w+)+", text))
    words |= {f"{room}.{name}" for room, name in re.findall(r"from (napari_matae(?:\.\w+)*) import (\w+)", text)}
    files = {path.stem for path in (TESTS / "napari_matae").rglob("test_*.py")}
    return {
        module
        for module in modules()
        if f"test_{'_'.join(module.split('.')[1:])}" in files
        or any(word == module or word.startswith(f"{module}.") for word in words)
    }


def test_every_module_is_named_by_a_test() -> None:
    assert modules() - named() == set(UNNAMED), "test it, or say in _THROUGH which test goes through it"
    assert all((TESTS / "napari_matae" / test).exists() for test in UNNAMED.values())


def test_tests_stand_in_the_room_they_test() -> None:
    rooms = {path.name for path in PLUGIN.iterdir() if path.is_dir() and path.name != "__pycache__"}
    single = {path.stem.strip("_") for path in PLUGIN.glob("*.py")}
    top = {path.name for path in (TESTS / "napari_matae").glob("test_*.py")}
    assert {name for name in top if name.removeprefix("test_").removesuffix(".py") not in single} == set(AT_THE_TOP)
    for room in rooms:
        for path in (TESTS / "napari_matae" / room).glob("*.py"):
            assert (
                path.stem == "__init__"
                or path.name.startswith((f"test_{room}_", "conftest"))
                or path.stem.endswith("_makers")
            )
