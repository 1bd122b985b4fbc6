"""What a person draws goes into the study; every write carries the version it was based on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.errors import ConflictError
from matae.store.types import Edit, FrameStatus
from napari_matae.background.failure import explain
from napari_matae.study.landmarks import to_points

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matae.store import Study
    from matae.store.types import FrameInfo
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.landmarks import StudyLandmarks
    from napari_matae.study.proposals import StudyProposals
    from napari_matae.study.sync_state import SyncState

__all__ = ["StudyWriter"]


class StudyWriter(QObject):  # type: ignore[misc]
    """Writes the frames that a person changed.

    Parameters
    ----------
    session
        Whose work it is.
    study
        Where it is kept.
    sync_state
        What the study has, and what is on its way.
    proposals
        Go in before the masks drawn on them.
    landmarks
        Go in with their masks.
    parent
        Qt parent.
    """

    acknowledged = Signal(object)
    """Frames (list of int) that are durable now."""
    late = Signal(object, object)
    """Somebody else was faster with a frame (OpenCine, and the FrameInfo of what the study holds)."""
    said = Signal(str)
    """A sentence for the user."""

    def __init__(
        self,
        session: Session,
        study: StudyConnection,
        sync_state: SyncState,
        *,
        proposals: StudyProposals,
        landmarks: StudyLandmarks,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._study, self._sync_state = session, study, sync_state
        self._proposals, self._landmarks = proposals, landmarks

    def write(self, frames: list[int], note: str) -> None:
        """Write frames as they are on screen, as one step.

        Parameters
        ----------
        frames
            0-based frames.
        note
            What was done.
        """
        current = self._session.current
        if current is None or current.labels is None:
            return
        self._proposals.save()  # a manual mask must find the predicted one it was drawn on
        self._sync_state.send(frames)
        if not self._study.is_open:
            self._study.changed.emit()
            return
        content_id, revisions = current.cine.content_id, self._sync_state.revisions
        spent = {t: self._sync_state.seconds.pop(t, 0.0) for t in frames}
        status = {t: current.status.get(t) for t in frames}
        masks = {t: None if status[t] is None else current.mask(t).copy() for t in frames}
        # Two runs may have proposed the same mask: which of them is shown again is known here.
        origins = {t: current.origins[t] for t in frames if t in current.origins}
        implied = {t: None if math.isnan(found := current.implied[t]) else float(found) for t in frames}
        kept: list[int] = []
        placed = {t: current.placed(t) for t in frames}

        def work(study: Study) -> list[FrameInfo]:
            edits = [
                Edit(
                    t, mask, revisions.get(t, 0), status[t] or FrameStatus.MACHINE, spent[t], origins.get(t), implied[t]
                )
                for t, mask in masks.items()
            ]
            infos = study.put_edits(content_id, edits, note=note)
            # The next write in line is based on this one, whatever the GUI has heard of it by then.
            revisions.update({info.frame: info.revision for info in infos})
            kept.extend(frames)
            return infos

        def keep(study: Study) -> None:
            """Store the frames in a study that has nothing of them, or an earlier state."""
            known = study.frames(content_id)
            edits = [
                Edit(t, mask, known[t].revision if t in known else 0, status[t] or FrameStatus.MACHINE, spent[t])
                for t, mask in masks.items()
            ]
            study.put_edits(content_id, edits, note=note)
            for t, landmarks in placed.items():
                if landmarks is not None:
                    study.set_landmarks(content_id, t, to_points(landmarks))

        self._study.requests.write(
            work,
            lambda _: self._on_answered(current, frames),
            lambda error: self._on_refused(current, frames, error),
            about=current.cine,
            keep=keep,
        )
        self._landmarks.save(frames, lambda: bool(kept))  # those of a mask that is refused go with it

    def _on_answered(self, current: OpenCine, frames: Iterable[int]) -> None:
        if current is self._session.current:
            self._sync_state.arrive(frames)
            self.acknowledged.emit(list(frames))
            self._study.count_soon()

    def _on_refused(self, current: OpenCine, frames: list[int], error: BaseException) -> None:
        if current is not self._session.current:
            self.said.emit(explain(error))
            return
        if not isinstance(error, ConflictError):
            self._sync_state.arrive(frames)
            self._study.fail(error)
            return
        late = {info.frame: info for info in error.theirs}
        rest = [t for t in frames if t not in late]
        self._landmarks.doubt(frames)
        self._on_answered(current, list(late))
        if rest and late:  # the study refuses the whole step; what nobody else touched goes in by itself
            self._on_answered(current, rest)
            self.write(rest, "kept from before")
        for info in late.values():
            self.late.emit(current, info)
