"""Who has a clip open: a lease that is renewed while it is, and runs out by itself where a program was killed.

A claim keeps nobody out: two people may work on one clip, and what they change is kept apart as ever. It only says who
is there. The time is the server's where there is one, so that the clocks of two desks need not agree.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from matae.store.base import StudyBase, parse_time
from matae.store.schema_worklist import ClaimRow
from matae.store.types import Claim

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["LEASE_S", "ClaimsPart", "as_text", "claims_of", "time_of"]

LEASE_S = 150.0
"""Seconds a claim holds without being renewed."""


def time_of(connection: Connection) -> datetime:
    """Return the time that all who share a study agree on (UTC)."""
    if connection.dialect.name == "postgresql":
        found: datetime = connection.execute(select(func.now())).scalar_one()
        return found.astimezone(UTC)
    return datetime.now(UTC)


def as_text(time: datetime) -> str:
    """Return a time so that texts compare as times do."""
    return time.isoformat(timespec="microseconds")


class ClaimsPart(StudyBase):
    """What a study says about who has which clip open."""

    def claim(self, content_id: str, *, lease_s: float = LEASE_S) -> list[Claim]:
        """Say that this `Study` object has a clip open, or still has it; return who else has.

        Parameters
        ----------
        content_id
            The clip. What this object had open before is given back.
        lease_s
            Seconds after which the claim runs out unless it is made again.
        """
        with self._writing() as writing:
            connection = writing.connection
            cine, now = self._cine(connection, content_id), time_of(connection)
            mine = ClaimRow.session == self._session
            connection.execute(delete(ClaimRow).where(mine, ClaimRow.cine_id != cine.id))
            connection.execute(delete(ClaimRow).where(ClaimRow.until < as_text(now)))
            until = as_text(now + timedelta(seconds=lease_s))
            done = connection.execute(update(ClaimRow).where(mine, ClaimRow.cine_id == cine.id).values(until=until))
            if not done.rowcount:
                connection.execute(
                    insert(ClaimRow).values(
                        cine_id=cine.id, session=self._session, rater=self._rater, since=as_text(now), until=until
                    )
                )
            others = claims_of(connection, self._session, cine.id).get(cine.id, [])
            return [claim for claim in others if not claim.own]

    def release_claim(self) -> None:
        """Say that this `Study` object has no clip open any more."""
        with self._writing() as writing:
            writing.connection.execute(delete(ClaimRow).where(ClaimRow.session == self._session))

    def claims(self, content_id: str) -> list[Claim]:
        """Return who has a clip open, the longest first."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            return claims_of(connection, self._session, cine.id).get(cine.id, [])


def claims_of(connection: Connection, session: str, cine_id: int | None = None) -> dict[int, list[Claim]]:
    """Return the claims that hold, by clip, the longest first; of one clip if it is named."""
    query = select(ClaimRow).where(ClaimRow.until >= as_text(time_of(connection))).order_by(ClaimRow.since)
    if cine_id is not None:
        query = query.where(ClaimRow.cine_id == cine_id)
    found: dict[int, list[Claim]] = {}
    for row in connection.execute(query.with_only_columns(*ClaimRow.__table__.columns)):
        found.setdefault(row.cine_id, []).append(Claim(row.rater, parse_time(row.since), own=row.session == session))
    return found
