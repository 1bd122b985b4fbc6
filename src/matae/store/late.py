"""Whether the frames of a clip are as whoever changes them has seen them: for all frames at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from matae.store.label_rows import among
from matae.store.schema import Revision as RevisionRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy import Connection

    from matae.store.base import Writing
    from matae.store.types import Edit

__all__ = ["are_stored", "late_frames"]


def late_frames(
    connection: Connection, cine_id: int, edits: Sequence[Edit], heads: Mapping[int, Any], own: int | None
) -> list[int]:
    """Return the frames that another person changed since the version on which their edit is based."""
    current = {edit.frame: heads[edit.frame].revision if edit.frame in heads else 0 for edit in edits}
    behind = {e.frame: int(e.expected_revision) for e in edits if current[e.frame] != e.expected_revision}
    if not behind:
        return []
    mine = RevisionRow.shown if own is None else RevisionRow.rater_id == own
    query = select(RevisionRow.frame, RevisionRow.number, RevisionRow.kind, RevisionRow.mask_id).where(
        RevisionRow.cine_id == cine_id, among(RevisionRow.frame, behind), mine
    )
    versions: dict[int, list[Any]] = {}
    for row in connection.execute(query):
        versions.setdefault(row.frame, []).append(row)
    late = []
    for frame, expected in behind.items():
        rows, seen = versions.get(frame, []), expected
        if seen == 0:  # a label that was taken away is the same as one never drawn
            seen = max((row.number for row in rows if row.mask_id is None), default=0)
        by_people = any(row.number > seen and row.kind != "machine" for row in rows)
        if current[frame] < seen or by_people:
            late.append(frame)
    return late


def are_stored(
    writing: Writing,
    cine_id: int,
    edits: Sequence[Edit],
    heads: Mapping[int, Any],
    drawn: Mapping[int, int | None],
) -> bool:
    """Return whether what the frames show are these very edits: of the same rater, on the same versions, the same."""
    expected: dict[tuple[int, int], int] = {}
    for edit in edits:
        head = heads.get(edit.frame)
        if head is None or head.revision <= edit.expected_revision or head.mask_id != drawn[edit.frame]:
            return False
        expected[int(edit.frame), head.revision] = int(edit.expected_revision)
    query = select(
        RevisionRow.frame, RevisionRow.number, RevisionRow.kind, RevisionRow.based_on, RevisionRow.rater_id
    ).where(RevisionRow.cine_id == cine_id, among(RevisionRow.frame, [frame for frame, _ in expected]))
    return all(
        row.kind == "person" and row.based_on == expected[row.frame, row.number] and row.rater_id == writing.rater_id
        for row in writing.connection.execute(query)
        if (row.frame, row.number) in expected
    )
