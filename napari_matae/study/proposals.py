"""A model's proposals go into the study in batches, not one by one: a run makes dozens in a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from matae.store.types import FrameStatus, Origin
from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matae.store import Study
    from matae.store.types import FrameInfo
    from napari_matae.session.session import Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.landmarks import StudyLandmarks
    from napari_matae.study.sync_state import SyncState

__all__ = ["StudyProposals"]

_BATCH_MS = 1000
_UNNAMED = Origin("", "")


class StudyProposals(QObject):  # type: ignore[misc]
    """The proposals that wait to be stored.

    Parameters
    ----------
    session
        What is on screen.
    study
        Where they are kept.
    sync_state
        Holds which they are.
    landmarks
        Of masks that a proposal replaced.
    parent
        Qt parent.
    """

    def __init__(
        self,
        session: Session,
        study: StudyConnection,
        sync_state: SyncState,
        landmarks: StudyLandmarks,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._study, self._sync_state, self._landmarks = session, study, sync_state, landmarks
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_BATCH_MS)
        self._timer.timeout.connect(self.save)
        # What a person may take back to must be in the study before another run takes its place.
        connections_of(self).connect(session.run_ended, self.save)

    def add(self, frame: int) -> None:
        """Store the proposal of a frame with the next batch."""
        self._sync_state.fresh.add(frame)
        if not self._timer.isActive():
            self._timer.start()
            self._study.changed.emit()

    def add_now(self, frames: Iterable[int]) -> None:
        """Store the proposals of frames, with all that wait."""
        self._sync_state.fresh.update(frames)
        self.save()

    def wait_no_longer(self) -> None:
        """Stop the clock of the next batch."""
        self._timer.stop()

    def save(self) -> None:
        """Store the proposals that have come since the last time."""
        sync_state = self._sync_state
        current = sync_state.of
        self._timer.stop()
        if current is None or not self._study.is_open or current.predicted is None or not sync_state.fresh:
            return
        if not current.ready:
            return
        frames, sync_state.fresh = sorted(sync_state.fresh), set()
        content_id = current.cine.content_id
        masks = {t: current.predicted[t].copy() for t in frames if t in current.proposed}
        implied = {t: float(current.implied[t]) for t in masks}
        made: dict[Origin, list[int]] = {}
        for t in masks:
            made.setdefault(current.origins.get(t, _UNNAMED), []).append(t)
        revisions, storing = sync_state.revisions, sync_state.storing
        storing.append(frames)

        def work(study: Study) -> dict[int, FrameInfo]:
            for origin, some in made.items():
                study.put_proposals(content_id, {t: masks[t] for t in some}, **origin._asdict(), implied=implied)
            infos = study.frames(content_id)
            revisions.update({t: infos[t].revision for t in masks if infos[t].status is FrameStatus.MACHINE})
            return infos

        def done(_: object) -> None:
            storing.remove(frames)
            self._study.count_soon()

        def failed(error: BaseException) -> None:
            storing.remove(frames)
            self._study.fail(error)

        self._study.requests.write(work, done, failed, about=current.cine)
        if current is self._session.current:
            self._landmarks.save_known(frames)
