"""Start, follow and stop a retraining that runs in a process of its own. No Qt: a timer that polls is all it needs."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.files import writing_to
from matae.learn.channel import PausedError
from matae.learn.events import Done, Event, Failed, Verdicts, load_event
from matae.learn.plan import Plan, start_run
from matae.learn.run_lock import BusyError, is_claimed
from matae.learn.verdict import Verdict
from matae.learn.worker import BUSY, EVENTS, LOG, STOP
from matae.train.progress import never

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matae.learn.options import RetrainOptions
    from matae.store import Study

__all__ = ["LearnRun", "retrain_apart"]

_POLL_S = 0.05
_PATIENCE_S = 3.0
"""How long the folder of a run may be out of reach: a share that hiccups, a scanner that holds a file."""


class LearnRun:
    """One retraining in a process of its own.

    Start it with `start` or `resume`, then `poll` every tenth of a second or so until `over`.

    Attributes
    ----------
    folder
        Where it keeps everything.
    verdict
        Once it is there.
    failed
        Why there is none, once it failed.
    over
        Nothing more will come.
    """

    def __init__(self, study: Study, folder: Path) -> None:
        self.folder = folder
        self.verdict: Verdict | None = None
        self.failed: Failed | None = None
        self.over = False
        path = folder / EVENTS
        self._at = path.stat().st_size if path.is_file() else 0
        self._rest = b""
        self._there = bool(self._at)  # the event file was seen
        self._lost_at: float | None = None
        with writing_to(folder), (folder / LOG).open("ab") as log:
            hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows opens a console otherwise
            self._process = subprocess.Popen(  # noqa: S603 - this very Python, and a folder of ours
                [sys.executable, "-m", "matae.learn.worker", str(folder)],
                stdin=subprocess.PIPE, stdout=log, stderr=log, creationflags=hidden,
            )  # fmt: skip
        self._write(study.target)

    @classmethod
    def start(cls, study: Study, options: RetrainOptions) -> LearnRun:
        """Start a new run.

        Raises
        ------
        TrainError, ModelError, StoreError, OutputError
            If nothing can be learnt from these corrections, with what to do next; nothing was started.
        """
        return cls(study, start_run(study, options))

    @classmethod
    def resume(cls, study: Study, folder: Path) -> LearnRun:
        """Go on with a run that was put aside or killed.

        Raises
        ------
        TrainError
            If there is no run in the folder, it is under way, or it belongs to another study.
        """
        plan = Plan.read(folder)
        if plan is None:
            raise TrainError(f"There is no run in {folder.name}; start a new retraining.")
        plan.check_study(study)
        if is_claimed(folder):
            raise BusyError
        return cls(study, folder)

    @property
    def pid(self) -> int:
        """Number of its process."""
        return self._process.pid

    def poll(self) -> list[Event]:
        """Return what happened since the last call; never waits.

        Where its folder stays out of reach for some seconds the run is over for us; `close` then puts it aside.
        """
        ended = self._process.poll() is not None
        try:
            events = self._read()
        except OSError as error:
            return self._on_lost(error, ended=ended)
        self._lost_at = None
        for event in events:
            if isinstance(event, Verdicts):
                self.verdict = Verdict.from_json(event.verdict)
            elif isinstance(event, Failed):
                self.failed, self.over = event, True
            elif isinstance(event, Done):
                self.over = True
        if ended and not self.over:
            self.over = True
            busy = self._process.returncode == BUSY
            ended_outside = Failed("The training was ended from outside; it goes on when you start it again.", True)
            self.failed = Failed(str(BusyError()), True) if busy else ended_outside
            events.append(self.failed)
        return events

    def _on_lost(self, error: OSError, *, ended: bool) -> list[Event]:
        now = time.monotonic()
        self._lost_at = now if self._lost_at is None else self._lost_at
        if not ended and now - self._lost_at < _PATIENCE_S:
            return []
        self.over = True
        self.failed = Failed(
            f"The folder of the run, {self.folder}, cannot be read any more ({error.strerror or error}), so the run "
            "was put aside; go on with it once the folder is back, or start a new one.",
            resumable=True,
        )
        return [self.failed]

    def _read(self) -> list[Event]:
        try:
            with (self.folder / EVENTS).open("rb") as file:
                file.seek(self._at)
                new = file.read()
        except FileNotFoundError:
            if self._there or not self.folder.is_dir():
                raise
            return []  # its process has yet to make it
        self._there = True
        self._at += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        found = [load_event(line.decode("utf-8", errors="replace")) for line in lines]
        return [event for event in found if event is not None]

    def stop(self) -> None:
        """End the training, the best so far is kept and judged; while it is judged, put the run aside.

        Heard within a moment, see `matae.learn.events.Stopping`.
        """
        self._write(STOP)

    def close(self, timeout: float = 5.0) -> None:
        """Put the run aside: it goes on with `resume`. Its process is gone when this returns."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its state on disk is whole at any instant
            self._process.wait()

    def wait(self, timeout: float | None = None) -> list[Event]:
        """Poll until it is over, and return all that happened; for scripts, not for a window.

        Raises
        ------
        TimeoutError
            If it takes longer.
        """
        events: list[Event] = []
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.over:
            events += self.poll()
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError("the run is not over")
            if not self.over:
                time.sleep(_POLL_S)
        self.close()
        return events

    def _write(self, line: str) -> None:
        if self._process.stdin is None:
            return
        with suppress(OSError, ValueError):  # it is over already
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()


def retrain_apart(
    study: Study,
    options: RetrainOptions,
    *,
    emit: Callable[[Event], None] = lambda _: None,
    should_stop: Callable[[], bool] = never,
) -> Verdict:
    """Retrain as `matae.learn.run.retrain` does, but in a process of its own, and wait for it.

    Parameters
    ----------
    study
        An open study.
    options
        What the person chose.
    emit
        Told everything that happens, on the calling thread.
    should_stop
        Asked several times a second; True ends the training once, the best so far is kept and judged.

    Raises
    ------
    TrainError, ModelError, StoreError, OutputError
        With what to do next.
    PausedError
        If its process was ended from outside: the run goes on when it is started again.
    """
    run = LearnRun.start(study, options)
    told = False
    try:
        while not run.over:
            if not told and should_stop():
                run.stop()
                told = True
            for event in run.poll():
                emit(event)
            if not run.over:
                time.sleep(_POLL_S)
    finally:
        run.close()
    if run.verdict is not None:
        return run.verdict
    sentence = run.failed.sentence if run.failed is not None else "The training made no model."
    raise PausedError(sentence) if run.failed is not None and run.failed.resumable else TrainError(sentence)
