"""Ties a session to a study: what is drawn goes in, what was drawn before and by others comes out.

Every write carries the version it was based on. If another viewer was faster, both versions are kept in the study
and a person decides; nobody's work is overwritten in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.study.cine_record import CineRecord
from napari_matae.study.conflicts import StudyConflicts
from napari_matae.study.connection import StudyConnection
from napari_matae.study.landmarks import StudyLandmarks
from napari_matae.study.marks import StudyMarks
from napari_matae.study.place import StudyPlace
from napari_matae.study.proposals import StudyProposals
from napari_matae.study.restore import StudyRestore
from napari_matae.study.sync_state import SyncState
from napari_matae.study.watcher import StudyWatcher
from napari_matae.study.writer import StudyWriter
from napari_matae.study_thread.rescue import rescue

if TYPE_CHECKING:
    from pathlib import Path

    from napari_matae.session.session import OpenCine, Session
    from napari_matae.session.undo_stack import UndoStack

__all__ = ["StudyLink"]


class StudyLink(QObject):  # type: ignore[misc]
    """The link between a session and a study.

    Parameters
    ----------
    session
        Whose work is kept.
    history
        Gets the steps of earlier sittings.
    parent
        Qt parent.
    """

    state_changed = Signal()
    """Saved, saving, or not saved: see `state` and `problem`."""
    statistics_changed = Signal(object)
    """The study's `matae.store.Statistics`."""
    entry_changed = Signal(object)
    """The cine's `matae.store.CineEntry`, or None."""
    conflicted = Signal(object)
    """Somebody else was faster (Conflict); nothing is lost."""
    said = Signal(str)
    """A sentence for the user."""
    acknowledged = Signal(object)
    """Frames (list of int) that are durable now."""

    def __init__(self, session: Session, history: UndoStack, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.sync_state = sync_state = SyncState()
        """What the study has of the cine on screen."""
        self.connection = study = StudyConnection(self)
        """The study itself, and what is asked of it."""
        landmarks = StudyLandmarks(session, study, sync_state)
        self.proposals = proposals = StudyProposals(session, study, sync_state, landmarks, self)
        """The proposals that wait to be stored."""
        writer = StudyWriter(session, study, sync_state, proposals=proposals, landmarks=landmarks, parent=self)
        self.conflicts = StudyConflicts(session, study, sync_state, writer, self)
        """Settles what two people changed at once."""
        self.record = CineRecord(session, study, sync_state, self)
        """Whose cine it is, its flags, and what people set of it."""
        self._place = StudyPlace(session, study, sync_state, self)
        marks = StudyMarks(session, study, sync_state, self)
        self._restore = StudyRestore(
            session,
            study,
            sync_state,
            history=history,
            proposals=proposals,
            landmarks=landmarks,
            marks=marks,
            writer=writer,
            parent=self,
        )
        self.watcher = StudyWatcher(session, study, sync_state, landmarks=landmarks, marks=marks, parent=self)
        """Brings on screen what others do."""
        study.opened.connect(self.watcher.start)
        study.closed_out.connect(self._on_closed_out)
        study.changed.connect(self.state_changed)
        study.counted.connect(self.statistics_changed)
        study.said.connect(self.said)
        study.reopened.connect(self._on_reopened)
        for part in (self._restore, self.record):
            part.entry_changed.connect(self.entry_changed)
        for part in (writer, self.record, marks, self.watcher):
            part.said.connect(self.said)
        writer.acknowledged.connect(self.acknowledged)
        self.conflicts.conflicted.connect(self.conflicted)
        session.is_safe = self.is_safe
        self._wires = (
            (session.opened, self._restore.attach),
            (session.written, writer.write),
            (session.proposed, proposals.add),
            (session.marks_changed, marks.save),
            (session.placed, landmarks.save_one),
            (session.labels_changed, self._restore.attach_new_layer),
        )
        for signal, slot in self._wires:
            signal.connect(slot)

    # -- the study ----------------------------------------------------------------------------------------

    def open(self, target: str, rater: str = "") -> None:
        """Keep work in this study from now on; it is made if there is none."""
        self.leave()
        self._session.fetches = True
        self.connection.open(target, rater)
        self._restore.attach(self._session.current)

    def leave(self) -> bool:
        """Finish writing and let go of the study; return whether everything is in it."""
        self._record()
        self.watcher.stop()
        self.sync_state.entry = None
        self._session.fetches = False
        if not self.connection.is_open:
            return not self.sync_state.unsaved
        safe = self.connection.close()
        if safe:
            self.sync_state.unsaved.clear()
        return safe

    def close_down(self) -> None:
        """Finish writing and stop listening."""
        self.leave()
        self._place.close_down()
        self.connection.close_down()
        for signal, slot in self._wires:
            signal.disconnect(slot)

    def flush(self, seconds: float = 10.0) -> bool:
        """Record what is drawn and wait until all of it is durable; return whether it is."""
        self._record()
        return self.connection.requests.flush(seconds) if self.connection.is_open else not self.sync_state.unsaved

    def rescue(self) -> Path | None:
        """Put what the study has not taken into a file of its own; return which.

        Changes that wait for the study, and those that it refused, go into a rescue study. Where no study is open, the
        masks on screen go into a NIfTI file.
        """
        if self.connection.is_open:
            return self.connection.requests.keep_waiting()
        current = self._session.current
        return None if current is None else rescue(current)

    def is_safe(self, current: OpenCine) -> bool:
        """Return whether a cine's work is in the study, or on its way there."""
        study = self.connection
        return current is self._session.current and study.is_open and not study.problem and current.ready

    def _record(self) -> None:
        """Put everything in line that is not there yet."""
        self._session.settle()
        self.proposals.save()
        self._place.save()

    def _on_reopened(self) -> None:
        """Bring the cine on screen and a study that was replaced together."""
        self._restore.attach(self._session.current)

    def _on_closed_out(self, sentence: str) -> None:
        self.leave()
        self.connection.problem = sentence
        current = self._session.current
        if current is not None and not current.ready:
            current.ready = True
            self._session.restored.emit()
        self.state_changed.emit()

    # -- how it is ----------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """``saved``, ``saving``, ``unsaved`` (there is a problem) or ``none`` (no study)."""
        study = self.connection
        if study.problem:
            return "unsaved"
        if not study.is_open:
            return "none"
        return "saving" if study.requests.waiting or self.sync_state.fresh or not study.name else "saved"

    def spend(self, frame: int, seconds: float) -> None:
        """Note time spent on a frame; it is stored with the frame's next change."""
        current = self._session.current
        if current is not None:
            current.seconds[frame] = current.seconds.get(frame, 0.0) + seconds
            self.sync_state.spend(frame, seconds)
