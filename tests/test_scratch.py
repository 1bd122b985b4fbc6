"""Where the tests put their files: in memory only where nobody named a place and there is enough of it."""

from __future__ import annotations

import subprocess
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
    monkeypatch.setattr(scratch, "_holds", [])
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


def session_in(folder: Path) -> SimpleNamespace:
    folder.mkdir(parents=True)
    return SimpleNamespace(_tmp_path_factory=SimpleNamespace(getbasetemp=lambda: folder))


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_only_what_was_put_into_memory_is_removed(memory: Path) -> None:
    session = session_in(made := memory / "pytest-of-me" / "pytest-0")
    scratch.hold_scratch(session)
    scratch.end_scratch(session, keep=False)
    assert made.is_dir()
    assert root_that_is_chosen() == str(memory)
    scratch.hold_scratch(session)
    scratch.end_scratch(session, keep=False)
    assert not made.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_what_failed_and_what_runs_is_kept_and_what_was_killed_is_removed(memory: Path) -> None:
    root_that_is_chosen()
    failed, runs, killed, foreign = (memory / "pytest-of-me" / f"pytest-{i}" for i in range(4))
    foreign.mkdir(parents=True)
    session = session_in(failed)
    scratch.hold_scratch(session)
    scratch.end_scratch(session, keep=True)
    code = """if True:
        import os, signal, sys
        from pathlib import Path
        from types import SimpleNamespace
        from tests import scratch
        scratch._put_there = True
        base = Path(sys.argv[1])
        scratch.hold_scratch(SimpleNamespace(_tmp_path_factory=SimpleNamespace(getbasetemp=lambda: base)))
        os.kill(os.getpid(), signal.SIGKILL)
        """
    killed.mkdir()
    command = [sys.executable, "-c", code, str(killed)]
    assert subprocess.run(command, cwd=Path(__file__).parent.parent, check=False).returncode == -9
    scratch.hold_scratch(session := session_in(runs))
    scratch.os.environ.pop(ROOT)
    root_that_is_chosen()
    assert [folder.is_dir() for folder in (failed, runs, killed, foreign)] == [True, True, False, True]
    scratch.end_scratch(session, keep=False)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_what_is_free_is_no_more_than_the_computer_has(tmp_path: Path) -> None:
    total = int(Path("/proc/meminfo").read_text().split()[1]) << 10  # MemTotal comes first
    room, memory = scratch.free_bytes(tmp_path)
    assert room > 0
    assert 0 < memory < total
