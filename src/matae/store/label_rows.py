"""Rows of the label tables: what reading and writing labels share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import bindparam, case, func, insert, select, update

from matae.anatomy import CAVITY
from matae.errors import StoreError
from matae.store.base import parse_time
from matae.store.codec import as_class_map, digest_of, encode_mask
from matae.store.engine import LATER
from matae.store.proposals import JUDGED, NOTHING, judgement_of, last_judgements
from matae.store.schema import Label, Mask, Rater
from matae.store.schema import Revision as RevisionRow
from matae.store.types import FrameInfo, FrameStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from matae.store.base import Writing

__all__ = [
    "LabelWriter",
    "among",
    "check_frames",
    "frame_infos",
    "frames_for_audit",
    "heads_of",
    "implied_of",
    "named_frames",
    "numbers_of",
    "prepare_masks",
    "seconds_of",
    "store_masks",
]

_LISTED = 50  # frames named in one audit entry
_FEW = 500
"""So many frames are named one by one in a question: a database takes some ten thousand values in one."""

# Made once: making a statement takes longer than running it.
_LABELS, _REVISIONS = Label.metadata.tables["labels"], Label.metadata.tables["revisions"]
_ADD_REVISION = insert(_REVISIONS).inline().execution_options(**{LATER: True})
_ADD_LABEL = insert(_LABELS).inline().execution_options(**{LATER: True})
_CHANGE_LABEL = (
    update(_LABELS)
    .where(_LABELS.c.cine_id == bindparam("of_cine"), _LABELS.c.frame == bindparam("of_frame"))
    .execution_options(**{LATER: True})
)
_HEADS = select(
    _LABELS.c.frame, _LABELS.c.status, _LABELS.c.revision, _LABELS.c.mask_id, _LABELS.c.seconds
).where(_LABELS.c.cine_id == bindparam("of_cine"))  # fmt: skip
_NUMBERS = (
    select(_REVISIONS.c.frame, func.max(_REVISIONS.c.number))
    .where(_REVISIONS.c.cine_id == bindparam("of_cine"))
    .group_by(_REVISIONS.c.frame)
)
_HEADS_OF_FEW = _HEADS.where(_LABELS.c.frame.in_(bindparam("frames", expanding=True)))
_NUMBERS_OF_FEW = _NUMBERS.where(_REVISIONS.c.frame.in_(bindparam("frames", expanding=True)))


def among(column: Any, frames: Collection[int]) -> Any:
    """Return the condition that a row is of one of some frames; of many frames, that it is not before or after them.

    Whoever asks with it leaves out what was not wanted: a clip has more frames than a database takes values.
    """
    wanted = [int(frame) for frame in frames]
    if len(wanted) <= _FEW:
        return column.in_(wanted)
    return column.between(min(wanted), max(wanted))


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
    stored = select(Mask.id, Mask.sha256).where(Mask.cine_id == cine_id)
    if len(wanted) <= _FEW:
        stored = stored.where(Mask.sha256.in_(wanted))
    ids = {sha: key for key, sha in writing.connection.execute(stored) if sha in wanted}
    new = [
        {"cine_id": cine_id, "sha256": digest, "area": area, "png": png}
        for digest, (area, png) in wanted.items()
        if digest not in ids
    ]
    if new:
        made = writing.connection.execute(insert(Mask).returning(Mask.id, Mask.sha256), new)
        ids |= {sha: key for key, sha in made}
    return ids


def heads_of(connection: Connection, cine_id: int, frames: Collection[int]) -> dict[int, Any]:
    """Return the label row of each frame that has one."""
    return {row.frame: row for row in _rows(connection, _HEADS, _HEADS_OF_FEW, cine_id, frames)}


def numbers_of(connection: Connection, cine_id: int, frames: Collection[int]) -> dict[int, int]:
    """Return the highest revision of each frame; refused ones count."""
    return {row[0]: row[1] for row in _rows(connection, _NUMBERS, _NUMBERS_OF_FEW, cine_id, frames)}


def _rows(connection: Connection, of_all: Any, of_few: Any, cine_id: int, frames: Collection[int]) -> Iterator[Any]:
    wanted = {int(frame) for frame in frames}
    if len(wanted) <= _FEW:
        return iter(connection.execute(of_few, {"of_cine": cine_id, "frames": sorted(wanted)}))
    return (row for row in connection.execute(of_all, {"of_cine": cine_id}) if row[0] in wanted)


class LabelWriter:
    """Gathers what becomes of the frames of a clip, and writes all of it in a few statements.

    Parameters
    ----------
    writing
        The transaction.
    cine_id
        Of which clip.
    """

    def __init__(self, writing: Writing, cine_id: int) -> None:
        self._writing, self._cine_id = writing, cine_id
        self._revisions: list[dict[str, Any]] = []
        self._new: list[dict[str, Any]] = []
        self._changed: dict[frozenset[str], list[dict[str, Any]]] = {}

    def add_revision(
        self,
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
        self._revisions.append(
            {
                "cine_id": self._cine_id,
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
                "rater_id": None if kind == "machine" else self._writing.rater_id,
                "seconds": seconds_of(seconds),
                "note": note,
                "at": self._writing.at,
                "sequence": self._writing.sequence,
                "session": self._writing.session,
                "implied_dice": implied,
            }
        )

    def set_head(self, frame: int, head: Any, values: dict[str, Any]) -> None:
        """Make the label of a frame what `values` say; `head` is what it was, None if there was none."""
        if head is not None:
            change = values | {"of_cine": self._cine_id, "of_frame": int(frame)}
            self._changed.setdefault(frozenset(values), []).append(change)
            return
        empty: dict[str, Any] = {
            "model": "", "width": "", "model_sha256": "", "seconds": 0.0, "rater_id": None, "original": None,
            "original_mask_id": None, "newest": None, "newest_mask_id": None,
        }  # fmt: skip
        self._new.append(empty | values | {"cine_id": self._cine_id, "frame": int(frame)})

    def write(self) -> None:
        """Write what was gathered."""
        connection = self._writing.connection
        for statement, rows in (
            (_ADD_REVISION, self._revisions), (_ADD_LABEL, self._new),
            *((_CHANGE_LABEL, rows) for rows in self._changed.values()),
        ):  # fmt: skip
            if rows:
                connection.execute(statement, rows)
        self._revisions, self._new, self._changed = [], [], {}


def frame_infos(
    connection: Connection, cine_id: int, frames: Collection[int] | None = None, *, withdrawn: bool = False
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
    # What the network said of the mask that is shown; where a person drew another one, of its newest proposal.
    judged = case(
        (Label.status == FrameStatus.MACHINE.value, Label.revision),
        (Label.mask_id == Label.original_mask_id, Label.original),
        else_=Label.newest,
    )
    query = (
        select(
            Label.frame, Label.status, Label.revision, Label.model, Label.width, Label.model_sha256, Rater.name,
            Label.seconds, Label.area, Label.updated_at, Label.mask_id, Label.original_mask_id, Label.newest,
            Label.original, Label.newest_mask_id, *(row.label(f"judged_{row.key}") for row in JUDGED),
        )
        .outerjoin(Rater, Rater.id == Label.rater_id)
        .outerjoin(
            RevisionRow,
            (RevisionRow.cine_id == Label.cine_id)
            & (RevisionRow.frame == Label.frame)
            & (RevisionRow.number == judged),
        )
        .where(Label.cine_id == cine_id)
        .order_by(Label.frame)
    )  # fmt: skip
    if frames is not None:
        query = query.where(among(Label.frame, frames))
    if not withdrawn:
        query = query.where(Label.mask_id.is_not(None))
    wanted = None if frames is None else {int(frame) for frame in frames}
    rows = [row for row in connection.execute(query) if wanted is None or row.frame in wanted]
    said = {row.frame: judgement_of(*_judged_in(row)) for row in rows}
    untold = {row.frame: row.mask_id for row in rows if _is_predicted(row) and said[row.frame] is None}
    said |= last_judgements(connection, cine_id, untold)
    infos = {}
    for row in rows:
        found = said[row.frame] or NOTHING
        infos[row.frame] = FrameInfo(
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
            implied=found.implied,
            origin=found.origin,
        )
    return infos


def _judged_in(row: Any) -> Any:
    return row[-len(JUDGED) :]


def _is_predicted(row: Any) -> bool:
    return row.status == FrameStatus.MACHINE.value and row.mask_id is not None


def named_frames(frames: Sequence[int]) -> str:
    """Return frames as a person counts them, from 1."""
    shown = ", ".join(str(frame + 1) for frame in frames[:5]) + (", ..." if len(frames) > 5 else "")
    return f"frame {shown}" if len(frames) == 1 else f"frames {shown}"


def frames_for_audit(frames: Iterable[int]) -> dict[str, Any]:
    """Return frames as an audit entry holds them: how many, and the first of them."""
    listed = sorted(int(frame) for frame in frames)
    return {"n": len(listed), "frames": listed[:_LISTED]}
