"""End-diastole and end-systole of the session's cine, in step with the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.errors import ConflictError
from napari_matae.background.failure import explain

if TYPE_CHECKING:
    from matae.store import Study
    from matae.store.types import Marks
    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.session import Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.sync_state import SyncState

__all__ = ["StudyMarks"]


class StudyMarks(QObject):  # type: ignore[misc]
    """Stores the marks as they are made, and shows those that others make.

    Parameters
    ----------
    session
        Whose cine it is.
    study
        Where they are kept.
    sync_state
        Which of them the study has.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""

    def __init__(
        self, session: Session, study: StudyConnection, sync_state: SyncState, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._study, self._sync_state = session, study, sync_state

    def begin(self, current: OpenCine, stored: Marks) -> None:
        """Take what the study holds of a cine just fetched; what was marked while no study knew it is written."""
        stated = (current.ed, current.es) == (current.cine.ed_frame, current.cine.es_frame)
        if stored.revision or stated:
            self._note(stored)
            if stored.revision:
                current.ed, current.es = stored.ed, stored.es
            else:  # nobody marked any: what a source states, this file or the data set it was added from
                current.ed = current.ed if stored.ed is None else stored.ed
                current.es = current.es if stored.es is None else stored.es
                self._sync_state.marks = (current.ed, current.es)
        else:
            self._sync_state.marks, self._sync_state.marks_revision["now"] = None, 0
            self.save()

    def save(self) -> None:
        """Store the marks, unless the study has these very ones."""
        current, sync_state = self._session.current, self._sync_state
        if current is None or not current.ready or sync_state.of is not current:
            return
        marks = (current.ed, current.es)
        if marks == sync_state.marks:
            return
        content_id, revision = current.cine.content_id, sync_state.marks_revision
        sync_state.marks, sync_state.marks_sent = marks, sync_state.marks_sent + 1
        ed, es = marks

        def work(study: Study) -> None:
            # The next write in line is based on this one, whatever the GUI has heard of it by then.
            revision["now"] = study.set_marks(content_id, ed=ed, es=es, expected=revision.get("now")).revision

        def done(_: None) -> None:
            if sync_state.marks_revision is revision:
                sync_state.marks_sent -= 1

        def failed(error: BaseException) -> None:
            here = sync_state.marks_revision is revision
            if here:
                sync_state.marks_sent -= 1
            if not here:
                self.said.emit(explain(error))
            elif not isinstance(error, ConflictError):
                self._study.fail(error)
            else:
                if not sync_state.marks_sent:
                    self.load(current, error.theirs[0])
                self.said.emit(explain(error))

        self._study.requests.write(
            work, done, failed, about=current.cine, keep=lambda study: study.set_marks(content_id, ed=ed, es=es)
        )

    def load(self, current: OpenCine, stored: Marks) -> bool:
        """Show the marks that the study holds, unless others are on their way there; return whether they are others."""
        if self._sync_state.marks_sent:
            return False
        self._note(stored)
        if (current.ed, current.es) == (stored.ed, stored.es):
            return False
        current.ed, current.es = stored.ed, stored.es
        self._session.marks_changed.emit()  # whoever draws and measures; the study has them
        return True

    def _note(self, stored: Marks) -> None:
        self._sync_state.marks = (stored.ed, stored.es)
        self._sync_state.marks_revision["now"] = stored.revision
