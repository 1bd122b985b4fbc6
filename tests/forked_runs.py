"""Runs of Learn, and processes for clips, forked from one that has loaded everything: real ones, without their start.

A retraining loads PyTorch and Lightning for three to five seconds of a processor, in every test that starts one, and
a process that segments clips as much, by itself or as a worker of dask. Here a server of `multiprocessing` loads them
once for a worker of pytest; each run is a process of its own, with its own standard input, its log, its number and
its end, by any signal. What it is started with is held to what `python -m matae.learn.worker FOLDER` gets. That this
command, and processes for clips, start by themselves is tested where nothing is replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from contextlib import contextmanager
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from typing import IO, Any

__all__ = ["fork_pools", "fork_runs", "forked_dask_workers"]

_MODULE = "matae.learn.worker"
_HOW_DASK_STARTS = "distributed.worker.multiprocessing-method"
_LOADED = [
    "torch._dynamo", "torch.utils.tensorboard", "lightning_fabric", "sqlalchemy.orm", "scipy.ndimage", "scipy.signal",
    "scipy.spatial", "skimage.measure", "skimage.morphology", "PIL.PngImagePlugin",
    "matae.learn.run", "matae.learn.comparison", "matae.learn.replay", "matae.train.loop",
    "matae.segment.run", "matae.segment.backends.torch_backend", "matae.read.array", "matae.speed.run",
    "matae.store.study", "matae.store.worklist", "matae.models.registry", "distributed",
]  # fmt: skip
"""What they import: what is not here each of them loads for itself."""


def fork_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs of Learn be forked, where the system can."""
    if sys.platform == "linux":
        from matae.learn import client

        known = {name: getattr(subprocess, name) for name in ("PIPE", "TimeoutExpired")}
        monkeypatch.setattr(client, "subprocess", SimpleNamespace(Popen=_Forked, **known))


def fork_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes for clips on this machine be forked, where the system can."""
    if sys.platform == "linux":
        from matae.cluster.local import LocalPool

        real = LocalPool.__init__

        def make(self: LocalPool, count: int) -> None:
            real(self, count)
            assert self._context.get_start_method() == "spawn"
            self._context = SimpleNamespace(Pipe=self._context.Pipe, Process=_fork)  # type: ignore[assignment]

        monkeypatch.setattr(LocalPool, "__init__", make)


@contextmanager
def forked_dask_workers() -> Iterator[dict[str, Any]]:
    """Let dask's nannies fork their workers, where the system can; give what a `LocalCluster` needs for that."""
    if sys.platform != "linux":
        yield {}
        return
    import dask
    import distributed.utils

    # A first process ends once all is loaded: a busy computer takes longer for that than a nanny waits for its worker.
    first = _server().Process(target=int)
    first.start()
    first.join()
    with pytest.MonkeyPatch.context() as patch, dask.config.set({_HOW_DASK_STARTS: "forkserver"}):
        patch.setattr(distributed.utils, "_forkserver_preload_set", True)
        yield {"env": dict(os.environ)}


def _server() -> ForkServerContext:
    multiprocessing.set_forkserver_preload(_LOADED)
    return multiprocessing.get_context("forkserver")


def _fork(target: Callable[..., None], args: tuple[Any, ...], name: str, daemon: bool) -> ForkServerProcess:
    """Return a process that knows the variables and the folder of this one, as one that is spawned does."""
    given = dict(os.environ), str(Path.cwd()), target, args
    return _server().Process(target=_serve, args=given, name=name, daemon=daemon)


def _serve(environment: dict[str, str], folder: str, target: Callable[..., None], args: tuple[Any, ...]) -> None:
    _settle(environment, folder)
    target(*args)


def _settle(environment: dict[str, str], folder: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)


class _Forked:
    """What `LearnRun` needs of a `subprocess.Popen`."""

    def __init__(self, command: Sequence[str], *, stdin: int, stdout: IO[bytes], stderr: IO[bytes], **_: Any) -> None:
        assert (command[:3], stdin, stderr) == ([sys.executable, "-m", _MODULE], subprocess.PIPE, stdout)
        reads, writes = os.pipe()
        given = DupFd(reads), DupFd(stdout.fileno()), command[3:], dict(os.environ), str(Path.cwd())
        # A daemon is not waited for when the tests end: as a process that was left behind is not.
        self._process = _server().Process(target=_become, args=given, daemon=True)
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
    _settle(environment, folder)
    sys.argv = [_MODULE, *arguments]
    runpy.run_module(_MODULE, run_name="__main__", alter_sys=True)
