"""Two people changed one frame: the study keeps both versions, and a person decides which is the frame's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_matae.study.watcher import show_theirs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.store.types import FrameInfo, FrameStatus
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.sync_state import SyncState
    from napari_matae.study.writer import StudyWriter

__all__ = ["Conflict", "StudyConflicts"]


@dataclass(frozen=True, eq=False)
class Conflict:
    """A frame that two people changed at once.

    Parameters
    ----------
    current
        Its cine.
    frame
        0-based frame.
    mine
        The mask on this screen, (Y, X); None where the label was taken away.
    status
        The status this person gave it.
    theirs
        What the study holds now.
    their_mask
        (Y, X), or None where the label was taken away.
    """

    current: OpenCine
    frame: int
    mine: NDArray[np.uint8] | None
    status: FrameStatus | None
    theirs: FrameInfo
    their_mask: NDArray[np.uint8] | None

    @property
    def is_agreed(self) -> bool:
        """Whether both did the same."""
        if self.mine is None or self.their_mask is None or self.status is not self.theirs.status:
            return False
        return np.array_equal(self.mine, self.their_mask)


class StudyConflicts(QObject):  # type: ignore[misc]
    """Asks about frames for which the writer was late, and does what is decided.

    Parameters
    ----------
    session
        What is on screen.
    study
        What others see.
    sync_state
        The version each frame on screen is based on.
    writer
        Writes what is kept, and says when it was late.
    parent
        Qt parent.
    """

    conflicted = Signal(object)
    """Somebody else was faster (Conflict); nothing is lost."""

    def __init__(
        self,
        session: Session,
        study: StudyConnection,
        sync_state: SyncState,
        writer: StudyWriter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._study, self._sync_state, self._writer = session, study, sync_state, writer
        writer.late.connect(self._compare)

    def _compare(self, current: OpenCine, theirs: FrameInfo) -> None:
        """Fetch their mask, and ask unless it is the one on screen."""
        content_id, frame = current.cine.content_id, theirs.frame

        def compare(their_mask: NDArray[np.uint8] | None) -> None:
            if current is not self._session.current or current.labels is None:
                return
            status = current.status.get(frame)
            mine = None if status is None else current.mask(frame).copy()
            conflict = Conflict(current, frame, mine, status, theirs, their_mask)
            if conflict.is_agreed:
                self._sync_state.revisions[frame] = theirs.revision
            else:
                self.conflicted.emit(conflict)

        self._study.requests.ask(lambda study: study.mask(content_id, frame), compare)

    def keep_mine(self, conflict: Conflict) -> None:
        """Make this screen's version the frame's; theirs stays in the history."""
        if conflict.current is self._session.current:
            self._sync_state.revisions[conflict.frame] = conflict.theirs.revision
            self._writer.write([conflict.frame], "conflict settled")

    def take_theirs(self, conflict: Conflict) -> None:
        """Show what the study holds; this screen's version stays in the history."""
        if conflict.current is self._session.current:
            infos, masks = {conflict.frame: conflict.theirs}, {conflict.frame: conflict.their_mask}
            show_theirs(self._session, self._sync_state, infos, masks)
