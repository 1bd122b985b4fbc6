"""Copies made while people work, and a study that moves to a server and back."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from store_makers import disc, make_cine, stroke

from matae.errors import OutputError
from matae.store import Edit, FrameStatus, StoreError, Study
from matae.store.schema import Base

IDENTITY = make_cine().content_id


@pytest.fixture
def filled(study) -> Study:
    study.add_cine(make_cine(), subject="p1")
    study.put_proposals(IDENTITY, dict.fromkeys(range(6), disc()), model="m", width="1")
    study.put_edits(IDENTITY, [Edit(0, stroke(1), 1, seconds=2), Edit(2, stroke(2), 1)], note="brush")
    study.set_status(IDENTITY, [1], FrameStatus.ACCEPTED)
    study.set_landmarks(IDENTITY, 0, {"apex": (1.5, 2)})
    study.set_marks(IDENTITY, ed=0, es=3)
    study.set_last_frame(IDENTITY, 4)
    study.assign_splits(seed=4)
    study.add_release("spring", {IDENTITY: [0, 1]}, {"n": 2})
    return study


def everything(study: Study) -> dict[str, list[tuple[object, ...]]]:
    with study._reading() as connection:
        return {
            name: sorted(tuple(row) for row in connection.execute(table.select()))
            for name, table in Base.metadata.tables.items()
        }


def test_a_backup_is_never_written_over_something(study, tmp_path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(StoreError, match="not written over"):
        study.backup(taken)
    assert taken.read_text() == "mine"
    with pytest.raises(OutputError):
        study.backup(taken / "below.matae")


def test_a_backup_is_the_whole_study_in_a_file(filled, tmp_path) -> None:
    path = filled.backup(tmp_path / "new" / "copy.matae")
    assert [file.name for file in path.parent.iterdir()] == ["copy.matae"]
    with Study.open(path, rater="bela") as copy:
        assert copy.check() == []
        assert everything(copy) == everything(filled)
        np.testing.assert_array_equal(copy.mask(IDENTITY, 0), stroke(1))
        copy.put_edits(IDENTITY, [Edit(0, stroke(5), 2)])  # and one to go on with
        copy.add_cine(make_cine(9), subject="p9")
        assert copy.check() == []
    np.testing.assert_array_equal(filled.mask(IDENTITY, 0), stroke(1))


def test_a_study_moves_to_a_server_and_back(filled, server, tmp_path) -> None:
    url = server.new_database()
    filled.copy(url)
    with Study.open(url, rater="anna") as moved:
        assert moved.check() == []
        assert everything(moved) == everything(filled)
        moved.add_cine(make_cine(7), subject="p7")  # new rows are numbered after those that came
        moved.put_edits(IDENTITY, [Edit(3, stroke(3), 1)])
        moved.add_release("spring", {IDENTITY: [3]})
        assert moved.check() == []
        moved.copy(str(tmp_path / "back.matae"))
        with Study.open(tmp_path / "back.matae") as back:
            assert everything(back) == everything(moved)
            assert back.check() == []
    with pytest.raises(StoreError, match="holds a study already"):
        filled.copy(url)


def test_backups_made_while_somebody_draws_are_all_sound(target, filled, tmp_path) -> None:
    drawing, stop, failures, drawn = threading.Event(), threading.Event(), [], []

    def draw() -> None:
        try:
            with Study.open(target, rater="bela") as other:
                revision = other.frames(IDENTITY)[5].revision
                while not stop.is_set():
                    value = len(drawn)
                    revision = other.put_edits(IDENTITY, [Edit(5, stroke(value), revision)], note=str(value))[
                        0
                    ].revision
                    drawn.append(value)
                    drawing.set()
        except BaseException as error:  # noqa: BLE001 (told below)
            failures.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        # Four backups can be over before a thread that was just started has had its first turn.
        assert drawing.wait(60), failures
        for number in range(4):
            known = len(drawn)
            path = filled.backup(tmp_path / f"copy{number}.matae")
            with Study.open(path) as copy:
                assert copy.check() == []
                notes = [r.note for r in copy.history(IDENTITY, 5)[1:]]
            assert notes == [str(n) for n in range(len(notes))]
            assert len(notes) >= known  # all that had been acknowledged when it was asked for
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert drawn
