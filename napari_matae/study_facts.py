"""What the study keeps of a cine beside its masks: whose it is, its marks, its flags, and where somebody left off.

Also what a person set of it, by `napari_matae.study_overrides`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.study_overrides import StudyOverrides
from napari_matae.workers import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matae.store import Study
    from matae.store.types import CineEntry, Flag
    from napari_matae.session import Session
    from napari_matae.study_connection import StudyConnection
    from napari_matae.study_ledger import Ledger

__all__ = ["CineFacts"]


class CineFacts(QObject):  # type: ignore[misc]
    """Stores what is known of the session's cine.

    Parameters
    ----------
    session
        Whose cine it is.
    study
        Where it is kept.
    ledger
        Holds the cine's entry.
    parent
        Qt parent.
    """

    entry_changed = Signal(object)
    """The cine's `matae.store.CineEntry`, or None."""
    said = Signal(str)
    """A sentence for the user."""

    def __init__(self, session: Session, study: StudyConnection, ledger: Ledger, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._study, self._ledger = session, study, ledger
        self.overrides = StudyOverrides(session, study, ledger, self)
        """Stores sector, flip, pixel size, view and frame rate as they are set."""
        self.overrides.said.connect(self.said)

    def save_marks(self) -> None:
        """Store which frames are end-diastole and end-systole."""
        current = self._session.current
        if current is not None and current.ready:
            content_id, ed, es = current.cine.content_id, current.ed, current.es
            self._study.write(
                lambda study: study.set_marks(content_id, ed=ed, es=es), None, self._study.fail, about=current.cine
            )

    def save_flags(self, content_id: str, flags: Mapping[int, Flag]) -> None:
        """Store which frames of a cine are worth a look, unless the study says so already."""
        if not self._study.name:
            return

        def work(study: Study) -> None:
            if study.has_cine(content_id) and study.flags(content_id) != flags:
                study.set_flags(content_id, flags)

        self._study.ask(work)

    def save_place(self) -> None:
        """Store which frame is on screen: the cine opens there the next time."""
        current, entry = self._session.current, self._ledger.entry
        if current is not None and current.ready and entry is not None:
            content_id, frame = entry.content_id, self._session.frame
            self._study.ask(lambda study: study.set_last_frame(content_id, frame))

    def set_subject(self, subject: str) -> None:
        """Give the cine another patient code."""
        known = self._ledger.entry
        if known is None or not subject.strip():
            return
        content_id = known.content_id

        def done(entry: CineEntry) -> None:
            self._ledger.entry = entry
            self.entry_changed.emit(entry)
            self.said.emit(f"This cine belongs to {entry.subject}.")

        def failed(error: BaseException) -> None:
            self.entry_changed.emit(self._ledger.entry)
            self.said.emit(explain(error))

        self._study.ask(lambda study: study.set_subject(content_id, subject.strip()), done, failed)
