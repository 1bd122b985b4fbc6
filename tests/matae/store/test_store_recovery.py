"""Files of an open study that are deleted, moved or replaced: nothing that was stored is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from store_makers import make_cine, stroke

from matae.errors import MisplacedError, StoreError
from matae.store import Edit, OverrideName, Study
from matae.store.recovery import bring_back, recover, rescue_copy

pytestmark = pytest.mark.skipif(os.name == "nt", reason="an open file can be neither deleted nor replaced there")

IDENTITY = make_cine().content_id


def parts(study: Path) -> list[Path]:
    return [study.with_name(study.name + end) for end in ("-wal", "-shm") if study.with_name(study.name + end).exists()]


def lose_log(study: Path) -> None:
    study.with_name(study.name + "-wal").unlink()


def lose_log_and_memory(study: Path) -> None:
    for part in parts(study):
        part.unlink()


def replace_by_earlier(study: Path) -> None:
    """As a program does that keeps folders in step: the file without its log, put in its place."""
    shutil.copy(study, study.with_name("elsewhere"))
    study.with_name("elsewhere").replace(study)
    lose_log_and_memory(study)


def move(study: Path) -> None:
    study.rename(study.with_name("moved.matae"))


def delete(study: Path) -> None:
    lose_log_and_memory(study)
    study.unlink()


@pytest.fixture
def opened(file_study):
    with Study.open(file_study, rater="anna") as study:
        study.add_cine(make_cine(), subject="p1")
    study = Study.open(file_study, rater="anna")
    study.put_edits(IDENTITY, [Edit(0, stroke(1))])
    study.put_edits(IDENTITY, [Edit(0, stroke(2), 1), Edit(1, stroke(3))])
    study.set_override(IDENTITY, OverrideName.APEX_DOWN, True)
    yield study
    study.close()


@pytest.mark.parametrize("how", [lose_log, lose_log_and_memory, replace_by_earlier, move, delete])
def test_what_was_stored_before_is_there_after(opened, file_study, how, tmp_path) -> None:
    how(file_study)
    with pytest.raises(MisplacedError, match="moved, replaced or deleted"):
        opened.put_edits(IDENTITY, [Edit(1, stroke(4), 1)])
    found = recover(opened, tmp_path / "rescued" / "copy.matae")
    assert found.outcome == {"lose_log": "whole", "lose_log_and_memory": "whole", "replace_by_earlier": "restored"}.get(
        how.__name__, "gone"
    )
    assert (found.copy is None) == (found.outcome == "whole")
    assert found.transactions == (3 if found.outcome == "restored" else 0)
    places = [found.copy] if found.copy is not None else []
    places += [] if found.outcome == "gone" else [file_study]
    for place in places:
        with Study.open(place, rater="anna") as study:
            assert study.check() == []
            np.testing.assert_array_equal(study.mask(IDENTITY, 0), stroke(2))
            np.testing.assert_array_equal(study.mask(IDENTITY, 1), stroke(3))
            assert study.overrides(IDENTITY).apex_down is True
            study.put_edits(IDENTITY, [Edit(1, stroke(4), 1)])
            assert study.check() == []


def test_a_study_that_cannot_be_closed_is_brought_back_all_the_same(opened, file_study, tmp_path, monkeypatch) -> None:
    replace_by_earlier(file_study)

    def fails() -> None:
        raise StoreError("The disk went away.")

    monkeypatch.setattr(opened, "close", fails)
    found = recover(opened, tmp_path / "copy.matae")
    monkeypatch.undo()
    assert (found.outcome, found.transactions) == ("restored", 3)
    with Study.open(file_study) as study:
        np.testing.assert_array_equal(study.mask(IDENTITY, 0), stroke(2))


def test_a_study_that_others_wrote_into_meanwhile_is_left_alone(opened, file_study, tmp_path) -> None:
    replace_by_earlier(file_study)
    with Study.open(file_study, rater="bela") as theirs:
        theirs.put_edits(IDENTITY, [Edit(4, stroke(9))])
    found = recover(opened, tmp_path / "copy.matae")
    assert found.outcome == "diverged"
    with Study.open(file_study) as theirs, Study.open(found.copy) as mine:
        assert set(theirs.frames(IDENTITY)) == {4}
        assert set(mine.frames(IDENTITY)) == {0, 1}


def test_another_study_in_its_place_is_left_alone(opened, file_study, tmp_path) -> None:
    delete(file_study)
    Study.create(file_study).close()
    found = recover(opened, tmp_path / "copy.matae")
    assert found.outcome == "diverged"
    with Study.open(file_study) as other:
        assert other.cines() == []


def test_a_subject_that_was_forgotten_does_not_come_back(opened, file_study, tmp_path) -> None:
    """The earlier state on disk still has the person: bringing it forward takes them out again."""
    opened.add_cine(make_cine(1), subject="p2")
    with opened._reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    earlier = shutil.copy(file_study, tmp_path / "earlier")
    opened.forget_subject("p1")
    Path(earlier).replace(file_study)
    lose_log_and_memory(file_study)
    found = recover(opened, tmp_path / "copy.matae")
    assert found.outcome == "restored"
    with Study.open(file_study) as study:
        assert [line.subject for line in study.cines()] == ["p2"]
        assert study.check() == []


def test_a_copy_that_lacks_nothing_changes_nothing(opened, file_study, tmp_path) -> None:
    copy = rescue_copy(opened, tmp_path / "copy.matae")
    before = opened.sequence
    assert bring_back(str(file_study), copy) == ("whole", 0)
    assert opened.sequence == before


def test_a_copy_that_lacks_something_takes_nothing_away(opened, file_study, tmp_path) -> None:
    copy = rescue_copy(opened, tmp_path / "copy.matae")
    opened.put_edits(IDENTITY, [Edit(0, stroke(5), 2)])
    assert bring_back(str(file_study), copy) == ("diverged", 0)
    np.testing.assert_array_equal(opened.mask(IDENTITY, 0), stroke(5))


def test_a_label_that_changed_since_gets_its_newest_version_back(opened, file_study, tmp_path) -> None:
    with opened._reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    earlier = shutil.copy(file_study, tmp_path / "earlier")
    opened.put_edits(IDENTITY, [Edit(0, stroke(8), 2), Edit(3, stroke(9))])
    opened.put_edits(IDENTITY, [Edit(1, None, 1)])
    Path(earlier).replace(file_study)
    lose_log_and_memory(file_study)
    found = recover(opened, tmp_path / "copy.matae")
    assert (found.outcome, found.transactions) == ("restored", 2)
    with Study.open(file_study) as study:
        assert set(study.frames(IDENTITY)) == {0, 3}
        np.testing.assert_array_equal(study.mask(IDENTITY, 0), stroke(8))
        np.testing.assert_array_equal(study.mask(IDENTITY, 1, revision=1), stroke(3))
        assert (study.audit()[-1].event, study.audit()[-1].details["transactions"]) == ("restored", 2)
        assert study.check() == []


def test_a_check_finds_it_before_the_next_stroke(opened, file_study) -> None:
    opened.check_in_place()
    lose_log(file_study)
    with pytest.raises(MisplacedError, match="log of"):
        opened.check_in_place()


def test_a_step_that_comes_twice_is_stored_once(study, cine) -> None:
    """The connection is lost between the commit and the answer: whoever asked asks again."""
    edits = [Edit(0, stroke(1)), Edit(1, stroke(2))]
    first = study.put_edits(cine.content_id, edits, note="brush")
    again = study.put_edits(cine.content_id, edits, note="brush")
    assert [info.revision for info in again] == [info.revision for info in first] == [1, 1]
    assert len(study.history(cine.content_id, 0)) == 1
    study.put_edits(cine.content_id, [Edit(0, stroke(3), 1)])
    with pytest.raises(Exception, match="Somebody else changed"):
        study.put_edits(cine.content_id, edits)  # another stroke came after it: no repetition any more
