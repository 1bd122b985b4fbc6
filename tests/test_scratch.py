"""Where the tests put their files: in memory only where nobody named a place and there is enough of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import scratch

ROOT = "PYTEST_DEBUG_TEMPROOT"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take a folder for the memory of a computer on which nothing is set."""
    for name in (ROOT, "TMPDIR"):
        monkeypatch.setenv(name, "")  # put back afterwards, whatever a test sets
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(scratch, "_MEMORY", tmp_path)
    monkeypatch.setattr(scratch, "_put_there", False)
    monkeypatch.setattr(scratch, "free_bytes", lambda _: (2 << 30, 5 << 30))
    return tmp_path


def root_that_is_chosen() -> str | None:
    scratch.put_scratch_into_memory()
    return scratch.os.environ.get(ROOT)


@pytest.mark.parametrize("free", [(0, 0), ((2 << 30) - 1, 5 << 30), (2 << 30, (5 << 30) - 1)])
def test_little_memory_leaves_the_tests_on_the_disk(
    memory: Path, free: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "free_bytes", lambda _: free)
    assert root_that_is_chosen() is None


def test_no_such_memory_leaves_them_there(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_MEMORY", memory / "no such")
    assert root_that_is_chosen() is None


@pytest.mark.parametrize("name", ["TMPDIR", ROOT])
def test_a_place_that_is_named_is_kept(memory: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "elsewhere")
    assert root_that_is_chosen() == ("elsewhere" if name == ROOT else None)


def test_only_what_was_put_into_memory_is_removed(memory: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    config = SimpleNamespace(_tmp_path_factory=SimpleNamespace(getbasetemp=lambda: made))
    scratch.remove_scratch(config)
    assert made.is_dir()
    assert root_that_is_chosen() == str(memory)
    scratch.remove_scratch(config)
    assert not made.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_what_is_free_is_no_more_than_the_computer_has(tmp_path: Path) -> None:
    total = int(Path("/proc/meminfo").read_text().split()[1]) << 10  # MemTotal comes first
    room, memory = scratch.free_bytes(tmp_path)
    assert room > 0
    assert 0 < memory < total
