"""Readings: what each rater made of a clip, how far they are, and which of them counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from matae.errors import StoreError
from matae.store.base import parse_time
from matae.store.codec import decode_mask
from matae.store.marks import landmarks_of, marks_of
from matae.store.measurements import as_values
from matae.store.reader_view import ReaderViewPart, first_adjudication, is_revealed, own_frames, readers_of
from matae.store.schema import Cine as CineRow
from matae.store.schema import LandmarkRevision, MarkRevision, Mask, Rater, StudyRow
from matae.store.schema import Revision as RevisionRow
from matae.store.schema_readings import ReadingRow
from matae.store.types import FrameStatus, Marks, Reading, StoredMeasurement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from matae.store.base import Writing
    from matae.store.reader_view import OwnFrame
    from matae.store.types import FrameInfo, LandmarkSet

__all__ = ["ReadingsPart", "is_beside", "keep_measured", "measured_in", "own_reading"]

_KINDS: dict[str, Any] = {
    **dict.fromkeys(("ef", "ef_low", "ef_high", "edv_ml", "esv_ml", "la_ml"), (int, float, type(None))),
    **dict.fromkeys(("ed_frame", "es_frame"), (int, type(None))),
    **dict.fromkeys(("doubts", "method", "model", "width"), str),
    "provisional": bool,
    "view": (str, type(None)),
}
"""What is kept of a measurement, see `as_values`."""


class ReadingsPart(ReaderViewPart):
    """What a study says about readings of several raters."""

    def set_blind(self, on: bool) -> None:
        """Say whether raters see their own readings only, until all who read a clip have finished it.

        Parameters
        ----------
        on
            Whether they do.

        Raises
        ------
        StoreError
            If raters have seen each other's labels of a clip already, or readings wait to be adjudicated.
        """
        with self._writing() as writing:
            connection = writing.connection
            if bool(connection.execute(select(StudyRow.blind)).scalar_one()) is on:
                return
            waiting = [cine_id for cine_id in _read_by_several(connection)
                       if first_adjudication(connection, cine_id) is None]  # fmt: skip
            if waiting:
                n = f"{len(waiting)} clip{'s' * (len(waiting) > 1)}"
                why = "saw each other's labels; start a new study for a blind reading" if on else (
                    "did not see each other's; adjudicate them first"
                )  # fmt: skip
                raise StoreError(f"The readers of {n} in {self.name} {why}.")
            connection.execute(update(StudyRow).values(blind=on))
            writing.audit("blind readings" if on else "open readings", details={})

    def readings(self, content_id: str) -> list[Reading]:
        """Return the readings of a clip, that of whoever read it first before the others.

        A rater who changed or judged no frame has none. After a reading was chosen the readings stay as they were then:
        what is changed later is a correction of what counts.
        """
        with self._reading() as connection:
            return _readings(connection, self._cine(connection, content_id).id)

    def clips_read(self) -> dict[str, int]:
        """Return by how many raters each clip was read, of the clips that somebody read."""
        people = RevisionRow.kind.in_(("person", "status"))
        query = (
            select(CineRow.content_id, func.count(func.distinct(RevisionRow.rater_id)))
            .join(CineRow, CineRow.id == RevisionRow.cine_id)
            .where(people, RevisionRow.rater_id.is_not(None))
            .group_by(CineRow.content_id)
        )
        with self._reading() as connection:
            return {content_id: int(n) for content_id, n in connection.execute(query)}

    def raters_read(self) -> dict[str, int]:
        """Return how many clips each rater has read, by the rater's name, in the order of the names."""
        people = RevisionRow.kind.in_(("person", "status"))
        query = (
            select(Rater.name, func.count(func.distinct(RevisionRow.cine_id)))
            .join(Rater, Rater.id == RevisionRow.rater_id)
            .where(people)
            .group_by(Rater.name)
            .order_by(Rater.name)
        )
        with self._reading() as connection:
            return {name: int(n) for name, n in connection.execute(query)}

    def may_compare(self, content_id: str) -> bool:
        """Return whether readings of a clip may be shown beside each other.

        They may where the study is not blind, where all who read the clip have finished, and once one was chosen.
        """
        with self._reading() as connection:
            return self._may_compare(connection, self._cine(connection, content_id).id)

    def _may_compare(self, connection: Connection, cine_id: int) -> bool:
        if not connection.execute(select(StudyRow.blind)).scalar_one():
            return True
        return is_revealed(connection, cine_id) or first_adjudication(connection, cine_id) is not None

    def reading_masks(self, content_id: str, rater: str) -> dict[int, NDArray[np.uint8]]:
        """Return the masks of one rater's reading, (Y, X) uint8 by frame; frames they rejected are left out."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            found = own_reading(connection, cine.id, self._rater_id(connection, rater))
            used = {f: own.mask_id for f, own in found.items() if own.mine and own.status != FrameStatus.REJECTED.value}
            rows = connection.execute(select(Mask.id, Mask.png, Mask.sha256).where(Mask.id.in_(set(used.values()))))
            masks = {row.id: decode_mask(row.png, row.sha256) for row in rows}
            return {frame: masks[mask_id] for frame, mask_id in used.items() if mask_id is not None}

    def reading_marks(self, content_id: str, rater: str) -> tuple[Marks, dict[int, LandmarkSet]]:
        """Return end-diastole, end-systole and the landmarks of one rater's reading."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            rater_id = self._rater_id(connection, rater)
            before = first_adjudication(connection, cine.id)
            return marks_of(connection, cine.id, rater_id, before), landmarks_of(
                connection, cine.id, of=rater_id, before=before
            )

    def reading_frames(self, content_id: str, rater: str) -> dict[int, FrameInfo]:
        """Return what is known about each frame of one rater's reading, as `frames` does of what counts."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            found = own_reading(connection, cine.id, self._rater_id(connection, rater))
            return {frame: own.info for frame, own in found.items() if own.mine}

    def finish_reading(self, content_id: str, *, finished: bool = True) -> None:
        """Say that this rater is done with a clip, or is not after all.

        Parameters
        ----------
        content_id
            The clip.
        finished
            Whether they are done.

        Raises
        ------
        StoreError
            If they read nothing in it, nobody said who they are, or others have seen their reading already.
        """
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            own = writing.rater_id
            if own is None or own not in readers_of(connection, cine.id):
                raise StoreError("There is no reading of yours in this clip; correct or accept a frame first.")
            if not finished:
                self._may_read(connection, cine.id)
            _put(writing, cine.id, own, {"finished_at": writing.at if finished else None})
            writing.audit(
                "reading finished" if finished else "reading taken up again",
                cine=cine.code, subject=cine.subject_code or "", details={},
            )  # fmt: skip

    def put_reading_measurement(self, content_id: str, rater: str, measured: StoredMeasurement) -> None:
        """Store what was measured in one rater's reading, in place of what was measured in it before."""
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            keep_measured(writing, cine.id, self._rater_id(connection, rater), measured)

    def _rater_id(self, connection: Connection, rater: str) -> int:
        found = connection.execute(select(Rater.id).where(Rater.name == rater)).scalar()
        if found is None:
            raise StoreError(
                f"There is no reader {rater[:40]} in {self.name}; 'napari-matae study readers' lists them."
            )
        return int(found)


