"""One transaction after another: what every part of the study stands on."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select, update

from matae.errors import MisplacedError, StoreError
from matae.store.database_errors import damaged, speaking
from matae.store.drives import file_system_of, keeps_shared_memory
from matae.store.engine import LATER, WRITING, make_engine
from matae.store.schema import Audit, Cine, Rater, StudyRow, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Self

    from sqlalchemy import Connection

    from matae.store.engine import StudyAddress

__all__ = [
    "EMPTY_DIGEST", "StudyBase", "Writing", "as_note", "as_pseudonym", "audit_digest", "new_code", "parse_time",
]  # fmt: skip

EMPTY_DIGEST = "0" * 64

# Made once: making a statement takes longer than running it.
_HOLD = select(StudyRow.sequence, StudyRow.audit_head, StudyRow.audit_count).with_for_update()
_ADD_AUDIT = insert(Audit.metadata.tables["audit"]).execution_options(**{LATER: True})
_COUNT_ON = update(Audit.metadata.tables["study"]).execution_options(**{LATER: True})
_CINE = (
    select(Cine.id, Cine.code, Cine.n_frames, Cine.height, Cine.width, Subject.code.label("subject_code"))
    .outerjoin(Subject, Subject.id == Cine.subject_id)
    .where(Cine.content_id == bindparam("of_content"))
)


def new_code() -> str:
    """Return a random id that says nothing about what it stands for."""
    return secrets.token_hex(16)


def parse_time(text: str) -> datetime:
    """Return a stored time."""
    return datetime.fromisoformat(text)


_LONGEST = 200


def as_note(text: str, longest: int) -> str:
    """Return text that every database takes: no longer than `longest`, and without what is no character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:longest]


