"""What one rater sees and changes of a clip in a blind study: their own versions, and what models proposed.

The labels of a clip (`matae.store.schema.Label`) are the reading of whoever read it first. Whoever reads it after them
does so beside: their versions are in the history like all others, not shown, and what they see is made from those. So a
reading is nowhere but in the history, and is whole or not there at all whatever happens to the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from matae.errors import StoreError
from matae.store.base import StudyBase, parse_time
from matae.store.label_rows import among
from matae.store.proposals import NOTHING, judgement_of
from matae.store.schema import Cine as CineRow
from matae.store.schema import Mask, Rater, StudyRow
from matae.store.schema import Revision as RevisionRow
from matae.store.schema_readings import AdjudicationRow, ReadingRow
from matae.store.types import FrameInfo, FrameStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sqlalchemy import Connection

    from matae.store.proposals import Judgement

__all__ = [
    "NOBODY",
    "OwnFrame",
    "ReaderViewPart",
    "first_adjudication",
    "is_revealed",
    "own_frames",
    "reader_of_labels",
    "readers_of",
]

NOBODY = -1
"""Id of a rater who has changed nothing yet."""
_BY_PEOPLE = ("person", "status")


class OwnFrame(NamedTuple):
    """A frame as one rater sees it; the first five fields are those of a row of the labels.

    Parameters
    ----------
    frame, status, revision, mask_id, seconds
        As in `matae.store.schema.Label`.
    info
        The same for whoever asks; revision 0 where there is no mask.
    mine
        The rater changed or judged it.
    original, newest
        Versions of the proposal that the rater started from, and of the newest one for them; None where there is none.
    """

    frame: int
    status: str
    revision: int
    mask_id: int | None
    seconds: float
    info: FrameInfo
    mine: bool
    original: Any
    newest: Any


def first_adjudication(connection: Connection, cine_id: int) -> int | None:
    """Return the transaction in which it was first decided which reading of a clip counts, or None."""
    query = select(func.min(AdjudicationRow.sequence)).where(AdjudicationRow.cine_id == cine_id)
    found = connection.execute(query).scalar()
    return None if found is None else int(found)


def readers_of(connection: Connection, cine_id: int, before: int | None = None) -> list[int]:
    """Return who changed or judged a frame of a clip, the first of them first.

    Parameters
    ----------
    connection, cine_id
        Of which clip.
    before
        Only what was done before this transaction.
    """
    query = (
        select(RevisionRow.rater_id)
        .where(
            RevisionRow.cine_id == cine_id,
            RevisionRow.rater_id.is_not(None),
            RevisionRow.kind.in_(_BY_PEOPLE),
        )
        .group_by(RevisionRow.rater_id)
        .order_by(func.min(RevisionRow.id))
    )
    if before is not None:
        query = query.where(RevisionRow.sequence < before)
    return [int(rater_id) for rater_id in connection.execute(query).scalars() if rater_id is not None]


def reader_of_labels(connection: Connection, cine_id: int) -> int | None:
    """Return whose reading the labels of a clip are: that of whoever changed or judged a frame first."""
    query = (
        select(RevisionRow.rater_id)
        .where(
            RevisionRow.cine_id == cine_id,
            RevisionRow.rater_id.is_not(None),
            RevisionRow.kind.in_(_BY_PEOPLE),
        )
        .order_by(RevisionRow.id)
        .limit(1)
    )
    return connection.execute(query).scalar()


def own_frames(
    connection: Connection,
    cine_id: int,
    rater_id: int,
    frames: Iterable[int] | None = None,
    *,
    before: int | None = None,
) -> dict[int, OwnFrame]:
    """Return the frames of a clip as one rater sees them: the last version of their own, else the newest proposal.

    Parameters
    ----------
    connection, cine_id, rater_id
        Of which clip, for whom; `NOBODY` for what models proposed.
    frames
        Only these.
    before
        As it was before this transaction.
    """
    row, by_people = RevisionRow, RevisionRow.kind.in_(_BY_PEOPLE)
    wanted = {int(frame) for frame in frames or ()}
    query = (
        select(
            row.frame, row.number, row.kind, row.status, row.mask_id, row.seconds, row.at, row.model, row.width,
            row.model_sha256, row.rater_id, row.implied_dice, Mask.area, Rater.name,
        )
        .outerjoin(Mask, Mask.id == row.mask_id)
        .outerjoin(Rater, Rater.id == row.rater_id)
        .where(row.cine_id == cine_id, (row.kind == "machine") | (by_people & (row.rater_id == rater_id)))
        .order_by(row.frame, row.number)
    )  # fmt: skip
    if frames is not None:
        query = query.where(among(row.frame, wanted))
    if before is not None:
        query = query.where(row.sequence < before)
    versions: dict[int, list[Any]] = {}
    for version in connection.execute(query):
        if frames is None or version.frame in wanted:
            versions.setdefault(version.frame, []).append(version)
    return {frame: _folded(frame, found) for frame, found in versions.items()}


def _folded(frame: int, versions: list[Any]) -> OwnFrame:
    """Return what the versions of one frame, by models and by one rater in order, come to."""
    last: Any = None
    original: Any = None
    newest: Any = None
    seconds = 0.0
    for version in versions:
        if version.kind == "machine":
            newest = version
            if last is None or last.status == FrameStatus.MACHINE.value:
                last = original = version
        else:
            last, seconds = version, seconds + version.seconds
            if version.status == FrameStatus.MACHINE.value and version.mask_id is not None:
                original = newest = _shown_again(version, versions) or original
    made = original if original is not None else last
    as_proposed = original is not None and last.mask_id == original.mask_id
    judged = original if as_proposed else None if last.status == FrameStatus.MACHINE.value else newest
    found = None if judged is None else _said_of(judged)
    if last.status == FrameStatus.MACHINE.value:
        found = _said_of(last) or found
    found = found or NOTHING
    info = FrameInfo(
        frame=frame,
        status=FrameStatus(last.status),
        revision=0 if last.mask_id is None else last.number,
        model=made.model,
        width=made.width,
        model_sha256=made.model_sha256,
        rater="" if last.status == FrameStatus.MACHINE.value else last.name or "",
        seconds=seconds,
        area=last.area or 0,
        updated=parse_time(last.at),
        edited=last.mask_id is not None and (original is None or last.mask_id != original.mask_id),
        newer_proposal=newest is not original and newest.mask_id not in {original and original.mask_id, last.mask_id},
        implied=found.implied,
        origin=found.origin,
    )
    mine = last.mask_id is not None and last.status != FrameStatus.MACHINE.value
    return OwnFrame(frame, last.status, last.number, last.mask_id, seconds, info, mine, original, newest)


def _said_of(version: Any) -> Judgement | None:
    return judgement_of(version.kind, version.model, version.width, version.model_sha256, version.implied_dice)


def _shown_again(version: Any, versions: list[Any]) -> Any:
    """Return the proposal that a version shows again: the one it says, else the newest with its mask; None of none."""
    said, before = _said_of(version), [v for v in versions if v.kind == "machine" and v.number < version.number]
    same = [v for v in before if v.mask_id == version.mask_id]
    return next((some[-1] for some in ([v for v in same if _said_of(v) == said], same) if some), None)


class ReaderViewPart(StudyBase):
    """Whether this `Study` object sees a clip as one rater does."""

    @property
    def is_blind(self) -> bool:
        """Whether raters see their own readings only, see `set_blind`."""
        with self._reading() as connection:
            return bool(connection.execute(select(StudyRow.blind)).scalar_one())

    def hidden_from(self, rater: str) -> frozenset[str]:
        """Return the clips whose readings by others a rater must not see yet.

        Those are, in a blind study, the clips that somebody else read, while nobody has chosen which reading counts and
        not all of their readers, at least two, have finished.

        Parameters
        ----------
        rater
            Who would look.

        Returns
        -------
        frozenset of str
            Content ids; empty where the study is not blind.
        """
        with self._reading() as connection:
            if not connection.execute(select(StudyRow.blind)).scalar_one():
                return frozenset()
            read = (
                select(RevisionRow.cine_id, Rater.id, Rater.name)
                .join(Rater, Rater.id == RevisionRow.rater_id)
                .where(RevisionRow.kind.in_(_BY_PEOPLE))
                .distinct()
            )
            readers: dict[int, dict[int, str]] = {}
            for row in connection.execute(read):
                readers.setdefault(row.cine_id, {})[row.id] = row.name
            ended = select(ReadingRow.cine_id, ReadingRow.rater_id).where(ReadingRow.finished_at.is_not(None))
            finished = {(row.cine_id, row.rater_id) for row in connection.execute(ended)}
            decided = set(connection.execute(select(AdjudicationRow.cine_id)).scalars())
            hidden = {
                cine_id
                for cine_id, who in readers.items()
                if cine_id not in decided
                and any(name != rater for name in who.values())
                and not (len(who) > 1 and all((cine_id, reader) in finished for reader in who))
            }
            known = connection.execute(select(CineRow.id, CineRow.content_id))
            return frozenset(row.content_id for row in known if row.id in hidden)

    def _beside(self, connection: Connection, cine_id: int) -> int | None:
        """Return this rater's id where their reading is kept beside the labels; None where the labels are what counts.

        `NOBODY` for a rater who has written nothing yet.
        """
        if not self._as_reader or not connection.execute(select(StudyRow.blind)).scalar_one():
            return None
        first = reader_of_labels(connection, cine_id)
        if first is None or first_adjudication(connection, cine_id) is not None:
            return None
        own = connection.execute(select(Rater.id).where(Rater.name == self._rater)).scalar()
        return None if own == first else NOBODY if own is None else int(own)

    def _may_read(self, connection: Connection, cine_id: int) -> None:
        """Refuse to change a reading that others have seen, and to read blind under no name.

        Raises
        ------
        StoreError
            Saying what to do instead.
        """
        if not self._as_reader or not connection.execute(select(StudyRow.blind)).scalar_one():
            return
        if not self._rater:
            raise StoreError(
                "This study is read blind, and a reading must be somebody's; open it under the id of a rater."
            )
        if first_adjudication(connection, cine_id) is None and is_revealed(connection, cine_id):
            raise StoreError(
                "The readings of this clip are finished and have been shown; adjudicate them before it is changed."
            )


def is_revealed(connection: Connection, cine_id: int) -> bool:
    """Return whether all who read a clip, two or more, have finished: then each may see the others' readings."""
    readers = readers_of(connection, cine_id)
    done = select(ReadingRow.rater_id).where(ReadingRow.cine_id == cine_id, ReadingRow.finished_at.is_not(None))
    return len(readers) > 1 and set(readers) <= set(connection.execute(done).scalars())
