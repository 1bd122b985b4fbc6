"""Landmarks that people placed, in step with the study."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from matae.errors import MeasureError
from matae.readers.stored import LANDMARKS, UNREADABLE, from_stored, unreadable_flag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from matae.measure import Landmarks
    from matae.store import Study
    from matae.store.types import LandmarkSet
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.sync_state import SyncState

__all__ = ["UNREADABLE", "StudyLandmarks", "from_stored", "to_points", "unreadable_flag"]

_UNKNOWN = object()
"""Landmarks of the study after a conflict: whatever they are, they are written over or fetched."""


class StudyLandmarks:
    """Stores the landmarks of the session's cine and shows those of the study.

    Parameters
    ----------
    session
        Whose cine it is.
    study
        Where they are kept.
    sync_state
        What the study has already.
    """

    def __init__(self, session: Session, study: StudyConnection, sync_state: SyncState) -> None:
        self._session, self._study, self._sync_state = session, study, sync_state

    def save_one(self, frame: int) -> None:
        """Store the landmarks of a frame that a person let go of."""
        current = self._session.current
        if current is not None and current.ready:
            self.save([frame])

    def save_known(self, frames: Iterable[int]) -> None:
        """Store landmarks anew where the study has some: their masks are other ones."""
        self.save(t for t in frames if t in self._sync_state.landmarks)

    def save(self, frames: Iterable[int], when: Callable[[], bool] = lambda: True) -> None:
        """Store landmarks that were placed, or no longer belong to their mask, as far as the study has others.

        Parameters
        ----------
        frames
            0-based frames.
        when
            Whether to, asked in the study's thread when their turn has come.
        """
        current = self._session.current
        if current is None or not self._study.is_open:
            return
        content_id, known = current.cine.content_id, self._sync_state.landmarks
        for frame in frames:
            mine = current.placed(frame)
            if mine is not None:
                current.unreadable.discard(frame)
            if known.get(frame) != mine:
                known[frame] = mine
                self._study.requests.write(
                    partial(_put, content_id, frame, mine, when), None, self._study.fail, about=current.cine
                )

    def doubt(self, frames: Iterable[int]) -> None:
        """Take nothing for granted of what the study has for these frames."""
        self._sync_state.landmarks.update(dict.fromkeys(frames, _UNKNOWN))

    def load(self, current: OpenCine, stored: Mapping[int, LandmarkSet | None]) -> None:
        """Show the landmarks that the study holds for frames whose masks are as the study has them."""
        for frame, points in stored.items():
            current.unreadable.discard(frame)
            try:
                placed = from_stored(points)
            except MeasureError:
                placed = None
                current.unreadable.add(frame)  # a flag beside every number says so
            self._sync_state.landmarks[frame] = placed
            if placed is not None:
                current.by_hand.setdefault(frame, {})[current.digest(frame)] = placed
            elif current.placed(frame) is not None:
                del current.by_hand[frame][current.digest(frame)]


def _put(content_id: str, frame: int, landmarks: Landmarks | None, when: Callable[[], bool], study: Study) -> None:
    if when():
        study.set_landmarks(content_id, frame, to_points(landmarks))


def to_points(landmarks: Landmarks | None) -> Mapping[str, tuple[float, float]]:
    """Return landmarks as the study takes them; no points for none."""
    return {} if landmarks is None else {name: getattr(landmarks, name) for name in LANDMARKS}