def as_pseudonym(text: str, what: str = "A subject needs a pseudonym") -> str:
    """Return an id that a person chose: trimmed, and in the one form that Unicode has for what looks the same.

    Raises
    ------
    StoreError
        If it is empty, too long, or cannot be stored.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not 0 < len(name) <= _LONGEST or as_note(name, _LONGEST) != name:
        raise StoreError(f"{what} of 1 to {_LONGEST} letters; choose one that is not a name.")
    return name


def audit_digest(before: str, values: Mapping[str, Any]) -> str:
    """Return the digest of an audit entry: it covers the entry before it too, so that none can be taken out unseen."""
    order = ("number", "at", "event", "subject", "cine", "rater", "details", "sequence")
    return hashlib.sha256(json.dumps([before, *(values[key] for key in order)]).encode()).hexdigest()


@dataclass
class Writing:
    """A transaction that writes.

    Parameters
    ----------
    connection
        Inside the transaction.
    sequence
        Number of the transaction.
    at
        The time all its rows get.
    rater_id, rater_code
        Who writes; None and empty for nobody in particular.
    session
        Which `Study` object writes.
    """

    connection: Connection
    sequence: int
    at: str
    rater_id: int | None
    rater_code: str
    session: str
    number: int
    head: str
    entries: list[dict[str, Any]] = field(default_factory=list)

    def audit(
        self, event: str, *, cine: str = "", subject: str = "", details: Mapping[str, Any], by_machine: bool = False
    ) -> None:
        """Add a line to the audit log. `details` must hold no name and no path."""
        self.number += 1
        values: dict[str, Any] = {
            "number": self.number,
            "at": self.at,
            "event": event,
            "subject": subject,
            "cine": cine,
            "rater": "" if by_machine else self.rater_code,
            "details": json.dumps(details, sort_keys=True, separators=(",", ":")),
            "sequence": self.sequence,
        }
        self.head = values["digest"] = audit_digest(self.head, values)
        self.entries.append(values)


class StudyBase:
    """An open study: its engine, who works with it, and its transactions.

    One object may be used from several threads; their writes take turns.
    """

    def __init__(self, target: StudyAddress, *, rater: str, wait_s: float, as_reader: bool = False) -> None:
        self._target = target
        self._as_reader = as_reader
        self._rater = as_pseudonym(rater, "A rater needs an id") if rater.strip() else ""
        self._session = new_code()
        self._turn = threading.Lock()
        self._raters: dict[str, tuple[int, str]] = {}
        self._shapes: dict[str, Any] = {}
        self._closed = False
        self._engine = make_engine(target, wait_s)

    def __enter__(self) -> Self:
        """Return the study."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def name(self) -> str:
        """The file's name, or the server's address without the password: for the screen."""
        return self._target.name

    @property
    def notice(self) -> str:
        """What a person should know of how the study is kept, a sentence; empty where there is nothing."""
        file = self._target.file
        if file is None or keeps_shared_memory(file):
            return ""
        return (
            f"{self.name} lies on a network drive ({file_system_of(file)}), where a study is slower and only one "
            "person at a time can store; several computers work better with a PostgreSQL server."
        )

    @property
    def target(self) -> str:
        """What `Study.open` takes to open it again; holds the password of a server."""
        file = self._target.file
        return str(file) if file is not None else self._target.url.render_as_string(hide_password=False)

    @property
    def rater(self) -> str:
        """The id under which changes are made; chosen by the user, may be empty."""
        return self._rater

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Let go of the database. What another thread is just storing is still stored."""
        if not self._closed:
            self._closed = True
            with speaking(self.name):
                self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            try:
                yield connection
            finally:
                if self._closed:  # meanwhile, by another thread: no connection stays behind
                    self._engine.dispose()
                    connection.detach()

    def check_in_place(self) -> None:
        """Make sure that what is stored goes into the files on disk; costs a fraction of a millisecond.

        Raises
        ------
        MisplacedError
            If the study's file or its log was moved, replaced or deleted while it is open; see `rescue_copy`.
        """
        self._check_open()
        if self._target.file is not None:
            with speaking(self.name), self._connected() as connection:
                self._check_held(connection)

    def _check_held(self, connection: Connection, *, committed: bool = False) -> None:
        """Refuse to write to a file that has lost its name: what goes into it would be gone with it.

        Parameters
        ----------
        connection
            To the file.
        committed
            What was seen right after the transaction that has just ended will do.
        """
        if self._target.file is None:
            return
        raw: Any = connection.connection.dbapi_connection
        lost = raw.misplaced_at_commit() if committed else raw.misplaced()
        if lost:
            what = self.name if lost == "database" else f"The log of {self.name} ({self.name}-wal)"
            raise MisplacedError(
                f"{what} was moved, replaced or deleted while it was open; put it back where it was, then open it "
                "again and look at the last stroke."
            )

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._check_open()
        with speaking(self.name), self._connected() as connection:
            if self._target.file is None:
                # Several questions, one state of the study.
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        """Yield a transaction: durable when the block ends, without a trace when it raises.

        Raises
        ------
        StoreError
            If another program writes for too long, or the database refuses.
        """
        self._check_open()
        with self._turn, speaking(self.name), self._connected() as plain:
            connection = plain.execution_options(**{WRITING: True})
            learnt: dict[str, tuple[int, str]] = {}
            self._check_held(plain)
            with connection.begin():
                # The row is held until the end: on every database writers take turns, and numbers rise as they finish.
                row = connection.execute(_HOLD).one_or_none()
                if row is None:
                    raise damaged(self.name, "its first table is empty")
                rater_id, code = self._rater_of(connection, learnt)
                at = datetime.now(UTC).isoformat()
                writing = Writing(
                    connection,
                    row.sequence + 1,
                    at,
                    rater_id,
                    code,
                    self._session,
                    number=row.audit_count,
                    head=row.audit_head,
                )
                yield writing
                if writing.entries:
                    connection.execute(_ADD_AUDIT, writing.entries)
                connection.execute(
                    _COUNT_ON,
                    {"sequence": writing.sequence, "audit_head": writing.head, "audit_count": writing.number},
                )
            self._raters |= learnt
            self._check_held(plain, committed=True)

    def _rater_of(self, connection: Connection, learnt: dict[str, tuple[int, str]]) -> tuple[int | None, str]:
        if not self._rater:
            return None, ""
        if self._rater in self._raters:
            return self._raters[self._rater]
        query = select(Rater.id, Rater.code).where(Rater.name == self._rater)
        row = connection.execute(query).one_or_none()
        if row is None:
            connection.execute(insert(Rater).values(code=new_code(), name=self._rater))
            row = connection.execute(query).one()
        learnt[self._rater] = (row.id, row.code)
        return row.id, row.code

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.name} has been closed; open the study again.")

    def _cine(self, connection: Connection, content_id: str) -> Any:
        """Return the cine's row of the database."""
        row = connection.execute(_CINE, {"of_content": content_id}).one_or_none()
        if row is None:
            raise StoreError(f"This cine is not in {self.name}; add it to the study first.")
        return row

    def _shape_of(self, content_id: str) -> Any:
        """Return the cine's row as it was once seen: good for what never changes, its frames and pixels."""
        row = self._shapes.get(content_id)
        if row is None:
            with self._reading() as connection:
                row = self._shapes[content_id] = self._cine(connection, content_id)
        return row

    @property
    def sequence(self) -> int:
        """Number of the last transaction: rises whenever anybody changes anything."""
        with self._reading() as connection:
            return int(connection.execute(select(StudyRow.sequence)).scalar_one())

    @property
    def secret(self) -> bytes:
        """The study's own random key, for pseudonyms that leave it: equal inside a study, unlinkable between two."""
        with self._reading() as connection:
            return bytes(connection.execute(select(StudyRow.secret)).scalar_one())

    def keyed(self, text: str, length: int = 20) -> str:
        """Return a pseudonym for `text` under the study's key (HMAC-SHA256), `length` hexadecimal digits."""
        import hmac

        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()[:length]
