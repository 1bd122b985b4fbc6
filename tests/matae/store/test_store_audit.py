"""The audit log: append-only in the database, nobody's name in it; releases; and a subject who must go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from store_makers import disc, make_cine, stroke

from matae.store import Edit, FrameStatus, StoreError, Study
from matae.store.schema import Audit, Base

NEVER_CHANGED = ["audit", "revisions", "masks", "landmarks", "marks", "splits", "release_frames"]


@pytest.fixture
def busy(study) -> Study:
    """Return a study in which everything was done once."""
    cine = make_cine(source="/home/doctor/Jane Doe 1950/loop.dcm")
    identity = cine.content_id
    study.add_cine(cine, subject="jane")
    study.put_proposals(identity, {0: disc(), 1: disc()}, model="dr-jones-model", width="1", model_sha256="cd" * 32)
    study.put_edits(identity, [Edit(0, stroke(1), 1, seconds=3)], note="brush")
    study.set_status(identity, [1], FrameStatus.ACCEPTED)
    study.set_landmarks(identity, 0, {"apex": (1, 2)})
    study.set_marks(identity, ed=0, es=1)
    study.assign_splits()
    study.add_release("spring", {identity: [0, 1]}, {"subjects": ["jane"], "cines": {identity: 2}, "n": 2})
    return study


def refused(study, statement: str) -> bool:
    """Say whether the database refuses a statement as a change of what is only added to."""
    try:
        with study._writing() as writing:
            assert writing.connection.execute(text(statement)).rowcount, statement  # nothing to refuse
    except DBAPIError as error:
        return "append-only" in str(error)
    return False


def test_the_database_refuses_to_change_what_was_written(busy) -> None:
    taken = []
    for table in NEVER_CHANGED:
        first = next(iter(Base.metadata.tables[table].columns)).name
        if not refused(busy, f"UPDATE {table} SET {first} = {first}"):
            taken.append(table)
    assert taken == []
    assert busy.check() == []


def test_the_database_refuses_to_delete_from_the_log(busy) -> None:
    before = busy.audit()
    statements = ["DELETE FROM audit", "DELETE FROM audit WHERE number = 1"]
    assert [statement for statement in statements if not refused(busy, statement)] == []
    assert busy.audit() == before


def test_the_log_cannot_be_emptied_or_replaced_another_way(busy, backend) -> None:
    values = "(1, '', 'x', '', '', '', '{}', 0, '')"
    columns = "(number, at, event, subject, cine, rater, details, sequence, digest)"
    statements = {
        "sqlite": [f"REPLACE INTO audit {columns} VALUES {values}",
            f"INSERT OR REPLACE INTO audit {columns} VALUES {values}"],
        "postgresql": [
            "TRUNCATE audit",
            f"INSERT INTO audit {columns} VALUES {values} ON CONFLICT (number) DO UPDATE SET event = 'x'",
        ],
    }[backend]  # fmt: skip
    before = busy.audit()
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), busy._writing() as writing:
            writing.connection.execute(text(statement))
    assert busy.audit() == before


def test_the_log_says_what_was_done_and_by_whom_in_codes(busy) -> None:
    log = busy.audit()
    assert [entry.event for entry in log] == [
        "created", "subject added", "cine added", "proposed", "edited", "accepted", "landmarks set", "cycle marked",
        "splits fixed", "side drawn", "released",
    ]  # fmt: skip
    assert [entry.number for entry in log] == list(range(1, 12))
    codes = busy.codes()
    edited = log[4]
    assert (codes[edited.rater], codes[edited.subject]) == ("anna", "jane")
    assert codes[edited.cine] == make_cine().content_id
    assert edited.details == {"n": 1, "frames": [0], "seconds": 3}
    assert log[3].rater == ""
    assert busy.audit(make_cine().content_id) == [log[i] for i in (2, 3, 4, 5, 6, 7)]
    assert busy.audit(after=9) == log[9:]
    assert busy.audit(limit=2) == log[-2:]


def test_no_name_path_rater_or_pseudonym_is_in_the_log(busy) -> None:
    with busy._reading() as connection:
        whole = repr(connection.execute(select(Audit)).all()).lower()
    for secret in ("anna", "jane", "doctor", "loop", "jones", make_cine().content_id):
        assert secret not in whole


def test_tampering_with_the_guards_gone_is_found(file_study) -> None:
    import sqlite3

    with Study.open(file_study) as study:
        study.add_cine(make_cine(), subject="p1")
        study.set_marks(make_cine().content_id, ed=0, es=1)
    for statement, found in (
        ("UPDATE audit SET event = 'nothing' WHERE number = 2", "changed or cut at entry 2"),
        ("DELETE FROM audit WHERE number = 2", "changed or cut at entry 2"),
        ("DELETE FROM audit WHERE number = (SELECT MAX(number) FROM audit)", "cut after entry 3"),
    ):
        copy = file_study.with_name("copy.matae")
        copy.write_bytes(file_study.read_bytes())
        raw = sqlite3.connect(copy)
        raw.execute("DROP TRIGGER audit_refuses_update")
        raw.execute("DROP TRIGGER audit_refuses_delete")
        raw.execute(statement)
        raw.commit()
        raw.close()
        with Study.open(copy) as study:
            problems = " ".join(study.check())
        assert found in problems
        assert "audit_refuses_delete is gone" in problems


# --- releases ----------------------------------------------------------------------------------------------


def test_a_release_keeps_the_versions_it_had(busy) -> None:
    identity = make_cine().content_id
    busy.put_edits(identity, [Edit(0, stroke(9), 2)])
    first = busy.release_frames("spring", 1)
    assert [(f.frame, f.revision) for f in first] == [(0, 2), (1, 2)]
    np.testing.assert_array_equal(busy.mask(identity, 0, revision=first[0].revision), stroke(1))
    again = busy.add_release("spring", {identity: [0]})
    assert (again.name, again.number) == ("spring", 2)
    assert [release.number for release in busy.releases()] == [1, 2]
    assert busy.releases()[0].manifest["n"] == 2
    assert busy.release_frames("summer", 1) == []


# --- forgetting --------------------------------------------------------------------------------------------


def rows_of_everything(study: Study) -> dict[str, list[object]]:
    with study._reading() as connection:
        return {name: connection.execute(table.select()).all() for name, table in Base.metadata.tables.items()}


def test_a_forgotten_subject_is_nowhere_and_the_others_are_as_before(busy) -> None:
    from matae.store import Flag

    kept = make_cine(3)
    busy.add_cine(kept, subject="kept")
    busy.put_edits(kept.content_id, [Edit(0, stroke(3))])
    busy.add_release("both", {kept.content_id: [0], make_cine().content_id: [1]}, {
        "subjects": [{"id": busy.keyed("jane"), "n": 1}, {"id": busy.keyed("kept"), "n": 1}],
        "by_subject": {"jane": 1, "kept": 1},
    })  # fmt: skip
    busy.set_flags(make_cine().content_id, {0: Flag(1.0, "x")})
    busy.set_last_frame(make_cine().content_id, 1)
    before = busy.frames(kept.content_id), busy.history(kept.content_id, 0)[0].number
    code = next(code for code, name in busy.codes().items() if name == "jane")
    assert busy.forget_subject("jane") == 1
    whole = repr(rows_of_everything(busy))
    for secret in ("jane", "Jane", make_cine().content_id, busy.keyed("jane")):
        assert secret not in whole
    assert (busy.frames(kept.content_id), busy.history(kept.content_id, 0)[0].number) == before
    assert not busy.has_cine(make_cine().content_id)
    assert [line.subject for line in busy.cines()] == ["kept"]
    assert busy.splits().keys() == {"kept"}
    assert busy.release_frames("spring", 1) == []
    assert [(f.content_id, f.frame) for f in busy.release_frames("both", 1)] == [(kept.content_id, 0)]
    assert busy.releases()[1].manifest == {
        "subjects": [{"id": busy.keyed("kept"), "n": 1}], "by_subject": {"kept": 1},
    }  # fmt: skip
    last = busy.audit()[-1]
    assert (last.event, last.subject, last.details) == ("forgotten", code, {"cines": 1})
    assert code not in busy.codes()
    tables = rows_of_everything(busy)
    assert {len(tables[name]) for name in ("landmarks", "marks", "flags", "positions")} == {0}
    assert busy.check() == []


def test_no_byte_of_a_forgotten_subject_is_left_in_the_file(tmp_path, file_study) -> None:
    cine = make_cine(source="/home/Jane Doe 1950/loop-of-jane.dcm")
    with Study.open(file_study, rater="anna") as study:
        study.add_cine(cine, subject="pseudonym-of-jane")
        for number in range(40):
            study.put_edits(cine.content_id, [Edit(0, stroke(number), number)])
        study.add_cine(make_cine(4), subject="other")
        png = study.history(cine.content_id, 0)[20].png
        assert b"pseudonym-of-jane" in everything_in(tmp_path)
        study.forget_subject("pseudonym-of-jane")
        left = everything_in(tmp_path)
        for secret in (b"pseudonym-of-jane", b"Jane", b"loop-of-jane", cine.content_id.encode(), png[40:]):
            assert secret not in left


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_forgotten_subject_may_come_back_as_a_stranger_on_the_same_side(study) -> None:
    cine = make_cine()
    study.assign_splits(seed=3)
    study.add_cine(cine, subject="p1")
    code, side = study.audit()[-1].subject, study.split_of("p1")
    study.forget_subject("p1")
    assert study.add_cine(cine, subject="p1").is_new
    assert study.audit()[-1].subject != code
    assert study.split_of("p1") == side
    with pytest.raises(StoreError, match="no subject"):
        study.forget_subject("p2")


def test_nothing_is_written_when_the_work_inside_fails(study, cine) -> None:
    before = rows_of_everything(study)
    with pytest.raises(StoreError, match="sum to one"):
        study.assign_splits(shares={"train": 0.2})
    with pytest.raises(StoreError, match="no label"):
        study.add_release("r", {cine.content_id: [0]})  # the release itself had been written when this was found
    assert rows_of_everything(study) == before
