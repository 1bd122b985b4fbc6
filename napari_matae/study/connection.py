"""The study that is open: what is asked of it, why it does not take work, and how many frames it holds."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_matae.background.failure import explain
from napari_matae.study_thread.request_queue import StudyQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine
    from matae.store import Study
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
        self.problem = ""
        """Why work is not being saved; empty if it is."""
        self.statistics: Statistics | None = None
        self._queue: StudyQueue | None = None
        self._asked = ""
        self._count_timer = QTimer(self)
        self._count_timer.setSingleShot(True)
        self._count_timer.setInterval(_COUNT_MS)
        self._count_timer.timeout.connect(self.count)

    # -- opening and closing ------------------------------------------------------------------------------

    def open(self, target: str, rater: str = "") -> None:
        """Open a study, which is made if there is none; close the one before first."""
        self.problem, self._asked = "", target
        self._queue = StudyQueue(target, rater or _user(), self)
        for signal, slot in self._wires(self._queue):
            signal.connect(slot)
        self._queue.start()

    def close(self) -> bool:
        """Finish writing and let go of the study; return whether every write went through."""
        queue, self._queue = self._queue, None
        self.name = ""
        if queue is None:
            return True
        safe = queue.close()
        if queue.rescue.path is not None and queue.rescue.count:
            changes = "1 change" if queue.rescue.count == 1 else f"{queue.rescue.count} changes"
            self.said.emit(
                f"{changes} could not be stored in the study and {'is' if queue.rescue.count == 1 else 'are'} kept in "
                f"{queue.rescue.path}: open that file as a study."
            )
        for signal, slot in self._wires(queue):
            signal.disconnect(slot)
        queue.deleteLater()
        return safe

    def close_down(self) -> None:
        """Let go of the study and count no more."""
        self.close()
        self._count_timer.stop()

    def _wires(self, queue: StudyQueue) -> Iterator[tuple[Any, Callable[..., None]]]:
        yield queue.opened, self._on_opened
        yield queue.closed_out, self._on_closed_out
        yield queue.trouble, self.tell
        yield queue.waiting_changed, self._on_waiting
        yield queue.said, self.said
        yield queue.reopened, self.reopened

    def _on_opened(self, name: str) -> None:
        self.name = name
        if self.target != self._asked:
            self._asked = self.target
            self.moved.emit(self.target)
        self.opened.emit()
        self.count()
        self.changed.emit()

    def _on_closed_out(self, sentence: str) -> None:
        self.closed_out.emit(sentence)

    def _on_waiting(self, _: int) -> None:
        self.changed.emit()

    # -- how it is ----------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether there is a study, be it still on its way."""
        return self._queue is not None

    @property
    def target(self) -> str:
        """Path or URL of the study; empty while none is open."""
        return "" if self._queue is None else self._queue.target

    @property
    def waiting(self) -> int:
        """How many writes have not been acknowledged yet."""
        return 0 if self._queue is None else self._queue.waiting

    def tell(self, problem: str) -> None:
        """Note why work is not being saved; nothing where it is after all."""
        self.problem = problem
        self.changed.emit()

    def fail(self, error: BaseException) -> None:
        """Note that a write was refused for good."""
        self.tell(explain(error))

    # -- what is asked of it ------------------------------------------------------------------------------

    def ask(
        self,
        work: Callable[[Study], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
        *,
        about: Cine | None = None,
    ) -> None:
        """Do something that writes nothing a person made, after all that was asked before; see `StudyQueue.ask`."""
        if self._queue is not None:
            self._queue.ask(work, done, failed, about=about)

    def write(
        self,
        work: Callable[[Study], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
        *,
        about: Cine | None = None,
        keep: Callable[[Study], Any] | None = None,
    ) -> None:
        """Write something a person made, sooner or later; see `StudyQueue.write`."""
        if self._queue is not None:
            self._queue.write(work, done, failed, about=about, keep=keep)

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything asked so far is done; return whether it is."""
        return self._queue is None or self._queue.flush(seconds)

    def keep_waiting(self) -> Path | None:
        """Put a copy of every change that waits into a rescue study; return it, or None where there is none."""
        return None if self._queue is None else self._queue.keep_waiting()

    @property
    def refused(self) -> tuple[int, Path | None]:
        """How many changes the study refused in this sitting, and the rescue study that holds them."""
        return (0, None) if self._queue is None else (self._queue.rescue.count, self._queue.rescue.path)

    def count(self) -> None:
        """Count the study's frames anew."""
        self.ask(lambda study: study.statistics(), self._on_counted)

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
