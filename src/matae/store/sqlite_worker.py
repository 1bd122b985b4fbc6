"""The process in which SQLite runs: one database connection, and no other file.

On POSIX a process loses all its locks on a file as soon as it closes any descriptor of that file, whoever opened it: a
file dialog that looks at a folder, a library that reads a header. SQLite's connection therefore lives here, in a
process that opens nothing else; `matae.store.sqlite_client` starts it and talks to it through two pipes.

It is run as a script and imports the standard library only: it starts in milliseconds. Messages are frames of four
bytes of length and a marshalled tuple; both ends are the same Python. A request is ``(operation, *arguments)``, an
answer ``("ok", value, in transaction)`` or ``("error", (class, message, SQLite's name of it), in transaction)``. The
process ends with its parent: at the end of its input, or, where a forked child of the parent keeps the pipe open, when
it has another parent.
"""

from __future__ import annotations

import marshal
import os
import sqlite3
import stat
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ROWS_AT_ONCE = 256
"""Rows of an answer; the rest is asked for."""
_BYTES_AT_ONCE = 4 << 20
"""An answer ends after the row with which it has so many bytes of text and blobs."""
_BLOCK = 1 << 20
_LOOK_FOR_PARENT_S = 1.0
_DESCRIPTORS = 64
"""SQLite holds a handful of files; the lowest free number is used for each."""


