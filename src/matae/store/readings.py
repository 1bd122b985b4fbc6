"""Readings: what each rater made of a clip, how far they are, and which of them counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from matae.errors import StoreError
from matae.store.base import parse_time
from matae.store.codec import decode_mask
from matae.store.fingerprints import fingerprint_of
from matae.store.label_rows import add_revision, heads_of, numbers_of, set_head
from matae.store.marks import landmarks_of, marks_of
from matae.store.measurements import as_values, put_values
from matae.store.reader_view import ReaderViewPart, first_adjudication, is_revealed, own_frames, readers_of
from matae.store.schema import Cine as CineRow
from matae.store.schema import LandmarkRevision, MarkRevision, Mask, Rater, StudyRow
from matae.store.schema import Revision as RevisionRow
from matae.store.schema_readings import AdjudicationRow, ReadingRow
from matae.store.types import Adjudication, FrameStatus, Marks, Reading, StoredMeasurement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from matae.store.base import Writing
    from matae.store.types import FrameInfo, LandmarkSet

__all__ = ["ADJUDICATED", "ReadingsPart"]

ADJUDICATED = "adjudicated"
"""Note of the versions by which a reading became what counts."""


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
            found = _own(connection, cine.id, self._rater_id(connection, rater))
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
            found = _own(connection, cine.id, self._rater_id(connection, rater))
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

    def adjudication(self, content_id: str) -> Adjudication | None:
        """Return which reading of a clip was chosen last, or None where nobody chose."""
        with self._reading() as connection:
            return _adjudication(connection, self._cine(connection, content_id).id)

    def adjudicate(self, content_id: str, rater: str) -> Adjudication:
        """Make one rater's reading what counts: its masks, landmarks, marks and measurement.

        The other readings stay among the versions. What is changed afterwards is a correction of what counts.

        Parameters
        ----------
        content_id
            The clip.
        rater
            Whose reading.

        Raises
        ------
        StoreError
            If there is no such reading, nobody said who decides, or somebody who reads the clip blind has not finished.
        """
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            chosen = self._rater_id(connection, rater)
            if writing.rater_id is None:
                raise StoreError("Nobody has said who adjudicates; enter who you are, or give --rater.")
            if chosen not in readers_of(connection, cine.id, first_adjudication(connection, cine.id)):
                raise StoreError(f"{rater} has not read this clip; choose one of its readers.")
            if not self._may_compare(connection, cine.id):
                raise StoreError("Somebody who reads this clip has not finished; adjudicate when all have.")
            self._take(writing, cine, chosen)
            newest = connection.execute(
                select(func.max(AdjudicationRow.revision)).where(AdjudicationRow.cine_id == cine.id)
            ).scalar()
            connection.execute(
                insert(AdjudicationRow).values(
                    cine_id=cine.id, revision=(newest or 0) + 1, chosen_id=chosen, rater_id=writing.rater_id,
                    at=writing.at, sequence=writing.sequence,
                )
            )  # fmt: skip
            code = connection.execute(select(Rater.code).where(Rater.id == chosen)).scalar_one()
            writing.audit("adjudicated", cine=cine.code, subject=cine.subject_code or "", details={"chosen": str(code)})
            found = _adjudication(connection, cine.id)
        if found is None:
            raise StoreError("The choice was not stored; choose again.")
        return found

    def undecided(self, content_id: str) -> list[str]:
        """Return the raters whose blind readings of a clip differ while nobody has chosen one; empty where all is said.

        Two readings differ where one of them has a frame that the other lacks, or another mask or judgement of it.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            if first_adjudication(connection, cine.id) is not None:
                return []
            readers = readers_of(connection, cine.id)
            if len(readers) < 2 or not _is_beside(connection, cine.id):
                return []
            made = [
                {f: (own.mask_id, own.status == FrameStatus.REJECTED.value)
                 for f, own in own_frames(connection, cine.id, reader).items() if own.mine}
                for reader in readers
            ]  # fmt: skip
            if all(reading == made[0] for reading in made):
                return []
            names = {row.id: row.name for row in connection.execute(select(Rater.id, Rater.name))}
            return [names[reader] for reader, reading in zip(readers, made, strict=True) if reading]

    def _rater_id(self, connection: Connection, rater: str) -> int:
        found = connection.execute(select(Rater.id).where(Rater.name == rater)).scalar()
        if found is None:
            raise StoreError(
                f"There is no reader {rater[:40]} in {self.name}; 'napari-matae study readers' lists them."
            )
        return int(found)

    def _take(self, writing: Writing, cine: Any, chosen: int) -> None:
        """Let the labels, landmarks, marks and measurement be those of a reading."""
        connection, cine_id = writing.connection, cine.id
        reading = _own(connection, cine_id, chosen)
        heads = heads_of(connection, cine_id, range(cine.n_frames))
        numbers = numbers_of(connection, cine_id, range(cine.n_frames))
        # Every frame that somebody read gets a new version, so that whoever has their own on screen is told.
        before = first_adjudication(connection, cine_id)
        everyone = [_own(connection, cine_id, reader) for reader in readers_of(connection, cine_id, before)]
        read = {frame for own in everyone for frame, found in own.items() if found.mine}
        for frame in sorted({*reading, *heads}):
            own, head = reading.get(frame), heads.get(frame)
            status, mask_id = (FrameStatus.MACHINE, None) if own is None else (FrameStatus(own.status), own.mask_id)
            is_same = head is not None and (head.status, head.mask_id) == (status.value, mask_id)
            if is_same and frame not in read:
                continue
            number = numbers.get(frame, 0) + 1
            add_revision(
                writing, cine_id, frame, number, kind="person", status=status, mask_id=mask_id,
                based_on=0 if head is None else head.revision, shown=True, note=ADJUDICATED,
            )  # fmt: skip
            area = connection.execute(select(Mask.area).where(Mask.id == mask_id)).scalar()
            values = {
                "status": status.value, "revision": number, "mask_id": mask_id, "area": area or 0,
                "rater_id": None if status is FrameStatus.MACHINE else writing.rater_id, "updated_at": writing.at,
                "seconds": 0.0 if own is None else own.seconds,
            }  # fmt: skip
            set_head(writing, cine_id, frame, head, values)
        _take_marks(writing, cine_id, chosen, before)
        _take_landmarks(writing, cine_id, chosen, before)
        row = connection.execute(
            select(ReadingRow.measured).where(ReadingRow.cine_id == cine_id, ReadingRow.rater_id == chosen)
        ).scalar()
        if row is not None:
            put_values(writing, cine_id, as_values(_measured(row)), chosen, fingerprint_of(connection, cine_id))


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


