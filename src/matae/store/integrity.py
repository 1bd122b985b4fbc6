"""Looking for damage, and copying a study while people work in it."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, text

from matae.anatomy import CAVITY
from matae.errors import StoreError
from matae.store.base import EMPTY_DIGEST, StudyBase, audit_digest
from matae.store.codec import decode_mask
from matae.store.create import make_file, make_on_server, new_file
from matae.store.database_errors import speaking
from matae.store.engine import WAIT_S, WRITING, make_engine, parse_target
from matae.store.schema import Audit, Base, Label, Mask, StudyRow
from matae.store.schema import Cine as CineRow
from matae.store.schema import Revision as RevisionRow
from matae.store.sqlite_client import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

__all__ = ["GUARDS", "CheckingPart"]

_NEVER_CHANGED = (
    "audit", "landmarks", "marks", "masks", "model_uses", "overrides", "release_frames", "revisions", "splits",
)  # fmt: skip
GUARDS = {
    dialect: frozenset(f"{table}_refuses_{what}" for table in _NEVER_CHANGED for what in ("update", "delete", other))
    for dialect, other in (("sqlite", "replace"), ("postgresql", "truncate"))
}
"""Triggers that must be there, by database."""
_AT_ONCE = 500
_MOST = 20  # problems of one kind that are listed


class CheckingPart(StudyBase):
    """Whether a study is sound, and a second one just like it."""

    def check(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """Read everything and return what is wrong, a sentence each; an empty list is good news.

        Parameters
        ----------
        progress
            Called with the number of masks read, and of all.
        """
        self._check_open()
        problems: list[str] = []
        try:
            with self._reading() as connection:
                for part in (_structure, _guards, _audit, _labels):
                    problems += list(part(connection))
                problems += list(_masks(connection, progress))
        except StoreError as error:
            problems.append(str(error))
        return problems

    def backup(self, path: str | Path) -> Path:
        """Copy the study into a new file while people go on working in it.

        Whatever the study lives in, the copy is a SQLite file and a whole study: `open` opens it.

        Parameters
        ----------
        path
            File to make.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        StoreError
            If the file is there already, or the disk is full; then no file is left behind.
        OutputError
            If the folder cannot be written to.
        """
        file = Path(path).expanduser().absolute()
        self._check_open()
        with new_file(file) as part:
            if self._target.file is None:
                make_file(part, fill=False)
                self._copy_to_file(part)
            else:
                self._copy_pages(self._target.file, part, file.name)
        return file

    def copy(self, target: str) -> None:
        """Copy the study into an empty PostgreSQL database, or a new file: how a study moves to a server and back.

        Raises
        ------
        StoreError
            If there is something already.
        """
        place = parse_target(target)
        if place.file is not None:
            self.backup(place.file)
            return
        self._check_open()
        make_on_server(place, fill=self._copy_into)

    def _copy_pages(self, source: Path, part: Path, name: str) -> None:
        with speaking(self.name), closing(connect(source)) as origin:
            with speaking(name):
                found = origin.backup(part)
            shutil.copymode(source, part)  # whoever may not read the one may not read the other
            if found != "ok":
                raise StoreError(f"The copy of {self.name} is not sound ({found}); run 'napari-matae study check'.")

    def _copy_to_file(self, part: Path) -> None:
        engine = make_engine(parse_target(part), WAIT_S, journal=False)
        try:
            with speaking(part.name), engine.connect() as plain:
                copy = plain.execution_options(**{WRITING: True})
                with copy.begin():
                    self._copy_into(copy)
        finally:
            engine.dispose()

    def _copy_into(self, copy: Connection) -> None:
        with self._reading() as origin:
            for table in Base.metadata.sorted_tables:
                rows = origin.execution_options(yield_per=_AT_ONCE).execute(table.select())
                for some in rows.mappings().partitions():
                    copy.execute(insert(table), [dict(row) for row in some])
        if copy.dialect.name == "postgresql":
            _go_on_counting(copy)


def _go_on_counting(connection: Connection) -> None:
    """Let a server number new rows after those that were copied."""
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "  # noqa: S608 (our names)
                    f"GREATEST((SELECT MAX({column.name}) FROM {table.name}), 1))"
                )
            )


def _structure(connection: Connection) -> Iterator[str]:
    if connection.dialect.name != "sqlite":
        return
    for (line,) in connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})"):
        if line != "ok":
            yield f"The file is damaged: {line}."
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_MOST):
        yield f"A row of {row[0]} belongs to a row of {row[2]} that is gone."


def _guards(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
    else:
        found = connection.exec_driver_sql("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'").scalars()
    for name in sorted(GUARDS[connection.dialect.name] - set(found)):
        yield f"The guard {name} is gone: what must never change could have been changed."


def _audit(connection: Connection) -> Iterator[str]:
    study = connection.execute(select(StudyRow.audit_head, StudyRow.audit_count)).one_or_none()
    if study is None:
        yield "The study's own row is gone."
        return
    head, count = EMPTY_DIGEST, 0
    for row in (
        connection.execution_options(yield_per=_AT_ONCE).execute(select(Audit).order_by(Audit.number)).mappings()
    ):
        count += 1
        head = audit_digest(head, dict(row))
        if row["number"] != count or row["digest"] != head:
            yield f"The audit log was changed or cut at entry {count}."
            return
    if (head, count) != (study.audit_head, study.audit_count):
        yield f"The audit log was cut after entry {count}: {study.audit_count} were written."


def _labels(connection: Connection) -> Iterator[str]:
    wrong = connection.execute(
        select(CineRow.content_id, Label.frame)
        .join(CineRow, CineRow.id == Label.cine_id)
        .outerjoin(
            RevisionRow,
            (RevisionRow.cine_id == Label.cine_id)
            & (RevisionRow.frame == Label.frame)
            & (RevisionRow.number == Label.revision),
        )
        .where(
            RevisionRow.id.is_(None)
            | (RevisionRow.status != Label.status)
            | RevisionRow.mask_id.is_distinct_from(Label.mask_id)
            | ~RevisionRow.shown
        )
        .limit(_MOST)
    )
    for content_id, frame in wrong:
        yield f"Frame {frame + 1} of cine {content_id[:12]} does not show its last version."
    gaps = connection.execute(
        select(CineRow.content_id, RevisionRow.frame)
        .join(CineRow, CineRow.id == RevisionRow.cine_id)
        .group_by(CineRow.content_id, RevisionRow.frame)
        .having(func.count() != func.max(RevisionRow.number))
        .limit(_MOST)
    )
    for content_id, frame in gaps:
        yield f"Versions of frame {frame + 1} of cine {content_id[:12]} are gone."


def _masks(connection: Connection, progress: Callable[[int, int], None] | None) -> Iterator[str]:
    total = connection.execute(select(func.count()).select_from(Mask)).scalar_one()
    rows = connection.execution_options(yield_per=_AT_ONCE).execute(
        select(Mask.sha256, Mask.png, Mask.area, CineRow.content_id, CineRow.height, CineRow.width).join(
            CineRow, CineRow.id == Mask.cine_id
        )
    )
    found = 0
    for number, row in enumerate(rows, 1):
        if progress is not None and (number % _AT_ONCE == 0 or number == total):
            progress(number, total)
        try:
            mask = decode_mask(row.png, row.sha256)
            # Earlier versions counted all structures of a mask, not the cavity alone; what is stored never changes.
            counts = int((mask == CAVITY).sum()), int((mask != 0).sum())
            sound = mask.shape == (row.height, row.width) and row.area in counts
        except StoreError:
            sound = False
        if not sound and found < _MOST:
            found += 1
            yield f"A mask of cine {row.content_id[:12]} is not what was stored."
