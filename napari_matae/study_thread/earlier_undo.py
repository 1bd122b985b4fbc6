"""The undo steps of earlier sittings, read back from the study's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_matae.session.undo_step import FrameChange, Patch, UndoStep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from matae.store.types import FrameStatus, Origin, Revision

    Said = tuple[float | None, Origin | None]
    State = tuple[NDArray[np.uint8], FrameStatus | None, Said]

__all__ = ["MAX_TRANSACTIONS", "undo_steps_of"]

MAX_TRANSACTIONS = 40
_NOTHING: Said = (None, None)
_MAX_REVISIONS = 200
"""Masks decoded at most: reading them back must not keep anybody waiting."""


def undo_steps_of(transactions: Sequence[Sequence[Revision]], shape: tuple[int, int]) -> list[UndoStep]:
    """Return what can be taken back, the oldest first.

    What a person undid is not among the steps, and what they redid is: the stack is as it was when the viewer closed.
    A step whose frames' earlier state is further back than what was read ends the list there.

    Parameters
    ----------
    transactions
        From `matae.store.Study.steps`, the newest last.
    shape
        Rows and columns of a frame.
    """
    empty = np.zeros(shape, np.uint8)
    known: dict[int, State] = {}
    proposed = _said_of_proposals(transactions)
    done: list[UndoStep] = []
    undone: list[UndoStep] = []
    for revisions in _recent(transactions):
        changes: list[FrameChange] = []
        complete, by_machine, note = True, False, ""
        for revision in revisions:
            if not revision.shown:
                continue
            mask = revision.mask()
            after: State = (
                (empty, None, _NOTHING) if mask is None else (mask, revision.status, _said(revision, proposed))
            )
            before = known.get(revision.frame, (empty, None, _NOTHING) if revision.number == 1 else None)
            known[revision.frame] = after
            by_machine, note = revision.kind == "machine", revision.note
            if before is None:
                complete = False
                continue
            patch = Patch.between(before[0], after[0])
            if patch is not None or before[1] is not after[1] or (by_machine and before[2][1] != after[2][1]):
                (dice, origin), (new_dice, new_origin) = before[2], after[2]
                changes.append(
                    FrameChange(revision.frame, patch, before[1], after[1], (dice, new_dice), (origin, new_origin))
                )
        if not complete:
            done, undone = [], []  # what lies below cannot be reached any more
        elif by_machine:
            _add_proposals(done, [change for change in changes if change.before is not None])
        elif note == "undo":
            if done:
                undone.append(done.pop())
        elif note == "redo":
            if undone:
                done.append(undone.pop())
        elif changes:
            done.append(UndoStep(note or "change", tuple(changes), changes[0].frame))
            undone.clear()
    return done


def _said_of_proposals(transactions: Sequence[Sequence[Revision]]) -> dict[tuple[int, bytes | None], Said]:
    """Return what networks said of their masks, by frame and stored mask: the implied Dice, and which they are."""
    every = (revision for revisions in transactions for revision in revisions if revision.kind == "machine")
    return {(revision.frame, revision.png): (revision.implied, revision.origin) for revision in every}


def _said(revision: Revision, proposed: Mapping[tuple[int, bytes | None], Said]) -> Said:
    """Return what a network said of a version; one that shows a proposal again says which, but in older studies."""
    if revision.kind == "machine" or revision.origin is not None:
        return revision.implied, revision.origin
    return proposed.get((revision.frame, revision.png), _NOTHING)


def _recent(transactions: Sequence[Sequence[Revision]]) -> list[Sequence[Revision]]:
    kept: list[Sequence[Revision]] = []
    room = _MAX_REVISIONS
    for revisions in reversed(transactions):
        room -= len(revisions)
        if room < 0:
            break
        kept.append(revisions)
    return kept[::-1]


def _add_proposals(done: list[UndoStep], changes: list[FrameChange]) -> None:
    """Add replaced proposals; a run is stored in several transactions and taken back as one."""
    if not changes:
        return
    last = done[-1] if done else None
    is_of_a_run = last is not None and last.text == "new proposals"
    if last is not None and is_of_a_run and last.changes[-1].origins[1] != changes[0].origins[1]:
        is_of_a_run = False  # of another one
    if last is not None and is_of_a_run and not set(last.frames) & {c.frame for c in changes}:
        done[-1] = UndoStep(last.text, (*last.changes, *changes), last.here)
    else:
        done.append(UndoStep("new proposals", tuple(changes), changes[0].frame))
