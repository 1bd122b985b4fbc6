"""Where a person was in each cine, kept in the study soon after it changes: the cine opens there the next time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.session import Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.sync_state import SyncState

__all__ = ["StudyPlace"]

_CALM_MS = 500
"""A frame is a place where somebody stays so long: stepping and playing write nothing."""


class StudyPlace(QObject):  # type: ignore[misc]
    """Stores the frame on screen for the person who works, in the study's own thread.

    Parameters
    ----------
    session
        Whose frame.
    study
        Where it is kept.
    sync_state
        Says under which name the study knows the cine.
    parent
        Qt parent.
    """

    def __init__(
        self, session: Session, study: StudyConnection, sync_state: SyncState, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._study, self._sync_state = session, study, sync_state
        self._waiting: tuple[str, int] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM_MS)
        self._timer.timeout.connect(self._write)
        self._wires = (
            (session.frame_changed, self._note),
            (session.restored, self._note),
            (session.opened, self._on_opened),
        )
        for signal, slot in self._wires:
            signal.connect(slot)

    def save(self) -> None:
        """Store now which frame is on screen."""
        self._note()
        self._write()

    def close_down(self) -> None:
        """Stop listening."""
        self._timer.stop()
        for signal, slot in self._wires:
            signal.disconnect(slot)

    def _note(self, _: int = 0) -> None:
        current, entry = self._session.current, self._sync_state.entry
        if current is None or entry is None or self._sync_state.of is not current or not current.ready:
            return  # the study has not said yet where it was left
        if current.image not in self._session.viewer.layers:
            return  # it is being put away: the slider is moved by the layers that go, not by a person
        self._waiting = entry.content_id, self._session.frame
        self._timer.start()

    def _on_opened(self, _: OpenCine | None) -> None:
        self._write()  # that of the cine before: it is known by its content

    def _write(self) -> None:
        self._timer.stop()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            content_id, frame = waiting
            self._study.requests.ask(lambda study: study.set_last_frame(content_id, frame))
