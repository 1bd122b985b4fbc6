"""Every clip of the study in one question: how far it is, what was measured, who was there and who is there now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import String, and_, cast, func, literal, select

from matae.store.base import parse_time
from matae.store.cine_rows import path_of_text
from matae.store.claims import claims_of
from matae.store.fingerprints import MASKS, settings_counts
from matae.store.measurements import MEASURED, measurement_of
from matae.store.overrides import read_value
from matae.store.overview import OverviewPart
from matae.store.queue import QueuePart, info_of
from matae.store.reader_view import ReaderViewPart, is_revealed
from matae.store.readings import measured_in
from matae.store.schema import Cine as CineRow
from matae.store.schema import Flag as FlagRow
from matae.store.schema import Label, OverrideRevision, Rater, StudyRow, Subject
from matae.store.schema_worklist import Measurement, QueueRow
from matae.store.types import ClipStatus, FrameStatus, OverrideName, SubjectSource, WorklistNews, WorklistRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sqlalchemy import Connection

    from matae.store.types import Claim, StoredMeasurement

__all__ = ["WorklistPart", "views_set"]

_MOST_NEWS = 200
"""Clips whose lines are asked for anew by themselves; where more changed, all are."""
_TOUCHED = func.max(Label.updated_at.concat(literal(" ")).concat(func.coalesce(cast(Label.rater_id, String), "")))
"""When a label of a clip was last changed, and by whom: times are texts of one length, so the latest is the largest."""


class WorklistPart(OverviewPart, QueuePart, ReaderViewPart):
    """What a study says about all its clips."""

    def worklist(self, content_ids: Iterable[str] | None = None) -> list[WorklistRow]:
        """Return a line for every clip, in the order they were added; those that wait to be read come last.

        No pixel and no mask is read. What others do meanwhile is seen whole or not at all.

        Parameters
        ----------
        content_ids
            Only these clips, as far as the study has them; then none that waits.
        """
        with self._reading() as connection:
            some = None if content_ids is None else _ids_of(connection, content_ids)
            raters = {row.id: row.name for row in connection.execute(select(Rater.id, Rater.name))}
            labels, flags, views = _labels(connection, some), _flags(connection, some), views_set(connection, some)
            settings = {cine_id: int(n) for cine_id, n in connection.execute(settings_counts(some))}
            claims = claims_of(connection, self._session)
            failed = {
                row.cine_id: row
                for row in connection.execute(
                    select(QueueRow.id, QueueRow.cine_id, QueueRow.state, QueueRow.note).where(
                        QueueRow.cine_id.is_not(None), QueueRow.state != "done"
                    )
                )
            }
            query = (
                select(
                    CineRow.id, CineRow.content_id, CineRow.path, CineRow.stem, CineRow.view, CineRow.n_frames,
                    CineRow.added_at, CineRow.subject_source, Subject.pseudonym, Measurement.cine_id,
                    Measurement.rater_id, *MEASURED,
                )
                .outerjoin(Subject, Subject.id == CineRow.subject_id)
                .outerjoin(Measurement, Measurement.cine_id == CineRow.id)
                .order_by(CineRow.id)
            )  # fmt: skip
            rows = connection.execute(_only(query, CineRow.id, some)).all()
            waiting = [] if content_ids is not None else _waiting(connection, {row[2] for row in rows})
            hidden = self._hidden(connection, [row.id for row in rows])
        found = []
        for row in rows:
            cine_id, content_id, place, stem, view, n_frames, added, source, subject, measured, rater, *values = row
            of = labels.get(cine_id, _NO_LABELS)
            status, queued = ClipStatus.of(of.counts), failed.get(cine_id)
            if queued is None or status is not ClipStatus.NOT_SEGMENTED:
                queued = None
            else:
                status = ClipStatus.FAILED if queued.state == "failed" else ClipStatus.WAITING
            now = (of.masks, settings.get(cine_id, 0))
            found.append(
                WorklistRow(
                    content_id, place, None if source == SubjectSource.GUESSED else subject, stem,
                    views.get(cine_id, view), n_frames, status, of.counts, flags.get(cine_id, 0),
                    hidden[cine_id] if cine_id in hidden
                    else None if measured is None else measurement_of(values, raters.get(rater), now),
                    "" if of.rater_id is None else raters.get(of.rater_id, ""),
                    parse_time(of.person_at or of.machine_at or added),
                    tuple(claim for claim in claims.get(cine_id, ()) if not claim.own),
                    None if queued is None else queued.id, "" if queued is None else queued.note,
                )
            )  # fmt: skip
        return [*found, *waiting]

    def _hidden(self, connection: Connection, cine_ids: Iterable[int]) -> dict[int, StoredMeasurement | None]:
        """Return what this rater measured in the clips whose measurement is another reader's, and not theirs to see."""
        if not self._as_reader or not connection.execute(select(StudyRow.blind)).scalar_one():
            return {}
        found = {}
        for cine_id in cine_ids:
            own = self._beside(connection, cine_id)
            if own is not None and not is_revealed(connection, cine_id):
                found[cine_id] = measured_in(connection, cine_id, own)
        return found

    def worklist_news(self, sequence: int) -> WorklistNews:
        """Return what is another in the worklist since a transaction: cheap enough to ask every few seconds.

        Parameters
        ----------
        sequence
            `Study.sequence` before the rows that are known were asked for, or `WorklistNews.sequence`.
        """
        last, changes = self.changes_since(sequence)
        with self._reading() as connection:
            claims = claims_of(connection, self._session)
            of_claims = _content_ids(connection, claims)
            open_now = {
                content_id: others
                for cine_id, content_id in of_claims.items()
                if (others := tuple(claim for claim in claims[cine_id] if not claim.own))
            }
            ids, is_other = {change.content_id for change in changes if change.content_id}, False
            if last > sequence:
                measured = select(CineRow.content_id).join(Measurement, Measurement.cine_id == CineRow.id)
                ids.update(connection.execute(measured.where(Measurement.sequence > sequence)).scalars())
                newest = connection.execute(select(func.max(QueueRow.sequence))).scalar()
                new_cine = any(change.kind == "cine" for change in changes)
                forgotten = any(not change.content_id for change in changes)
                is_other = (newest or 0) > sequence or new_cine or forgotten
        rows = self.worklist(ids) if ids and len(ids) <= _MOST_NEWS else []
        return WorklistNews(last, tuple(rows), is_other or len(ids) > _MOST_NEWS, open_now, self.queue_counts())

    def clips_open(self) -> dict[str, tuple[Claim, ...]]:
        """Return who else has which clip open, by content id."""
        return dict(self.worklist_news(self.sequence).claims)


