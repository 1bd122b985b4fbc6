"""What other viewers do to the study's cine is brought on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from matae.store.types import OverrideName
from napari_matae.study.overrides import WORDS, load_overrides
from napari_matae.study_thread.stored_cine import others_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from matae.store.types import FrameInfo
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.landmarks import StudyLandmarks
    from napari_matae.study.marks import StudyMarks
    from napari_matae.study.sync_state import SyncState
    from napari_matae.study_thread.stored_cine import OthersChanges

__all__ = ["StudyWatcher", "show_theirs"]

_POLL_MS = 1000


class StudyWatcher(QObject):  # type: ignore[misc]
    """Looks for what others changed, once a second while it runs.

    Parameters
    ----------
    session
        Where it is shown.
    study
        Where others work too.
    sync_state
        What is on screen already.
    landmarks, marks
        Show those of others.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""

    def __init__(
        self,
        session: Session,
        study: StudyConnection,
        sync_state: SyncState,
        *,
        landmarks: StudyLandmarks,
        marks: StudyMarks,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._study, self._sync_state = session, study, sync_state
        self._landmarks, self._marks = landmarks, marks
        self._polling = False
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self.poll)

    def start(self) -> None:
        """Look once a second from now on."""
        self._timer.start()

    def stop(self) -> None:
        """Look no more; an answer on its way is not waited for."""
        self._timer.stop()
        self._polling = False

    def poll(self) -> None:
        """Look for what other viewers changed."""
        current, entry = self._session.current, self._sync_state.entry
        if not self._study.is_open or self._polling or current is None or not current.ready or entry is None:
            return
        self._polling = True
        content_id, since = entry.content_id, self._sync_state.sequence

        def done(others: OthersChanges) -> None:
            self._polling = False
            self._take(current, others)

        def failed(_: BaseException) -> None:
            self._polling = False  # a write will say what is wrong

        self._study.requests.ask(lambda study: others_changes(study, content_id, since), done, failed)

    def _take(self, current: OpenCine, others: OthersChanges) -> None:
        if current is not self._session.current or not current.ready:
            return
        sync_state = self._sync_state
        if not sync_state.proposed.isdisjoint(others.infos):
            return  # the next look finds those frames as both writes leave them
        sync_state.sequence = others.sequence
        if any(not change.own for change in others.changes):
            self._study.count_soon()
        # A frame with a stroke on its way is settled by the study's answer to that stroke.
        free = {t: i for t, i in others.infos.items() if t not in sync_state.unsaved and t not in current.drawn}
        moved = {t: points for t, points in others.landmarks.items() if t in free}
        free = {t: i for t, i in free.items() if sync_state.is_behind(t, i)}
        show_theirs(self._session, sync_state, free, others.masks)
        self._landmarks.load(current, moved)
        for frame in moved:
            self._session.placed.emit(frame)
        if others.overrides is not None:
            changed = load_overrides(self._session, sync_state, others.overrides)
            if changed:
                were = "were" if len(changed) > 1 else "was"
                self.said.emit(f"{_set_in_words(changed)} of this cine {were} set in another window.")
        if others.marks is not None and self._marks.load(current, others.marks):
            by = f" by {others.marks.rater}" if others.marks.rater else ""
            self.said.emit(f"End-diastole and end-systole of this cine were marked in another window{by}.")
        if free:
            self.said.emit(_sentence(free.values()))


def show_theirs(
    session: Session,
    sync_state: SyncState,
    infos: Mapping[int, FrameInfo | None],
    masks: Mapping[int, NDArray[np.uint8] | None],
) -> None:
    """Show what the study holds for some frames of the session's cine, and go on from there.

    Parameters
    ----------
    session
        Where it is shown.
    sync_state
        The books on that cine.
    infos
        The frames; None for one that has no mask any more.
    masks
        Their masks, (Y, X).
    """
    current = session.current
    if current is None:
        return
    empty = np.zeros(current.cine.shape, np.uint8)
    shown = {}
    for frame, info in infos.items():
        mask = masks.get(frame)
        shown[frame] = (empty, None) if mask is None or info is None else (mask, info.status)
        sync_state.revisions[frame] = 0 if info is None else info.revision
        current.seconds[frame] = 0.0 if info is None else info.seconds
    session.masks.show_stored(shown, infos)


def _set_in_words(names: Iterable[OverrideName]) -> str:
    words = [WORDS[name] for name in OverrideName if name in set(names)]
    return (" and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]).capitalize()


def _sentence(infos: Iterable[FrameInfo | None]) -> str:
    changed = list(infos)
    who = sorted({info.rater for info in changed if info is not None and info.rater})
    by = f" by {', '.join(who)}" if who else ""
    return f"{len(changed)} frame{'s' * (len(changed) != 1)} changed in another window{by}."
