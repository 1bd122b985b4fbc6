"""The study that is open: what is asked of it, why it does not take work, and how many frames it holds."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_matae.background.connections import connections_of
from napari_matae.background.failure import explain
from napari_matae.study_thread.request_queue import RequestQueue
from napari_matae.study_thread.requests import Requests

if TYPE_CHECKING:
    from matae.store.types import Statistics

__all__ = ["StudyConnection"]

_COUNT_MS = 500


class StudyConnection(QObject):  # type: ignore[misc]
    """One study after the other; what is asked while none is open is not asked at all.

    Parameters
    ----------
    parent
        Qt parent.
    """

    opened = Signal()
    """The study is open."""
    closed_out = Signal(str)
    """The study cannot be opened; a sentence."""
    changed = Signal()
    """`name`, `problem` or what waits to be written is another."""
    counted = Signal(object)
    """The study's `matae.store.Statistics`."""
    said = Signal(str)
    """A sentence for the user."""
    moved = Signal(str)
    """Work goes on in a copy of the study, whose own file is gone; its path, for the next sitting."""
    reopened = Signal()
    """The study that is open now may hold other labels than were read from it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = ""
        """The study's name; empty while none is open."""
        self.target = ""
        """Path or URL of the study; empty while none is open."""
        self.problem = ""
        """Why work is not being saved; empty if it is."""
        self.statistics: Statistics | None = None
        """The study's frames as last counted."""
        self._queue_connections = connections_of(self)
        self._none = Requests(self)
        self.requests: Requests = self._none
        """Takes what is asked of the study."""
        self._count_timer = QTimer(self)
        self._count_timer.setSingleShot(True)
        self._count_timer.setInterval(_COUNT_MS)
        self._count_timer.timeout.connect(self.count)

    # -- opening and closing ------------------------------------------------------------------------------

    def open(self, target: str, rater: str = "") -> None:
        """Open a study, which is made if there is none; close the one before first."""
        self.problem, self.target = "", target
        self.requests = queue = RequestQueue(target, rater or _user(), self)
        connect = self._queue_connections.connect
        connect(queue.opened, self._on_opened)
        connect(queue.closed_out, self.closed_out)
        connect(queue.trouble, self.tell)
        connect(queue.waiting_changed, self._on_waiting)
        connect(queue.said, self.said)
        connect(queue.reopened, self.reopened)
        queue.start()

    @property
    def rater(self) -> str:
        """Under whose id changes are made; empty while no study is open."""
        return self.requests.rater if isinstance(self.requests, RequestQueue) else ""

    def close(self) -> bool:
        """Finish writing and let go of the study; return whether every write went through."""
        queue, self.requests = self.requests, self._none
        self.name = self.target = ""
        if not isinstance(queue, RequestQueue):
            return True
        safe = queue.close()
        if queue.rescue.path is not None and queue.rescue.count:
            changes = "1 change" if queue.rescue.count == 1 else f"{queue.rescue.count} changes"
            self.said.emit(
                f"{changes} could not be stored in the study and {'is' if queue.rescue.count == 1 else 'are'} kept in "
                f"{queue.rescue.path}: open that file as a study."
            )
        self._queue_connections.close()  # what is still in line is written without a word
        queue.deleteLater()
        return safe

    def _on_opened(self, name: str) -> None:
        self.name = name
        queue = self.requests
        if isinstance(queue, RequestQueue) and queue.target != self.target:
            self.target = queue.target
            self.moved.emit(self.target)
        self.opened.emit()
        self.count()
        self.changed.emit()

    def _on_waiting(self, _: int) -> None:
        self.changed.emit()

    # -- how it is ----------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether there is a study, be it still on its way."""
        return self.requests is not self._none

    @property
    def opened_target(self) -> str:
        """`target` once the study is open, for work in a thread of its own; empty before."""
        return self.target if self.name else ""

    def tell(self, problem: str) -> None:
        """Note why work is not being saved; nothing where it is after all."""
        self.problem = problem
        self.changed.emit()

    def fail(self, error: BaseException) -> None:
        """Note that a write was refused for good."""
        self.tell(explain(error))

    def count(self) -> None:
        """Count the study's frames anew."""
        self.requests.ask(lambda study: study.statistics(), self._on_counted)

    def count_soon(self) -> None:
        """Count the study's frames anew once it is calm."""
        self._count_timer.start()

    def _on_counted(self, statistics: Statistics) -> None:
        self.statistics = statistics
        self.counted.emit(statistics)


def _user() -> str:
    """Return who is logged in: the rater until another name is given."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
