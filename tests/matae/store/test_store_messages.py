"""What the process that holds the file is asked: few messages a stroke, and a transaction is whole or not at all."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError
from store_makers import make_cine, stroke

from matae.store import Edit, StoreError, Study
from matae.store.engine import LATER
from matae.store.schema import Base
from matae.store.sqlite_client import _Worker, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Study]:
    with Study.create(tmp_path / "s.matae", rater="anna") as study:
        study.add_cine(make_cine())
        yield study


def test_a_stroke_takes_few_messages(held: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = make_cine().content_id
    revision = held.put_edits(identity, [Edit(0, stroke(1), 0)])[0].revision
    asked: list[str] = []
    real = _Worker.ask

    def counting(worker: _Worker, operation: str, *arguments: object) -> object:
        asked.append(operation)
        return real(worker, operation, *arguments)

    monkeypatch.setattr(_Worker, "ask", counting)
    held.put_edits(identity, [Edit(0, stroke(2), revision)])
    assert len(asked) <= 9, asked
    np.testing.assert_array_equal(held.mask(identity, 0), stroke(2))
    assert held.check() == []


def test_a_statement_put_off_that_fails_takes_the_transaction_with_it(held: Study) -> None:
    identity = make_cine().content_id
    held.put_edits(identity, [Edit(0, stroke(1), 0)])
    before = held.sequence
    audit = Base.metadata.tables["audit"]

    def write() -> None:
        with held._writing() as writing:
            writing.audit("edited", details={})
            row = {
                "number": 1, "at": writing.at, "event": "x", "subject": "", "cine": "", "rater": "", "details": "{}",
                "sequence": 1, "digest": "0" * 64,
            }  # fmt: skip
            writing.connection.execute(insert(audit).execution_options(**{LATER: True}), row)  # there is a number 1

    with pytest.raises((StoreError, DBAPIError)):
        write()
    assert held.sequence == before
    assert held.put_edits(identity, [Edit(0, stroke(2), 1)])[0].revision == 2
    assert held.check() == []


def test_what_was_put_off_goes_with_its_transaction(held: Study) -> None:
    before = [entry.number for entry in held.audit()]

    def write() -> None:
        with held._writing() as writing:
            writing.audit("edited", details={})
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert [entry.number for entry in held.audit()] == before


def test_a_begin_that_must_wait_is_said_by_the_first_question(held: Study, tmp_path: Path) -> None:
    file = tmp_path / "s.matae"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Study.open(file, rater="ben", wait_s=0.1) as other:
        with pytest.raises(StoreError, match="writ"):
            other.put_edits(make_cine().content_id, [Edit(0, stroke(3), 0)])
        holder.execute("ROLLBACK")
        assert other.put_edits(make_cine().content_id, [Edit(0, stroke(3), 0)])[0].revision == 1
    holder.close()


def test_nothing_is_done_before_there_is_a_question(tmp_path: Path) -> None:
    connection = connect(tmp_path / "raw.db", make=True)
    connection.execute("CREATE TABLE t (a INTEGER UNIQUE)")
    connection.begin("BEGIN IMMEDIATE")
    connection.later("INSERT INTO t VALUES (?)", (1,))
    connection.later("INSERT INTO t VALUES (?)", [(2,), (3,)], many=True)
    with sqlite3.connect(tmp_path / "raw.db", timeout=0.1) as other:
        other.execute("INSERT INTO t VALUES (9)")  # nobody holds the file yet
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)
    connection.begin()
    connection.later("INSERT INTO t VALUES (?)", (9,))
    connection.later("INSERT INTO t VALUES (?)", (10,))
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("SELECT 1")
    connection.rollback()
    assert connection.execute("SELECT a FROM t").fetchall() == [(9,)]
    connection.begin()
    connection.later("INSERT INTO t VALUES (?)", (4,))
    connection.commit()
    assert connection.misplaced_at_commit() == ""
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.begin()
