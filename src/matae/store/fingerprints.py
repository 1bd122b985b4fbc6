"""What a measurement was made from, as two numbers of a clip: whether it is still that can be asked of all at once.

`masks` is the sum, over the frames that count, of the number of the mask times the place of the frame. A mask has one
number however often it is drawn, so that a change that is undone counts as none. `settings` counts the versions of what
people marked, placed and set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, literal, select, union_all

from matae.store.schema import Label, LandmarkRevision, MarkRevision, OverrideRevision
from matae.store.types import FrameStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["MASKS", "fingerprint_of", "settings_counts"]

MASKS = func.coalesce(
    func.sum(case((Label.status != FrameStatus.REJECTED.value, Label.mask_id * (Label.frame + 1)), else_=0)), 0
)
"""Of the labels of a clip: a rejected frame does not count in a measurement."""


def settings_counts(cine_ids: Sequence[int] | None = None) -> Any:
    """Return the query of how many versions each clip has, or some clips (``cine_id``, ``settings``)."""
    parts = [
        select(table.cine_id.label("cine_id"), literal(1).label("one")).where(table.shown)
        for table in (MarkRevision, LandmarkRevision, OverrideRevision)
    ]
    if cine_ids is not None:
        parts = [part.where(part.selected_columns.cine_id.in_(cine_ids)) for part in parts]
    every = union_all(*parts).subquery()
    return select(every.c.cine_id, func.sum(every.c.one).label("settings")).group_by(every.c.cine_id)


def fingerprint_of(connection: Connection, cine_id: int) -> tuple[int, int]:
    """Return both numbers of one clip as it is now."""
    masks = connection.execute(select(MASKS).where(Label.cine_id == cine_id)).scalar_one()
    settings = 0
    for table in (MarkRevision, LandmarkRevision, OverrideRevision):
        query = select(func.count()).select_from(table).where(table.cine_id == cine_id, table.shown)
        settings += int(connection.execute(query).scalar_one())
    return int(masks), settings
