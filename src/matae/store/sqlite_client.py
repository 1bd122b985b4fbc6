"""SQLite in a process of its own, behind the face of a DB-API connection.

Nothing that this process, its libraries or its file dialogs open and close can touch the locks of the database: they
belong to `matae.store.sqlite_worker`, which opens nothing else. A worker ends with this process, and an unfinished
transaction with it.
"""

from __future__ import annotations

import atexit
import marshal
import os
import sqlite3
import struct
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, Self

__all__ = ["LOST", "Connection", "connect"]

LOST = "MATAE_WORKER_LOST"
"""`sqlite_errorname` of the error when the worker ended in the middle."""
_KEPT = 2
"""Workers without a connection that wait for the next one: starting one takes some 30 ms."""
_SCRIPT = Path(__file__).with_name("sqlite_worker.py")
_CLOSED = "Cannot operate on a closed database."  # the words by which SQLAlchemy knows that a connection is gone


class _Worker:
    """A running `sqlite_worker`."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 (our own script)
            [_python(), "-I", "-S", str(_SCRIPT), str(self.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=os.name != "nt",  # Ctrl-C in a terminal is for this process alone
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._turn = threading.Lock()
        self._sound = True

    @property
    def is_usable(self) -> bool:
        """Whether it can be asked: it runs, and belongs to this process, not to the one that this was forked from."""
        return self._sound and self.pid == os.getpid() and self._process.poll() is None

    def ask(self, operation: str, *arguments: Any) -> tuple[Any, bool]:
        """Return the answer, and whether a transaction is under way.

        Raises
        ------
        sqlite3.Error
            What SQLite said; with `LOST` as its `sqlite_errorname` if the worker ended.
        OSError
            What the operating system said.
        """
        try:
            request = marshal.dumps((operation, *arguments))
        except ValueError:  # a value of a subclass, such as SQLAlchemy's quoted names
            request = marshal.dumps((operation, *map(_plain, arguments)))
        with self._turn:
            if not self.is_usable:
                raise _lost()
            self._sound = False  # until the answer is read: an interrupted talk cannot be taken up again
            try:
                self._send(struct.pack("<I", len(request)) + request)
                kind, value, in_transaction = marshal.loads(self._read(struct.unpack("<I", self._read(4))[0]))  # noqa: S302
            except OSError as error:
                raise _lost() from error
            self._sound = True
        if kind == "error":
            raise _error(*value)
        return value, in_transaction

    def stop(self) -> None:
        """End it: it leaves its transaction without a trace."""
        self._sound = False
        streams = (self._process.stdin, self._process.stdout)
        for stream in streams:
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if self.pid != os.getpid():
            return
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, data: bytes) -> None:
        stream = self._process.stdin
        if stream is None:
            raise BrokenPipeError
        stream.write(data)
        stream.flush()

    def _read(self, count: int) -> bytes:
        stream = self._process.stdout
        data = b"" if stream is None else stream.read(count)
        if len(data) != count:
            raise BrokenPipeError
        return data


_idle: list[_Worker] = []
_idle_turn = threading.Lock()


def _take() -> _Worker:
    with _idle_turn:
        while _idle:
            worker = _idle.pop()
            if worker.is_usable:
                return worker
            worker.stop()
    return _Worker()


def _give_back(worker: _Worker) -> None:
    with _idle_turn:
        if worker.is_usable and len(_idle) < _KEPT:
            _idle.append(worker)
            return
    worker.stop()


@atexit.register
def _stop_all() -> None:
    with _idle_turn:
        while _idle:
            _idle.pop().stop()


def _forget_parents() -> None:
    """After a fork the workers belong to the parent: what the child would say, the parent would read."""
    global _idle_turn  # noqa: PLW0603 (another thread of the parent may have held it)
    _idle_turn = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents)


class Cursor:
    """What SQLAlchemy needs of a DB-API cursor."""

    arraysize = 1

    def __init__(self, connection: Connection, key: int) -> None:
        self._connection, self._key = connection, key
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.is_for_later = False
        """Its statement has no answer that anybody waits for: it is sent with the next one that has."""
        self._rows: list[Any] = []
        self._place = 0
        self._more = False

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Self:
        """Run a statement."""
        self.close()
        if self.is_for_later:
            return self._put_off(sql, parameters if isinstance(parameters, dict) else tuple(parameters), many=False)
        columns, self.rowcount, self.lastrowid, self._rows, self._more = self._connection.ask(
            "execute", self._key, sql, parameters if isinstance(parameters, dict) else tuple(parameters)
        )
        self._place = 0
        self.description = (
            None if columns is None else tuple((name, None, None, None, None, None, None) for name in columns)
        )
        return self

    def executemany(self, sql: str, many: Iterable[Sequence[Any] | dict[str, Any]]) -> Self:
        """Run a statement once for each set of parameters."""
        self.close()
        sets = [one if isinstance(one, dict) else tuple(one) for one in many]
        if self.is_for_later:
            return self._put_off(sql, sets, many=True)
        self.rowcount, self.lastrowid = self._connection.ask("executemany", sql, sets)
        self.description = None
        return self

    def _put_off(self, sql: str, parameters: Any, *, many: bool) -> Self:
        self._connection.later(sql, parameters, many=many)
        self.description, self.rowcount, self.lastrowid = None, -1, None
        return self

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        if self._place >= len(self._rows):
            if not self._more:
                return None
            self._rows, self._more = self._connection.ask("fetch", self._key)
            self._place = 0
            if not self._rows:
                return None
        row = self._rows[self._place]
        self._place += 1
        return row

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows, `size` at most."""
        wanted = self.arraysize if size is None else size
        rows: list[Any] = []
        while len(rows) < wanted and (row := self.fetchone()) is not None:
            rows.append(row)
        return rows

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        """Give the rows that are left."""
        while (row := self.fetchone()) is not None:
            yield row

    def close(self) -> None:
        """Read no more."""
        if self._more:
            self._more = False
            with suppress(sqlite3.Error):  # the connection is gone, and the cursor with it
                self._connection.ask("forget", self._key)
        self._rows, self._place = [], 0


