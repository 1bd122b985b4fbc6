"""Rows of the label tables: what reading and writing labels share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import bindparam, func, insert, select, update

from matae.anatomy import CAVITY
from matae.errors import StoreError
from matae.store.base import parse_time
from matae.store.codec import as_class_map, digest_of, encode_mask
from matae.store.engine import LATER
from matae.store.schema import Label, Mask, Rater
from matae.store.schema import Revision as RevisionRow
from matae.store.types import FrameInfo, FrameStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from matae.store.base import Writing

__all__ = [
    "add_revision",
    "check_frames",
    "frame_infos",
    "frames_for_audit",
    "heads_of",
    "implied_of",
    "is_proposal",
    "named_frames",
    "numbers_of",
    "prepare_masks",
    "seconds_of",
    "set_head",
    "store_masks",
]

_LISTED = 50  # frames named in one audit entry

# Made once: making a statement takes longer than running it.
_LABELS, _REVISIONS = Label.metadata.tables["labels"], Label.metadata.tables["revisions"]
_ADD_REVISION = insert(_REVISIONS).inline().execution_options(**{LATER: True})
_ADD_LABEL = insert(_LABELS).inline().execution_options(**{LATER: True})
_CHANGE_LABEL = (
    update(_LABELS)
    .where(_LABELS.c.cine_id == bindparam("of_cine"), _LABELS.c.frame == bindparam("of_frame"))
    .execution_options(**{LATER: True})
)
_HEADS = select(_LABELS.c.frame, _LABELS.c.status, _LABELS.c.revision, _LABELS.c.mask_id, _LABELS.c.seconds).where(
    _LABELS.c.cine_id == bindparam("of_cine"), _LABELS.c.frame.in_(bindparam("frames", expanding=True))
)
_NUMBERS = (
    select(_REVISIONS.c.frame, func.max(_REVISIONS.c.number))
    .where(_REVISIONS.c.cine_id == bindparam("of_cine"), _REVISIONS.c.frame.in_(bindparam("frames", expanding=True)))
    .group_by(_REVISIONS.c.frame)
)


def check_frames(cine: Any, frames: Iterable[int]) -> None:
    """Refuse frames that the cine does not have.

    Raises
    ------
    StoreError
        Naming the first of them.
    """
    for frame in frames:
        if not 0 <= int(frame) < cine.n_frames:
            raise StoreError(f"Frame {int(frame) + 1} does not exist: this cine has {cine.n_frames}; choose another.")


def implied_of(implied: Mapping[int, float] | None, frames: Iterable[int]) -> dict[int, float | None]:
    """Return the Dice that probabilities imply as it is stored, by frame; what is not known is None.

    Raises
    ------
    StoreError
        If it is no share.
    """
    found: dict[int, float | None] = {}
    for frame in frames:
        value = (implied or {}).get(frame, math.nan)
        found[frame] = None if math.isnan(value) else float(value)
        if not math.isnan(value) and not 0 <= value <= 1:
            raise StoreError(f"An implied Dice of {value} is no share of 0 to 1; segment the clip again.")
    return found


def seconds_of(spent: float) -> float:
    """Return a time a person spent: what is no time counts as none."""
    return max(0.0, float(spent)) if math.isfinite(spent) else 0.0


def prepare_masks(cine: Any, masks: Iterable[tuple[int, NDArray[Any]]]) -> dict[int, tuple[str, int, bytes]]:
    """Return digest, area of the cavity and PNG of each frame's mask.

    Done before the study is held, for it takes longest.
    """
    found = {}
    for frame, mask in masks:
        check_frames(cine, [frame])
        plain = as_class_map(mask, (cine.height, cine.width))
        found[int(frame)] = digest_of(plain), int(np.count_nonzero(plain == CAVITY)), encode_mask(plain)
    return found


def store_masks(writing: Writing, cine_id: int, masks: Iterable[tuple[str, int, bytes]]) -> dict[str, int]:
    """Return the id of each mask by its digest; only those the cine does not have yet are written."""
    wanted = {digest: (area, png) for digest, area, png in masks}
    stored = (Mask.cine_id == cine_id) & Mask.sha256.in_(wanted)
    ids = {sha: key for key, sha in writing.connection.execute(select(Mask.id, Mask.sha256).where(stored))}
    new = [
        {"cine_id": cine_id, "sha256": digest, "area": area, "png": png}
        for digest, (area, png) in wanted.items()
        if digest not in ids
    ]
    if new:
        made = writing.connection.execute(insert(Mask).returning(Mask.id, Mask.sha256), new)
        ids |= {sha: key for key, sha in made}
    return ids


def heads_of(connection: Connection, cine_id: int, frames: Iterable[int]) -> dict[int, Any]:
    """Return the label row of each frame that has one."""
    rows = connection.execute(_HEADS, {"of_cine": cine_id, "frames": [int(frame) for frame in frames]})
    return {row.frame: row for row in rows}


def numbers_of(connection: Connection, cine_id: int, frames: Iterable[int]) -> dict[int, int]:
    """Return the highest revision of each frame; refused ones count."""
    rows = connection.execute(_NUMBERS, {"of_cine": cine_id, "frames": [int(frame) for frame in frames]})
    return {row[0]: row[1] for row in rows}


def add_revision(
    writing: Writing,
    cine_id: int,
    frame: int,
    number: int,
    *,
    kind: str,
    status: FrameStatus,
    mask_id: int | None,
    based_on: int,
    shown: bool,
    model: str = "",
    width: str = "",
    model_sha256: str = "",
    seconds: float = 0.0,
    note: str = "",
    implied: float | None = None,
) -> None:
    """Add a version to the history of a frame."""
    writing.connection.execute(
        _ADD_REVISION,
        {
            "cine_id": cine_id,
            "frame": int(frame),
            "number": number,
            "kind": kind,
            "status": status.value,
            "based_on": based_on,
            "shown": shown,
            "mask_id": mask_id,
            "model": model,
            "width": width,
            "model_sha256": model_sha256,
            "rater_id": None if kind == "machine" else writing.rater_id,
            "seconds": seconds_of(seconds),
            "note": note,
            "at": writing.at,
            "sequence": writing.sequence,
            "session": writing.session,
            "implied_dice": implied,
        },
    )


def set_head(writing: Writing, cine_id: int, frame: int, head: Any, values: dict[str, Any]) -> None:
    """Make the label of a frame what `values` say; `head` is what it was, None if there was none."""
    if head is not None:
        writing.connection.execute(_CHANGE_LABEL, values | {"of_cine": cine_id, "of_frame": int(frame)})
        return
    empty: dict[str, Any] = {"model": "", "width": "", "model_sha256": "", "seconds": 0.0, "rater_id": None}
    writing.connection.execute(_ADD_LABEL, empty | values | {"cine_id": cine_id, "frame": int(frame)})


def is_proposal(connection: Connection, cine_id: int, frame: int, mask_id: int | None) -> bool:
    """Say whether a model proposed exactly this mask for this frame."""
    return (
        connection.execute(
            select(RevisionRow.id)
            .where(
                RevisionRow.cine_id == cine_id,
                RevisionRow.frame == frame,
                RevisionRow.kind == "machine",
                RevisionRow.mask_id == mask_id,
            )
            .limit(1)
        ).scalar()
        is not None
    )


def frame_infos(
    connection: Connection, cine_id: int, frames: Iterable[int] | None = None, *, withdrawn: bool = False
) -> dict[int, FrameInfo]:
    """Return what is known about labels, by frame, in order.

    Parameters
    ----------
    connection, cine_id
        Of which cine.
    frames
        Only these.
    withdrawn
        Also frames whose label was taken away, with revision 0.
    """
    query = (
        select(
            Label.frame, Label.status, Label.revision, Label.model, Label.width, Label.model_sha256, Rater.name,
            Label.seconds, Label.area, Label.updated_at, Label.mask_id, Label.original_mask_id, Label.newest,
            Label.original, Label.newest_mask_id, RevisionRow.implied_dice,
        )
        .outerjoin(Rater, Rater.id == Label.rater_id)
        .outerjoin(
            RevisionRow,
            (RevisionRow.cine_id == Label.cine_id)
            & (RevisionRow.frame == Label.frame)
            & (RevisionRow.number == Label.newest),
        )
        .where(Label.cine_id == cine_id)
        .order_by(Label.frame)
    )  # fmt: skip
    if frames is not None:
        query = query.where(Label.frame.in_([int(frame) for frame in frames]))
    if not withdrawn:
        query = query.where(Label.mask_id.is_not(None))
    rows = connection.execute(query).all()
    earlier = _implied_before(connection, cine_id, {row.frame: row.mask_id for row in rows if _is_earlier(row)})
    return {
        row.frame: FrameInfo(
            frame=row.frame,
            status=FrameStatus(row.status),
            revision=0 if row.mask_id is None else row.revision,
            model=row.model,
            width=row.width,
            model_sha256=row.model_sha256,
            rater=row.name or "",
            seconds=row.seconds,
            area=row.area,
            updated=parse_time(row.updated_at),
            edited=row.mask_id is not None and row.mask_id != row.original_mask_id,
            newer_proposal=row.newest != row.original and row.newest_mask_id not in {row.original_mask_id, row.mask_id},
            implied=earlier.get(row.frame, row.implied_dice),
        )
        for row in rows
    }


def _is_earlier(row: Any) -> bool:
    """Say whether a frame shows a proposal that is not the newest one: a person took the newest one back."""
    shows_a_proposal = row.status == FrameStatus.MACHINE.value and row.mask_id is not None
    return shows_a_proposal and row.mask_id != row.newest_mask_id


def _implied_before(connection: Connection, cine_id: int, masks: Mapping[int, int]) -> dict[int, float | None]:
    """Return what the probabilities of the last proposal with a certain mask implied, by frame."""
    if not masks:
        return {}
    row = RevisionRow
    query = (
        select(row.frame, row.mask_id, row.implied_dice)
        .where(row.cine_id == cine_id, row.kind == "machine")
        .order_by(row.frame, row.number)
    )
    # Picked out here: a clip has more frames than a database takes values in a question.
    found = connection.execute(query)
    return dict.fromkeys(masks) | {
        one.frame: one.implied_dice for one in found if one.frame in masks and one.mask_id == masks[one.frame]
    }


def named_frames(frames: Sequence[int]) -> str:
    """Return frames as a person counts them, from 1."""
    shown = ", ".join(str(frame + 1) for frame in frames[:5]) + (", ..." if len(frames) > 5 else "")
    return f"frame {shown}" if len(frames) == 1 else f"frames {shown}"


def frames_for_audit(frames: Iterable[int]) -> dict[str, Any]:
    """Return frames as an audit entry holds them: how many, and the first of them."""
    listed = sorted(int(frame) for frame in frames)
    return {"n": len(listed), "frames": listed[:_LISTED]}
