"""Runs of Learn forked from a process that has loaded everything: a real process each, without its start.

A retraining loads PyTorch and Lightning for three to five seconds of a processor, in every test that starts one. Here a
server of `multiprocessing` loads them once for a worker of pytest; each run is a process of its own, with its own
standard input, its log, its number and its end, by any signal. What it is started with is held to what
`python -m matae.learn.worker FOLDER` gets. That this command starts by itself is tested where nothing is replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO, Any

    import pytest

__all__ = ["fork_runs"]

_MODULE = "matae.learn.worker"
_LOADED = ["torch._dynamo", "lightning_fabric", "matae.learn.run", "matae.store"]


def fork_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs of Learn be forked, where the system can."""
    if sys.platform == "linux":
        from matae.learn import client

        known = {name: getattr(subprocess, name) for name in ("PIPE", "TimeoutExpired")}
        monkeypatch.setattr(client, "subprocess", SimpleNamespace(Popen=_Forked, **known))


class _Forked:
    """What `LearnRun` needs of a `subprocess.Popen`."""

    def __init__(self, command: Sequence[str], *, stdin: int, stdout: IO[bytes], stderr: IO[bytes], **_: Any) -> None:
        assert (command[:3], stdin, stderr) == ([sys.executable, "-m", _MODULE], subprocess.PIPE, stdout)
        multiprocessing.set_forkserver_preload(_LOADED)
        reads, writes = os.pipe()
        given = DupFd(reads), DupFd(stdout.fileno()), command[3:], dict(os.environ), str(Path.cwd())
        # A daemon is not waited for when the tests end: as a process that was left behind is not.
        self._process = multiprocessing.get_context("forkserver").Process(target=_become, args=given, daemon=True)
        self._process.start()
        os.close(reads)
        self.stdin = os.fdopen(writes, "wb")

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(_MODULE, timeout or 0.0)
        return self.returncode

    def kill(self) -> None:
        self._process.kill()


def _become(reads: Any, log: Any, arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Be the process that the command would have started."""
    multiprocessing.current_process().daemon = False  # it may have processes of its own
    log = log.detach()
    for given, place in ((reads.detach(), 0), (log, 1), (log, 2)):
        os.dup2(given, place)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [_MODULE, *arguments]
    runpy.run_module(_MODULE, run_name="__main__", alter_sys=True)
