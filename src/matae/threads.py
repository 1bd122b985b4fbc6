"""Threads that do not spin, and as many as there are processors to run them.

The OpenMP threads of torch wait for each other after every layer of a network. By default they wait by running in
circles; where other programs want the processors too, they then burn the time that the last of them would need. The
policy is read once, when the OpenMP library is loaded: `matae` sets it when it is imported, before it loads torch.
Processes that it starts inherit it. What the user sets (``OMP_*``, ``KMP_*``, ``MATAE_THREADS``) wins.

This module imports nothing that takes time.
"""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path

from matae.errors import DeviceError

__all__ = [
    "busy_elsewhere", "may_spin", "most_threads", "network_threads", "processors", "reserve", "set_network_threads",
    "training_threads", "wait_asleep",
]  # fmt: skip

_ASLEEP = {
    "OMP_WAIT_POLICY": "PASSIVE",  # GNU's OpenMP, which torch has on Linux
    "KMP_BLOCKTIME": "0",  # LLVM's and Intel's, which it has on macOS and Windows; in ms
}
_SAMPLES, _SAMPLE_SECONDS = 5, 0.002
_KEPT_SECONDS = 2.0  # for which a look at what others do holds


class _State:
    """What this process knows about its threads."""

    spins = False  # torch was there before us, and waits its own way
    reserved = 0  # processors kept for a viewer
    torch_default: int | None = None
    looked_at = -math.inf
    others = 0


def wait_asleep() -> None:
    """Have OpenMP's threads sleep while they wait; called on import of `matae`.

    Where torch is loaded already (by another plugin of the viewer), it is too late, and `may_spin` says so.
    """
    chosen = any(name in os.environ for name in (*_ASLEEP, "GOMP_SPINCOUNT"))
    if chosen:
        return
    _State.spins = "torch" in sys.modules
    os.environ.update(_ASLEEP)


def may_spin() -> bool:
    """Return whether torch was loaded before its waiting could be set: its threads then run while they wait."""
    return _State.spins


def reserve(count: int) -> None:
    """Keep processors for something that must answer, as a viewer must."""
    _State.reserved = max(0, count)


def processors(root: Path = Path("/")) -> int:
    """Return how many processors this process may use: its affinity, and the quota of its container.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` lie.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        count = os.cpu_count() or 1
    quota = _quota(root)
    return count if quota is None else max(1, min(count, math.ceil(quota - 1e-6)))


def _quota(root: Path) -> float | None:
    """Return the processors that the control groups above this process allow it, None without a limit."""
    found = []
    for mount, path in _groups(root):
        folder = mount
        # Inside a container the path is often that of the host; what is mounted is then its own group.
        for part in ("", *(p for p in path.split("/") if p)):
            folder = folder / part
            found.append(_limit(folder))
    return min((limit for limit in found if limit is not None), default=None)


def _groups(root: Path) -> list[tuple[Path, str]]:
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    groups = []
    for line in lines:
        _, names, path = (*line.split(":", 2), "", "")[:3]
        if not names:  # version 2
            groups.append((root / "sys/fs/cgroup", path))
        elif "cpu" in names.split(","):
            groups += [(root / "sys/fs/cgroup" / name, path) for name in dict.fromkeys((names, "cpu"))]
    return groups


def _limit(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text("utf-8").split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text("utf-8") for name in ("quota", "period"))
        allowed = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # no limit is the word max
        return None
    return allowed if allowed > 0 else None


def busy_elsewhere() -> int:
    """Return how many processors' worth of work other programs have just now; what was seen holds for two seconds."""
    now = time.monotonic()
    if now - _State.looked_at > _KEPT_SECONDS:
        _State.others, _State.looked_at = _others(), now
    return _State.others


def _others() -> int:
    running = []
    for sample in range(_SAMPLES):
        if sample:
            time.sleep(_SAMPLE_SECONDS)
        now = _running()
        if now is None:
            return _others_by_psutil()
        running.append(now)
    return max(0, sorted(running)[_SAMPLES // 2] - 1)  # without the thread that looks


def _running() -> int | None:
    """Return how many threads of this machine run or wait for a processor, None where the system does not tell."""
    try:
        text = Path("/proc/loadavg").read_text("ascii")
        return int(text.split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return None


def _others_by_psutil() -> int:
    try:
        import psutil  # a viewer brings it along
    except ImportError:
        return 0
    return round(psutil.cpu_percent(_SAMPLES * _SAMPLE_SECONDS * 5) / 100 * (os.cpu_count() or 1))


def most_threads() -> int:
    """Return with how many threads a network may run where nothing else runs: its processors, but those reserved.

    Raises
    ------
    DeviceError
        If ``MATAE_THREADS`` is no number of threads.
    """
    return _wanted() or max(1, processors() - _State.reserved)


def network_threads() -> int:
    """Return with how many threads a network should run now.

    As many as other programs leave idle, one at least: threads that wait for each other are as slow as the last one.
    One where torch's threads spin.

    Raises
    ------
    DeviceError
        If ``MATAE_THREADS`` is no number of threads.
    """
    if (wanted := _wanted()) is not None:
        return wanted
    own = _torch_default()
    if "OMP_NUM_THREADS" in os.environ:
        return own
    if _State.spins:
        return 1
    most = min(own, most_threads())
    return most if most == 1 else max(1, min(most, (os.cpu_count() or most) - busy_elsewhere()))


def set_network_threads() -> int:
    """Let torch run with `network_threads` from now on, and return how many that are."""
    import torch

    count = network_threads()
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
    return count


def training_threads(processes: int = 1) -> int:
    """Return with how many threads each of some processes should train: its share of the processors they may use.

    What other programs do does not count: the last digits of a gradient depend on the number of threads, and a run
    that is resumed must go on as if it had never stopped.

    Parameters
    ----------
    processes
        How many of them train side by side.

    Raises
    ------
    DeviceError
        If ``MATAE_THREADS`` is no number of threads.
    """
    if (wanted := _wanted()) is not None:
        return wanted
    own = _torch_default()
    if "OMP_NUM_THREADS" in os.environ:
        return own
    return 1 if _State.spins else max(1, min(own, processors() // processes))


def _wanted() -> int | None:
    text = os.environ.get("MATAE_THREADS", "auto").strip()
    if text in {"", "auto"}:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1024):
        raise DeviceError(f"MATAE_THREADS is '{text}'; set it to a number of threads, such as 2, or to auto.")
    return int(text)


def _torch_default() -> int:
    """Return with how many threads torch would run by itself, or was told to by another."""
    if _State.torch_default is None:
        import torch

        _State.torch_default = torch.get_num_threads()
    return _State.torch_default