def _own(connection: Connection, cine_id: int, rater_id: int) -> dict[int, Any]:
    return own_frames(connection, cine_id, rater_id, before=first_adjudication(connection, cine_id))


def _measured(text: str, *, rater: str = "", stale: bool = False) -> StoredMeasurement:
    values = json.loads(text)
    return StoredMeasurement(**values | {"doubts": tuple(values["doubts"].split()), "rater": rater, "stale": stale})


def _readings(connection: Connection, cine_id: int) -> list[Reading]:
    before = first_adjudication(connection, cine_id)
    names = {row.id: row.name for row in connection.execute(select(Rater.id, Rater.name))}
    ended = select(ReadingRow.rater_id, ReadingRow.finished_at).where(ReadingRow.cine_id == cine_id)
    finished = {row.rater_id: row.finished_at for row in connection.execute(ended)}
    beside = _is_beside(connection, cine_id)
    found = []
    for reader in readers_of(connection, cine_id, before):
        frames = tuple(frame for frame, own in _own(connection, cine_id, reader).items() if own.mine)
        if not frames:
            continue
        at = finished.get(reader)
        measured = measured_in(connection, cine_id, reader)
        found.append(Reading(names[reader], frames, parse_time(at) if at else None, beside, measured))
    return found


def _is_beside(connection: Connection, cine_id: int) -> bool:
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


def _adjudication(connection: Connection, cine_id: int) -> Adjudication | None:
    query = (
        select(AdjudicationRow.chosen_id, AdjudicationRow.rater_id, AdjudicationRow.at)
        .where(AdjudicationRow.cine_id == cine_id)
        .order_by(AdjudicationRow.revision.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    names = {rater.id: rater.name for rater in connection.execute(select(Rater.id, Rater.name))}
    return Adjudication(names[row.chosen_id], names.get(row.rater_id, ""), parse_time(row.at))


def _take_marks(writing: Writing, cine_id: int, chosen: int, before: int | None) -> None:
    connection = writing.connection
    theirs, now = marks_of(connection, cine_id, chosen, before), marks_of(connection, cine_id)
    if (theirs.ed, theirs.es) == (now.ed, now.es):
        return
    newest = connection.execute(select(func.max(MarkRevision.revision)).where(MarkRevision.cine_id == cine_id)).scalar()
    connection.execute(
        insert(MarkRevision).values(
            cine_id=cine_id, revision=(newest or 0) + 1, ed_frame=theirs.ed, es_frame=theirs.es,
            rater_id=writing.rater_id, at=writing.at, sequence=writing.sequence, session=writing.session, shown=True,
        )
    )  # fmt: skip


def _take_landmarks(writing: Writing, cine_id: int, chosen: int, before: int | None) -> None:
    connection = writing.connection
    theirs, now = landmarks_of(connection, cine_id, of=chosen, before=before), landmarks_of(connection, cine_id)
    for frame in sorted({*theirs, *now}):
        points = theirs[frame].points if frame in theirs else {}
        if frame in now and now[frame].points == points:
            continue
        newest = connection.execute(
            select(func.max(LandmarkRevision.revision)).where(
                LandmarkRevision.cine_id == cine_id, LandmarkRevision.frame == frame
            )
        ).scalar()
        connection.execute(
            insert(LandmarkRevision).values(
                cine_id=cine_id, frame=frame, revision=(newest or 0) + 1, rater_id=writing.rater_id, at=writing.at,
                points=json.dumps({name: list(point) for name, point in points.items()}), sequence=writing.sequence,
                session=writing.session, shown=True,
            )
        )  # fmt: skip
