"""Says in the study that this viewer has its clip open, for as long as it has; and tells who else has it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from matae.store import Claim, Study
    from napari_matae.session.session import Session
    from napari_matae.study.link import StudyLink

__all__ = ["ClaimKeeper"]

_RENEW_MS = 45_000
"""A third of the time for which a claim holds."""


class ClaimKeeper(QObject):  # type: ignore[misc]
    """Claims the open clip, and renews that.

    A claim keeps nobody out, so where it cannot be stored nothing is said: the work itself will say what is wrong.

    Parameters
    ----------
    session
        Whose clip.
    link
        The study.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""

    def __init__(self, session: Session, link: StudyLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._link = session, link
        self._told = ""
        self._timer = QTimer(self)
        self._timer.setInterval(_RENEW_MS)
        self._timer.timeout.connect(self._claim)
        connections = connections_of(self)
        connections.connect(session.restored, self._on_restored)
        connections.connect(session.opened, self._on_opened)
        connections.when_closed(self._release)

    def _on_restored(self) -> None:
        if self._link.sync_state.entry is not None:
            self._claim()
            self._timer.start()

    def _on_opened(self, current: object) -> None:
        if current is None:
            self._release()

    def _claim(self) -> None:
        entry = self._link.sync_state.entry
        if entry is None or not self._link.connection.name:
            return
        content_id = entry.content_id

        def done(others: list[Claim]) -> None:
            if content_id != self._told and others:
                names = ", ".join(dict.fromkeys(claim.rater or "somebody" for claim in others))
                since = others[0].since.astimezone().strftime("%H:%M")
                self.said.emit(f"This clip is open by {names} too, since {since}; what both change is kept apart.")
            self._told = content_id

        self._link.connection.requests.ask(lambda study: _claimed(study, content_id), done, lambda _: None)

    def _release(self) -> None:
        self._timer.stop()
        self._told = ""
        if self._link.connection.name:
            self._link.connection.requests.ask(lambda study: study.release_claim(), None, lambda _: None)


def _claimed(study: Study, content_id: str) -> list[Claim]:
    return study.claim(content_id) if study.has_cine(content_id) else []
