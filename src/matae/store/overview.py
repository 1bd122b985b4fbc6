"""The study as a whole: what changed since, where it stands, and what was done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import Integer, and_, case, cast, func, literal, null, select, union_all

from matae.store.base import StudyBase, parse_time
from matae.store.schema import Audit, Label, LandmarkRevision, MarkRevision, OverrideRevision, Rater, StudyRow, Subject
from matae.store.schema import Cine as CineRow
from matae.store.schema import Revision as RevisionRow
from matae.store.types import AuditEntry, Change, FrameStatus, Statistics

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Select

__all__ = ["FORGOTTEN", "OverviewPart"]

FORGOTTEN = "forgotten"


class OverviewPart(StudyBase):
    """What a study says about itself."""

    def changes_since(self, sequence: int) -> tuple[int, list[Change]]:
        """Return what happened after a transaction: cheap enough to ask every second.

        Parameters
        ----------
        sequence
            What the last call returned, or `Study.sequence` when the viewer loaded what it shows.

        Returns
        -------
        int
            Number of the last transaction, for the next call.
        list of Change
            In order; those of this very object are marked as its own.
        """
        with self._reading() as connection:
            last = int(connection.execute(select(StudyRow.sequence)).scalar_one())
            if last <= sequence:
                return last, []
            rows = connection.execute(_changes(sequence)).all()
            return last, [
                Change(row.sequence, row.kind, row.content_id or "", row.frame, row.revision, row.rater or "",
                       own=row.session == self._session)
                for row in rows
            ]  # fmt: skip

    def statistics(self) -> Statistics:
        """Return where the study stands."""
        accepted = Label.status == FrameStatus.ACCEPTED.value
        unedited = and_(accepted, Label.mask_id == Label.original_mask_id)
        with self._reading() as connection:
            n_subjects = connection.execute(select(func.count()).select_from(Subject)).scalar_one()
            n_cines, n_frames = connection.execute(
                select(func.count(), func.coalesce(func.sum(CineRow.n_frames), 0)).select_from(CineRow)
            ).one()
            rows = connection.execute(
                select(Label.status, func.count(), func.coalesce(func.sum(Label.seconds), 0.0))
                .where(Label.mask_id.is_not(None))
                .group_by(Label.status)
            ).all()
            same = connection.execute(select(func.sum(case((unedited, 1), else_=0))).where(accepted)).scalar()
        by_status = dict.fromkeys(FrameStatus, 0) | {FrameStatus(status): int(n) for status, n, _ in rows}
        seconds = {FrameStatus(status): float(spent) for status, _, spent in rows}
        n_accepted = by_status[FrameStatus.ACCEPTED]
        return Statistics(
            n_subjects=int(n_subjects),
            n_cines=int(n_cines),
            n_frames=int(n_frames),
            by_status=by_status,
            seconds=sum(seconds.values()),
            minutes_per_accepted=seconds[FrameStatus.ACCEPTED] / n_accepted / 60 if n_accepted else None,
            accepted_unedited=int(same or 0) / n_accepted if n_accepted else None,
        )

    def audit(self, content_id: str | None = None, *, after: int = 0, limit: int | None = None) -> list[AuditEntry]:
        """Return the audit log, oldest first.

        Parameters
        ----------
        content_id
            Only what was done to this cine.
        after
            Only entries with a higher number.
        limit
            At most so many, the newest ones.
        """
        with self._reading() as connection:
            query = select(Audit).where(Audit.number > after).order_by(Audit.number.desc()).limit(limit)
            if content_id is not None:
                query = query.where(Audit.cine == self._cine(connection, content_id).code)
            rows = connection.execute(query).all()
        return [
            AuditEntry(
                number=row.number,
                at=parse_time(row.at),
                event=row.event,
                subject=row.subject,
                cine=row.cine,
                rater=row.rater,
                details=json.loads(row.details),
            )
            for row in reversed(rows)
        ]

    def codes(self) -> dict[str, str]:
        """Return what the codes of the audit log stand for: pseudonyms, content ids, raters; none of the forgotten."""
        with self._reading() as connection:
            found: dict[str, str] = {}
            for query in (
                select(Subject.code, Subject.pseudonym),
                select(CineRow.code, CineRow.content_id),
                select(Rater.code, Rater.name),
            ):
                found |= {row[0]: row[1] for row in connection.execute(query)}
            return found


def _changes(sequence: int) -> Any:
    none = cast(null(), Integer)

    def of(table: Any, kind: Any, frame: Any, revision: Any) -> Select[Any]:
        return (
            select(
                table.sequence.label("sequence"),
                kind.label("kind"),
                CineRow.content_id.label("content_id"),
                frame.label("frame"),
                revision.label("revision"),
                Rater.name.label("rater"),
                table.session.label("session"),
            )
            .join(CineRow, CineRow.id == table.cine_id)
            .outerjoin(Rater, Rater.id == table.rater_id)
            .where(table.sequence > sequence)
        )

    def shown(table: Any, kind: str, frame: Any = none) -> Select[Any]:
        return of(table, literal(kind), frame, table.revision).where(table.shown)  # a refused one changes nothing

    cines = select(
        CineRow.sequence, literal("cine"), CineRow.content_id, none, literal(0), literal(""), CineRow.session
    ).where(CineRow.sequence > sequence)
    forgotten = select(
        Audit.sequence, literal(FORGOTTEN), literal(""), none, literal(0), literal(""), literal("")
    ).where(Audit.sequence > sequence, Audit.event == FORGOTTEN)
    whole: Any = union_all(
        of(RevisionRow, RevisionRow.kind, RevisionRow.frame, RevisionRow.number),
        shown(LandmarkRevision, "landmarks", LandmarkRevision.frame),
        shown(MarkRevision, "marks"),
        shown(OverrideRevision, "override"),
        cines,
        forgotten,
    )
    return whole.order_by("sequence", "content_id", "frame")
