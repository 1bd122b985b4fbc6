"""Try changes: each in a process of its own, forked when the tests are collected and nothing has run.

Importing PyTorch, napari's plugin for pytest and the tests takes some fifteen seconds of processor time, the tests of
one change mostly less than one. So pytest is started once; what it would run, `Trial` does: first the tests as they
are, which says what they run of the sources and how long they take, then for each change those that run the changed
function.

How long a change may take is counted in processor time of its process and those it started: what else the computer does
decides nothing. A process that neither computes nor wants to for a minute waits for what never comes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mutation.changes import Change

_NO_PROGRESS = 60.0  # seconds
_ALLOWED_FACTOR, _ALLOWED_SECONDS = 3.0, 10.0
_MEMORY = 2 * 2**30  # bytes more than there are
_SLOWEST = 2.0  # seconds of a test
_FIXTURE = "fixture "


@dataclass
class Outcome:
    """What became of a change: noticed (by which test), survived, timeout or stalled."""

    status: str
    by: str = ""
    seconds: float = 0.0
    """Processor time."""


@dataclass
class Plain:
    """What the tests do without a change.

    Attributes
    ----------
    failed : str
        The first that fails, or nothing.
    seconds : dict
        Processor time of each.
    runs : dict
        File, line, and the tests that run it.
    modules : list of str
        What is imported when all have run.
    """

    failed: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    runs: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)


class Trial:
    """A plugin of pytest that tries changes with the tests that were collected."""

    def __init__(
        self, root: Path, changes: list[Change], told: Callable[[Change, Outcome], None],
        is_new: Callable[[str], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        self.root = root
        self.changes = changes
        self.told = told
        self.is_new = is_new
        self.plain = Plain()
        self._failed = ""
        self._functions: dict[str, list[types.FunctionType]] = defaultdict(list)

    # --- pytest asks ------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every change instead of running the tests."""
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        if threading.active_count() > 1:
            raise session.Interrupted(f"threads are running, so that nothing can be forked: {threading.enumerate()}")
        self._find_functions()
        found = self._forked(lambda: self._run_plain(session), allowed=float("inf"))
        if not isinstance(found, Plain) or found.failed:
            raise session.Interrupted(f"the tests fail without a change: {found.failed or found}")
        self.plain = found
        _import(found.modules)
        gc.freeze()
        for change in self.changes:
            tests = self._tests_of(change)
            if not tests:
                self.told(change, Outcome("not run by any test"))
                continue
            wanted = [item for item in session.items if item.nodeid in tests]
            # Only the quick ones, where there are some: all are tried for each change that survives.
            quick = [item for item in wanted if found.seconds[item.nodeid] < _SLOWEST]
            wanted = self._quick_first(quick or wanted)
            allowed = _ALLOWED_FACTOR * sum(found.seconds[item.nodeid] for item in wanted) + _ALLOWED_SECONDS
            self.told(change, self._forked(lambda c=change, w=wanted: self._run_changed(c, w), allowed))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the first test that fails."""
        if report.failed and not self._failed:
            self._failed = report.nodeid

    # --- in the process of all ------------------------------------------------------------------------------------

    def _find_functions(self) -> None:
        files = {str(self.root / change.path): change.path for change in self.changes}
        for path in files.values():
            importlib.import_module(_module_name(path))
        gc.unfreeze()  # what is frozen cannot be listed
        for found in gc.get_objects():
            if type(found) is types.FunctionType and found.__code__.co_filename in files:
                self._functions[files[found.__code__.co_filename]].append(found)
        gc.collect()
        gc.freeze()

    def _tests_of(self, change: Change) -> set[str]:
        if change.lines == (0, 0):
            return set(self.plain.seconds)
        runs = self.plain.runs.get(change.path, {})
        lines = range(change.lines[0], change.lines[1] + 1)
        return set[str]().union(*(tests for line, tests in runs.items() if line in lines))

    def _quick_first(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Return the old tests before the new, and of each the quick files first, and of a file the quick tests.

        What the tests of a file share is made once, so they stay together.
        """
        of_file: dict[Path, float] = defaultdict(float)
        for item in items:
            of_file[item.path] += self.plain.seconds[item.nodeid]
        seconds = self.plain.seconds
        return sorted(
            items, key=lambda item: (self.is_new(item.nodeid), of_file[item.path], item.path, seconds[item.nodeid])
        )

    def _forked(self, run: Callable[[], Any], allowed: float) -> Any:
        """Return what `run` returns in a process of its own, or an outcome where it does not end well."""
        scratch = Path(tempfile.mkdtemp(prefix="matae-mutate-"))
        answer = scratch / "answer"
        pid = os.fork()
        if pid == 0:
            _alone(scratch)
            try:
                found = run()
            except BaseException as error:  # noqa: BLE001 - whatever ends it, this process ends here
                found = Outcome("noticed", f"{type(error).__name__}: {error}")
            if isinstance(found, Outcome):
                found.seconds = _used(psutil.Process())
            answer.with_suffix(".part").write_bytes(pickle.dumps(found))
            answer.with_suffix(".part").rename(answer)
            os._exit(0)
        used, stalled = _watch(pid, allowed)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if answer.is_file():
            found = pickle.loads(answer.read_bytes())
        elif stalled:
            found = Outcome("stalled", seconds=used)
        else:
            found = Outcome("timeout" if used >= allowed else "crashed", seconds=used)
        shutil.rmtree(scratch, ignore_errors=True)
        return found

    # --- in a forked process --------------------------------------------------------------------------------------

    def _run_plain(self, session: pytest.Session) -> Plain:
        sources = [str(self.root / path) for path in self._functions]
        lines = coverage.Coverage(data_file=None, config_file=False, include=sources)
        session.config.pluginmanager.register(_FixtureContexts(lines))
        found = Plain()
        lines.start()
        for item, nextitem in _with_next(session.items):
            before = _used(psutil.Process())
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            found.seconds[item.nodeid] = max(_used(psutil.Process()) - before, 0.0)
            if self._failed:
                found.failed = self._failed
                return found
        lines.stop()
        found.modules = list(sys.modules)
        by_fixture = defaultdict(set)
        for item in session.items:
            for name in item.fixturenames:
                by_fixture[_FIXTURE + name].add(item.nodeid)
        data = lines.get_data()
        for path in self._functions:
            contexts = data.contexts_by_lineno(str(self.root / path))
            found.runs[path] = {
                line: set[str]().union(*(by_fixture.get(name, {name}) for name in names if name))
                for line, names in contexts.items()
            }
        return found

    def _run_changed(self, change: Change, items: list[pytest.Item]) -> Outcome:
        try:
            self._make(change)
        except Exception as error:  # noqa: BLE001 - a module that cannot be imported fails in every test
            return Outcome("noticed", f"import: {type(error).__name__}")
        for item, nextitem in _with_next(items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            if self._failed:
                return Outcome("noticed", self._failed)
        return Outcome("survived")

    def _make(self, change: Change) -> None:
        """Put the change into the functions that there are, or into the constants and defaults."""
        path = str(self.root / change.path)
        plain = compile(change.module.code, path, "exec", dont_inherit=True)
        changed = compile(change.source, path, "exec", dont_inherit=True)
        if change.when_defined:
            self._define(change, changed)
            return
        keys = {(code.co_qualname, code.co_firstlineno): key for key, code in _codes(plain)}
        new = dict(_codes(changed))
        made = 0
        for function in self._functions[change.path]:
            key = keys.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if key in new and new[key] != function.__code__:
                function.__code__ = new[key]
                made += 1
        if not made:
            raise LookupError(f"no function to put {change.name} into")

    def _define(self, change: Change, code: types.CodeType) -> None:
        module = sys.modules[_module_name(change.path)]
        space = {key: module.__dict__[key] for key in ("__name__", "__package__", "__file__", "__spec__", "__loader__")}
        exec(code, space)
        for name, value in space.items():
            old = module.__dict__.get(name)
            if not isinstance(value, int | float | tuple | dict | frozenset) or value == old or name.startswith("__"):
                continue
            for other in list(sys.modules.values()):
                if getattr(other, "__dict__", {}).get(name) is old:
                    other.__dict__[name] = value
        again: dict[str, list[types.FunctionType]] = defaultdict(list)
        for found in gc.get_objects():
            if type(found) is types.FunctionType and found.__globals__ is space:
                again[found.__qualname__].append(found)
        for function in self._functions[change.path]:
            for other in again[function.__qualname__]:
                if other.__code__ == function.__code__:
                    function.__defaults__, function.__kwdefaults__ = other.__defaults__, other.__kwdefaults__


class _FixtureContexts:
    """What runs in a fixture that several tests share counts for each that asks for it, not for the first."""

    def __init__(self, lines: coverage.Coverage) -> None:
        self._lines = lines
        self._now = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        self._now = item.nodeid
        self._lines.switch_context(item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        shared = fixturedef.scope != "function"
        if shared:
            self._lines.switch_context(_FIXTURE + fixturedef.argname)
        try:
            return (yield)
        finally:
            if shared:
                self._lines.switch_context(self._now)


def _import(modules: list[str]) -> None:
    """Import once, before anything is forked, what each forked process would import on its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            if name not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)


def _alone(scratch: Path) -> None:
    """Give a forked process a group, temporary files and a silence of its own, and so much memory."""
    os.setpgid(0, 0)
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        limit = psutil.Process().memory_info().vms + _MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(scratch)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(scratch / "hypothesis")
    tempfile.tempdir = str(scratch)
    silence = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(silence, number)


def _watch(pid: int, allowed: float) -> tuple[float, bool]:
    """Wait for a process; return the processor time it used, and whether it stood still."""
    process = psutil.Process(pid)
    used, moved, pause = 0.0, time.monotonic(), 0.02
    while True:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended:
            return used, False
        with contextlib.suppress(psutil.Error):
            now = _used(process)
            # Whoever waits for its turn on a busy computer is not standing still.
            if now > used or any(one.status() in {"running", "disk-sleep"} for one in _family(process)):
                moved = time.monotonic()
            used = max(used, now)
        if used >= allowed or time.monotonic() - moved > _NO_PROGRESS:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return used, used < allowed
        time.sleep(pause)
        pause = min(1.5 * pause, 1.0)


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _used(process: psutil.Process) -> float:
    """Return the processor time of a process, those it started, and those that have ended."""
    total = 0.0
    for one in _family(process):
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            total += times.user + times.system
    own = process.cpu_times()
    return total + getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)


def _with_next(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def _codes(code: types.CodeType) -> Iterator[tuple[tuple[str, int], types.CodeType]]:
    """Yield every code object below a module's, by its qualified name and a number among those of this name."""
    count: dict[str, int] = defaultdict(int)
    queue = [code]
    while queue:
        for inner in queue.pop(0).co_consts:
            if isinstance(inner, types.CodeType):
                count[inner.co_qualname] += 1
                yield (inner.co_qualname, count[inner.co_qualname]), inner
                queue.append(inner)


def _module_name(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
