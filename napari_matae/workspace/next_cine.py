"""From the last frame of one cine to the next cine of the study that waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.errors import StoreError
from matae.store.types import FrameStatus
from napari_matae.background.connections import connections_of
from napari_matae.background.failure import explain

if TYPE_CHECKING:
    from pathlib import Path

    from matae.cine import Cine
    from matae.store import Study
    from matae.worklist.suggest import Suggestion
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.study.link import StudyLink

__all__ = ["NextCine", "Waiting", "find_waiting"]


@dataclass(frozen=True)
class Waiting:
    """A frame of another cine that nobody has reviewed.

    Parameters
    ----------
    content_id, frame
        Which; the frame is 0-based.
    path
        Where the cine was last opened from.
    is_there
        There is a file.
    """

    content_id: str
    frame: int
    path: Path
    is_there: bool

    def open(self) -> Cine:
        """Read the cine.

        Raises
        ------
        StoreError
            If the file holds another cine by now.
        """
        from matae.read import open_cine

        cine = open_cine(self.path, third_axis_is_time=True)  # it was opened as a cine before
        if cine.content_id != self.content_id:
            raise StoreError(f"{self.path.name} holds other pixels than when it was outlined; open it and look at it.")
        return cine


def find_waiting(study: Study, content_id: str, *, backward: bool = False) -> Waiting | None:
    """Return the frame to look at when a cine is done: a flagged one of the cines after it, else any, else of others.

    Parameters
    ----------
    study
        The study.
    content_id
        The cine that is done.
    backward
        Look towards the first cine.
    """
    n_frames = study.cine(content_id).n_frames
    edge = -1 if backward else n_frames
    found = study.next_to_review(content_id, edge, backwards=backward, flagged=True)
    found = found or study.next_to_review(content_id, edge, backwards=backward)
    if found is None:  # round the end of the study
        waiting = [c for c in study.cines() if c.counts.get(FrameStatus.MACHINE) and c.content_id != content_id]
        if not waiting:
            return None
        other = waiting[-1 if backward else 0]
        edge = other.n_frames if backward else -1
        found = study.next_to_review(other.content_id, edge, backwards=backward, flagged=True, stay=True)
        found = found or study.next_to_review(other.content_id, edge, backwards=backward, stay=True)
    if found is None:
        return None
    from matae.read import is_there

    path = study.path_of(found[0])
    return Waiting(*found, path, bool(path.name) and is_there(path))


class NextCine(QObject):  # type: ignore[misc]
    """Goes on to the next cine of the study when one is done.

    Parameters
    ----------
    session
        Whose cine is done.
    link
        The study.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""
    wanted = Signal(object)
    """A cine is to be read and opened (Waiting)."""
    arrived = Signal()
    """It is open, and the frame to look at is on screen."""

    def __init__(self, session: Session, link: StudyLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._link = session, link
        self._goal: Waiting | None = None
        self._words = ""
        self._shown: set[tuple[str, int]] = set()  # by `go_to_correct`, or on screen when it was asked
        self._shown_of = ""
        connections_of(self).connect(session.restored, self._on_restored)

    def go(self, backward: bool = False) -> None:
        """Show the next frame to look at in another cine, and say so."""
        current = self._session.current
        if current is None:
            return
        if self._link.sync_state.entry is None:
            self.said.emit("Every frame is reviewed.")
            return
        content_id = current.cine.content_id
        self._link.connection.requests.ask(
            lambda study: find_waiting(study, content_id, backward=backward),
            lambda found: self._on_found(current, found),
            lambda error: self.said.emit(explain(error)),
        )

    def go_to_correct(self) -> None:
        """Show the frame of the whole study that a retraining learns most from, and say why.

        The frame on screen is left out, and those that were shown before: whoever asks for the next one has seen them.
        Once all were shown it begins anew; where only the frame on screen waits, that is said.
        """
        target = self._link.connection.opened_target
        if not target:
            self.said.emit("No study is open: the next frame to correct is chosen among the clips of one.")
            return
        if target != self._shown_of:
            self._shown, self._shown_of = set(), target
        current = self._session.current
        here = set() if current is None else {(current.cine.content_id, self._session.frame)}
        self._shown |= here
        shown = frozenset(self._shown)

        def find(study: Study) -> tuple[Suggestion | None, str]:
            from matae.worklist.suggest import next_to_correct

            found, note = next_to_correct(study, without=shown), ""
            if not found and shown != here:
                found, note = next_to_correct(study, without=here), "; all were shown, and this is the first again"
            if not found and here:
                found, note = next_to_correct(study), "; no other one waits for a correction"
            return next(iter(found), None), note if found else ""

        self._link.connection.requests.ask(
            find,
            lambda found: self._on_suggested(current, *found),
            lambda error: self.said.emit(explain(error)),
        )

    def _on_suggested(self, current: OpenCine | None, found: Suggestion | None, note: str) -> None:
        from matae.store.cine_rows import path_of_text

        if current is not self._session.current:
            return  # somebody opened another clip meanwhile
        if found is None:
            self.said.emit(
                "No flagged frame of a training patient waits for a correction; Next goes through the other frames."
            )
            return
        frame, why = found.frame, f"{', '.join(found.reasons)}{note}"
        if note:
            self._shown.clear()
        self._shown.add(frame.key)
        if current is not None and current.cine.content_id == frame.content_id:
            self._session.seek(frame.frame)
            self.said.emit(f"{current.cine.source.name}, frame {frame.frame + 1}: {why}.")
            self.arrived.emit()
            return
        self._on_named(Waiting(frame.content_id, frame.frame, path_of_text(frame.place), is_there=True), why)

    def _on_found(self, current: OpenCine, found: Waiting | None) -> None:
        if current is not self._session.current:
            return
        if found is None:
            self.said.emit("Every frame of the study that has a mask is reviewed.")
        elif not found.is_there:
            self.said.emit(
                f"Every frame here is reviewed. Next is frame {found.frame + 1} of {found.path.name}, which "
                "is not where it was opened from: find it and open it."
            )
        else:
            self.said.emit(f"Every frame here is reviewed. Opening {found.path.name}…")
            self._open(found, "not reviewed yet")

    def show_frame(self, content_id: str, frame: int) -> None:
        """Show a frame of any cine of the study, and say so."""
        current = self._session.current
        if current is not None and current.cine.content_id == content_id:
            self._session.seek(frame)
            self.said.emit(f"{current.cine.source.name}, frame {frame + 1}.")
            self.arrived.emit()
            return

        def find(study: Study) -> Waiting:
            from matae.read import is_there

            path = study.path_of(content_id)
            return Waiting(content_id, frame, path, bool(path.name) and is_there(path))

        self._link.connection.requests.ask(find, self._on_named, lambda error: self.said.emit(explain(error)))

    def show_clip(self, content_id: str) -> None:
        """Open a clip of the study where this person left off: at the frame seen last, else the next one to look at."""
        current = self._session.current
        if current is not None and current.cine.content_id == content_id:
            self.said.emit(f"{current.cine.source.name} is open.")
            self.arrived.emit()
            return

        def find(study: Study) -> Waiting:
            from matae.read import is_there

            frame, path = study.last_frame(content_id), study.path_of(content_id)
            if frame is None:
                waiting = study.next_to_review(content_id, -1, flagged=True, stay=True)
                frame = 0 if waiting is None else waiting[1]
            return Waiting(content_id, frame, path, bool(path.name) and is_there(path))

        self._link.connection.requests.ask(
            find,
            lambda found: self._on_named(found, "where you left off"),
            lambda error: self.said.emit(explain(error)),
        )

    def _on_named(self, found: Waiting, words: str = "as asked for") -> None:
        if found.is_there:
            self.said.emit(f"Opening {found.path.name}…")
            self._open(found, words)
        else:
            name = found.path.name or "its cine"
            self.said.emit(f"Frame {found.frame + 1} of {name} is not where it was opened from: find it and open it.")

    def _open(self, found: Waiting, words: str) -> None:
        self._goal, self._words = found, words
        self.wanted.emit(found)

    def _on_restored(self) -> None:
        goal, current = self._goal, self._session.current
        self._goal = None
        if goal is None or current is None or current.cine.content_id != goal.content_id:
            return
        self._session.seek(goal.frame)
        self.said.emit(f"{current.cine.source.name}, frame {goal.frame + 1}: {self._words}.")
        if current.status:
            self.arrived.emit()
