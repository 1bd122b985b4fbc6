"""Landmarks of frames, and end-diastole and end-systole of cines: every version kept, like labels."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from matae.errors import ConflictError, StoreError
from matae.store.reader_view import ReaderViewPart
from matae.store.schema import Cine as CineRow
from matae.store.schema import LandmarkRevision, MarkRevision, Rater
from matae.store.types import Landmark, LandmarkSet, Marks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["MarksPart", "landmarks_of", "marks_of"]


class MarksPart(ReaderViewPart):
    """What a study says about landmarks and the times of the cycle.

    In a blind study they belong to a reading like the labels: whoever reads a clip after somebody else has their own.
    """

    def landmarks(self, content_id: str) -> dict[int, LandmarkSet]:
        """Return the landmarks of every frame that has some, in order."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            return landmarks_of(connection, cine.id, of=self._beside(connection, cine.id))

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
            own = None
            if not by_machine:
                self._may_read(writing.connection, cine.id)
                own = self._beside(writing.connection, cine.id)
                own = own if own is None else writing.rater_id
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
                kept = landmarks_of(writing.connection, cine.id, int(frame), taken_away=True).get(int(frame))
                if kept is not None and kept.rater:
                    return kept
            seen = [v for v in versions if (v.shown if own is None else _is_seen(v, own))]
            shown = _last_of(seen, own)
            now = 0 if shown is None else shown.revision
            newest = versions[-1] if versions else None
            text, rater_id = json.dumps(values), None if by_machine else writing.rater_id
            late = own is None and expected is not None and expected != now  # nobody else is in the way of a reading
            if late and shown is not None and shown.points == text:  # both say the same
                return landmarks_of(writing.connection, cine.id, int(frame), taken_away=True)[int(frame)]
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
                        shown=not late and own is None,
                    )
                )
                writing.audit(
                    "landmarks refused" if late else "landmarks set",
                    cine=cine.code,
                    subject=cine.subject_code or "",
                    details={"frames": [int(frame)], "n": len(values)},
                    by_machine=by_machine,
                )
            stored = landmarks_of(writing.connection, cine.id, int(frame), taken_away=True, of=own)
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
            cine = self._cine(connection, content_id)
            return marks_of(connection, cine.id, self._beside(connection, cine.id))

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
            own = None
            if not by_machine:
                self._may_read(writing.connection, cine.id)
                own = self._beside(writing.connection, cine.id)
                own = own if own is None else writing.rater_id
            now = marks_of(writing.connection, cine.id, own)
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
            late = own is None and expected is not None and expected != now.revision
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
                        shown=not late and own is None,
                    )
                )
                writing.audit(
                    "marks refused" if late else "cycle marked",
                    cine=cine.code,
                    subject=cine.subject_code or "",
                    details={"ed": None if ed is None else int(ed), "es": None if es is None else int(es)},
                    by_machine=by_machine,
                )
            stored = marks_of(writing.connection, cine.id, own)
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


def _is_seen(version: Any, own: int) -> bool:
    """Return whether a rater who reads beside others sees a version: their own, or a program's that counts."""
    return bool(version.rater_id == own or (version.rater_id is None and version.shown))


def _last_of(versions: Sequence[Any], own: int | None) -> Any:
    """Return the version that counts: the last one, but a rater's own before any of a program; None for none."""
    mine = [version for version in versions if own is not None and version.rater_id == own]
    return next(reversed(mine or versions), None)


def landmarks_of(
    connection: Connection,
    cine_id: int,
    frame: int | None = None,
    *,
    taken_away: bool = False,
    of: int | None = None,
    before: int | None = None,
) -> dict[int, LandmarkSet]:
    """Return the landmarks of a clip by frame.

    Parameters
    ----------
    connection, cine_id
        Of which clip.
    frame
        Only this one.
    taken_away
        Those with no points too.
    of
        Id of the rater whose reading it is; those that count if left out.
    before
        As they were before this transaction.
    """
    table = LandmarkRevision
    query = (
        select(table.frame, table.points, table.revision, table.shown, table.rater_id, Rater.name)
        .outerjoin(Rater, Rater.id == table.rater_id)
        .where(table.cine_id == cine_id)
        .order_by(table.frame, table.revision)
    )
    if frame is not None:
        query = query.where(table.frame == frame)
    if before is not None:
        query = query.where(table.sequence < before)
    versions: dict[int, list[Any]] = {}
    for version in connection.execute(query):
        if version.shown if of is None else _is_seen(version, of):
            versions.setdefault(version.frame, []).append(version)
    found = {}
    for at, known in versions.items():
        last = _last_of(known, of)
        points = _points_of(last.points)
        if points or taken_away:
            found[at] = LandmarkSet(points, last.revision, last.name or "")
    return found


def _points_of(text: str) -> dict[str, Landmark]:
    """Return the landmarks that are stored of a frame.

    Raises
    ------
    StoreError
        If a later version of this program placed something else than points.
    """
    try:
        return {name: Landmark(float(y), float(x)) for name, (y, x) in json.loads(text).items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            "A later version of this program placed landmarks of this clip in a way which this version does not know; "
            "open the study with that version."
        ) from error


def marks_of(connection: Connection, cine_id: int, of: int | None = None, before: int | None = None) -> Marks:
    """Return end-diastole and end-systole of a clip; parameters as for `landmarks_of`."""
    table = MarkRevision
    query = (
        select(table.ed_frame, table.es_frame, table.revision, table.shown, table.rater_id, Rater.name)
        .outerjoin(Rater, Rater.id == table.rater_id)
        .where(table.cine_id == cine_id)
        .order_by(table.revision)
    )
    if before is not None:
        query = query.where(table.sequence < before)
    versions = [v for v in connection.execute(query) if (v.shown if of is None else _is_seen(v, of))]
    row = _last_of(versions, of)
    if row is not None:
        return Marks(row.ed_frame, row.es_frame, row.revision, row.name or "")
    ed, es = connection.execute(select(CineRow.ed_frame, CineRow.es_frame).where(CineRow.id == cine_id)).one()
    return Marks(ed, es)
