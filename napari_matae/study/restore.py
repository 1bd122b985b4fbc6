"""A cine is opened: what the study holds of it comes on screen, and what the study lacks goes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.store.types import FrameStatus, OverrideName
from napari_matae.background.failure import explain
from napari_matae.session.pixel_size import remembered_scale
from napari_matae.study.overrides import load_overrides, write_lacking
from napari_matae.study_thread.earlier_undo import MAX_TRANSACTIONS, undo_steps_of
from napari_matae.study_thread.stored_cine import fetch

if TYPE_CHECKING:
    from matae.cine import Spacing
    from matae.store import Study
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.session.undo_stack import UndoStack
    from napari_matae.session.undo_step import UndoStep
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.landmarks import StudyLandmarks
    from napari_matae.study.marks import StudyMarks
    from napari_matae.study.proposals import StudyProposals
    from napari_matae.study.sync_state import SyncState
    from napari_matae.study.writer import StudyWriter
    from napari_matae.study_thread.stored_cine import StoredCine

__all__ = ["StudyRestore"]


class StudyRestore(QObject):  # type: ignore[misc]
    """Brings the session's cine and the study together.

    Parameters
    ----------
    session
        Where the cine was opened.
    study
        Where it may be known.
    sync_state
        The books on it, begun here.
    history
        Gets the steps of earlier sittings.
    proposals, landmarks, marks, writer
        Take what the study lacks.
    parent
        Qt parent.
    """

    entry_changed = Signal(object)
    """The cine's `matae.store.CineEntry`, or None."""

    def __init__(
        self,
        session: Session,
        study: StudyConnection,
        sync_state: SyncState,
        *,
        history: UndoStack,
        proposals: StudyProposals,
        landmarks: StudyLandmarks,
        marks: StudyMarks,
        writer: StudyWriter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._history, self._study, self._sync_state = session, history, study, sync_state
        self._proposals, self._landmarks, self._marks, self._writer = proposals, landmarks, marks, writer
        self._questions = 0

    def attach(self, current: OpenCine | None) -> None:
        """Begin the books of a cine, and fetch what the study holds of it."""
        if current is None or current is not self._sync_state.of or self._sync_state.entry is None:
            self._attach(current)  # else it is the same one, described anew: with a scale or a frame rate given by hand

    def _attach(self, current: OpenCine | None) -> None:
        if current is not self._sync_state.of:
            self._proposals.save()  # those of the cine before
        self._proposals.wait_no_longer()
        self._sync_state.begin(current)
        self.entry_changed.emit(None)
        if current is None or not self._study.is_open:
            return
        current.ready = False
        stated = current.stated
        self._questions += 1
        question = self._questions

        def done(answer: tuple[StoredCine, Spacing | None]) -> None:
            if question == self._questions:  # else it was asked again since, and this answer is older
                self._on_fetched(current, *answer)

        def failed(error: BaseException) -> None:
            if question == self._questions:
                self._on_not_fetched(current, error)

        def work(study: Study) -> tuple[StoredCine, Spacing | None]:
            return fetch(study, stated), remembered_scale(stated)

        self._study.requests.ask(work, done, failed, about=stated)

    def attach_new_layer(self) -> None:
        """Fetch what the study holds when a layer is made in place of one that was deleted."""
        current = self._session.current
        if current is not None and current.ready and current.labels is not None and self._sync_state.revisions:
            self._attach(current)

    def _on_not_fetched(self, current: OpenCine, error: BaseException) -> None:
        if current is self._session.current:
            current.ready = True
            self._study.problem = f"This cine is not saved: {explain(error)}"
            self._session.restored.emit()
            self._study.changed.emit()

    def _on_fetched(self, current: OpenCine, stored: StoredCine, remembered: Spacing | None) -> None:
        if current is not self._session.current:
            return
        self._study.problem = ""
        self._sync_state.entry, self._sync_state.sequence = stored.entry, stored.sequence
        # What this viewer has and the study has not: work done while no study could be reached.
        mine = {t for t, status in current.status.items() if stored.lacks(t, current.mask(t), status)}
        # Proposals that came while it was asked are newer than those that it holds; what a person drew is not touched.
        self._sync_state.fresh &= set(current.status)  # the layer of the others was deleted since
        mine |= {t for t in self._sync_state.fresh if stored.is_predicted(t)}
        self._show_overrides(current, stored, remembered)
        self._show(current, stored, mine)
        self._add(current, mine)
        write_lacking(self._session, self._sync_state, stored.overrides)
        if stored.infos and not mine:
            self._bring_back_steps(current)
        self._study.count()
        self._study.changed.emit()

    def _show_overrides(self, current: OpenCine, stored: StoredCine, remembered: Spacing | None) -> None:
        """Show what people set of the cine; a pixel size that this computer remembers counts where nobody set one."""
        load_overrides(self._session, self._sync_state, stored.overrides)
        known = OverrideName.SPACING in {*stored.overrides.revisions, *current.overrides}
        if remembered is not None and not known:
            self._session.overrides.show({OverrideName.SPACING: remembered})

    def _show(self, current: OpenCine, stored: StoredCine, mine: set[int]) -> None:
        """Show what the study holds, but for the frames that are this viewer's own."""
        session = self._session
        if stored.infos and current.labels is None:
            session.masks.ensure_labels()
        theirs = {t: info for t, info in stored.infos.items() if t not in mine}
        session.masks.show_stored(
            {t: (stored.masks[t], info.status) for t, info in theirs.items()},
            theirs,
        )
        for frame, mask in stored.proposals.items():
            if frame not in mine | self._sync_state.fresh:
                current.keep_proposal(frame, mask, stored.infos[frame])
        self._landmarks.load(current, {t: points for t, points in stored.landmarks.items() if t not in mine})
        current.seconds = {t: info.seconds for t, info in stored.infos.items()}
        current.run = current.run or stored.run
        self._sync_state.revisions.update({t: info.revision for t, info in stored.infos.items()})
        current.ready = True
        self._marks.begin(current, stored.marks)
        if stored.last_frame is not None and not mine:
            session.seek(stored.last_frame)
        self.entry_changed.emit(self._sync_state.entry)
        session.restored.emit()
        session.status_changed.emit()

    def _add(self, current: OpenCine, mine: set[int]) -> None:
        """Write what the study lacks."""
        predicted = {t for t in mine if current.status[t] is FrameStatus.MACHINE}
        self._proposals.add_now(predicted)
        manual = sorted(mine - predicted)
        if manual:
            self._writer.write(manual, "kept from before")
        self._landmarks.save(list(current.by_hand))

    def _bring_back_steps(self, current: OpenCine) -> None:
        """Make what was done in earlier sittings something that can be taken back."""
        content_id, shape = current.cine.content_id, current.cine.shape

        def restore(steps: list[UndoStep]) -> None:
            if current is self._session.current:
                self._history.restore(steps)

        self._study.requests.ask(lambda study: undo_steps_of(study.steps(content_id, MAX_TRANSACTIONS), shape), restore)
