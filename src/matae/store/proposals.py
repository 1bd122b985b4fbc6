"""Which network proposed the masks of frames, and what its probabilities imply of them.

A proposal is a version of kind "machine". A person who takes a later run back shows an earlier proposal again: that
version says which one, for two runs may have proposed the same mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from matae.store.schema import Revision as RevisionRow
from matae.store.types import FrameStatus, Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from sqlalchemy import Connection

    from matae.store.types import Edit

__all__ = [
    "JUDGED", "NOTHING", "Judgement", "Proposal", "head_of", "judgement_of", "last_judgements", "proposals_of",
    "said_of", "status_of", "which_of",
]  # fmt: skip


class Judgement(NamedTuple):
    """What the network that proposed a mask says of it.

    Parameters
    ----------
    origin
        The network; None where it has no name.
    implied
        Dice that its probabilities imply; None where it is not known.
    """

    origin: Origin | None
    implied: float | None


NOTHING = Judgement(None, None)
"""What is said of a mask that no network proposed."""
JUDGED = (RevisionRow.kind, RevisionRow.model, RevisionRow.width, RevisionRow.model_sha256, RevisionRow.implied_dice)
"""The columns that `judgement_of` reads."""


class Proposal(NamedTuple):
    """One proposal of a frame.

    Parameters
    ----------
    number
        Of the version.
    mask_id
        Its mask, which every proposal has.
    judgement
        What the network says of it.
    """

    number: int
    mask_id: int | None
    judgement: Judgement


def judgement_of(
    kind: str | None, model: str, width: str, model_sha256: str, implied: float | None
) -> Judgement | None:
    """Return what a version says of its mask: a proposal, or one that shows a proposal again; None where it does not.

    Versions that earlier programs wrote when a run was taken back do not say which proposal they show.
    """
    if kind is None or (kind != "machine" and not model and implied is None):
        return None
    return Judgement(Origin(model, width, model_sha256) if model else None, implied)


def proposals_of(connection: Connection, cine_id: int, frames: Collection[int]) -> dict[int, list[Proposal]]:
    """Return the proposals of frames, the newest last.

    Parameters
    ----------
    connection, cine_id
        Of which clip.
    frames
        Of which frames.
    """
    if not frames:
        return {}
    row, wanted = RevisionRow, {int(frame) for frame in frames}
    query = (
        select(row.frame, row.number, row.mask_id, *JUDGED)
        .where(row.cine_id == cine_id, row.kind == "machine", row.frame.between(min(wanted), max(wanted)))
        .order_by(row.frame, row.number)
    )
    found: dict[int, list[Proposal]] = {}
    # Picked out here: a clip has more frames than a database takes values in a question.
    for one in connection.execute(query):
        if one.frame in wanted:
            judgement = judgement_of(one.kind, one.model, one.width, one.model_sha256, one.implied_dice) or NOTHING
            found.setdefault(one.frame, []).append(Proposal(one.number, one.mask_id, judgement))
    return found


def which_of(proposals: Iterable[Proposal], mask_id: int | None, meant: Judgement = NOTHING) -> Proposal | None:
    """Return the proposal that has a mask: the one that was meant, else the newest; None where none has it.

    Parameters
    ----------
    proposals
        Of the frame, the newest last.
    mask_id
        The mask.
    meant
        What whoever shows it again knows of it.
    """
    same = [one for one in proposals if one.mask_id == mask_id]
    exact = [one for one in same if one.judgement == meant]
    of_it = [one for one in same if one.judgement.origin == meant.origin]
    return next((some[-1] for some in (exact, of_it, same) if some), None)


def last_judgements(connection: Connection, cine_id: int, masks: Mapping[int, int]) -> dict[int, Judgement | None]:
    """Return what was said of the newest proposal with a certain mask, by frame; None where none has it."""
    every = proposals_of(connection, cine_id, masks)
    found = {frame: which_of(every.get(frame, ()), mask_id) for frame, mask_id in masks.items()}
    return {frame: None if one is None else one.judgement for frame, one in found.items()}


def status_of(edit: Edit, mask_id: int | None, shown: Proposal | None) -> FrameStatus:
    """Return the status that an edit gives a frame; `shown` is the proposal whose mask it has, if any."""
    if mask_id is None:
        return FrameStatus.MACHINE  # free again, for a model too
    status = FrameStatus(edit.status)
    return FrameStatus.EDITED if status is FrameStatus.MACHINE and shown is None else status


def said_of(judgement: Judgement | None) -> dict[str, Any]:
    """Return what a version that shows a proposal again says of it."""
    if judgement is None:
        return {}
    origin, implied = judgement
    return {"implied": implied} | ({} if origin is None else origin._asdict())


def head_of(shown: Proposal | None) -> dict[str, Any]:
    """Return what the label of a frame says that shows a proposal again: those after it were taken back."""
    if shown is None:
        return {}
    origin, same = shown.judgement.origin, {"original": shown.number, "newest": shown.number}
    masks = {"original_mask_id": shown.mask_id, "newest_mask_id": shown.mask_id}
    named = dict.fromkeys(("model", "width", "model_sha256"), "") if origin is None else origin._asdict()
    return {**same, **masks, **named}