class Connection:
    """What SQLAlchemy needs of a DB-API connection; made by `connect`."""

    isolation_level: str | None = None
    total_changes = 0

    def __init__(self, worker: _Worker) -> None:
        self._worker: _Worker | None = worker
        # One that nobody closed must not leave a process behind.
        self._abandoned = weakref.finalize(self, worker.stop)
        self._keys = 0
        self._later: list[tuple[str, Any, bool]] = []
        self._seen: str | None = None
        self.in_transaction = False

    def __enter__(self) -> Self:
        """Return the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def ask(self, operation: str, *arguments: Any) -> Any:
        """Let the worker do something, after the statements that were put off; see `sqlite_worker`."""
        if self._worker is None:
            raise sqlite3.ProgrammingError(_CLOSED)
        if self._later:
            statements, self._later = self._later, []
            operation, arguments = "batch", (statements, operation, *arguments)
        answer, self.in_transaction = self._worker.ask(operation, *arguments)
        return answer

    def later(self, sql: str, parameters: Any = (), *, many: bool = False) -> None:
        """Have a statement run before the next question, in one message with it.

        What is wrong with it is the answer to that question, which is then not asked; until there is one, nothing has
        happened. That is so inside a transaction in any case: a transaction is whole or not at all.
        """
        if self._worker is None:
            raise sqlite3.ProgrammingError(_CLOSED)
        self._later.append((sql, parameters, many))

    def begin(self, sql: str = "BEGIN") -> None:
        """Begin a transaction with the next question."""
        self.later(sql)
        self.in_transaction = True

    def cursor(self, *_: object) -> Cursor:
        """Return a new cursor."""
        self._keys += 1
        return Cursor(self, self._keys)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run a statement."""
        return self.cursor().execute(sql, parameters)

    def commit(self) -> None:
        """End the transaction; everything in it is durable when this returns."""
        if self.in_transaction or self._later:
            self._seen = self.ask("commit")

    def rollback(self) -> None:
        """End the transaction without a trace."""
        self._later.clear()
        if self.in_transaction:
            self.ask("rollback")

    def create_function(self, *_: object, **__: object) -> None:
        """Do nothing: SQLAlchemy offers a function for regular expressions, which the study does not use."""

    def backup(self, target: Path) -> str:
        """Copy the database, as it is at one moment, into an empty file; return what SQLite says of it: ``ok``."""
        return str(self.ask("backup", str(target)))

    def misplaced(self) -> str:
        """Return which file on disk is no longer the one that is written to: ``database``, ``log``, or nothing."""
        return str(self.ask("misplaced"))

    def misplaced_at_commit(self) -> str:
        """Return what `misplaced` said right after the last commit, which saves a question; ask where it could not."""
        seen, self._seen = self._seen, None
        return self.misplaced() if seen is None else seen

    def rescue(self, target: Path) -> list[Path]:
        """Copy what is written to, byte by byte, even where it has no name any more; return the files."""
        return [Path(name) for name in self.ask("rescue", str(target))]

    @property
    def worker_pid(self) -> int:
        """The process that holds the file."""
        return 0 if self._worker is None else self._worker._process.pid  # noqa: SLF001

    def close(self) -> None:
        """Close the connection; its worker is kept for the next one."""
        worker, self._worker = self._worker, None
        self.in_transaction = False
        self._later.clear()
        self._abandoned.detach()
        if worker is None:
            return
        try:
            worker.ask("close")
        except sqlite3.Error:
            worker.stop()
            return
        _give_back(worker)


