"""Making a study: a file whole or not at all, or the tables of a server's database."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, text

from matae.errors import StoreError
from matae.files import sweep, writing_to
from matae.store.base import EMPTY_DIGEST, audit_digest, new_code
from matae.store.database_errors import read_only, speaking
from matae.store.engine import APPLICATION_ID, WAIT_S, WRITING, StudyAddress, make_engine, parse_target
from matae.store.migrate import migrate, schema_version
from matae.store.schema import Audit, Base, StudyRow
from matae.store.sqlite_client import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["check_file", "lock_schema", "make_file", "make_on_server", "new_file", "refuse_other_tables"]

_LOCK = 0x4D415445  # PostgreSQL's advisory lock while tables are made


def check_file(file: Path) -> None:
    """Look at a file before it is opened, for a better sentence than the database would find.

    Raises
    ------
    StoreError
        If it is not there, may not be read or written, or is no study.
    """
    try:
        there = file.exists()
    except OSError as error:
        raise StoreError(f"{file.name[:40]}... cannot be the name of a file; choose a shorter one.") from error
    if file.is_dir():
        raise StoreError(f"{file.name} is a folder; choose the file of a study.")
    if not there:
        raise StoreError(f"There is no study {file.name} in {file.parent}; make it with 'napari-matae study init'.")
    if not os.access(file, os.R_OK):
        raise StoreError(f"{file.name} cannot be read; ask for the right to, or copy it.")
    if not os.access(file, os.W_OK):
        raise read_only(file.name)
    with speaking(file.name), closing(connect(file)) as connection:
        found = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    if not tables:
        raise StoreError(f"{file.name} is empty and no study; choose a file made by 'napari-matae study init'.")
    if found != APPLICATION_ID:
        raise StoreError(
            f"{file.name} is a database of another program, or its first bytes are damaged; choose a file made by "
            "'napari-matae study init', or go back to a backup."
        )


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """Yield a neighbour to write; it becomes `file` when the block ends, and is gone if it raises.

    Raises
    ------
    StoreError
        If `file` is there already: it is never written over.
    OutputError
        If the folder cannot be written to.
    """
    taken = StoreError(f"{file.name} is there already and is not written over; choose another name.")
    part = file.with_name(f".matae-{os.getpid()}-{secrets.token_hex(4)}.part")  # any name may be as long as may be
    with writing_to(file.parent):
        if file.exists():
            raise taken
        file.parent.mkdir(parents=True, exist_ok=True)
        sweep(file.parent)
        part.touch(exist_ok=False)
        try:
            yield part
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
            try:
                os.link(part, file)  # unlike a rename, refuses to replace what came meanwhile
            except FileExistsError:
                raise taken from None
            except OSError:  # a file system without links
                if file.exists():
                    raise taken from None
                part.rename(file)
            _sync_folder(file.parent)
        finally:
            for suffix in ("", "-wal", "-shm", "-journal"):
                part.with_name(part.name + suffix).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows cannot, and need not
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_file(file: Path, *, fill: bool = True) -> None:
    """Make the tables of a study in an empty file.

    Parameters
    ----------
    file
        Empty.
    fill
        Make it an empty study too, not only its tables.
    """
    with speaking(file.name):
        with closing(connect(file, make=True)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        engine = make_engine(parse_target(file), journal=False)
        try:
            with engine.connect() as plain:
                connection_ = plain.execution_options(**{WRITING: True})
                with connection_.begin():
                    migrate(connection_)
                    if fill:
                        _fill(connection_)
        finally:
            engine.dispose()
        with closing(connect(file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")


def make_on_server(
    place: StudyAddress, wait_s: float = WAIT_S, *, fill: Callable[[Connection], None] | None = None
) -> None:
    """Make the tables of a study in a server's database, and fill them: both or neither.

    Parameters
    ----------
    place
        The database.
    wait_s
        Seconds to wait for another program.
    fill
        Puts the rows in; those of an empty study if left out.

    Raises
    ------
    StoreError
        If it holds a study or anything else that has tables of these names.
    """
    engine = make_engine(place, wait_s)
    try:
        with speaking(place.name), engine.begin() as connection:
            lock_schema(connection)
            refuse_other_tables(connection, place.name)
            migrate(connection)
            (fill or _fill)(connection)
    finally:
        engine.dispose()


def refuse_other_tables(connection: Connection, name: str) -> None:
    """Refuse a database that is not empty.

    Raises
    ------
    StoreError
        If there is a study, or a table where one would go.
    """
    if schema_version(connection) is not None:
        raise StoreError(f"{name} holds a study already and is not written over; open it, or name another database.")
    found = set(Base.metadata.tables) & set(inspect(connection).get_table_names())
    if found:
        raise StoreError(
            f"{name} holds tables of another program ({', '.join(sorted(found))}); make a database for the study alone."
        )


def lock_schema(connection: Connection) -> None:
    """Let nobody else make or change tables until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _fill(connection: Connection) -> None:
    at = datetime.now(UTC).isoformat()
    entry: dict[str, Any] = {
        "number": 1, "at": at, "event": "created", "subject": "", "cine": "", "rater": "", "details": "{}",
        "sequence": 0,
    }  # fmt: skip
    entry["digest"] = audit_digest(EMPTY_DIGEST, entry)
    connection.execute(insert(Audit), [entry])
    connection.execute(
        insert(StudyRow).values(
            id=1,
            code=new_code(),
            secret=secrets.token_bytes(32),
            sequence=0,
            audit_head=entry["digest"],
            audit_count=1,
            created_at=at,
        )
    )
