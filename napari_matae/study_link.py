"""Ties a session to a study: what is drawn goes in, what was drawn before and by others comes out.

Every write carries the version it was based on. If another viewer was faster, both versions are kept in the study
and a person decides; nobody's work is overwritten in silence.
"""

from __future__ import annotations

import getpass
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from matae.errors import ConflictError
from matae.store.types import Edit, FrameStatus
from napari_matae.earlier import MAX_TRANSACTIONS, earlier_steps
from napari_matae.placed import from_stored, to_points
from napari_matae.study_queue import StudyQueue
from napari_matae.workers import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Landmarks
    from matae.store import Study
    from matae.store.types import Change, CineEntry, Flag, FrameInfo, LandmarkSet, Marks, Statistics
    from napari_matae.history import History
    from napari_matae.session import OpenCine, Session
    from napari_matae.steps import Step

__all__ = ["Conflict", "StudyLink"]

_POLL_MS = 1000
_PROPOSALS_MS = 1000
_COUNT_MS = 500
_UNKNOWN = object()
"""Landmarks of the study after a conflict: whatever they are, they are written over or fetched."""


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


@dataclass(frozen=True, eq=False)
class _Fetched:
    """What the study knows of a cine."""

    entry: CineEntry
    infos: dict[int, FrameInfo]
    masks: NDArray[np.uint8]
    proposals: dict[int, NDArray[np.uint8]]
    landmarks: dict[int, LandmarkSet]
    marks: Marks
    last_frame: int | None
    sequence: int


