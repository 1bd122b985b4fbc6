"""Which reading of a clip counts: chosen by a person, and made what the labels show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from matae.errors import StoreError
from matae.store.base import parse_time
from matae.store.fingerprints import fingerprint_of
from matae.store.label_rows import LabelWriter, frame_infos, heads_of, numbers_of
from matae.store.marks import landmarks_of, marks_of
from matae.store.measurements import as_values, put_values
from matae.store.proposals import NOTHING, Judgement, said_of
from matae.store.reader_view import first_adjudication, own_frames, readers_of
from matae.store.readings import ReadingsPart, is_beside, measured_in, own_reading
from matae.store.schema import LandmarkRevision, MarkRevision, Mask, Rater
from matae.store.schema_readings import AdjudicationRow
from matae.store.types import Adjudication, FrameStatus

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

    from matae.store.base import Writing
    from matae.store.reader_view import OwnFrame
    from matae.store.types import FrameInfo

__all__ = ["ADJUDICATED", "AdjudicationsPart"]

ADJUDICATED = "adjudicated"
"""Note of the versions by which a reading became what counts."""


class AdjudicationsPart(ReadingsPart):
    """What a study says about which reading counts."""

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
            if len(readers) < 2 or not is_beside(connection, cine.id):
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

    def _take(self, writing: Writing, cine: Any, chosen: int) -> None:
        """Let the labels, landmarks, marks and measurement be those of a reading."""
        connection, cine_id = writing.connection, cine.id
        reading = own_reading(connection, cine_id, chosen)
        heads = heads_of(connection, cine_id, range(cine.n_frames))
        numbers = numbers_of(connection, cine_id, range(cine.n_frames))
        # Every frame that somebody read gets a new version, so that whoever has their own on screen is told.
        before = first_adjudication(connection, cine_id)
        everyone = [own_reading(connection, cine_id, reader) for reader in readers_of(connection, cine_id, before)]
        read = {frame for own in everyone for frame, found in own.items() if found.mine}
        rows, shown = LabelWriter(writing, cine_id), frame_infos(connection, cine_id)
        for frame in sorted({*reading, *heads}):
            own, head = reading.get(frame), heads.get(frame)
            status, mask_id = (FrameStatus.MACHINE, None) if own is None else (FrameStatus(own.status), own.mask_id)
            is_same = head is not None and (head.status, head.mask_id) == (status.value, mask_id)
            is_same = is_same and (own is None or _judgement_of(own.info) == _judgement_of(shown.get(frame)))
            if is_same and frame not in read:
                continue
            number = numbers.get(frame, 0) + 1
            rows.add_revision(
                frame, number, kind="person", status=status, mask_id=mask_id,
                based_on=0 if head is None else head.revision, shown=True, note=ADJUDICATED,
                **said_of(None if own is None or own.mine else _judgement_of(own.info)),
            )  # fmt: skip
            area = connection.execute(select(Mask.area).where(Mask.id == mask_id)).scalar()
            values = {
                "status": status.value, "revision": number, "mask_id": mask_id, "area": area or 0,
                "rater_id": None if status is FrameStatus.MACHINE else writing.rater_id, "updated_at": writing.at,
                "seconds": 0.0 if own is None else own.seconds,
            }  # fmt: skip
            rows.set_head(frame, head, values if own is None else values | _proposals_of(own))
        rows.write()
        _take_marks(writing, cine_id, chosen, before)
        _take_landmarks(writing, cine_id, chosen, before)
        measured = measured_in(connection, cine_id, chosen)
        if measured is not None:
            put_values(writing, cine_id, as_values(measured), chosen, fingerprint_of(connection, cine_id))


def _judgement_of(info: FrameInfo | None) -> Judgement:
    return NOTHING if info is None else Judgement(info.origin, info.implied)


def _proposals_of(own: OwnFrame) -> dict[str, Any]:
    """Return what a label says of its proposals: they are those of the reading, who may have taken a run back."""
    said: dict[str, Any] = {"model": own.info.model, "width": own.info.width, "model_sha256": own.info.model_sha256}
    for name, version in (("original", own.original), ("newest", own.newest)):
        said |= {
            name: None if version is None else version.number,
            f"{name}_mask_id": None if version is None else version.mask_id,
        }
    return said


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
