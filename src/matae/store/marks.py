"""Landmarks of frames, and end-diastole and end-systole of cines: every version kept, like labels."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, tuple_

from matae.errors import ConflictError, StoreError
from matae.store.base import StudyBase
from matae.store.schema import Cine as CineRow
from matae.store.schema import LandmarkRevision, MarkRevision, Rater
from matae.store.types import Landmark, LandmarkSet, Marks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["MarksPart"]


class MarksPart(StudyBase):
    """What a study says about landmarks and the times of the cycle."""

    def landmarks(self, content_id: str) -> dict[int, LandmarkSet]:
        """Return the landmarks of every frame that has some, in order."""
        with self._reading() as connection:
            return _landmarks(connection, self._cine(connection, content_id).id)

    def set_landmarks(
        self,
        content_id: str,
        frame: int,
        points: Mapping[str, tuple[float, float]],
        *,
        expected: int | None = None,
        by_machine: bool = False,
    ) -> LandmarkSet:
        """Store the landmarks of a frame; no points take them away.

        Parameters
        ----------
        content_id, frame
            Which.
        points
            Name ("apex", "left", "right") and (y, x) in pixels.
        expected
            `LandmarkSet.revision` the person saw, 0 for none; not checked if left out.
        by_machine
            A model or an algorithm found them, not the rater. Those that a rater set are then left as they are, and
            returned.

        Raises
        ------
        ConflictError
            If somebody moved them meanwhile. Nothing is changed, what was refused stays among the versions, and
            `theirs` holds what is there.
        StoreError
            If a coordinate is not a number, or the frame does not exist.
        """
        values = {str(name): [float(y), float(x)] for name, (y, x) in points.items()}
        if not all(math.isfinite(number) for point in values.values() for number in point):
            raise StoreError("A landmark has no place on the picture; set it again.")
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            if not 0 <= int(frame) < cine.n_frames:
                raise StoreError(
                    f"Frame {int(frame) + 1} does not exist: this cine has {cine.n_frames}; choose another."
                )
            versions = writing.connection.execute(
                select(
                    LandmarkRevision.revision,
                    LandmarkRevision.points,
                    LandmarkRevision.shown,
                    LandmarkRevision.rater_id,
                )
                .where(LandmarkRevision.cine_id == cine.id, LandmarkRevision.frame == int(frame))
                .order_by(LandmarkRevision.revision)
            ).all()
            if by_machine:
                kept = _landmarks(writing.connection, cine.id, int(frame), taken_away=True).get(int(frame))
                if kept is not None and kept.rater:
                    return kept
            shown = next((version for version in reversed(versions) if version.shown), None)
            now = 0 if shown is None else shown.revision
            newest = versions[-1] if versions else None
            text, rater_id = json.dumps(values), None if by_machine else writing.rater_id
            late = expected is not None and expected != now
            if late and shown is not None and shown.points == text:  # both say the same
                return _landmarks(writing.connection, cine.id, int(frame), taken_away=True)[int(frame)]
            if not (late and newest is not None and _is_refused(newest, newest.points == text, rater_id)):
                writing.connection.execute(
                    insert(LandmarkRevision).values(
                        cine_id=cine.id,
                        frame=int(frame),
                        revision=(0 if newest is None else newest.revision) + 1,
                        points=text,
                        rater_id=rater_id,
                        at=writing.at,
                        sequence=writing.sequence,
                        session=writing.session,
                        shown=not late,
                    )
                )
                writing.audit(
                    "landmarks refused" if late else "landmarks set",
                    cine=cine.code,
                    subject=cine.subject_code or "",
                    details={"frames": [int(frame)], "n": len(values)},
                    by_machine=by_machine,
                )
            stored = _landmarks(writing.connection, cine.id, int(frame), taken_away=True)
        if late:
            raise ConflictError(
                f"Somebody else moved the landmarks of frame {int(frame) + 1} meanwhile. Theirs are shown, yours are "
                "kept among the versions; set them again to put them on top.",
                theirs=list(stored.values()),
            )
        return stored[int(frame)]

    def marks(self, content_id: str) -> Marks:
        """Return end-diastole and end-systole: as a person set them, else as the source states them."""
        with self._reading() as connection:
            return _marks(connection, self._cine(connection, content_id).id)

    def set_marks(
        self,
        content_id: str,
        *,
        ed: int | None,
        es: int | None,
        expected: int | None = None,
        by_machine: bool = False,
    ) -> Marks:
        """Store end-diastole and end-systole.

        Parameters
        ----------
        content_id
            The cine.
        ed, es
            0-based frames, or None.
        expected
            `Marks.revision` the person saw; not checked if left out.
        by_machine
            An algorithm or a data set states them, not the rater. Those that a rater set are then left as they are,
            and returned.

        Raises
        ------
        ConflictError
            If somebody set them meanwhile. Nothing is changed, what was refused stays among the versions, and `theirs`
            holds what is there.
        StoreError
            If a frame does not exist.
        """
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            for frame in (ed, es):
                if frame is not None and not 0 <= int(frame) < cine.n_frames:
                    raise StoreError(
                        f"Frame {int(frame) + 1} does not exist: this cine has {cine.n_frames}; choose another."
                    )
            now = _marks(writing.connection, cine.id)
            if by_machine and now.rater:
                return now
            newest = writing.connection.execute(
                select(
                    MarkRevision.revision, MarkRevision.ed_frame, MarkRevision.es_frame, MarkRevision.shown,
                    MarkRevision.rater_id,
                )
                .where(MarkRevision.cine_id == cine.id)
                .order_by(MarkRevision.revision.desc())
                .limit(1)
            ).one_or_none()  # fmt: skip
            late = expected is not None and expected != now.revision
            if late and (now.ed, now.es) == (ed, es):  # both say the same
                return now
            rater_id = None if by_machine else writing.rater_id
            same = newest is not None and (newest.ed_frame, newest.es_frame) == (ed, es)
            if not (late and newest is not None and _is_refused(newest, same, rater_id)):
                writing.connection.execute(
                    insert(MarkRevision).values(
                        cine_id=cine.id,
                        revision=(0 if newest is None else newest.revision) + 1,
                        ed_frame=None if ed is None else int(ed),
                        es_frame=None if es is None else int(es),
                        rater_id=rater_id,
                        at=writing.at,
                        sequence=writing.sequence,
                        session=writing.session,
                        shown=not late,
                    )
                )
                writing.audit(
                    "marks refused" if late else "cycle marked",
                    cine=cine.code,
                    subject=cine.subject_code or "",
                    details={"ed": None if ed is None else int(ed), "es": None if es is None else int(es)},
                    by_machine=by_machine,
                )
            stored = _marks(writing.connection, cine.id)
        if late:
            raise ConflictError(
                "Somebody else marked end-diastole or end-systole meanwhile. Theirs are shown, yours are kept among "
                "the versions; mark again to put them on top.",
                theirs=[stored],
            )
        return stored


def _is_refused(newest: Any, same: bool, rater_id: int | None) -> bool:
    """Return whether this very version was refused already: the connection was lost before the answer came."""
    return bool(not newest.shown and same and newest.rater_id == rater_id)


def _landmarks(
    connection: Connection, cine_id: int, frame: int | None = None, *, taken_away: bool = False
) -> dict[int, LandmarkSet]:
    newest = (
        select(LandmarkRevision.frame, func.max(LandmarkRevision.revision))
        .where(LandmarkRevision.cine_id == cine_id, LandmarkRevision.shown)
        .group_by(LandmarkRevision.frame)
    )
    query = (
        select(LandmarkRevision.frame, LandmarkRevision.points, LandmarkRevision.revision, Rater.name)
        .outerjoin(Rater, Rater.id == LandmarkRevision.rater_id)
        .where(
            LandmarkRevision.cine_id == cine_id,
            tuple_(LandmarkRevision.frame, LandmarkRevision.revision).in_(newest),
        )
        .order_by(LandmarkRevision.frame)
    )
    if frame is not None:
        query = query.where(LandmarkRevision.frame == frame)
    found = {}
    for at, text, revision, rater in connection.execute(query):
        points = {name: Landmark(*point) for name, point in json.loads(text).items()}
        if points or taken_away:
            found[at] = LandmarkSet(points, revision, rater or "")
    return found


def _marks(connection: Connection, cine_id: int) -> Marks:
    row = connection.execute(
        select(MarkRevision.ed_frame, MarkRevision.es_frame, MarkRevision.revision, Rater.name)
        .outerjoin(Rater, Rater.id == MarkRevision.rater_id)
        .where(MarkRevision.cine_id == cine_id, MarkRevision.shown)
        .order_by(MarkRevision.revision.desc())
        .limit(1)
    ).one_or_none()
    if row is not None:
        return Marks(row.ed_frame, row.es_frame, row.revision, row.name or "")
    ed, es = connection.execute(select(CineRow.ed_frame, CineRow.es_frame).where(CineRow.id == cine_id)).one()
    return Marks(ed, es)