@dataclass(frozen=True, eq=False)
class _Others:
    """What others did to a cine since the last look; None for a frame they took something away from."""

    sequence: int
    changes: list[Change]
    infos: dict[int, FrameInfo | None]
    masks: dict[int, NDArray[np.uint8] | None]
    landmarks: dict[int, LandmarkSet | None]


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

    def __init__(self, session: Session, history: History, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._history = session, history
        self._queue: StudyQueue | None = None
        self.name = ""
        """The study's name; empty while none is open."""
        self.problem = ""
        """Why work is not being saved; empty if it is."""
        self.entry: CineEntry | None = None
        """The current cine in the study."""
        self.statistics: Statistics | None = None
        self._revisions: dict[int, int] = {}
        self._unsaved: dict[int, int] = {}
        self._seconds: dict[int, float] = {}
        self._fresh: set[int] = set()
        self._landmarks: dict[int, object] = {}
        self._of: OpenCine | None = None
        self._sequence = 0
        self._polling = False
        self._poll_timer = self._timer(_POLL_MS, self.poll, single=False)
        self._proposal_timer = self._timer(_PROPOSALS_MS, self.save_proposals, single=True)
        self._count_timer = self._timer(_COUNT_MS, self.count, single=True)
        session.is_safe = self.is_safe
        session.opened.connect(self._on_opened)
        session.written.connect(self._on_written)
        session.proposed.connect(self._on_proposed)
        session.marks_changed.connect(self._on_marks)
        session.placed.connect(self._on_placed)
        session.labels_changed.connect(self._on_labels)

    def _timer(self, interval: int, slot: Any, *, single: bool) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(single)
        timer.setInterval(interval)
        timer.timeout.connect(slot)
        return timer

    # -- the study ----------------------------------------------------------------------------------------

    def open(self, target: str, rater: str = "") -> None:
        """Keep work in this study from now on; it is made if there is none."""
        self.leave()
        self.problem = ""
        self._session.fetches = True
        self._queue = StudyQueue(target, rater or _user(), self)
        self._queue.opened.connect(self._on_study_opened)
        self._queue.closed_out.connect(self._on_closed_out)
        self._queue.trouble.connect(self._on_trouble)
        self._queue.waiting_changed.connect(self._on_waiting)
        self._queue.start()
        self._attach(self._session.current)

    def leave(self) -> bool:
        """Finish writing and let go of the study; return whether everything is in it."""
        self._session.settle()
        self.save_proposals()
        self._remember_place()
        queue, self._queue = self._queue, None
        self._poll_timer.stop()
        self.name, self.entry, self._polling = "", None, False
        self._session.fetches = False
        if queue is None:
            return not self._unsaved
        safe = queue.close()
        for signal, slot in (
            (queue.opened, self._on_study_opened),
            (queue.closed_out, self._on_closed_out),
            (queue.trouble, self._on_trouble),
            (queue.waiting_changed, self._on_waiting),
        ):
            signal.disconnect(slot)
        queue.deleteLater()
        if safe:
            self._unsaved.clear()
        return safe

    def close_down(self) -> None:
        """Finish writing and stop listening."""
        session = self._session
        self.leave()
        self._proposal_timer.stop()
        self._count_timer.stop()
        session.opened.disconnect(self._on_opened)
        session.written.disconnect(self._on_written)
        session.proposed.disconnect(self._on_proposed)
        session.marks_changed.disconnect(self._on_marks)
        session.placed.disconnect(self._on_placed)
        session.labels_changed.disconnect(self._on_labels)

    def flush(self) -> bool:
        """Record what is drawn and wait until all of it is durable; return whether it is."""
        self._session.settle()
        self.save_proposals()
        self._remember_place()
        return self._queue.flush() if self._queue is not None else not self._unsaved

    def rescue(self) -> Path | None:
        """Write the masks on screen to a file of their own, where the study would not take them; return which."""
        from matae.models.registry import home
        from matae.output import write_mask

        current = self._session.current
        if current is None or current.labels is None or not current.edited_frames():
            return None
        name = f"{current.cine.source.name.split('.')[0]}-{current.cine.content_id[:8]}-{int(time.time())}.nii.gz"
        target = home() / "rescued" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_mask(target, np.asarray(current.labels.data), current.cine)
        return target

    @property
    def state(self) -> str:
        """``saved``, ``saving``, ``unsaved`` (there is a problem) or ``none`` (no study)."""
        if self.problem:
            return "unsaved"
        if self._queue is None:
            return "none"
        return "saving" if self._queue.waiting or self._fresh or not self.name else "saved"

    @property
    def target(self) -> str:
        """Path or URL of the study; empty while none is open."""
        return "" if self._queue is None else self._queue.target

    def is_safe(self, current: OpenCine) -> bool:
        """Return whether a cine's work is in the study, or on its way there."""
        return current is self._session.current and self._queue is not None and not self.problem and current.ready

    def _on_study_opened(self, name: str) -> None:
        self.name = name
        self._poll_timer.start()
        self.count()
        self.state_changed.emit()

    def _on_closed_out(self, sentence: str) -> None:
        self.leave()
        self.problem = sentence
        current = self._session.current
        if current is not None and not current.ready:
            current.ready = True
            self._session.restored.emit()
        self.state_changed.emit()

    def _on_trouble(self, sentence: str) -> None:
        self.problem = sentence
        self.state_changed.emit()

    def _on_waiting(self, _: int) -> None:
        self.state_changed.emit()

    # -- a cine is opened ---------------------------------------------------------------------------------

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is not None and self.entry is not None and self.entry.content_id == current.cine.content_id:
            self._attach(current)  # the same pixels with another description, or in another layer
            return
        self._attach(current)

    def _on_labels(self) -> None:
        """Fetch what the study holds when a layer is made in place of one that was deleted."""
        current = self._session.current
        if current is not None and current.ready and current.labels is not None and self._revisions:
            self._attach(current)

    def _attach(self, current: OpenCine | None) -> None:
        if current is not self._of:
            self.save_proposals()  # those of the cine before
        self._proposal_timer.stop()
        self._of = current
        # New ones, not emptied ones: writes of the cine before that are still in line go on with theirs.
        self._revisions, self._unsaved, self._seconds, self._fresh, self._landmarks = {}, {}, {}, set(), {}
        self.entry = None
        self.entry_changed.emit(None)
        if current is None or self._queue is None:
            return
        current.ready = False
        cine = current.cine
        self._queue.ask(
            lambda study: _fetch(study, cine),
            lambda fetched: self._on_fetched(current, fetched),
            lambda error: self._on_not_fetched(current, error),
        )

    def _on_not_fetched(self, current: OpenCine, error: BaseException) -> None:
        if current is self._session.current:
            current.ready = True
            self.problem = f"This cine is not saved: {explain(error)}"
            self._session.restored.emit()
            self.state_changed.emit()

    def _on_fetched(self, current: OpenCine, fetched: _Fetched) -> None:
        session = self._session
        if current is not session.current:
            return
        self.problem = ""
        self.entry, self._sequence = fetched.entry, fetched.sequence
        known = {t: info.revision for t, info in fetched.infos.items()}
        # What this viewer has and the study has not: work done while no study could be reached.
        mine = {
            t for t, status in current.status.items() if t not in known or self._is_newer(current, t, fetched, status)
        }
        if fetched.infos and current.labels is None:
            session.ensure_labels()
        session.show_stored({t: (fetched.masks[t], info.status) for t, info in fetched.infos.items() if t not in mine})
        for frame, mask in fetched.proposals.items():
            if current.machine is not None and frame not in mine:
                current.machine[frame] = mask
                current.proposed.add(frame)
        self._take_landmarks(current, {t: stored for t, stored in fetched.landmarks.items() if t not in mine})
        current.seconds = {t: info.seconds for t, info in fetched.infos.items()}
        current.run = current.run or _run_of(fetched.infos)
        self._revisions.update(known)
        current.ed = current.ed if fetched.marks.ed is None else fetched.marks.ed
        current.es = current.es if fetched.marks.es is None else fetched.marks.es
        current.ready = True
        if fetched.last_frame is not None and not mine:
            session.seek(fetched.last_frame)
        self.entry_changed.emit(self.entry)
        session.restored.emit()
        session.status_changed.emit()
        machine = [t for t in mine if current.status[t] is FrameStatus.MACHINE]
        self._fresh.update(machine)
        self.save_proposals()
        persons = sorted(mine.difference(machine))
        if persons:
            self._on_written(persons, "kept from before")
        self._save_landmarks(list(current.by_hand))
        if fetched.infos and not mine:
            content_id, shape = current.cine.content_id, current.cine.shape
            self._ask(
                lambda study: earlier_steps(study.steps(content_id, MAX_TRANSACTIONS), shape),
                lambda steps: self._on_earlier(current, steps),
            )
        self.count()
        self.state_changed.emit()

    def _on_earlier(self, current: OpenCine, steps: list[Step]) -> None:
        if current is self._session.current:
            self._history.restore(steps)

    def _ask(self, work: Any, done: Any) -> None:
        if self._queue is not None:
            self._queue.ask(work, done)

    def ask(
        self, work: Callable[[Study], Any], done: Callable[[Any], None], failed: Callable[[BaseException], None]
    ) -> None:
        """Ask the study something, after all that waits to be written; the answer comes in the GUI thread."""
        if self._queue is not None:
            self._queue.ask(work, done, failed)

    @staticmethod
    def _is_newer(current: OpenCine, frame: int, fetched: _Fetched, status: FrameStatus) -> bool:
        """Return whether this screen shows a person's work that the study does not hold."""
        if status is FrameStatus.MACHINE:
            return False
        return status is not fetched.infos[frame].status or not np.array_equal(
            current.mask(frame), fetched.masks[frame]
        )

    # -- writing ------------------------------------------------------------------------------------------

    def spend(self, frame: int, seconds: float) -> None:
        """Note time spent on a frame; it is stored with the frame's next change."""
        current = self._session.current
        if current is not None:
            current.seconds[frame] = current.seconds.get(frame, 0.0) + seconds
            self._seconds[frame] = self._seconds.get(frame, 0.0) + seconds

    def _on_written(self, frames: list[int], note: str) -> None:
        current = self._session.current
        if current is None or current.labels is None:
            return
        self.save_proposals()  # a person's mask must find the proposal it was drawn on
        for frame in frames:
            self._unsaved[frame] = self._unsaved.get(frame, 0) + 1
        if self._queue is None:
            self.state_changed.emit()
            return
        content_id, revisions = current.cine.content_id, self._revisions
        masks = {
            t: (
                current.mask(t).copy() if t in current.status else None,
                current.status.get(t),
                self._seconds.pop(t, 0.0),
            )
            for t in frames
        }

        kept: list[int] = []

        def work(study: Study) -> list[FrameInfo]:
            edits = [
                Edit(t, mask, revisions.get(t, 0), status or FrameStatus.MACHINE, seconds)
                for t, (mask, status, seconds) in masks.items()
            ]
            infos = study.put_edits(content_id, edits, note=note)
            # The next write in line is based on this one, whatever the GUI has heard of it by then.
            revisions.update({info.frame: info.revision for info in infos})
            kept.extend(frames)
            return infos

        self._queue.write(
            work,
            lambda _: self._on_saved(current, frames),
            lambda error: self._on_refused(current, frames, error),
        )
        self._save_landmarks(frames, lambda: bool(kept))  # those of a mask that is refused go with it

    def _on_saved(self, current: OpenCine, frames: Iterable[int]) -> None:
        if current is not self._session.current:
            return
        for frame in frames:
            left = self._unsaved.get(frame, 0) - 1
            if left > 0:
                self._unsaved[frame] = left
            else:
                self._unsaved.pop(frame, None)
        self.acknowledged.emit(list(frames))
        self._count_timer.start()

    def _on_refused(self, current: OpenCine, frames: list[int], error: BaseException) -> None:
        if current is not self._session.current:
            self.said.emit(explain(error))
            return
        if not isinstance(error, ConflictError):
            self.problem = explain(error)
            self.state_changed.emit()
            return
        late = {info.frame: info for info in error.theirs}
        rest = [t for t in frames if t not in late]
        self._landmarks.update(dict.fromkeys(frames, _UNKNOWN))
        self._on_saved(current, list(late))
        if rest and late:  # the study refuses the whole step; what nobody else touched goes in by itself
            self._on_saved(current, rest)
            self._on_written(rest, "kept from before")
        content_id = current.cine.content_id
        for info in late.values():
            self._ask_their_mask(current, content_id, info)

    def _ask_their_mask(self, current: OpenCine, content_id: str, info: FrameInfo) -> None:
        def conflict(mask: NDArray[np.uint8] | None) -> None:
            if current is not self._session.current or current.labels is None:
                return
            frame = info.frame
            status = current.status.get(frame)
            mine = current.mask(frame).copy() if status is not None else None
            if mask is not None and mine is not None and np.array_equal(mask, mine) and status is info.status:
                self._revisions[frame] = info.revision  # both did the same
                return
            self.conflicted.emit(Conflict(current, frame, mine, status, info, mask))

        if self._queue is not None:
            self._queue.ask(lambda study: study.mask(content_id, info.frame), conflict)

    def keep_mine(self, conflict: Conflict) -> None:
        """Settle a conflict: this screen's version becomes the frame's; theirs stays in the history."""
        if conflict.current is self._session.current:
            self._revisions[conflict.frame] = conflict.theirs.revision
            self._on_written([conflict.frame], "conflict settled")

    def take_theirs(self, conflict: Conflict) -> None:
        """Settle a conflict: show what the study holds; this screen's version stays in the history."""
        if conflict.current is self._session.current:
            self._revisions[conflict.frame] = conflict.theirs.revision
            self._show_theirs({conflict.frame: conflict.theirs}, {conflict.frame: conflict.their_mask})

    def _show_theirs(self, infos: dict[int, FrameInfo | None], masks: dict[int, NDArray[np.uint8] | None]) -> None:
        current = self._session.current
        if current is None:
            return
        empty = np.zeros(current.cine.shape, np.uint8)
        shown = {}
        for frame, info in infos.items():
            mask = masks.get(frame)
            shown[frame] = (empty, None) if mask is None or info is None else (mask, info.status)
            self._revisions[frame] = 0 if info is None else info.revision
            current.seconds[frame] = 0.0 if info is None else info.seconds
        self._session.show_stored(shown)

    def _on_proposed(self, frame: int) -> None:
        self._fresh.add(frame)
        if not self._proposal_timer.isActive():
            self._proposal_timer.start()
            self.state_changed.emit()

    def save_proposals(self) -> None:
        """Store the proposals that have come since the last time."""
        current = self._of
        self._proposal_timer.stop()
        if current is None or self._queue is None or current.machine is None or not self._fresh or not current.ready:
            return
        frames, self._fresh = sorted(self._fresh), set()
        content_id, run = current.cine.content_id, current.run
        masks = {t: current.machine[t].copy() for t in frames if t in current.proposed}
        revisions = self._revisions

        def work(study: Study) -> dict[int, FrameInfo]:
            study.put_proposals(
                content_id, masks, model=str(run.get("model", "")), width=str(run.get("width", "")),
                model_sha256=str(run.get("model_sha256", "")),
            )  # fmt: skip
            infos = study.frames(content_id)
            revisions.update({t: infos[t].revision for t in masks if infos[t].status is FrameStatus.MACHINE})
            return infos

        self._queue.write(work, lambda _: self._count_timer.start(), lambda error: self._on_trouble(explain(error)))
        if current is self._session.current:
            self._save_landmarks(t for t in frames if t in self._landmarks)

    def _on_placed(self, frame: int) -> None:
        current = self._session.current
        if current is not None and current.ready:
            self._save_landmarks([frame])

    def _save_landmarks(self, frames: Iterable[int], when: Callable[[], bool] = lambda: True) -> None:
        """Store landmarks that were placed, or no longer belong to their mask, as far as the study has others."""
        current = self._session.current
        if current is None or self._queue is None:
            return
        content_id = current.cine.content_id
        for frame in frames:
            mine = current.placed(frame)
            if self._landmarks.get(frame) == mine:
                continue
            self._landmarks[frame] = mine

            self._queue.write(
                partial(_put_landmarks, content_id, frame, mine, when),
                None,
                lambda error: self._on_trouble(explain(error)),
            )

    def _take_landmarks(self, current: OpenCine, stored: Mapping[int, LandmarkSet | None]) -> None:
        """Show the landmarks that the study holds for frames whose masks are as the study has them."""
        for frame, points in stored.items():
            placed = from_stored(points)
            self._landmarks[frame] = placed
            if placed is not None:
                current.by_hand.setdefault(frame, {})[current.digest(frame)] = placed
            elif current.placed(frame) is not None:
                del current.by_hand[frame][current.digest(frame)]

    def save_flags(self, content_id: str, flags: Mapping[int, Flag]) -> None:
        """Store which frames of a cine are worth a look, unless the study says so already."""
        if self._queue is None or not self.name:
            return

        def work(study: Study) -> None:
            if study.has_cine(content_id) and study.flags(content_id) != flags:
                study.set_flags(content_id, flags)

        self._queue.ask(work)

    def _on_marks(self) -> None:
        current = self._session.current
        if current is None or self._queue is None or not current.ready:
            return
        content_id, ed, es = current.cine.content_id, current.ed, current.es
        self._queue.write(lambda study: study.set_marks(content_id, ed=ed, es=es))

    def set_subject(self, subject: str) -> None:
        """Give the current cine another patient code."""
        if self._queue is None or self.entry is None or not subject.strip():
            return
        content_id = self.entry.content_id

        def done(entry: CineEntry) -> None:
            self.entry = entry
            self.entry_changed.emit(entry)
            self.said.emit(f"This cine belongs to {entry.subject}.")

        def failed(error: BaseException) -> None:
            self.entry_changed.emit(self.entry)
            self.said.emit(explain(error))

        self._queue.ask(lambda study: study.set_subject(content_id, subject.strip()), done, failed)

    def _remember_place(self) -> None:
        current = self._session.current
        if current is not None and current.ready and self._queue is not None and self.entry is not None:
            content_id, frame = self.entry.content_id, self._session.frame
            self._queue.ask(lambda study: study.set_last_frame(content_id, frame))

    # -- what others do -----------------------------------------------------------------------------------

    def poll(self) -> None:
        """Look for what other viewers changed."""
        current = self._session.current
        if self._queue is None or self._polling or current is None or not current.ready or self.entry is None:
            return
        self._polling = True
        content_id, since = self.entry.content_id, self._sequence

        def done(others: _Others) -> None:
            self._polling = False
            self._take_changes(current, others)

        def failed(_: BaseException) -> None:
            self._polling = False  # a write will say what is wrong

        self._queue.ask(lambda study: _changes(study, content_id, since), done, failed)

    def _take_changes(self, current: OpenCine, others: _Others) -> None:
        if current is not self._session.current or not current.ready:
            return
        self._sequence = others.sequence
        if any(not change.own for change in others.changes):
            self._count_timer.start()
        # A frame with a stroke on its way is settled by the study's answer to that stroke.
        free = {t: i for t, i in others.infos.items() if t not in self._unsaved and t not in current.drawn}
        moved = {t: points for t, points in others.landmarks.items() if t in free}
        free = {t: i for t, i in free.items() if (0 if i is None else i.revision) != self._revisions.get(t, 0)}
        if free:
            self._show_theirs(free, others.masks)
        self._take_landmarks(current, moved)
        for frame in moved:
            self._session.placed.emit(frame)
        if not free:
            return
        who = sorted({info.rater for info in free.values() if info is not None and info.rater})
        by = f" by {', '.join(who)}" if who else ""
        self.said.emit(f"{len(free)} frame{'s' * (len(free) != 1)} changed in another window{by}.")

    def count(self) -> None:
        """Count the study's frames anew."""
        if self._queue is not None:
            self._queue.ask(lambda study: study.statistics(), self._on_counted)

    def _on_counted(self, statistics: Statistics) -> None:
        self.statistics = statistics
        self.statistics_changed.emit(statistics)


def _user() -> str:
    """Return who is logged in: the rater until another name is given."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _subject(study: Study, cine: Cine) -> str:
    """Return the pseudonym of a cine until somebody gives another: the data set's own, else a keyed hash."""
    stated = cine.info.get("patient")
    if stated:
        return str(stated)
    name = cine.source.name.split(".")[0]
    return f"P-{study.keyed(name, 6)}"


def _fetch(study: Study, cine: Cine) -> _Fetched:
    """Add a cine to the study, or find it, and return all that is known of it."""
    content_id = cine.content_id
    sequence = study.sequence
    entry = study.add_cine(cine, subject=None if study.has_cine(content_id) else _subject(study, cine))
    masks = np.zeros(cine.frames.shape, np.uint8)
    infos = study.load_masks(content_id, masks)
    proposals = {}
    for t, info in infos.items():
        if info.status is not FrameStatus.MACHINE and info.model:
            mask = study.proposal(content_id, t)
            if mask is not None:
                proposals[t] = mask
    marks, last = study.marks(content_id), study.last_frame(content_id)
    return _Fetched(entry, infos, masks, proposals, study.landmarks(content_id), marks, last, sequence)


def _changes(study: Study, content_id: str, since: int) -> _Others:
    sequence, changes = study.changes_since(since)
    theirs = [c for c in changes if c.content_id == content_id and c.frame is not None and not c.own]
    frames = {c.frame for c in theirs if c.frame is not None and c.kind != "conflict"}
    if not frames:
        return _Others(sequence, changes, {}, {}, {})
    placed = {c.frame for c in theirs if c.frame is not None and c.kind == "landmarks"}
    stored = study.landmarks(content_id) if placed else {}
    known = study.frames(content_id)
    infos = {t: known.get(t) for t in frames}
    masks = {t: study.mask(content_id, t) for t in known if t in frames}
    return _Others(sequence, changes, infos, masks, {t: stored.get(t) for t in placed})


def _put_landmarks(
    content_id: str, frame: int, landmarks: Landmarks | None, when: Callable[[], bool], study: Study
) -> None:
    if when():
        study.set_landmarks(content_id, frame, to_points(landmarks))


def _run_of(infos: dict[int, FrameInfo]) -> dict[str, Any]:
    """Return the model that proposed most of the masks."""
    made = [(info.model, info.width, info.model_sha256) for info in infos.values() if info.model]
    if not made:
        return {}
    model, width, sha256 = max(set(made), key=made.count)
    return {"model": model, "width": width, "model_sha256": sha256}
