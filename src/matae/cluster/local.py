"""Several processes on this machine, each with its share of the processors."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matae.cluster.worker import work
from matae.errors import MataeError
from matae.threads import processors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from matae.cluster.worker import Refusal
    from matae.jobs import Failure, Job, Outcome

__all__ = ["LocalPool"]

_END_SECONDS = 5.0


@dataclass(eq=False)
class _Process:
    process: BaseProcess
    channel: Connection
    is_ready: bool = False
    is_busy: bool = False


class LocalPool:
    """Processes of this machine; one that is killed at its work is started again.

    Parameters
    ----------
    count
        How many.
    """

    patience = 0.0

    def __init__(self, count: int) -> None:
        import multiprocessing

        # Not forked: torch's threads would not survive it.
        self._context = multiprocessing.get_context("spawn")
        self._threads = max(1, processors() // count)
        self._count, self._started = count, 0
        self._all: dict[str, _Process] = {}

    def workers(self) -> Mapping[str, int]:
        """Return the processes, those that ended replaced.

        One that ended as it began is not: this computer may have no memory for so many.

        Raises
        ------
        MataeError
            If all of them ended as they began.
        """
        for name, one in list(self._all.items()):
            if not one.process.is_alive():
                one.channel.close()
                del self._all[name]
                self._count -= not one.is_ready
                if not self._count:
                    code = one.process.exitcode
                    raise MataeError(f"Each process for the clips ended as it began (code {code}); use --jobs 1.")
        while len(self._all) < self._count:
            self._start()
        return dict.fromkeys(self._all, 1)

    def _start(self) -> None:
        self._started += 1
        here, there = self._context.Pipe()
        name = f"clips {self._started}"
        process = self._context.Process(target=_serve, args=(there, self._threads), name=name, daemon=True)
        process.start()
        there.close()
        self._all[name] = _Process(process, here)

    def submit(self, worker: str, number: int, job: Job) -> None:
        """Give a job to a process; one that has just ended is found out by `workers`."""
        self._all[worker].is_busy = True
        with contextlib.suppress(OSError):
            self._all[worker].channel.send((number, job))

    def wait(self, seconds: float) -> Sequence[tuple[int, Outcome | Failure | Refusal]]:
        """Return what was answered; at once where a process ends."""
        from multiprocessing.connection import wait

        found: list[tuple[int, Any]] = []
        by_channel = {one.channel: one for one in self._all.values()}
        ready = wait([*by_channel, *(one.process.sentinel for one in self._all.values())], seconds)
        for channel in ready:
            one = by_channel.get(channel)  # type: ignore[call-overload]
            if one is None:
                continue
            with contextlib.suppress(EOFError, OSError):  # killed in the midst of its answer
                number, answer = one.channel.recv()
                if answer is None:
                    one.is_ready = True
                else:
                    one.is_busy = False
                    found.append((number, answer))
        return found

    def forget(self, numbers: Iterable[int]) -> None:
        """Do nothing: a process that is gone answers nothing."""

    def refuse(self, worker: str, reason: str) -> None:  # noqa: ARG002 - as `Pool` has it
        """Give up: what one process of this machine lacks, all do."""
        raise MataeError(f"{reason}.")

    def no_worker(self) -> str:
        """Return why there is none."""
        return "No process for the clips could be started; use --jobs 1."

    def close(self) -> None:
        """End the processes, those in the midst of a clip too: results are renamed into place, none is half-written."""
        for one in self._all.values():
            one.channel.close()
            if one.is_busy:
                one.process.terminate()
        for one in self._all.values():
            one.process.join(_END_SECONDS)
            if one.process.is_alive():
                one.process.kill()
                one.process.join()
        self._all.clear()


def _serve(channel: Connection, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    signal.signal(signal.SIGTERM, _leave)
    os.environ.setdefault("MATAE_THREADS", str(threads))
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        channel.send((-1, None))
        while True:
            number, job = channel.recv()
            channel.send((number, work(job)))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(*_: object) -> None:
    raise SystemExit(1)  # what was staged is removed on the way out
