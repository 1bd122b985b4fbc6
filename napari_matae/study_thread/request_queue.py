"""The one thread that talks to the study: what is asked is done in order, and nothing a person made is dropped.

An error says of itself whether waiting can cure it. A write that meets one that passes (another program writes, the
disk is full, the connection is lost) stays first in line and is tried again; meanwhile other cines are read. Every
other error is answered at once, and the change is kept in a rescue study. Where the study's files are no longer those
on disk, all it knows is copied, the study is opened anew, and what is missing is brought back. The GUI thread never
waits for the database.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal

from matae.errors import ConflictError, MataeError, MisplacedError, StoreError
from napari_matae.background.failure import explain
from napari_matae.background.patient_wait import wait_until
from napari_matae.study_thread.recovery import reopen
from napari_matae.study_thread.requests import Request, Requests
from napari_matae.study_thread.rescue import RescueStudy

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from qtpy.QtCore import QObject

    from matae.store import Study

__all__ = ["RequestQueue"]

_RETRY_S = 1.0
_LOOK_S = 1.0
"""How often it is made sure that the open files are those on disk, while nothing else is done."""
_LOCK_WAIT_S = 3.0
"""How long the database itself waits for another writer before it is tried again."""
_CLOSE_S = 2.0
"""How long closing waits for writes that go through; the rest is written, or kept in a rescue study, after that."""
_END_S = 30.0
"""How long the end of the program waits for what is still in line."""
_running: weakref.WeakSet[RequestQueue] = weakref.WeakSet()


@atexit.register
def _finish_all() -> None:
    """Write what is in line, or keep it in a rescue study, before the program ends."""
    for queue in list(_running):
        queue.finish(_END_S)


class RequestQueue(Requests):
    """An open study and the requests that wait for it; `start` it.

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
    said = Signal(str)
    """A sentence for the user: how the study is kept, or what was done when its files were not those on disk."""
    reopened = Signal()
    """The study that is open now may hold other labels than were read from it."""
    waiting_changed = Signal(int)
    """How many writes have not been acknowledged yet."""
    _answered = Signal(object, object)

    def __init__(self, target: str, rater: str = "", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.target, self.rater = target, rater
        """Path or URL of the study, and who works here."""
        self.rescue = RescueStudy(target, rater)
        """Changes that the study refused."""
        self._study: Study | None = None
        self._requests: deque[Request] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._keep_now = False
        self._writes = 0
        self._hurt = False
        self._gone = False
        self._answered.connect(self._answer)
        self._thread = threading.Thread(target=self._run, name="matae-study", daemon=True)
        _running.add(self)

    def start(self) -> None:
        """Open the study; connect the signals before."""
        self._thread.start()

    # -- asking, from the GUI thread ----------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many writes have not been acknowledged yet."""
        return self._writes

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything asked so far is done; return whether it is. The window is drawn meanwhile."""
        wait_until(lambda: not self._requests or self._hurt or not self._thread.is_alive(), seconds)
        return not self._requests

    def keep_waiting(self, seconds: float = 5.0) -> Path | None:
        """Put a copy of every change that waits into the rescue study; they stay in line."""
        with self._wake:
            self._keep_now = True
            self._wake.notify_all()
        wait_until(lambda: not self._keep_now or not self._thread.is_alive(), seconds)
        return self.rescue.path

    def close(self, seconds: float = _CLOSE_S) -> bool:
        """Finish what was asked and let go of the study; return whether every write went through.

        What does not go through within that time is written, or kept in the rescue study, while the program goes on.
        """
        self._gone = True  # nobody listens to answers that come while this waits
        safe = self.flush(seconds)
        self._end()
        wait_until(lambda: not self._thread.is_alive(), seconds)
        return safe and not self.rescue.count

    def finish(self, seconds: float) -> None:
        """Take nothing more, and wait so long for what is in line; it is written or kept even if that takes longer."""
        self._end()
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _end(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify_all()

    def _put(self, request: Request) -> None:
        if request.writes:
            self._writes += 1
            self.waiting_changed.emit(self._writes)
        with self._wake:
            self._requests.append(request)
            self._wake.notify_all()

    def _answer(self, request: Request, answer: Any) -> None:
        if request.writes:
            self._writes -= 1
        if not self._gone:
            callback = request.failed if isinstance(answer, BaseException) else request.done
            if callback is not None:
                callback(answer)
            if request.writes:
                self.waiting_changed.emit(self._writes)

    # -- in the study's thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._study = _open(self.target, self.rater)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user is told and the work goes on unsaved
            self._tell("closed_out", explain(error))
            return
        self._tell("opened", self._study.name)
        if self._study.notice:
            self._tell("said", self._study.notice)
        try:
            while (request := self._next()) is not None:
                self._do(request)
        finally:
            with suppress(MataeError):  # its connection was lost: what was acknowledged is stored
                self._study.close()

    def _next(self) -> Request | None:
        """Return what is first in line, after waiting for it; None at the end."""
        while True:
            with self._wake:
                if not self._requests and not self._closing and not self._keep_now:
                    self._wake.wait(_LOOK_S)
                if self._requests:
                    return self._requests[0]
                self._keep_now = False
                self._wake.notify_all()
                if self._closing:
                    return None
            self._look()

    def _look(self) -> None:
        """Make sure that what is stored next goes into the files on disk."""
        try:
            if self._study is not None:
                self._study.check_in_place()
        except MisplacedError:
            self._recover()
        except MataeError:
            return  # the next write meets it, and says it

    def _ready(self) -> Study:
        """Return the open study; one that was closed to be opened anew, and could not be, is tried again."""
        if self._study is None or self._study.is_closed:
            from matae.store import Study

            self._study = Study.open(self.target, rater=self.rater, wait_s=_LOCK_WAIT_S, as_reader=True)
        return self._study

    def _do(self, request: Request) -> None:
        answer: Any = None
        while True:
            try:
                answer = request.work(self._ready())
            except ConflictError as error:
                answer = error
            except MisplacedError as error:
                if self._recover() or self._wait_with(str(error)):
                    continue
                answer = self._keep(request, error)
            except StoreError as error:
                if error.transient and request.patient and self._wait_with(str(error)):
                    continue
                answer = self._keep(request, error)
            except Exception as error:  # noqa: BLE001 - a defect of ours must not take the other writes with it
                answer = self._keep(request, error)
            break
        if request.patient and self._hurt and not isinstance(answer, BaseException):
            self._say("")
        self._finish(request, answer)

    def _finish(self, request: Request, answer: Any) -> None:
        with self._wake:
            self._requests.remove(request)
            self._wake.notify_all()
        self._tell("_answered", request, answer)

    def _keep(self, request: Request, error: BaseException) -> BaseException:
        """Keep a refused change in the rescue study; return the error, which says where."""
        if not request.writes or request.about is None or request.keep is None:
            return error
        if not request.kept:
            try:
                self.rescue.keep(request.about, request.keep)
            except MataeError as worse:
                return StoreError(f"{explain(error)} It could not be kept elsewhere either: {worse}")
            request.kept = True
        return StoreError(f"{explain(error)} This change is kept in {self.rescue.path}: open that file as a study.")

    def _say(self, text: str) -> None:
        self._hurt = bool(text)
        self._tell("trouble", text)

    # -- waiting for an error to pass ---------------------------------------------------------------------

    def _wait_with(self, sentence: str) -> bool:
        """Say why a write waits, and wait; return whether to try again."""
        self._say(sentence)
        end = time.monotonic() + _RETRY_S
        while (left := end - time.monotonic()) > 0:
            with self._wake:
                if self._closing:
                    return False
                aside = None if self._keep_now else self._may_overtake()
                if aside is None and not self._keep_now:
                    self._wake.wait(left)
            if self._keep_now:
                self._keep_all()
            elif aside is not None:
                self._do_aside(aside)
        return not self._closing

    def _may_overtake(self) -> Request | None:
        """Return the first question in line that concerns no cine with a write before it."""
        written: set[str] = set()
        for request in self._requests:
            if request.writes and request.about is not None:
                written.add(request.about.content_id)
            elif request is self._requests[0] or request.about is None:
                continue
            elif request.about.content_id not in written:
                if time.monotonic() - request.tried >= _RETRY_S:
                    return request
                return None
        return None

    def _do_aside(self, request: Request) -> None:
        request.tried = time.monotonic()
        try:
            answer: Any = request.work(self._ready())
        except StoreError as error:
            if error.transient or isinstance(error, MisplacedError):
                return  # its turn comes
            answer = error
        except Exception as error:  # noqa: BLE001 - a defect of ours must not take the writes with it
            answer = error
        self._finish(request, answer)

    def _keep_all(self) -> None:
        """Put every change in line into the rescue study too."""
        with self._wake:
            requests = list(self._requests)
        for request in requests:
            if request.writes and not request.kept and request.about is not None and request.keep is not None:
                try:
                    self.rescue.keep(request.about, request.keep)
                    request.kept = True
                except MataeError:
                    break  # whoever asked finds no rescue study, or not all in it
        with self._wake:
            self._keep_now = False
            self._wake.notify_all()

    # -- files that are no longer those on disk -----------------------------------------------------------

    def _recover(self) -> bool:
        """Copy all the study knows, open it anew, bring back what is missing; return whether work can go on."""
        if self._study is None:
            return False
        try:
            found = reopen(
                self._study, self.rescue.new_path("copy"), self.target, rater=self.rater, wait_s=_LOCK_WAIT_S
            )
        except MataeError as error:
            self._say(str(error))
            return False
        self._study, self.target = found.study, found.target
        self._say("")
        self._tell("said", found.sentence)
        if found.is_copy or found.is_other:
            self._tell("opened", found.study.name)
        if found.is_other:
            self._tell("reopened")
        return True

    def _tell(self, signal: str, *values: object) -> None:
        try:
            getattr(self, signal).emit(*values)
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
                Study.create(path, rater=rater).close()
            except MataeError:
                if not path.exists():  # else another viewer was making it at the same moment
                    raise
    return Study.open(target, rater=rater, wait_s=_LOCK_WAIT_S, as_reader=True)
