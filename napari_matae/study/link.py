"""Ties a session to a study: what is drawn goes in, what was drawn before and by others comes out.

Every write carries the version it was based on. If another viewer was faster, both versions are kept in the study
and a person decides; nobody's work is overwritten in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.study.cine_record import CineFacts
from napari_matae.study.conflicts import StudyConflicts
from napari_matae.study.connection import StudyConnection
from napari_matae.study.landmarks import StudyLandmarks
from napari_matae.study.marks import StudyMarks
from napari_matae.study.place import StudyPlace
from napari_matae.study.proposals import StudyProposals
from napari_matae.study.restore import StudyRestore
from napari_matae.study.sync_state import SyncState
from napari_matae.study.watcher import StudyWatch
from napari_matae.study.writer import StudyWriter
from napari_matae.study_thread.rescue import rescue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from matae.store import Study
    from matae.store.types import CineEntry, Flag, Statistics
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.session.undo_stack import UndoStack
    from napari_matae.study.conflicts import Conflict

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
        self._sync_state = sync_state = SyncState()
        self.study = study = StudyConnection(self)
        """The study itself."""
        landmarks = StudyLandmarks(session, study, sync_state)
        self._proposals = proposals = StudyProposals(session, study, sync_state, landmarks, self)
        self._writer = writer = StudyWriter(
            session, study, sync_state, proposals=proposals, landmarks=landmarks, parent=self
        )
        self._conflicts = StudyConflicts(session, study, sync_state, writer, self)
        self._facts = CineFacts(session, study, sync_state, self)
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
        self.watch = StudyWatch(session, study, sync_state, landmarks=landmarks, marks=marks, parent=self)
        """MaskStyle for what others do."""
        study.opened.connect(self.watch.start)
        study.closed_out.connect(self._on_closed_out)
        study.changed.connect(self.state_changed)
        study.counted.connect(self.statistics_changed)
        study.said.connect(self.said)
        study.reopened.connect(self._on_reopened)
        for part in (self._restore, self._facts):
            part.entry_changed.connect(self.entry_changed)
        for part in (writer, self._facts, marks, self.watch):
            part.said.connect(self.said)
        writer.acknowledged.connect(self.acknowledged)
        self._conflicts.conflicted.connect(self.conflicted)
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
        self.study.open(target, rater)
        self._restore.attach(self._session.current)

    def leave(self) -> bool:
        """Finish writing and let go of the study; return whether everything is in it."""
        self._record()
        self.watch.stop()
        self._sync_state.entry = None
        self._session.fetches = False
        if not self.study.is_open:
            return not self._sync_state.unsaved
        safe = self.study.close()
        if safe:
            self._sync_state.unsaved.clear()
        return safe

    def close_down(self) -> None:
        """Finish writing and stop listening."""
        self.leave()
        self._place.close_down()
        self.study.close_down()
        for signal, slot in self._wires:
            signal.disconnect(slot)

    def flush(self, seconds: float = 10.0) -> bool:
        """Record what is drawn and wait until all of it is durable; return whether it is."""
        self._record()
        return self.study.flush(seconds) if self.study.is_open else not self._sync_state.unsaved

    def rescue(self) -> Path | None:
        """Put what the study has not taken into a file of its own; return which.

        Changes that wait for the study, and those that it refused, go into a rescue study. Where no study is open, the
        masks on screen go into a NIfTI file.
        """
        if self.study.is_open:
            return self.study.keep_waiting()
        current = self._session.current
        return None if current is None else rescue(current)

    def is_safe(self, current: OpenCine) -> bool:
        """Return whether a cine's work is in the study, or on its way there."""
        return current is self._session.current and self.study.is_open and not self.problem and current.ready

    def _record(self) -> None:
        """Put everything in line that is not there yet."""
        self._session.settle()
        self._proposals.save()
        self._place.save()

    def _on_reopened(self) -> None:
        """Bring the cine on screen and a study that was replaced together."""
        self._restore.attach(self._session.current)

    def _on_closed_out(self, sentence: str) -> None:
        self.leave()
        self.study.problem = sentence
        current = self._session.current
        if current is not None and not current.ready:
            current.ready = True
            self._session.restored.emit()
        self.state_changed.emit()

    # -- how it is ----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The study's name; empty while none is open."""
        return self.study.name

    @property
    def target(self) -> str:
        """Path or URL of the study; empty while none is open."""
        return self.study.target

    @property
    def problem(self) -> str:
        """Why work is not being saved; empty if it is."""
        return self.study.problem

    @property
    def state(self) -> str:
        """``saved``, ``saving``, ``unsaved`` (there is a problem) or ``none`` (no study)."""
        if self.problem:
            return "unsaved"
        if not self.study.is_open:
            return "none"
        return "saving" if self.study.waiting or self._sync_state.fresh or not self.name else "saved"

    @property
    def entry(self) -> CineEntry | None:
        """The current cine in the study."""
        return self._sync_state.entry

    @property
    def statistics(self) -> Statistics | None:
        """The study's frames as last counted."""
        return self.study.statistics

    # -- what is asked of it ------------------------------------------------------------------------------

    def ask(
        self, work: Callable[[Study], Any], done: Callable[[Any], None], failed: Callable[[BaseException], None]
    ) -> None:
        """Ask the study something, after all that waits to be written; the answer comes in the GUI thread."""
        self.study.ask(work, done, failed)

    def count(self) -> None:
        """Count the study's frames anew."""
        self.study.count()

    def poll(self) -> None:
        """Look for what other viewers changed."""
        self.watch.poll()

    def spend(self, frame: int, seconds: float) -> None:
        """Note time spent on a frame; it is stored with the frame's next change."""
        current = self._session.current
        if current is not None:
            current.seconds[frame] = current.seconds.get(frame, 0.0) + seconds
            self._sync_state.spend(frame, seconds)

    def save_proposals(self) -> None:
        """Store the proposals that have come since the last time."""
        self._proposals.save()

    def save_flags(self, content_id: str, flags: Mapping[int, Flag]) -> None:
        """Store which frames of a cine are worth a look, unless the study says so already."""
        self._facts.save_flags(content_id, flags)

    def set_subject(self, subject: str) -> None:
        """Give the current cine another patient code."""
        self._facts.set_subject(subject)

    def say_patient(self, work: Callable[[Study], str], told: Callable[[str, bool], None] | None = None) -> None:
        """Say whom cines show; see `CineFacts.say_patient`."""
        self._facts.say_patient(work, told)

    def keep_mine(self, conflict: Conflict) -> None:
        """Settle a conflict: this screen's version becomes the frame's; theirs stays in the history."""
        self._conflicts.keep_mine(conflict)

    def take_theirs(self, conflict: Conflict) -> None:
        """Settle a conflict: show what the study holds; this screen's version stays in the history."""
        self._conflicts.take_theirs(conflict)
