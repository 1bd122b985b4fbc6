"""What a study must withstand: odd names, files that lose theirs, careless servers, rows changed behind its back."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from store_makers import disc, make_cine, stroke

from matae.store import Edit, Flag, FrameStatus, OverrideName, StoreError, Study

VERSIONED = {
    "revisions": "id", "masks": "id", "landmarks": "revision", "marks": "revision", "splits": "part",
    "overrides": "value", "model_uses": "model",
}  # fmt: skip


# --- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b?c#d%41é.matae", "n" * 250, "-wal", "ünïcödé ♥"])
def test_a_study_may_have_any_name_a_file_may_have(tmp_path, name) -> None:
    with Study.create(tmp_path / name) as study:
        study.add_cine(make_cine())
        study.backup(tmp_path / f"b{name[1:]}")
    with Study.open(tmp_path / name) as study:
        assert study.check() == []
    assert {path.name for path in tmp_path.iterdir()} == {name, f"b{name[1:]}"}


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_names_that_are_bytes_but_no_text_are_kept(tmp_path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    with Study.create(f"{odd}.matae") as study:
        study.name.encode()  # can be shown
        entry = study.add_cine(replace(make_cine(), source=Path(f"{odd}.dcm")))
        entry.stem.encode()
        assert study.path_of(entry.content_id) == Path(f"{odd}.dcm")


def test_names_no_file_can_have_are_sentences(tmp_path) -> None:
    for way in (Study.open, Study.create):
        with pytest.raises(StoreError, match="no file may have"):
            way(f"{tmp_path}/a\0b")
    with pytest.raises(StoreError, match="shorter"):
        Study.open(tmp_path / ("n" * 300))


def test_a_part_of_a_password_is_not_taken_for_a_host_and_shown() -> None:
    with pytest.raises(StoreError, match="%40") as caught:
        Study.open("postgresql://user:pa@secret@127.0.0.1:1/db")
    assert "secret" not in str(caught.value)


def test_text_no_database_takes_is_refused_or_cut(study, target, cine) -> None:
    for odd in ("a\0b", "a\udcffb", "x" * 201):
        for do in (
            lambda odd=odd: Study.open(target, rater=odd),
            lambda odd=odd: study.set_subject(cine.content_id, odd),
            lambda odd=odd: study.add_subject(odd, "train"),
            lambda odd=odd: study.add_release(odd, {}),
        ):
            with pytest.raises(StoreError, match="1 to 200 letters"):
                do()
        study.put_proposals(cine.content_id, {0: disc()}, model=odd, width=odd, model_sha256=odd)
        study.put_edits(
            cine.content_id, [Edit(1, disc(), study.frames(cine.content_id).get(1, _NONE).revision)], note=odd
        )
        study.set_flags(cine.content_id, {0: Flag(1, odd)})
    assert study.check() == []


class _NONE:
    revision = 0


def test_a_pseudonym_that_looks_the_same_is_the_same(study) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    study.add_cine(make_cine(1), subject=composed)
    study.add_cine(make_cine(2), subject=apart)
    assert study.statistics().n_subjects == 1
    study.set_split(apart, "test")
    assert study.split_of(composed) == study.split_of(apart) == study.side_for(apart) == "test"
    assert study.forget_subject(apart) == 2


def test_one_file_by_two_ways_is_one_file(study) -> None:
    first = make_cine(1, source="/clips/a.dcm")
    study.add_cine(first)
    study.put_edits(first.content_id, [Edit(0, disc())])
    with pytest.raises(StoreError, match="other pixels"):
        study.add_cine(make_cine(2, source="/clips/b/../a.dcm"))


# --- values ------------------------------------------------------------------------------------------------


def test_values_that_are_none_are_refused_or_count_as_none(study, cine) -> None:
    identity = cine.content_id
    with pytest.raises(StoreError, match="not a number"):
        study.set_flags(identity, {0: Flag(float("nan"), "x")})
    for frame in (-1, 6, 2**70):
        with pytest.raises(StoreError, match="does not exist"):
            study.set_last_frame(identity, frame)
    for number, seconds in enumerate((float("nan"), float("inf"), -5.0)):
        (info,) = study.put_edits(identity, [Edit(0, disc(), number, seconds=seconds)])
        assert info.seconds == 0
        assert study.audit()[-1].details["seconds"] == 0


def test_nothing_to_do_is_nothing_done(study, cine) -> None:
    before = study.sequence
    assert study.put_proposals(cine.content_id, {}, model="m", width="1") == []
    assert study.set_status(cine.content_id, [], FrameStatus.ACCEPTED) == []
    assert study.sequence == before


def test_a_machine_leaves_the_landmarks_and_marks_of_a_person_alone(study, cine) -> None:
    identity = cine.content_id
    study.set_landmarks(identity, 0, {"apex": (9, 9)}, by_machine=True)
    study.set_landmarks(identity, 0, {"apex": (1, 2)})
    study.set_marks(identity, ed=4, es=5, by_machine=True)
    study.set_marks(identity, ed=1, es=2)
    before = study.sequence, study.landmarks(identity), study.marks(identity)
    assert study.set_landmarks(identity, 0, {"apex": (7, 7)}, by_machine=True).points == {"apex": (1, 2)}
    assert study.set_marks(identity, ed=0, es=0, by_machine=True).ed == 1
    assert (study.landmarks(identity), study.marks(identity)) == before[1:]


# --- behind its back ---------------------------------------------------------------------------------------


@pytest.fixture
def versioned(study, cine) -> Study:
    study.put_proposals(cine.content_id, {0: disc()}, model="m", width="1")
    study.put_edits(cine.content_id, [Edit(0, stroke(1), 1)])
    study.set_landmarks(cine.content_id, 0, {"apex": (1, 2)})
    study.set_marks(cine.content_id, ed=0, es=1)
    study.set_split("p1", "test")
    study.set_override(cine.content_id, OverrideName.APEX_DOWN, True)
    study.note_model_use("lv-1", "judged", [cine.content_id])
    study.add_release("r", {cine.content_id: [0]})
    return study


@pytest.mark.parametrize("table", [*VERSIONED, "release_frames", "audit"])
def test_versions_can_be_neither_deleted_nor_replaced_nor_emptied(versioned, backend, table) -> None:
    statements = [f"DELETE FROM {table}"]
    statements.append(
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}" if backend == "sqlite" else f"TRUNCATE {table} CASCADE"
    )
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), versioned._writing() as writing:
            writing.connection.execute(text(statement))
    assert versioned.check() == []
    if table != "audit":
        assert versioned.forget_subject("p1") == 1  # which is the one way for them to go
        assert versioned.check() == []


def test_a_guard_or_a_version_that_is_gone_is_found(file_study) -> None:
    with Study.open(file_study) as study:
        study.add_cine(make_cine())
        study.put_edits(make_cine().content_id, [Edit(0, stroke(1))])
        study.put_edits(make_cine().content_id, [Edit(0, stroke(2), 1)])
    with closing(sqlite3.connect(file_study)) as raw:
        raw.execute("DROP TRIGGER audit_refuses_replace")
        raw.execute("DROP TRIGGER revisions_refuses_delete")
        raw.execute("DELETE FROM revisions WHERE number = 1")
        raw.commit()
    with Study.open(file_study) as study:
        problems = " ".join(study.check())
    assert "audit_refuses_replace is gone" in problems
    assert "Versions of frame 1 of cine" in problems


# --- the file and the server -------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="an open file keeps its name there")
@pytest.mark.parametrize("what", ["moved", "deleted", "replaced"])
def test_a_stroke_into_a_file_that_lost_its_name_is_not_acknowledged(file_study, what) -> None:
    identity = make_cine().content_id
    other = file_study.with_name("other.matae")
    with Study.open(file_study) as study:
        study.add_cine(make_cine())
        study.put_edits(identity, [Edit(0, stroke(1))])
        if what == "replaced":
            study.backup(other)
            other.replace(file_study)
        elif what == "moved":
            file_study.rename(other)
        else:
            file_study.unlink()
        with pytest.raises(StoreError, match="moved, replaced or deleted"):
            study.put_edits(identity, [Edit(0, stroke(2), 1)])
        if what == "moved":  # back under its name, it goes on
            other.rename(file_study)
            study.put_edits(identity, [Edit(0, stroke(3), 1)])
    if what == "moved":
        with Study.open(file_study) as study:
            np.testing.assert_array_equal(study.mask(identity, 0), stroke(3))


@pytest.mark.skipif(os.name == "nt", reason="rights are others there")
def test_a_backup_is_as_private_as_the_study(file_study, tmp_path) -> None:
    file_study.chmod(0o600)
    with Study.open(file_study) as study:
        copy = study.backup(tmp_path / "copy.matae")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_study_closed_by_one_thread_is_let_go_by_all(target, cine, tmp_path) -> None:
    reading, closed = threading.Event(), threading.Event()
    viewer = Study.open(target)

    def read() -> None:
        with viewer._reading() as connection:
            connection.execute(text("SELECT 1"))
            reading.set()
            closed.wait(300)

    thread = threading.Thread(target=read)
    thread.start()
    assert reading.wait(300)
    viewer.close()
    closed.set()
    thread.join()
    assert viewer._engine.pool.checkedin() == 0


def test_a_server_that_does_not_wait_for_its_disk_is_made_to(server, backend, study, study_database) -> None:
    if backend == "sqlite":
        pytest.skip("of a server")
    name = study_database.rpartition("/")[2]
    server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    try:
        with Study.open(study_database) as opened, opened._writing() as writing:
            assert writing.connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
    finally:
        server.execute(f"ALTER DATABASE {name} RESET synchronous_commit")


def test_a_copy_that_fails_leaves_the_server_empty(server, file_study, monkeypatch) -> None:
    from matae.store import integrity

    url = server.new_database()

    def fail(_: object) -> None:
        raise StoreError("The network is gone; try again.")

    with Study.open(file_study) as study:
        study.add_cine(make_cine())
        with monkeypatch.context() as patch:
            patch.setattr(integrity, "_go_on_counting", fail)
            with pytest.raises(StoreError, match="network"):
                study.copy(url)
        study.copy(url)
    with Study.open(url) as copy:
        assert copy.check() == []
    with pytest.raises(StoreError, match="closed"):
        study.copy(server.new_database())
