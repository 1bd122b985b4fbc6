"""The clips that wait to be segmented in the background: kept in the study, so that a kill forgets none.

Whoever works on a clip takes it for a time and renews that while at work. A program that was killed renews nothing, and
what it had goes to the next that asks.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, delete, func, insert, or_, select, update

from matae.store.base import StudyBase, as_note
from matae.store.cine_rows import path_as_text, path_of_text
from matae.store.claims import as_text, time_of
from matae.store.schema import Audit
from matae.store.schema import Cine as CineRow
from matae.store.schema_worklist import QueueRow
from matae.store.types import QueueCounts, QueuedClip

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["TAKE_S", "QueuePart", "info_of"]

TAKE_S = 60.0
"""Seconds a clip is taken for without being renewed."""
_AT_ONCE = 500
_REDONE = "queue done again"


class QueuePart(StudyBase):
    """What a study says about clips that wait to be segmented."""

    def enqueue(self, clips: Iterable[QueuedClip]) -> int:
        """Add clips to the queue; return how many are new in it.

        A path that is in the queue already is left there; one that could not be done waits again.
        """
        added, some = 0, []
        for clip in clips:
            some.append(clip)
            if len(some) == _AT_ONCE:
                added += self._enqueue(some)
                some = []
        return added + (self._enqueue(some) if some else 0)

    def _enqueue(self, clips: list[QueuedClip]) -> int:
        by_path = {path_as_text(clip.path): clip for clip in clips}
        with self._writing() as writing:
            connection = writing.connection
            known = {
                row.path: row.state
                for row in connection.execute(
                    select(QueueRow.path, QueueRow.state).where(QueueRow.path.in_(list(by_path)))
                )
            }
            again = [path for path, state in known.items() if state == "failed"]
            if again:
                connection.execute(
                    update(QueueRow)
                    .where(QueueRow.path.in_(again))
                    .values(state="waiting", note="", taken_until="", sequence=writing.sequence)
                )
            rows = [
                {
                    "path": path, "label": as_note(clip.label, 1000), "kind": as_note(clip.kind, 40),
                    "info": _as_json(dict(clip.info)), "state": "waiting", "note": "", "cine_id": None,
                    "taken_by": "", "taken_until": "", "added_at": writing.at, "sequence": writing.sequence,
                }
                for path, clip in by_path.items() if path not in known
            ]  # fmt: skip
            if rows:
                connection.execute(insert(QueueRow), rows)
            return len(rows) + len(again)

    def take_next(self, *, seconds: float = TAKE_S, after: int = 0, without: Collection[int] = ()) -> QueuedClip | None:
        """Take the next clip that waits and nobody is at work on; None where there is none.

        Parameters
        ----------
        seconds
            For how long, unless it is renewed.
        after
            Only clips with a higher number (`QueuedClip.id`).
        without
            Clips of the queue, by their numbers (`QueuedClip.id`), that are left to others.
        """
        with self._writing() as writing:
            connection = writing.connection
            now = time_of(connection)
            number = _first_free(connection, as_text(now), int(after), {int(number) for number in without})
            if number is None:
                return None
            row = connection.execute(
                select(
                    QueueRow.id, QueueRow.path, QueueRow.label, QueueRow.kind, QueueRow.info, QueueRow.cine_id
                ).where(QueueRow.id == number)
            ).one()
            connection.execute(
                update(QueueRow)
                .where(QueueRow.id == row.id)
                .values(taken_by=self._session, taken_until=as_text(now + timedelta(seconds=seconds)))
            )
            info = info_of(row.info)
            return QueuedClip(path_of_text(row.path), row.label, row.kind, info, row.id, row.cine_id is not None)

    def renew_taken(self, *, seconds: float = TAKE_S) -> None:
        """Say that this `Study` object is still at work on what it took."""
        with self._writing() as writing:
            until = as_text(time_of(writing.connection) + timedelta(seconds=seconds))
            writing.connection.execute(
                update(QueueRow)
                .where(QueueRow.state == "waiting", QueueRow.taken_by == self._session, QueueRow.taken_until != "")
                .values(taken_until=until)
            )

    def give_back_taken(self, number: int | None = None) -> None:
        """Let others have what this `Study` object took and did not finish, or one clip of it by its number."""
        mine = and_(QueueRow.state == "waiting", QueueRow.taken_by == self._session)
        if number is not None:
            mine = and_(mine, QueueRow.id == int(number))
        with self._writing() as writing:
            writing.connection.execute(update(QueueRow).where(mine).values(taken_by="", taken_until=""))

    def finish_queued(self, number: int, *, content_id: str = "", note: str = "") -> None:
        """Say what became of a clip: it is in the study under a content id, or why it could not be done."""
        with self._writing() as writing:
            # One that could not be done again stays whose it is: it is tried again as that, and forgotten with them.
            known = {"cine_id": self._cine(writing.connection, content_id).id} if content_id else {}
            writing.connection.execute(
                update(QueueRow)
                .where(QueueRow.id == int(number))
                .values(
                    state="failed" if note else "done", note=as_note(note, 1000), taken_by="", taken_until="",
                    sequence=writing.sequence, **known,
                )
            )  # fmt: skip

    def queue_counts(self) -> QueueCounts:
        """Return how far the queue is."""
        with self._reading() as connection:
            taken = and_(QueueRow.state == "waiting", QueueRow.taken_until >= as_text(time_of(connection)))
            state: Any = case((taken, "taken"), else_=QueueRow.state)
            rows = connection.execute(select(state, func.count()).select_from(QueueRow).group_by(state)).all()
            return QueueCounts(**{str(name): int(n) for name, n in rows})

    def retry_failed(self) -> int:
        """Have what could not be done wait again; return how many clips that are."""
        with self._writing() as writing:
            done = writing.connection.execute(
                update(QueueRow)
                .where(QueueRow.state == "failed")
                .values(state="waiting", note="", taken_by="", taken_until="", sequence=writing.sequence)
            )
            return int(done.rowcount)

    def redo_done(self) -> int:
        """Have what is done wait again, to be segmented anew; return how many clips that are.

        Where clips wait of a time before, it was broken off: they are gone on with, and nothing is added
        (`left_to_redo`). Clips that only failed and wait again (`retry_failed`) are no sign of that.
        """
        with self._writing() as writing:
            if writing.connection.execute(select(func.count()).where(_left_to_redo())).scalar_one():
                return 0
            done = writing.connection.execute(
                update(QueueRow)
                .where(QueueRow.state == "done")
                .values(state="waiting", taken_by="", taken_until="", sequence=writing.sequence)
            )
            if done.rowcount:
                writing.audit(_REDONE, details={"n": int(done.rowcount)})
            return int(done.rowcount)

    def left_to_redo(self) -> int:
        """Return how many clips still wait of those that `redo_done` had wait again."""
        with self._reading() as connection:
            return int(connection.execute(select(func.count()).where(_left_to_redo())).scalar_one())

    def clear_queue(self, *, waiting: bool = False) -> int:
        """Take what is done or failed out of the queue, and what waits too if asked; return how many clips that are."""
        gone = QueueRow.state != "waiting"
        with self._writing() as writing:
            if waiting:
                gone = or_(gone, QueueRow.taken_until < as_text(time_of(writing.connection)))
            return int(writing.connection.execute(delete(QueueRow).where(gone)).rowcount)

    def known_paths(self) -> set[Path]:
        """Return where the clips of the study and of its queue were found, to tell what is new in a folder."""
        with self._reading() as connection:
            cines = connection.execute(select(CineRow.path)).scalars().all()
            queued = connection.execute(select(QueueRow.path).where(QueueRow.state != "failed")).scalars().all()
        return {path_of_text(path) for path in (*cines, *queued) if path}


def _first_free(connection: Connection, now: str, after: int, without: set[int]) -> int | None:
    """Return the number of the first clip that waits, behind one, but for some; None where there is none.

    Those are not named in the question: there may be more of them than a database takes values. Among one more than
    they are is one that is wanted, if there is any.
    """
    query = (
        select(QueueRow.id)
        .where(QueueRow.state == "waiting", QueueRow.taken_until < now, QueueRow.id > after)
        .order_by(QueueRow.id)
        .limit(len(without) + 1)
    )
    return next((number for number in connection.execute(query).scalars() if number not in without), None)


def _left_to_redo() -> Any:
    """Say of a row that it waits since `redo_done`: whatever becomes of a clip later has a number of its own."""
    times = select(Audit.sequence).where(Audit.event == _REDONE)
    return and_(QueueRow.state == "waiting", QueueRow.sequence.in_(times))


def info_of(text: str) -> dict[str, Any]:
    """Return what was known of a clip as it was added; nothing where a later version wrote it: it is found again."""
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def _as_json(info: dict[str, Any]) -> str:
    """Return what is known of a clip as JSON; what JSON has no value for is left out and found again on reading."""
    kept = {}
    for key, value in info.items():
        try:
            kept[str(key)] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            continue
    return json.dumps(kept)
