"""Threads: they sleep while they wait, and are as many as there are processors for them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from matae import threads
from matae.errors import DeviceError

REPOSITORY = Path(__file__).resolve().parents[2]
SET = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "MATAE_THREADS")


@pytest.fixture(autouse=True)
def as_if_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a quiet computer of eight processors, on which nobody set anything."""
    for name in SET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads._State, "spins", False)
    monkeypatch.setattr(threads._State, "reserved", 0)
    monkeypatch.setattr(threads._State, "torch_default", 8)
    monkeypatch.setattr(threads, "processors", lambda: 8)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(threads, "busy_elsewhere", lambda: 0)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "\u0663", "99999"])
def test_a_number_of_threads_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATAE_THREADS", text)
    for asked in (threads.network_threads, threads.most_threads, threads.training_threads):
        with pytest.raises(DeviceError, match=r"MATAE_THREADS is '.*'; set it to a number"):
            asked()


def test_a_network_takes_what_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for others in (0, 3, 7, 8, 40):
        monkeypatch.setattr(threads, "busy_elsewhere", lambda others=others: others)
        found.append(threads.network_threads())
    assert found == [8, 5, 1, 1, 1]


def test_of_a_large_machine_only_the_own_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(threads, "busy_elsewhere", lambda: 50)
    assert threads.network_threads() == 8
    monkeypatch.setattr(threads, "busy_elsewhere", lambda: 60)
    assert threads.network_threads() == 4


def test_a_viewer_keeps_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    threads.reserve(1)
    assert (threads.network_threads(), threads.most_threads()) == (7, 7)
    monkeypatch.setattr(threads, "processors", lambda: 1)
    assert (threads.network_threads(), threads.most_threads()) == (1, 1)


def test_where_threads_spin_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads._State, "spins", True)
    assert threads.may_spin()
    assert (threads.network_threads(), threads.training_threads()) == (1, 1)


def test_training_does_not_follow_what_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "busy_elsewhere", lambda: 8)
    assert [threads.training_threads(n) for n in (1, 2, 3, 9)] == [8, 4, 2, 1]


def test_what_the_user_sets_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "busy_elsewhere", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert (threads.network_threads(), threads.training_threads(4)) == (8, 8)
    monkeypatch.setenv("MATAE_THREADS", "3")
    assert (threads.network_threads(), threads.most_threads(), threads.training_threads(4)) == (3, 3, 3)


def test_a_look_at_others_holds_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    now, running = [100.0], [5]
    monkeypatch.setattr(threads.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(threads, "_running", lambda: running[0])
    monkeypatch.setattr(threads._State, "looked_at", 0.0)
    monkeypatch.setattr(threads._State, "others", 0)
    assert threads.busy_elsewhere() == 4  # without the thread that looks
    running[0], now[0] = 1, 101.0
    assert threads.busy_elsewhere() == 4
    now[0] = 103.0
    assert threads.busy_elsewhere() == 0


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        ("", {}, None),
        ("not a group", {}, None),
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/", {"cpu.max": "broken"}, None),
        ("0::/", {"cpu.max": "100000 0"}, None),
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", {"cpu.max": "400000 100000", "a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, 2.0),
        ("0::/of/the/host", {"cpu.max": "50000 100000"}, 0.5),
        ("3:cpu,cpuacct:/x\n2:memory:/y", {"cpu,cpuacct/x/cpu.cfs_quota_us": "300000",
                                           "cpu,cpuacct/x/cpu.cfs_period_us": "100000"}, 3.0),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
    ],
)  # fmt: skip
def test_the_limit_of_a_container_counts(
    groups: str, files: dict[str, str], quota: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert threads._quota(tmp_path) == quota
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
        assert threads.processors(tmp_path) == (8 if quota is None else max(1, -int(-quota // 1)))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_the_processors_a_process_is_bound_to_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert threads.processors(tmp_path) == 2


def told(code: str, **environment: str) -> str:
    """Return what a new Python says."""
    own = {key: value for key, value in os.environ.items() if key not in SET}
    done = subprocess.run(
        [sys.executable, "-c", code], env=own | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


WAITING = "import os, matae; print(*(os.environ.get(n) for n in ('OMP_WAIT_POLICY', 'KMP_BLOCKTIME')))"


def test_the_wait_is_set_before_torch_is_loaded() -> None:
    code = f"{WAITING}; import sys; from matae.threads import may_spin; print('torch' in sys.modules, may_spin())"
    assert told(code).split() == ["PASSIVE", "0", "False", "False"]
    assert told(WAITING, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE None"
    assert told(WAITING, GOMP_SPINCOUNT="5") == "None None"


def test_torch_that_was_there_first_is_noticed() -> None:
    code = "import sys, types; sys.modules['torch'] = types.ModuleType('torch')\nimport matae.threads as t"
    assert told(f"{code}; print(t.may_spin())") == "True"
    # A process of ours, which inherits how threads wait.
    assert told(f"{code}; print(t.may_spin())", OMP_WAIT_POLICY="PASSIVE") == "False"


_IDLE = """
import {first}
import {second}
import time, torch
torch.set_num_threads(2)
x = torch.ones(1 << 16)
spent = []
for _ in range(30):
    for _ in range(3):
        x.exp_().reciprocal_()
    start = time.process_time()
    time.sleep(0.004)
    spent.append(time.process_time() - start)
print(sorted(spent)[15])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch has another OpenMP")
def test_threads_that_wait_use_no_processor() -> None:
    """The test of all of it: what the threads of torch use while there is nothing to do."""
    assert float(told(_IDLE.format(first="matae", second="torch"))) < 0.0005


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield what a script imports when it is loaded, in order."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_every_script_imports_matae_before_torch() -> None:
    """A script that loads torch itself has imported `matae` when it does."""
    wrong = []
    for path in (p for folder in ("benchmarks", "docs", "scripts") for p in sorted((REPOSITORY / folder).glob("*.py"))):
        text = path.read_text(encoding="utf-8")
        names = [name for name in imported(ast.parse(text)) if name in {"matae", "napari_matae", "torch"}]
        loads_torch = "import torch" in text or "from torch" in text
        if loads_torch and path.name != "busy.py" and names[:1] not in (["matae"], ["napari_matae"]):
            wrong.append(path.name)
    assert not wrong