class Server:
    """One connection and its cursors."""

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._path = ""
        self._cursors: dict[int, sqlite3.Cursor] = {}

    def answer(self, request: tuple[Any, ...]) -> tuple[Any, ...]:
        """Do what is asked and return the answer, and whether a transaction is under way now."""
        try:
            operation: Callable[..., Any] = getattr(self, f"do_{request[0]}")
            return "ok", operation(*request[1:]), self._connection is not None and self._connection.in_transaction
        except sqlite3.Error as error:
            details = type(error).__name__, str(error), getattr(error, "sqlite_errorname", "") or ""
        except OSError as error:
            details = "OSError", error.strerror or str(error), str(error.errno or "")
        except (ValueError, TypeError, OverflowError) as error:
            details = type(error).__name__, str(error), ""
        return "error", details, self._connection is not None and self._connection.in_transaction

    def do_open(self, path: str, address: str, wait_s: float) -> None:
        """Connect to the file; `address` is its URI."""
        self.do_close()
        self._path = path
        self._connection = sqlite3.connect(
            address, uri=True, timeout=wait_s, isolation_level=None, check_same_thread=False, cached_statements=256
        )

    def do_close(self) -> None:
        """Close the connection; the process can open another one."""
        for cursor in self._cursors.values():
            cursor.close()
        self._cursors = {}
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def do_execute(self, key: int, sql: str, parameters: Any) -> tuple[Any, ...]:
        """Run a statement; return columns, count, the last row's id, the first rows and whether there are more.

        A cursor is kept under `key` only while it has more rows.
        """
        cursor = self._open_connection.execute(sql, parameters)
        columns = None if cursor.description is None else tuple(column[0] for column in cursor.description)
        rows, more = ([], False) if columns is None else self._rows(cursor)
        if more:
            self._cursors[key] = cursor
        return columns, cursor.rowcount, cursor.lastrowid, rows, more

    def do_executemany(self, sql: str, many: list[Any]) -> tuple[int, int | None]:
        """Run a statement once for each set of parameters; return the count and the last row's id."""
        cursor = self._open_connection.executemany(sql, many)
        return cursor.rowcount, cursor.lastrowid

    def do_fetch(self, key: int) -> tuple[list[Any], bool]:
        """Return the next rows of a statement, and whether there are more."""
        rows, more = self._rows(self._cursors[key])
        if not more:
            del self._cursors[key]
        return rows, more

    def do_forget(self, key: int) -> None:
        """Close a cursor that is not read to its end."""
        cursor = self._cursors.pop(key, None)
        if cursor is not None:
            cursor.close()

    def do_batch(self, statements: list[tuple[str, Any, bool]], operation: str, *arguments: Any) -> Any:
        """Run statements without an answer, then do one thing more; the first that fails is the last that is done.

        Parameters
        ----------
        statements
            SQL, parameters, and whether these are many sets of parameters.
        operation, arguments
            What is asked then; its answer is the answer.
        """
        for sql, parameters, many in statements:
            run = self._open_connection.executemany if many else self._open_connection.execute
            run(sql, parameters).close()
        then: Callable[..., Any] = getattr(self, f"do_{operation}")
        return then(*arguments)

    def do_commit(self) -> str | None:
        """End the transaction; everything in it is durable. Return what `do_misplaced` says then.

        None where it cannot say: the transaction has ended all the same, and may not look as if it had not.
        """
        self._open_connection.commit()
        try:
            return self.do_misplaced()
        except (sqlite3.Error, OSError):
            return None

    def do_rollback(self) -> None:
        """End the transaction without a trace."""
        self._open_connection.rollback()

    def do_backup(self, target: str) -> str:
        """Copy the database, as it is at one moment, into an empty file; return what SQLite says of the copy."""
        copy = sqlite3.connect(target)
        try:
            self._open_connection.backup(copy)  # in one go: writers do not wait for it
            return str(copy.execute("PRAGMA quick_check").fetchone()[0])
        finally:
            copy.close()

    def do_misplaced(self) -> str:
        """Return which of the held files is no longer the one on disk (``database``, ``log``); empty if none is."""
        if os.name == "nt" or self._connection is None:
            return ""  # an open file can be neither deleted nor replaced there
        held = {(found.st_dev, found.st_ino) for found in self._held().values()}
        if _identity(self._path) not in held:
            return "database"
        log = f"{self._path}-wal"
        # Before the first statement SQLite has not opened the log; then it holds one file only, the database.
        if len(held) > 1 and _identity(log) not in held and self._keeps_log():
            return "log"
        return ""

    def do_rescue(self, target: str) -> list[str]:
        """Copy the held files byte by byte, even where they have no name any more; return the names of the copies.

        They are read through the descriptors that SQLite holds: none is opened or closed. The log is copied before the
        database: what another program moves from the one into the other meanwhile is then in both.
        """
        made = []
        database, log = None, None
        for descriptor in self._held():
            head = os.pread(descriptor, 16, 0)
            if head == b"SQLite format 3\0":
                database = descriptor
            elif head[:4] in (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"):  # of a write-ahead log, either byte order
                log = descriptor
        for held, suffix in ((log, "-wal"), (database, "")):
            if held is not None:
                _copy(held, target + suffix)
                made.append(target + suffix)
        return made

    @property
    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        return self._connection

    def _keeps_log(self) -> bool:
        return str(self._open_connection.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"

    @staticmethod
    def _rows(cursor: sqlite3.Cursor) -> tuple[list[Any], bool]:
        rows: list[Any] = []
        size = 0
        while len(rows) < _ROWS_AT_ONCE and size < _BYTES_AT_ONCE:
            row = cursor.fetchone()
            if row is None:
                return rows, False
            rows.append(row)
            size += sum(len(value) for value in row if isinstance(value, (bytes, str)))
        return rows, True

    @staticmethod
    def _held() -> dict[int, os.stat_result]:
        """Return the regular files that this process holds: all of them are SQLite's."""
        found = {}
        for descriptor in range(3, _DESCRIPTORS):
            try:
                status = os.fstat(descriptor)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                found[descriptor] = status
        return found


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (no pathlib here: this process starts in milliseconds)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _copy(descriptor: int, target: str) -> None:
    copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        place = 0
        while block := os.pread(descriptor, _BLOCK, place):
            place += len(block)
            while block:
                block = block[os.write(copy, block) :]
        os.fsync(copy)
    finally:
        os.close(copy)


def _read(descriptor: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(descriptor, min(count, _BLOCK))
        if not part:
            return b""
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _wait_for_request(parent: int) -> bool:
    """Wait until something is asked; return False when the process that asks is gone."""
    if os.name == "nt":
        return True  # a pipe cannot be waited for there, and nobody forks
    import select

    while not select.select([0], [], [], _LOOK_FOR_PARENT_S)[0]:
        if os.getppid() != parent:
            return False
    return True


def main() -> None:
    """Answer requests until there are no more."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that asks: it decides what is undone
    if hasattr(signal, "SIGXFSZ"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that may not grow is an error, not an end
    if os.name == "nt":
        import msvcrt

        for descriptor in (0, 1):
            msvcrt.setmode(descriptor, os.O_BINARY)  # type: ignore[attr-defined,unused-ignore]
    server, parent = Server(), int(sys.argv[1])
    try:
        while _wait_for_request(parent):
            head = _read(0, 4)
            if not head:
                break
            request = marshal.loads(_read(0, struct.unpack("<I", head)[0]))  # noqa: S302 (from our own parent)
            answer = marshal.dumps(server.answer(request))
            whole = struct.pack("<I", len(answer)) + answer
            while whole:
                whole = whole[os.write(1, whole) :]
    except (BrokenPipeError, EOFError):
        pass
    finally:
        server.do_close()  # an unfinished transaction leaves no trace


if __name__ == "__main__":
    main()