def _content_ids(connection: Connection, cine_ids: Iterable[int]) -> dict[int, str]:
    query = select(CineRow.id, CineRow.content_id).where(CineRow.id.in_(list(cine_ids)))
    return {row.id: row.content_id for row in connection.execute(query)}


def _ids_of(connection: Connection, content_ids: Iterable[str]) -> list[int]:
    wanted = list(content_ids)
    return list(connection.execute(select(CineRow.id).where(CineRow.content_id.in_(wanted))).scalars())


def _only(query: Any, column: Any, some: list[int] | None) -> Any:
    return query if some is None else query.where(column.in_(some))


class _OfLabels:
    """What the labels of one clip come to."""

    __slots__ = ("counts", "machine_at", "masks", "person_at", "rater_id")

    def __init__(self) -> None:
        self.counts: dict[FrameStatus, int] = {}
        self.masks = 0
        self.person_at = self.machine_at = ""
        self.rater_id: int | None = None


_NO_LABELS = _OfLabels()


def _labels(connection: Connection, some: list[int] | None) -> dict[int, _OfLabels]:
    query = select(Label.cine_id, Label.status, func.count(Label.mask_id), MASKS, _TOUCHED)
    rows = connection.execute(_only(query, Label.cine_id, some).group_by(Label.cine_id, Label.status))
    found: dict[int, _OfLabels] = {}
    for cine_id, status, n, masks, touched in rows:
        of = found.get(cine_id)
        if of is None:
            of = found[cine_id] = _OfLabels()
        if n:
            of.counts[FrameStatus(status)] = int(n)
        of.masks += int(masks)
        at, _, rater = touched.partition(" ")
        if status == FrameStatus.MACHINE.value and not rater:
            of.machine_at = max(of.machine_at, at)
        elif at > of.person_at:
            of.person_at, of.rater_id = at, int(rater) if rater else None
    return found


def _flags(connection: Connection, some: list[int] | None) -> dict[int, int]:
    query = (
        select(FlagRow.cine_id, func.count())
        .join(Label, and_(Label.cine_id == FlagRow.cine_id, Label.frame == FlagRow.frame))
        .where(Label.status == FrameStatus.MACHINE.value, Label.mask_id.is_not(None))
        .group_by(FlagRow.cine_id)
    )
    rows = connection.execute(_only(query, FlagRow.cine_id, some))
    return {cine_id: int(n) for cine_id, n in rows}


def views_set(connection: Connection, some: list[int] | None) -> dict[int, str]:
    """Return the views that people set, of those clips where they set one."""
    query = (
        select(OverrideRevision.cine_id, OverrideRevision.value)
        .where(OverrideRevision.name == OverrideName.VIEW.value, OverrideRevision.shown)
        .order_by(OverrideRevision.cine_id, OverrideRevision.revision)
    )
    rows = connection.execute(_only(query, OverrideRevision.cine_id, some))
    said = {cine_id: read_value(value) for cine_id, value in rows}  # the last version counts
    # Of a kind that a later version has, there is none to show; what needs it asks `Study.overrides`, which says so.
    return {cine_id: view if isinstance(view, str) else "?" for cine_id, view in said.items() if view is not None}


def _waiting(connection: Connection, known: set[str]) -> list[WorklistRow]:
    """Return the clips of the queue that are not in the study yet."""
    rows = connection.execute(
        select(
            QueueRow.id, QueueRow.path, QueueRow.label, QueueRow.state, QueueRow.note, QueueRow.added_at, QueueRow.info
        )
        .where(QueueRow.state != "done", QueueRow.cine_id.is_(None))
        .order_by(QueueRow.id)
    )  # fmt: skip
    found = []
    for row in rows:
        if row.path in known:
            continue  # it is in the study, and its own line says how far it is
        info = info_of(row.info)
        found.append(
            WorklistRow(
                content_id="", place=row.path, subject=None, stem=row.label or path_of_text(row.path).stem,
                view=info.get("view") if isinstance(info.get("view"), str) else None,
                n_frames=info.get("frames") if isinstance(info.get("frames"), int) else None,
                status=ClipStatus.FAILED if row.state == "failed" else ClipStatus.WAITING,
                touched=parse_time(row.added_at), queue_id=row.id, note=row.note,
            )
        )  # fmt: skip
    return found
