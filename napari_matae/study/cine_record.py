"""What the study keeps of a cine beside its masks: whose it is and its flags.

Also what a person set of it, by `napari_matae.study.overrides`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.background.failure import explain
from napari_matae.study.overrides import StudyOverrides

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matae.store import Study
    from matae.store.types import CineEntry, Flag
    from napari_matae.session.session import Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.sync_state import SyncState

__all__ = ["CineRecord"]


class CineRecord(QObject):  # type: ignore[misc]
    """Stores what is known of the session's cine.

    Parameters
    ----------
    session
        Whose cine it is.
    study
        Where it is kept.
    sync_state
        Holds the cine's entry.
    parent
        Qt parent.
    """

    entry_changed = Signal(object)
    """The cine's `matae.store.CineEntry`, or None."""
    said = Signal(str)
    """A sentence for the user."""

    def __init__(
        self, session: Session, study: StudyConnection, sync_state: SyncState, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._study, self._sync_state = session, study, sync_state
        self.overrides = StudyOverrides(session, study, sync_state, self)
        """Stores sector, flip, pixel size, view and frame rate as they are set."""
        self.overrides.said.connect(self.said)

    def save_flags(self, content_id: str, flags: Mapping[int, Flag]) -> None:
        """Store which frames of a cine are worth a look, unless the study says so already."""
        if not self._study.name:
            return

        def work(study: Study) -> None:
            if study.has_cine(content_id) and study.flags(content_id) != flags:
                study.set_flags(content_id, flags)

        self._study.requests.ask(work)

    def set_subject(self, subject: str) -> None:
        """Give the cine another patient code, and with it the clips whose files state the same patient."""
        known = self._sync_state.entry
        if known is not None and subject.strip():
            content_id = known.content_id

            def work(study: Study) -> str:
                entry = study.set_subject(content_id, subject.strip())
                return f"This cine belongs to {entry.subject}."

            self.say_patient(work)

    def say_patient(self, work: Callable[[Study], str], told: Callable[[str, bool], None] | None = None) -> None:
        """Say whom cines show, this one or others, and look at what the study then says of this one.

        Parameters
        ----------
        work
            Tells the study; returns a sentence on what was done.
        told
            Called with the sentence, or with that on why it was refused, and whether it was done.
        """
        known = self._sync_state.entry
        content_id = "" if known is None else known.content_id

        def tell(study: Study) -> tuple[str, CineEntry | None]:
            sentence = work(study)
            return sentence, study.cine(content_id) if content_id else None

        def done(found: tuple[str, CineEntry | None]) -> None:
            sentence, entry = found
            now = self._sync_state.entry
            if entry is not None and now is not None and now.content_id == content_id:
                if entry.subject == now.subject and entry.subject_source is now.subject_source:
                    entry = replace(entry, subject_note=now.subject_note)
                self._sync_state.entry = entry
                self.entry_changed.emit(entry)
            self.said.emit(sentence)
            self._study.count_soon()
            if told is not None:
                told(sentence, True)

        def failed(error: BaseException) -> None:
            self.entry_changed.emit(self._sync_state.entry)
            self.said.emit(explain(error))
            if told is not None:
                told(explain(error), False)

        self._study.requests.ask(tell, done, failed)
