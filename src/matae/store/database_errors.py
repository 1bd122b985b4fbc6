"""What the database refuses, as a sentence for the user; in each case the last transaction has left no trace."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from matae.errors import StoreError
from matae.store.sqlite_client import LOST

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["damaged", "read_only", "speaking"]

_NOTHING_LOST = "What was stored before is safe"


def damaged(name: str, detail: str = "") -> StoreError:
    """Return the error for a database whose bytes are wrong."""
    why = f" ({detail})" if detail else ""
    return StoreError(
        f"{name} is damaged{why}; leave it as it is, go back to the last backup ('napari-matae study backup' makes "
        "them), or ask for help with 'napari-matae study check'."
    )


def read_only(name: str) -> StoreError:
    """Return the error for a file that may not be written."""
    return StoreError(_READ_ONLY.format(name=name, safe=_NOTHING_LOST))


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Turn what the database refuses into a sentence.

    Parameters
    ----------
    name
        How the study is called in the sentence; never a password.

    Raises
    ------
    StoreError
        Instead of a database error that a user can cause or cure. Others are our defects and pass.
    """
    try:
        yield
    except NoSuchModuleError as error:
        raise StoreError(
            f"{name} is not a kind of database a study can live in; give the path of a file, or postgresql://..."
        ) from error
    except PoolTimeoutError as error:
        raise StoreError(f"Too much of this program works on {name} at once; try again.", transient=True) from error
    except DBAPIError as error:
        sentence = _sqlite(name, error.orig) if isinstance(error.orig, sqlite3.Error) else _postgresql(name, error)
        if sentence is None:
            raise
        raise sentence from error
    except sqlite3.Error as error:
        sentence = _sqlite(name, error)
        if sentence is None:
            raise
        raise sentence from error


_FULL = "The disk of {name} is full. {safe}; free some space and draw the last stroke again."
_BROKEN = (
    "{name} could not be read or written: the disk is full, failing or gone. {safe}; free some space or connect the "
    "disk again, then try again."
)
_BUSY = (
    "Another program has been writing to {name} for too long. {safe}; wait until it has finished, or close it, then "
    "try again."
)
_READ_ONLY = (
    "{name} cannot be written to: the file or its folder is read-only. {safe}; copy the study to a folder of yours, or "
    "ask for the right to write."
)
_NO_STUDY = (
    "{name} is no study, or its first bytes are damaged; choose a file made by 'napari-matae study init', or go back "
    "to a backup."
)
_TOO_LARGE = "{name} has grown beyond what this system can hold; move it to another disk."
_ENDED = "The process that keeps {name} open has ended. {safe}; it is started again by itself: try again."
# How SQLite calls the error, the sentence, and whether waiting can cure it.
_SQLITE: tuple[tuple[tuple[str, ...], str, bool], ...] = (
    ((LOST,), _ENDED, True),
    (("SQLITE_FULL",), _FULL, True),
    (("SQLITE_IOERR",), _BROKEN, True),
    (("SQLITE_BUSY", "SQLITE_LOCKED"), _BUSY, True),
    (("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"), _READ_ONLY, False),
    (("SQLITE_NOTADB",), _NO_STUDY, False),
    (("SQLITE_NOLFS", "SQLITE_TOOBIG"), _TOO_LARGE, False),
)


def _sqlite(name: str, error: sqlite3.Error) -> StoreError | None:
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith("SQLITE_CORRUPT"):
        return damaged(name, "part of the file does not read as it was written")
    for known, sentence, transient in _SQLITE:
        if code.startswith(known):
            return StoreError(sentence.format(name=name, safe=_NOTHING_LOST), transient=transient)
    return None


_POSTGRESQL = {
    "53100": "The disk of {name} is full. {safe}; free some space on the server, then try again.",
    "53200": "The server of {name} is out of memory. {safe}; try again later.",
    "53300": "The server of {name} has no connection left; close other viewers, then try again.",
    "55P03": "Another program has been writing to {name} for too long. {safe}; wait until it has finished, then "
    "try again.",
    "57014": "{name} took longer than its server allows. {safe}; try again.",
    "40P01": "Another program was writing to {name} at the same moment. {safe}; try again.",
    "40001": "Another program was writing to {name} at the same moment. {safe}; try again.",
    "25006": "{name} cannot be written to: the server is read-only. {safe}; ask whoever runs it.",
    "42501": "You may not write to {name}. {safe}; ask whoever runs the server for the right to.",
    "28000": "The server of {name} does not let you in; check the user and the password.",
    "28P01": "The server of {name} does not let you in; check the user and the password.",
    "3D000": "There is no database {name}; make it with 'createdb', then run 'napari-matae study init'.",
    "XX001": "{name} is damaged; leave it as it is and go back to a backup.",
    "XX002": "{name} is damaged; leave it as it is and go back to a backup.",
}


_TRANSIENT = frozenset({"53100", "53200", "53300", "55P03", "57014", "40P01", "40001"})


def _postgresql(name: str, error: DBAPIError) -> StoreError | None:
    state = getattr(error.orig, "sqlstate", None)
    text = str(error.orig)
    if state is None:  # the connection could not be made: the server's reason is in the text only
        hints = (("password", "28P01"), ("does not exist", "3D000"), ("too many clients", "53300"))
        state = next((known for hint, known in hints if hint in text), None)
    if state in _POSTGRESQL:
        return StoreError(_POSTGRESQL[state].format(name=name, safe=_NOTHING_LOST), transient=state in _TRANSIENT)
    if error.connection_invalidated or state is None or state.startswith(("08", "57P")):
        return StoreError(
            f"The server of {name} does not answer. {_NOTHING_LOST}; check the network and the address, then try "
            "again.",
            transient=True,
        )
    return None
