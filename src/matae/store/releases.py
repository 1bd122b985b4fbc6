"""Releases: labels frozen in the version they had; and forgetting a subject, which goes through everything."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from matae.errors import StoreError
from matae.store.base import StudyBase, as_pseudonym, parse_time
from matae.store.cine_rows import entry_of, entry_row
from matae.store.overview import FORGOTTEN
from matae.store.schema import Cine as CineRow
from matae.store.schema import Label, StudyRow, Subject
from matae.store.schema import Release as ReleaseRow
from matae.store.schema import ReleaseFrame as ReleaseFrameRow
from matae.store.schema import Revision as RevisionRow
from matae.store.types import Release, ReleaseFrame

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sqlalchemy import Connection

    from matae.store.base import Writing

__all__ = ["ReleasesPart"]


class ReleasesPart(StudyBase):
    """What left the study, and what must leave it for good."""

    def add_release(
        self,
        name: str,
        frames: Mapping[str, Iterable[int] | Mapping[int, int]],
        manifest: Mapping[str, Any] | None = None,
    ) -> Release:
        """Freeze labels under a name; the number counts by itself.

        Parameters
        ----------
        name
            Of the data set.
        frames
            Content id and its frames; each is kept in the version it has now, or in the one that is given with it.
        manifest
            What else to remember, JSON values only: model, format, digests. Never a person's name or a path.

        Raises
        ------
        StoreError
            If a frame has no label, or nobody has said whom its cine shows.
        """
        name = as_pseudonym(name, "A release needs a name, such as 'lv-spring',")
        with self._writing() as writing:
            connection = writing.connection
            newest = connection.execute(select(func.max(ReleaseRow.number)).where(ReleaseRow.name == name)).scalar()
            number = (newest or 0) + 1
            connection.execute(
                insert(ReleaseRow).values(
                    name=name, number=number, manifest=json.dumps(dict(manifest or {}), sort_keys=True), at=writing.at
                )
            )
            release_id = connection.execute(
                select(ReleaseRow.id).where(ReleaseRow.name == name, ReleaseRow.number == number)
            ).scalar_one()
            rows: list[dict[str, Any]] = []
            for content_id, chosen in frames.items():
                cine = self._cine(connection, content_id)
                entry = entry_of(entry_row(connection, content_id))
                if entry.known_subject is None:
                    raise StoreError(f"Nobody has said which patient {entry.stem} shows; say so before it is released.")
                found = connection.execute(
                    select(Label.frame, Label.revision).where(Label.cine_id == cine.id, Label.mask_id.is_not(None))
                )
                revisions = {row.frame: row.revision for row in found}
                if isinstance(chosen, Mapping):
                    revisions = _existing(connection, cine.id, chosen)
                for frame in sorted({int(frame) for frame in chosen}):
                    if frame not in revisions:
                        raise StoreError(f"Frame {frame + 1} of a cine has no label; leave it out of the release.")
                    rows.append(
                        {"release_id": release_id, "cine_id": cine.id, "frame": frame, "revision": revisions[frame]}
                    )
            if rows:
                connection.execute(insert(ReleaseFrameRow), rows)
            writing.audit("released", details={"number": number, "n": len(rows)})
        return next(release for release in self.releases() if (release.name, release.number) == (name, number))

    def releases(self) -> list[Release]:
        """Return all releases, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(select(ReleaseRow).order_by(ReleaseRow.id)).all()
        return [Release(row.name, row.number, json.loads(row.manifest), parse_time(row.at)) for row in rows]

    def release_frames(self, name: str, number: int) -> list[ReleaseFrame]:
        """Return what a release holds; `Study.mask` with that revision gives the mask it had then."""
        with self._reading() as connection:
            rows = connection.execute(
                select(CineRow.content_id, ReleaseFrameRow.frame, ReleaseFrameRow.revision)
                .join(CineRow, CineRow.id == ReleaseFrameRow.cine_id)
                .join(ReleaseRow, ReleaseRow.id == ReleaseFrameRow.release_id)
                .where(ReleaseRow.name == name, ReleaseRow.number == number)
                .order_by(ReleaseFrameRow.cine_id, ReleaseFrameRow.frame)
            )
            return [ReleaseFrame(*row) for row in rows]

    def forget_subject(self, subject: str) -> int:
        """Take a subject out of the study for good: cines, labels, all versions, releases, the pseudonym itself.

        The audit log keeps that somebody was forgotten, not who. Copies outside the study (backups, exports, models)
        are not reached.

        Parameters
        ----------
        subject
            Pseudonym.

        Returns
        -------
        int
            Number of cines that went.

        Raises
        ------
        StoreError
            If there is no such subject.
        """
        subject = as_pseudonym(subject)
        with self._writing() as writing:
            connection = writing.connection
            row = connection.execute(select(Subject.id, Subject.code).where(Subject.pseudonym == subject)).one_or_none()
            if row is None:
                raise StoreError(f"There is no subject {subject} in {self.name}; look at 'napari-matae study status'.")
            cines = connection.execute(select(CineRow.content_id).where(CineRow.subject_id == row.id)).scalars().all()
            self._clean_manifests(writing, subject, cines)
            connection.execute(delete(Subject).where(Subject.id == row.id))  # the rest goes with it
            writing.audit(FORGOTTEN, subject=row.code, details={"cines": len(cines)})
        self._sweep()
        return len(cines)

    def _clean_manifests(self, writing: Writing, subject: str, cines: Iterable[str]) -> None:
        import hashlib
        import hmac

        secret = bytes(writing.connection.execute(select(StudyRow.secret)).scalar_one())
        whole = {subject, *cines}
        keyed = {hmac.new(secret, name.encode(), hashlib.sha256).hexdigest() for name in whole}
        for release in writing.connection.execute(select(ReleaseRow.id, ReleaseRow.manifest)).all():
            before = json.loads(release.manifest)
            after = _without(before, whole, keyed)
            if after != before:
                writing.connection.execute(
                    update(ReleaseRow)
                    .where(ReleaseRow.id == release.id)
                    .values(manifest=json.dumps(after, sort_keys=True))
                )

    def _sweep(self) -> None:
        """Leave no byte of what was deleted in the file; on a server that is the server's own housekeeping."""
        if self._target.file is None:
            return
        with self._reading() as connection:
            raw: Any = connection.connection.dbapi_connection
            connection.rollback()
            # Deleted rows are overwritten as they go; this is about what moved inside pages before. Where another
            # viewer is at work, it has to be left to the next time.
            with suppress(sqlite3.OperationalError):
                raw.execute("VACUUM")
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _existing(connection: Connection, cine_id: int, chosen: Mapping[int, int]) -> dict[int, int]:
    """Return those of some versions of frames that are there and have a mask."""
    found = connection.execute(
        select(RevisionRow.frame, RevisionRow.number).where(
            RevisionRow.cine_id == cine_id,
            RevisionRow.frame.in_([int(frame) for frame in chosen]),
            RevisionRow.mask_id.is_not(None),
        )
    )
    return {row.frame: row.number for row in found if chosen[row.frame] == row.number}


def _without(value: Any, whole: set[str], keyed: set[str]) -> Any:
    """Return a JSON value without the entries that name one of the subjects or cines."""

    def named(text: object) -> bool:
        return isinstance(text, str) and (
            text in whole or (len(text) >= 8 and any(digest.startswith(text) for digest in keyed))
        )

    def about(item: object) -> bool:
        return named(item) or (isinstance(item, dict) and any(named(inner) for inner in item.values()))

    if isinstance(value, dict):
        return {
            key: _without(inner, whole, keyed) for key, inner in value.items() if not named(key) and not about(inner)
        }
    if isinstance(value, list):
        return [_without(inner, whole, keyed) for inner in value if not about(inner)]
    return value
