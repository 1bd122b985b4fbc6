"""Import: first a plan that lists what is new, what is the same and what is in conflict; then only the new is stored.

A person's label is never overwritten. What a model proposed is: somebody drew the imported mask, or accepted it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matae.errors import ConflictError, ExchangeError, MataeError
from matae.exchange.clip import Progress
from matae.exchange.import_plan import ImportPlan, PlannedImport, masks_of, named, plan_import, stated_statuses
from matae.store.types import SubjectSource

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.store import Study

__all__ = ["ImportPlan", "ImportResult", "PlannedImport", "plan_import", "run_import"]

_BATCH = 64  # masks stored in one transaction: many frames need not fit into memory


@dataclass
class ImportResult:
    """What an import did.

    Parameters
    ----------
    stored, conflicts
        Labels stored; labels kept because a manual one differs.
    clips
        Clips added.
    problems
        What went wrong, a sentence each; everything else is stored.
    """

    stored: int = 0
    conflicts: int = 0
    clips: int = 0
    problems: list[str] = field(default_factory=list)


def run_import(
    plan: ImportPlan,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ImportResult:
    """Store the new labels of a plan.

    Each clip is stored in transactions of its own; stopped or failed, what was stored is whole, and the same import
    goes on where it was.

    Parameters
    ----------
    plan
        As `plan_import` made it.
    progress, should_stop
        Told how far it is, with the time left; asked whether to stop.

    Raises
    ------
    StoreError
        If the study cannot be written to.
    """
    result = ImportResult(conflicts=plan.n_conflicts)
    total, done, started = plan.n_new, 0, time.monotonic()
    for entry in plan.clips:
        if should_stop is not None and should_stop():
            result.problems.append(f"Stopped after {result.stored} of {total} labels; import again to go on.")
            return result
        names = _names_whom(plan.study, entry)
        if not entry.new and not names:
            continue
        try:
            if entry.is_new or names:
                _add(plan.study, entry, result)
            _store_clip(plan.study, entry, result)
        except ExchangeError as error:
            result.problems.append(named(entry.clip.name, error))
        done += len(entry.new)
        if progress is not None:
            left = (time.monotonic() - started) / done * (total - done) if done else None
            progress(Progress(done, total, left, "Storing labels"))
    return result


def _names_whom(study: Study, entry: PlannedImport) -> bool:
    """Return whether the data set says whose a clip is that the study knows, and of which it does not know that."""
    if entry.is_new or not entry.clip.subject:
        return False
    return study.cine(entry.content_id).known_subject is None


def _store_clip(study: Study, entry: PlannedImport, result: ImportResult) -> None:
    clip = entry.clip
    wanted = set(entry.new)
    batch: list[tuple[int, NDArray[np.uint8]]] = []
    for t, mask in masks_of(study, clip, entry.content_id, is_own=entry.is_own, is_new=False):
        if t in wanted:
            batch.append((t, mask))
        if len(batch) >= _BATCH:
            _store(study, entry, batch, result)
            batch = []
    if batch:
        _store(study, entry, batch, result)


def _add(study: Study, entry: PlannedImport, result: ImportResult) -> None:
    clip = entry.clip
    cine: Cine = clip.open()
    if cine.content_id != entry.content_id:
        raise ExchangeError(f"{clip.name} changed since it was looked at; import the folder again.")
    if clip.split and clip.subject:
        study.add_subject(clip.subject, clip.split)
    known = study.has_cine(entry.content_id) and study.cine(entry.content_id).known_subject is not None
    # Whom a cine shows is not overwritten either: what the study says of it stays.
    if known or not clip.subject:
        study.add_as_stated(cine)
    else:
        source = SubjectSource.DATA_SET if clip.patient is None else SubjectSource(clip.patient.origin)
        study.add_cine(cine, subject=clip.subject, source=source)
    result.clips += 1
    if clip.split and clip.subject:
        try:
            study.set_split(clip.subject, clip.split)
        except MataeError as error:
            # The patient has a side here; it keeps it, and with it the promise that nobody changes sides.
            if str(error) not in result.problems:
                result.problems.append(str(error))
    marks = study.marks(entry.content_id)
    ed, es = (value if value is not None else old for value, old in ((clip.ed, marks.ed), (clip.es, marks.es)))
    if (ed, es) != (marks.ed, marks.es):
        study.set_marks(entry.content_id, ed=ed, es=es, by_machine=True)


def _store(
    study: Study, entry: PlannedImport, batch: list[tuple[int, NDArray[np.uint8]]], result: ImportResult
) -> None:
    from matae.store import Edit, FrameStatus

    infos = study.frames(entry.content_id)
    status = stated_statuses(entry.clip, is_own=entry.is_own)
    edits = [
        Edit(t, mask, infos[t].revision if t in infos else 0, status.get(t, FrameStatus.ACCEPTED))
        for t, mask in batch
        if t not in infos or infos[t].status is FrameStatus.MACHINE
    ]
    late = len(batch) - len(edits)
    try:
        stored = len(study.put_edits(entry.content_id, edits, note="import")) if edits else 0
    except ConflictError:
        # Somebody labelled one of them this very moment: theirs stays, the others are stored one by one.
        stored = 0
        for edit in edits:
            try:
                stored += len(study.put_edits(entry.content_id, [edit], note="import"))
            except ConflictError:
                late += 1
    result.stored += stored
    result.conflicts += late