def connect(file: Path, wait_s: float = 5.0, *, make: bool = False) -> Connection:
    """Connect to a SQLite file, in a process of its own.

    Parameters
    ----------
    file
        The database.
    wait_s
        How long SQLite waits while somebody else writes, seconds.
    make
        Make the file if it is not there.

    Raises
    ------
    sqlite3.Error
        As `sqlite3.connect` does.
    """
    path = file.absolute()
    address = f"{path.as_uri()}?mode={'rwc' if make else 'rw'}"
    worker = _take()
    try:
        worker.ask("open", str(path), address, float(wait_s))
    except BaseException:
        _give_back(worker)
        raise
    return Connection(worker)


def _python() -> str:
    from multiprocessing import spawn

    # What multiprocessing would start: an application that embeds Python names another program there.
    found = spawn.get_executable()
    return os.fsdecode(found) if found else sys.executable


def _plain(value: Any) -> Any:
    """Return a value as one of the types that SQLite stores.

    Raises
    ------
    sqlite3.ProgrammingError
        If it is none, as sqlite3 itself says it.
    """
    if value is None or type(value) in {int, float, str, bytes, bool}:
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value) if kind is not str else str.__str__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value)) if type(value) in {list, tuple} else tuple(map(_plain, value))
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    raise sqlite3.ProgrammingError(f"Error binding parameter: type '{type(value).__name__}' is not supported")


def _lost() -> sqlite3.ProgrammingError:
    error = sqlite3.ProgrammingError(_CLOSED)
    error.sqlite_errorname = LOST
    return error


def _error(kind: str, message: str, name: str) -> Exception:
    if kind == "OSError":
        return OSError(int(name or 0), message)
    known = getattr(sqlite3, kind, None)
    if isinstance(known, type) and issubclass(known, sqlite3.Error):
        error: sqlite3.Error = known(message)
        if name:
            error.sqlite_errorname = name
        return error
    return {"TypeError": TypeError, "OverflowError": OverflowError}.get(kind, ValueError)(message)