def keep_measured(writing: Writing, cine_id: int, rater_id: int, measured: StoredMeasurement) -> None:
    """Store what was measured in a rater's reading."""
    values = as_values(measured)
    last = _last_change(writing.connection, cine_id, rater_id)
    _put(writing, cine_id, rater_id, {"measured": json.dumps(values), "measured_of": last})


def measured_in(connection: Connection, cine_id: int, rater_id: int) -> StoredMeasurement | None:
    """Return what was last measured in a rater's reading, or None."""
    row = connection.execute(
        select(ReadingRow.measured, ReadingRow.measured_of, Rater.name)
        .join(Rater, Rater.id == ReadingRow.rater_id)
        .where(ReadingRow.cine_id == cine_id, ReadingRow.rater_id == rater_id)
    ).one_or_none()
    if row is None or row.measured is None:
        return None
    stale = row.measured_of != _last_change(connection, cine_id, rater_id)
    return _measured(row.measured, rater=row.name, stale=stale)


def _put(writing: Writing, cine_id: int, rater_id: int, values: dict[str, Any]) -> None:
    connection, values = writing.connection, values | {"sequence": writing.sequence}
    mine = (ReadingRow.cine_id == cine_id) & (ReadingRow.rater_id == rater_id)
    if not connection.execute(update(ReadingRow).where(mine).values(**values)).rowcount:
        connection.execute(insert(ReadingRow).values(cine_id=cine_id, rater_id=rater_id, **values))


