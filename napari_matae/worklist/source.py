"""Where the lines of the worklist come from: all of them at first, then what changed, from the study.

The first question reads for a second or two in a large study, so it is asked on a connection of its own; what changed
since is asked every few seconds on the one that is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_matae.background.connections import connections_of
from napari_matae.background.events import Failed, Finished
from napari_matae.background.worker import EventWorker
from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from matae.store import Study, WorklistNews, WorklistRow
    from napari_matae.study.link import StudyLink

__all__ = ["WorklistSource"]

_POLL_MS = 3000


class WorklistSource(QObject):  # type: ignore[misc]
    """Asks the open study for its worklist while somebody looks.

    Parameters
    ----------
    link
        The study.
    parent
        Qt parent.
    """

    loaded = Signal(object)
    """All lines (list of `matae.store.WorklistRow`)."""
    news = Signal(object)
    """What changed (`matae.store.WorklistNews`)."""
    failed = Signal(str)
    """The study could not be asked; a sentence."""

    def __init__(self, link: StudyLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._sequence: int | None = None
        self._target = ""
        self._asking = self._again = False
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self._on_ended)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self.poll)
        connections_of(self).connect(link.connection.opened, self._on_opened)

    @property
    def is_loading(self) -> bool:
        """Whether all lines are being asked for."""
        return self._worker.is_running

    def begin(self) -> None:
        """Somebody looks: show what there is and follow it."""
        self._timer.start()
        if self._target == self._link.connection.opened_target and self._sequence is not None:
            self.poll()
        else:
            self.load()

    def rest(self) -> None:
        """Nobody looks: ask no more."""
        self._timer.stop()

    def load(self) -> None:
        """Ask for all lines."""
        target = self._link.connection.opened_target
        if not target:
            return  # it is on its way, and `opened` will say so
        if self.is_loading:
            self._again = True
            return
        self._target = target
        self._worker.call(_load, target, self._link.connection.rater)

    def poll(self) -> None:
        """Ask for what changed."""
        if self._asking or self.is_loading or self._sequence is None or not self._link.connection.name:
            return
        self._asking = True
        since, target = self._sequence, self._target

        def ask(study: Study) -> WorklistNews:
            return study.worklist_news(since)

        self._link.connection.requests.ask(ask, lambda news: self._on_news(target, news), self._on_not_asked)

    def _on_event(self, event: object) -> None:
        if isinstance(event, Finished):
            sequence, rows = event.value
            if self._target == self._link.connection.opened_target:
                self._sequence = sequence
                self.loaded.emit(rows)
        elif isinstance(event, Failed):
            self.failed.emit(event.text)

    def _on_ended(self) -> None:
        again, self._again = self._again, False
        if again:
            self.load()
        else:
            self.poll()  # who has what open, as this very connection sees it

    def _on_news(self, target: str, news: WorklistNews) -> None:
        self._asking = False
        if target != self._target:
            return
        self._sequence = news.sequence
        self.news.emit(news)
        if news.all_changed:
            self.load()

    def _on_not_asked(self, _: BaseException) -> None:
        self._asking = False  # a write will say what is wrong

    def _on_opened(self) -> None:
        self._sequence, self._asking = None, False
        if self._timer.isActive():
            self.load()


def _load(target: str, rater: str) -> tuple[int, list[WorklistRow]]:
    from matae.readers import with_readers

    with own_connection(target, rater, as_reader=True) as study:
        sequence = study.sequence  # before: what happens meanwhile is asked for again
        # Who has what open is asked on the viewer's own connection, which knows which of the claims is its own.
        return sequence, [row._replace(claims=()) for row in with_readers(study, study.worklist())]
