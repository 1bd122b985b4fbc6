"""The undo steps of earlier sittings, read back from the study's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_matae.session.undo_step import FrameChange, Patch, UndoStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from matae.store.types import FrameStatus, Revision

    State = tuple[NDArray[np.uint8], FrameStatus | None, float | None]

__all__ = ["MAX_TRANSACTIONS", "undo_steps_of"]

MAX_TRANSACTIONS = 40
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
    implied = _implied_of(transactions)
    done: list[UndoStep] = []
    undone: list[UndoStep] = []
    for revisions in _recent(transactions):
        changes: list[FrameChange] = []
        complete, by_machine, note = True, False, ""
        for revision in revisions:
            if not revision.shown:
                continue
            mask = revision.mask()
            dice = implied.get((revision.frame, revision.png))
            after: State = (empty, None, None) if mask is None else (mask, revision.status, dice)
            before = known.get(revision.frame, (empty, None, None) if revision.number == 1 else None)
            known[revision.frame] = after
            by_machine, note = revision.kind == "machine", revision.note
            if before is None:
                complete = False
                continue
            patch = Patch.between(before[0], after[0])
            if patch is not None or before[1] is not after[1]:
                changes.append(FrameChange(revision.frame, patch, before[1], after[1], (before[2], after[2])))
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


def _implied_of(transactions: Sequence[Sequence[Revision]]) -> dict[tuple[int, bytes | None], float | None]:
    """Return the Dice that a network's probabilities imply of its masks, by frame and stored mask."""
    every = (revision for revisions in transactions for revision in revisions if revision.kind == "machine")
    return {(revision.frame, revision.png): revision.implied for revision in every}


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
    if last is not None and last.text == "new proposals" and not set(last.frames) & {c.frame for c in changes}:
        done[-1] = UndoStep(last.text, (*last.changes, *changes), last.here)
    else:
        done.append(UndoStep("new proposals", tuple(changes), changes[0].frame))
