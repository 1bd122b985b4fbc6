"""The rooms that `make mutate` breaks are there, and what it says of a change is so."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def mutate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutate", ROOT / "scripts" / "mutate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_room_has_its_sources_and_its_tests(mutate: ModuleType) -> None:
    for room, (sources, tests) in mutate.ROOMS.items():
        assert sources, room
        assert tests, room
        missing = [path for path in (*sources, *tests) if not (ROOT / path).is_file()]
        assert not missing, f"{room}: {missing}"


SOURCE = '''
"""A module with something to notice in every line."""

from functools import cache

LIMIT = 3


class Counter:
    def __init__(self) -> None:
        self.count = 0

    @property
    def is_full(self) -> bool:
        return self.count >= LIMIT

    def add(self, times: int = 1) -> None:
        if times < 0:
            raise ValueError(times)
        self.note(times)
        self.count += times

    def note(self, times: int) -> None:
        self.last = times


@cache
def doubled(number: int) -> int:
    return 2 * number


def unused() -> int:
    return 1


def waits(number: int) -> int:
    while number > 0:
        number -= 1
    return number
'''

TESTS = """
import pytest
from toy import Counter, doubled, waits


@pytest.fixture(scope="module")
def four():
    return doubled(2)


def test_first(four):
    pass


def test_counter():
    counter = Counter()
    counter.add()
    assert counter.count == 1
    assert not counter.is_full
    counter.add(2)
    assert counter.is_full


def test_doubled(four):
    assert four == 4


def test_waits():
    assert waits(2) == 0
"""


def test_what_is_noticed_and_what_is_not(tmp_path: Path) -> None:
    for missing in ("libcst", "mutmut", "coverage"):
        pytest.importorskip(missing, reason="needs the dependency group mutation")
    if not hasattr(os, "fork"):
        pytest.skip("processes cannot be forked here")
    work = tmp_path / "work"
    (work / "src").mkdir(parents=True)
    (work / "src" / "toy.py").write_text(SOURCE)
    (work / "test_toy.py").write_text(TESTS)
    code = (
        "import sys, pathlib; from mutate import mutate; from mutation import trial; trial._ALLOWED_SECONDS = 0.4;"
        "mutate(pathlib.Path(sys.argv[1]), {'toy': (['src/toy.py'], ['test_toy.py'])}, out=pathlib.Path(sys.argv[2]),"
        "is_new=lambda name: name.endswith('test_doubled'))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts") + os.pathsep + os.environ.get("PYTHONPATH", "")}
    out = tmp_path / "out.json"
    run = subprocess.run([sys.executable, "-c", code, str(work), str(out)], env=environment, cwd=tmp_path,
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr
    room = json.loads(out.read_text())["toy"]
    found = {}
    for name, entry in room["changes"].items():
        line = int(name.split(":")[1])
        found.setdefault(SOURCE.splitlines()[line - 1].strip(), []).append((entry["status"], entry.get("change", "")))

    def statuses(line: str) -> set[str]:
        return {status for status, _ in found[line]}

    assert statuses("LIMIT = 3") == {"noticed"}  # a constant of the module
    assert statuses("self.count = 0") == {"noticed"}
    assert statuses("def add(self, times: int = 1) -> None:") == {"noticed"}  # the default of a parameter
    assert statuses("return self.count >= LIMIT") == {"noticed"}  # below a decorator
    assert statuses("return 2 * number") == {"noticed"}  # by a test that only shares a fixture
    assert statuses("return 1") == {"not run by any test"}
    # Neither the guard nor the note is tested.
    assert ("survived", "-        if times < 0:\n+        if (times < 0) and False:") in found["if times < 0:"]
    assert ("survived", "-        self.note(times)\n+        pass") in found["self.note(times)"]
    # A loop without an end is stopped by the processor time it takes.
    assert "timeout" in statuses("number -= 1")
    # What only a new test notices was not noticed before.
    assert {room["before"][name] for name, e in room["changes"].items() if e["by"].endswith("doubled")} == {"survived"}
