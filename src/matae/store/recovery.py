"""What to do when the open files of a study are not those on disk any more.

Somebody deletes the log of a study that is open, a program that keeps folders in step replaces the file, a disk is
pulled out. What was stored until then is in the files that are still held, with or without a name: it is copied, the
study is opened anew, and what is missing is brought back.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import select

from matae.errors import StoreError
from matae.store.database_errors import speaking
from matae.store.engine import WRITING, make_engine, parse_target
from matae.store.schema import Audit, Base, StudyRow
from matae.store.sqlite_client import connect
from matae.store.study import Study

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy import Connection, Table

__all__ = ["Recovery", "bring_back", "recover", "rescue_copy"]

Outcome = Literal["whole", "restored", "diverged", "gone"]


class Recovery(NamedTuple):
    """What became of a study whose files were not those on disk.

    Parameters
    ----------
    outcome
        ``whole``: the file on disk has everything. ``restored``: it lacked transactions, which are in it again.
        ``diverged``: others wrote into it, or it is another study; it was left alone. ``gone``: there is no study.
    copy
        A study that holds everything that was stored; None where the file on disk does (``whole``).
    transactions
        How many were missing and brought back.
    """

    outcome: Outcome
    copy: Path | None
    transactions: int = 0


def rescue_copy(study: Study, target: Path) -> Path:
    """Copy what an open study in a file has stored, even where its files lost their names.

    Parameters
    ----------
    study
        Open; it stays so.
    target
        File to make; nothing must be there.

    Returns
    -------
    pathlib.Path
        The copy: a study.

    Raises
    ------
    StoreError
        If it cannot be read, or the copy cannot be written or is not sound.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with speaking(study.name):
        held = []
        try:
            # Of the connections in the pool, one holds the files in question; a new one would hold the new files.
            for _ in range(5):
                held.append(study._engine.connect())  # noqa: SLF001 (part of the store)
                raw = held[-1].connection.dbapi_connection
                if raw.misplaced():  # type: ignore[union-attr]
                    break
            raw.rescue(target)  # type: ignore[union-attr]
        except OSError as error:
            raise StoreError(f"{target.parent} cannot be written to ({error.strerror}); free some space.") from error
        finally:
            for connection in held:
                connection.close()
    with speaking(target.name), closing(connect(target)) as copy:
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        found = copy.execute("PRAGMA quick_check").fetchone()[0]
    if found != "ok":
        raise StoreError(f"The copy {target} of {study.name} is not sound ({found}); run 'napari-matae study check'.")
    return target


def recover(study: Study, target: Path) -> Recovery:
    """Save all that an open study knows, close it, and bring back what the file on disk lacks.

    Parameters
    ----------
    study
        A study in a file whose files are not those on disk any more. It is closed.
    target
        Where the copy goes.

    Raises
    ------
    StoreError
        If the copy cannot be made; the study is still open then.
    """
    copy = rescue_copy(study, target)
    place = study.target
    with suppress(StoreError):
        study.close()  # where it was the only one, SQLite moves its log into the file now
    try:
        outcome, transactions = bring_back(place, copy)
    except StoreError:
        return Recovery("gone", copy)
    if outcome == "whole":
        copy.unlink(missing_ok=True)
        return Recovery("whole", None)
    return Recovery(outcome, copy, transactions)


def bring_back(target: str, copy: Path) -> tuple[Outcome, int]:
    """Bring back into a study what a copy of it has and it lacks.

    It is done only where the study is an earlier state of the copy: the audit log of the one begins with the other's.

    Returns
    -------
    outcome
        ``whole``, ``restored`` or ``diverged``, see `Recovery`.
    int
        Number of transactions that were brought back.

    Raises
    ------
    StoreError
        If one of them cannot be opened.
    """
    with Study.open(str(copy)) as rescued, Study.open(target) as live:
        code, count, head = _state(rescued)
        known, known_count, known_head = _state(live)
        if known != code or known_count > count or _digest_at(rescued, known_count) != known_head:
            return "diverged", 0
        if known_count == count:
            return ("whole", 0) if known_head == head else ("diverged", 0)
        missing = rescued.sequence - live.sequence
    engine = make_engine(parse_target(target))
    try:
        with speaking(parse_target(target).name), engine.connect() as plain:
            plain.exec_driver_sql("ATTACH DATABASE ? AS rescued", (str(copy),))
            plain.rollback()
            connection = plain.execution_options(**{WRITING: True})
            with connection.begin():
                now = connection.execute(select(StudyRow.audit_count, StudyRow.audit_head)).one()
                if tuple(now) != (known_count, known_head):
                    return "diverged", 0  # somebody wrote in between
                connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
                # Owners first: what belongs to a forgotten subject goes with it, and only then lets itself be deleted.
                for table in Base.metadata.sorted_tables:
                    _drop_what_is_gone(connection, table)
                for table in Base.metadata.sorted_tables:
                    _copy_rows(connection, table)
    except sqlite3.Error as error:
        raise StoreError(f"What {copy.name} holds could not be brought back ({error}).") from error
    finally:
        engine.dispose()
    with Study.open(target) as live, live._writing() as writing:  # noqa: SLF001 (part of the store)
        writing.audit("restored", details={"transactions": missing}, by_machine=True)
    return "restored", missing


def _state(study: Study) -> tuple[str, int, str]:
    with study._reading() as connection:  # noqa: SLF001 (part of the store)
        row = connection.execute(select(StudyRow.code, StudyRow.audit_count, StudyRow.audit_head)).one()
    return row.code, row.audit_count, row.audit_head


def _digest_at(study: Study, number: int) -> str | None:
    with study._reading() as connection:  # noqa: SLF001 (part of the store)
        return connection.execute(select(Audit.digest).where(Audit.number == number)).scalar()


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _same(table: Table) -> str:
    return " AND ".join(f"mine.{key} = theirs.{key}" for key in _keys(table))


def _drop_what_is_gone(connection: Connection, table: Table) -> None:
    """Delete rows that the copy has not: what was forgotten or taken away in the transactions that were lost."""
    connection.exec_driver_sql(
        f"DELETE FROM main.{table.name} AS mine WHERE NOT EXISTS "  # noqa: S608 (our names)
        f"(SELECT 1 FROM rescued.{table.name} AS theirs WHERE {_same(table)})"
    )


def _copy_rows(connection: Connection, table: Table) -> None:
    """Add the rows that are missing, and give the others the values of the copy."""
    columns = [column.name for column in table.columns]
    listed = ", ".join(columns)
    connection.exec_driver_sql(
        f"INSERT INTO main.{table.name} ({listed}) SELECT {listed} FROM rescued.{table.name} AS theirs "  # noqa: S608
        f"WHERE NOT EXISTS (SELECT 1 FROM main.{table.name} AS mine WHERE {_same(table)})"
    )
    values: Iterable[str] = [name for name in columns if name not in _keys(table)]
    if not values:
        return
    given = ", ".join(f"{name} = theirs.{name}" for name in values)
    differs = " OR ".join(f"mine.{name} IS NOT theirs.{name}" for name in values)
    connection.exec_driver_sql(
        f"UPDATE main.{table.name} AS mine SET {given} FROM rescued.{table.name} AS theirs "  # noqa: S608 (our names)
        f"WHERE {_same(table)} AND ({differs})"
    )
