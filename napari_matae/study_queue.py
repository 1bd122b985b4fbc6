"""The one thread that talks to the study: what is asked of it is done in order, and nothing asked is dropped.

A write that the disk or another program refuses stays first in line and is tried again until it succeeds; the GUI is
told, and goes on. The GUI thread itself never waits for the database.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.errors import ConflictError, MataeError, StoreError
from napari_matae.workers import explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from matae.store import Study

__all__ = ["StudyQueue"]

_RETRY_S = 1.0
_LOCK_WAIT_S = 3.0
"""How long the database itself waits for another writer before it is tried again."""


@dataclass(eq=False)
class _Job:
    work: Callable[[Study], Any]
    done: Callable[[Any], None] | None
    failed: Callable[[BaseException], None] | None
    writes: bool


class StudyQueue(QObject):  # type: ignore[misc]
    """An open study and the jobs that wait for it; `start` it.

    Parameters
    ----------
    target
        Path of the study's file, or its URL. It is made if there is none (a file only).
    rater
        Who works here.
    parent
        Qt parent.
    """

    opened = Signal(str)
    """The study is open; its name."""
    closed_out = Signal(str)
    """The study cannot be opened; a sentence."""
    trouble = Signal(str)
    """A write was refused and will be tried again; a sentence. Empty when it went through after all."""
    waiting_changed = Signal(int)
    """How many writes have not been acknowledged yet."""
    _answered = Signal(object, object)

    def __init__(self, target: str, rater: str = "", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.target, self.rater = target, rater
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._writes = 0
        self._hurt = False
        self._gone = False
        self._answered.connect(self._answer)
        self._thread = threading.Thread(target=self._run, name="matae-study", daemon=True)

    def start(self) -> None:
        """Open the study; connect the signals before."""
        self._thread.start()

    # -- asking, from the GUI thread ----------------------------------------------------------------------

    def ask(
        self,
        work: Callable[[Study], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Do something with the study that writes nothing a person made; a failure is told to `failed` and no more."""
        self._put(_Job(work, done, failed, writes=False))

    def write(
        self,
        work: Callable[[Study], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Write something a person made, sooner or later.

        Parameters
        ----------
        work
            Called in the study's thread.
        done
            Called in the GUI thread with what `work` returned: it is durable.
        failed
            Called in the GUI thread with an error that trying again cannot cure, such as a conflict.
        """
        self._put(_Job(work, done, failed, writes=True))

    @property
    def waiting(self) -> int:
        """How many writes have not been acknowledged yet."""
        return self._writes

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything asked so far is done; return whether it is. Answers arrive later, as always."""
        end = time.monotonic() + seconds
        with self._wake:
            while self._jobs and self._thread.is_alive():
                left = end - time.monotonic()
                if left <= 0 or self._hurt:
                    return not self._jobs
                self._wake.wait(min(left, 0.1))
            return not self._jobs

    def close(self, seconds: float = 10.0) -> bool:
        """Finish what was asked and let go of the study; return whether every write went through."""
        safe = self.flush(seconds)
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._gone = True
        self._thread.join(2.0)
        return safe

    def _put(self, job: _Job) -> None:
        if job.writes:
            self._writes += 1
            self.waiting_changed.emit(self._writes)
        with self._wake:
            self._jobs.append(job)
            self._wake.notify_all()

    def _answer(self, job: _Job, answer: Any) -> None:
        if job.writes:
            self._writes -= 1
        if not self._gone:
            callback = job.failed if isinstance(answer, BaseException) else job.done
            if callback is not None:
                callback(answer)
            if job.writes:
                self.waiting_changed.emit(self._writes)

    # -- in the study's thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        study = None
        try:
            study = _open(self.target, self.rater)
            self._tell(self.opened, study.name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user is told and the work goes on unsaved
            self._tell(self.closed_out, explain(error))
            return
        try:
            while (job := self._next()) is not None:
                self._do(study, job)
        finally:
            study.close()

    def _next(self) -> _Job | None:
        with self._wake:
            while not self._jobs and not self._closing:
                self._wake.wait()
            return None if self._closing else self._jobs[0]

    def _do(self, study: Study, job: _Job) -> None:
        answer: Any = None
        while True:
            try:
                answer = job.work(study)
            except ConflictError as error:
                answer = error
            except StoreError as error:
                if job.writes and not getattr(error, "final", False):
                    self._say(str(error))
                    if self._pause():
                        continue
                    return  # closing: the job stays in line, and whoever closes is told
                answer = error
            except Exception as error:  # noqa: BLE001 - a defect of ours must not take the other writes with it
                answer = error
            break
        if job.writes and self._hurt and not isinstance(answer, BaseException):
            self._say("")
        with self._wake:
            self._jobs.popleft()
            self._wake.notify_all()
        self._tell(self._answered, job, answer)

    def _say(self, text: str) -> None:
        self._hurt = bool(text)
        self._tell(self.trouble, text)

    def _pause(self) -> bool:
        with self._wake:
            if not self._closing:
                self._wake.wait(_RETRY_S)
            return not self._closing

    @staticmethod
    def _tell(signal: Any, *values: object) -> None:
        try:
            signal.emit(*values)
        except RuntimeError:
            return  # the widget that asked is gone; what was written is safe


def _open(target: str, rater: str) -> Study:
    """Open a study; make one where a file is named that is not there yet."""
    from pathlib import Path

    from matae.store import Study

    if "://" not in target:
        path = Path(target).expanduser()
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return Study.create(path, rater=rater)
            except MataeError:
                if not path.exists():  # else another viewer was making it at the same moment
                    raise
    return Study.open(target, rater=rater, wait_s=_LOCK_WAIT_S)
