"""Where a study lives and how it is reached: a SQLite file, or a PostgreSQL database by URL."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import LRUCache

from matae.errors import StoreError
from matae.store.drives import keeps_shared_memory
from matae.store.sqlite_client import connect

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from matae.store.sqlite_client import Connection

__all__ = ["APPLICATION_ID", "LATER", "WAIT_S", "WRITING", "StudyAddress", "make_engine", "parse_target"]

APPLICATION_ID = 0x4D415445
"""Marks a SQLite file as a study: "MATE" in its header."""
WAIT_S = 10.0
"""Seconds to wait while another program writes, before saying so."""
WRITING = "matae_writing"
"""Execution option of a connection that is going to write."""
LATER = "matae_later"
"""Execution option of a statement whose answer (count, id of the row) nobody wants: it goes with the next one."""


@dataclass(frozen=True)
class StudyAddress:
    """Where a study is.

    Parameters
    ----------
    url
        For SQLAlchemy.
    file
        The SQLite file, or None for a server.
    name
        How it is called in a sentence: the file's name, or the address without the password.
    """

    url: URL
    file: Path | None
    name: str


def parse_target(target: str | Path) -> StudyAddress:
    """Read what the user gave: the path of a file, or a URL.

    Raises
    ------
    StoreError
        If it is a URL of another database, or the driver is missing.
    """
    text = str(target)
    if "://" not in text:
        return _file(Path(text).expanduser())
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "The address of the study is not a URL; give the path of a file, or postgresql://USER@HOST/DATABASE."
        ) from error
    kind = url.drivername.split("+")[0]
    if kind == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StoreError("A study in memory would be lost; give the path of a file.")
        return _file(Path(url.database).expanduser())
    if kind not in {"postgresql", "postgres"}:
        raise StoreError(
            f"A study cannot live in a {kind} database; give the path of a file, or postgresql://USER@HOST/DATABASE."
        )
    if url.host is not None and "@" in url.host:  # the rest of a password, which no message may show
        raise StoreError("The address of the study has more than one @; write one that is in a password as %40.")
    from matae.extras import without_extra

    try:
        import psycopg  # noqa: F401 (it may be there without the library it needs)
    except ImportError as error:
        raise StoreError(without_extra("postgresql", "give the path of a file")) from error
    name = f"{url.database or 'the database'} on {url.host or 'this computer'}"
    return StudyAddress(url.set(drivername="postgresql+psycopg"), None, name)


def _file(path: Path) -> StudyAddress:
    if "\0" in str(path):
        raise StoreError("The name of the study holds a character that no file may have; choose another name.")
    path = path.absolute()
    return StudyAddress(URL.create("sqlite", database=str(path)), path, path.name.encode("utf-8", "replace").decode())


class _Statements(LRUCache[Any, Any]):
    """What SQLAlchemy made of statements, for all engines that reach databases of one kind.

    A study is opened many times in a process, and each engine would make all its statements anew: a quarter of what
    short work with a study takes. SQLAlchemy's keys begin with the engine's own dialect; these are all alike.
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        """Return what was made of a statement, whichever engine asked for it first."""
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        super().__setitem__(key[1:], value)


@lru_cache(maxsize=8)
def _statements(_: URL) -> _Statements:
    """Return what was made of statements for a server, or for all files."""
    return _Statements(1000)


def make_engine(target: StudyAddress, wait_s: float = WAIT_S, *, journal: bool = True, keys: bool = True) -> Engine:
    """Return the engine: transactions begun by us, strict, and durable when they end.

    Parameters
    ----------
    target
        Where the study is.
    wait_s
        How long to wait for another program that writes.
    journal
        Keep SQLite's write-ahead log beside the file, so that readers never wait; on a network drive its rollback
        journal. Off while a file is being made.
    keys
        Let SQLite enforce foreign keys. Off while tables are changed: one that is made anew is dropped in between, and
        with it would go all that belongs to its rows.
    """
    file = target.file
    if file is None:
        engine = create_engine(
            target.url, pool_pre_ping=True, isolation_level="READ COMMITTED", connect_args={"connect_timeout": 10},
            execution_options={"compiled_cache": _statements(target.url)},
        )  # fmt: skip
        milliseconds = int(wait_s * 1000)

        @event.listens_for(engine, "connect")
        def _patience(connection: Any, _record: object) -> None:
            connection.execute(f"SET lock_timeout = {milliseconds}")
            # A server may be set not to wait for its disk; we promise that it was waited for.
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
            connection.commit()

        return engine
    mode = ("wal" if keeps_shared_memory(file) else "truncate") if journal else ""
    engine = create_engine(
        "sqlite://", creator=lambda: _connect(file, wait_s, journal=mode, keys=keys), poolclass=QueuePool,
        execution_options={"compiled_cache": _statements(make_url("sqlite://"))},
    )  # fmt: skip

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A writer takes its turn at once: one that only finds out at its first change might have to give up.
        writing = connection.get_execution_options().get(WRITING)
        connection.connection.dbapi_connection.begin("BEGIN IMMEDIATE" if writing else "BEGIN")

    @event.listens_for(engine, "before_cursor_execute")
    def _put_off(_connection: Any, cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        cursor.is_for_later = context is not None and bool(context.execution_options.get(LATER))

    return engine


def _connect(file: Path, wait_s: float, *, journal: str, keys: bool) -> Connection:
    connection = connect(file, wait_s)
    try:
        connection.execute(f"PRAGMA foreign_keys = {'ON' if keys else 'OFF'}")
        # With tables that change, triggers that name them are left as they are.
        connection.execute(f"PRAGMA legacy_alter_table = {'OFF' if keys else 'ON'}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: an ordinary sync leaves the bytes in the drive's memory
        connection.execute("PRAGMA secure_delete = ON")  # who is forgotten leaves no bytes behind
        if journal:
            _choose_journal(connection, file, journal)
    except BaseException:
        connection.close()
        raise
    return connection


def _choose_journal(connection: Connection, file: Path, wanted: str) -> None:
    """Keep the write-ahead log, with which readers never wait; on a network drive the older rollback journal.

    The log needs memory that all programs at work share: over a network each computer would have its own, and they
    would write over each other.
    """
    before = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if before == wanted:
        return
    try:
        found = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
    except sqlite3.OperationalError:
        if before != "wal":
            raise
        found = before
    if wanted != "wal" and found == "wal":
        raise StoreError(
            f"{file.name} lies on a network drive and is open in another program that keeps a write-ahead log, which "
            "does not work there; close the other program, or copy the study to a disk of this computer."
        )