def _last_change(connection: Connection, cine_id: int, rater_id: int) -> int:
    """Return the last transaction in which a rater changed a frame, a landmark or a mark of a clip; 0 for none."""
    before = first_adjudication(connection, cine_id)
    found = [0]
    for table in (RevisionRow, LandmarkRevision, MarkRevision):
        query = select(func.max(table.sequence)).where(table.cine_id == cine_id, table.rater_id == rater_id)
        if before is not None:
            query = query.where(table.sequence < before)
        found.append(connection.execute(query).scalar() or 0)
    return max(found)


def own_reading(connection: Connection, cine_id: int, rater_id: int) -> dict[int, OwnFrame]:
    """Return the frames of a clip as one rater sees them, as they were before a reading was chosen."""
    return own_frames(connection, cine_id, rater_id, before=first_adjudication(connection, cine_id))


def _measured(text: str, *, rater: str = "", stale: bool = False) -> StoredMeasurement | None:
    """Return what `keep_measured` wrote; None for what a later version measured otherwise, which is measured again."""
    values = json.loads(text)
    known = isinstance(values, dict) and "ef" in values and "doubts" in values and set(values) <= set(_KINDS)
    if not known or not all(isinstance(value, _KINDS[key]) for key, value in values.items()):
        return None
    return StoredMeasurement(**values | {"doubts": tuple(values["doubts"].split()), "rater": rater, "stale": stale})


def _readings(connection: Connection, cine_id: int) -> list[Reading]:
    before = first_adjudication(connection, cine_id)
    names = {row.id: row.name for row in connection.execute(select(Rater.id, Rater.name))}
    ended = select(ReadingRow.rater_id, ReadingRow.finished_at).where(ReadingRow.cine_id == cine_id)
    finished = {row.rater_id: row.finished_at for row in connection.execute(ended)}
    beside = is_beside(connection, cine_id)
    found = []
    for reader in readers_of(connection, cine_id, before):
        frames = tuple(frame for frame, own in own_reading(connection, cine_id, reader).items() if own.mine)
        if not frames:
            continue
        at = finished.get(reader)
        measured = measured_in(connection, cine_id, reader)
        found.append(Reading(names[reader], frames, parse_time(at) if at else None, beside, measured))
    return found


def is_beside(connection: Connection, cine_id: int) -> bool:
    """Return whether a reading of a clip is kept beside its labels: somebody read it without seeing the first one."""
    query = select(RevisionRow.id).where(
        RevisionRow.cine_id == cine_id,
        RevisionRow.kind.in_(("person", "status")),
        RevisionRow.shown.is_(False),
    )
    return connection.execute(query.limit(1)).scalar() is not None


def _read_by_several(connection: Connection) -> Iterable[int]:
    query = (
        select(RevisionRow.cine_id)
        .where(RevisionRow.kind.in_(("person", "status")), RevisionRow.rater_id.is_not(None))
        .group_by(RevisionRow.cine_id)
        .having(func.count(func.distinct(RevisionRow.rater_id)) > 1)
    )
    return list(connection.execute(query).scalars())
