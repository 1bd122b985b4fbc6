"""Cines, subjects, sides, landmarks and the times of the cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_makers import disc, make_cine

from matae.cine import Cine, Spacing
from matae.store import Edit, StoreError, Study
from matae.store.splits import DEFAULT_SHARES, draw


def test_an_empty_study_lists_nothing(study) -> None:
    assert study.cines() == []
    assert study.last_cine() is None
    assert study.splits() == {}
    assert study.statistics().n_cines == 0
    assert study.check() == []


def test_the_facts_of_a_cine_come_back(study) -> None:
    cine = make_cine(source="/somewhere/Jane Doe/loop.nii.gz")
    entry = study.add_cine(cine, subject=" p7 ")
    assert entry.is_new
    assert (entry.content_id, entry.subject, entry.stem) == (cine.content_id, "p7", "loop")
    assert (entry.n_frames, entry.height, entry.width) == (6, 24, 32)
    assert entry.spacing == Spacing(0.3, 0.4)
    assert entry.frame_times == tuple(cine.frame_times)
    assert (entry.view, entry.heart_rate, entry.quality) == ("A4C", 61.5, "Good")
    assert study.path_of(cine.content_id) == cine.source
    assert "Jane" not in repr(entry) + repr(study.cines())


def test_a_bare_picture_without_calibration_is_a_cine_too(study) -> None:
    still = Cine(np.zeros((1, 4, 5), np.uint8), None, None, Path("still.png"))
    entry = study.add_cine(still)
    assert (entry.spacing, entry.frame_times, entry.view, entry.subject) == (None, None, None, None)
    assert study.marks(still.content_id).ed is None


def test_a_cine_is_known_by_its_pixels_not_by_its_file(study, cine) -> None:
    from dataclasses import replace

    moved = replace(cine, source=Path("/elsewhere/other.dcm"))
    entry = study.add_cine(moved)
    assert (entry.is_new, entry.stem, entry.subject) == (False, "other", "p1")
    assert study.path_of(cine.content_id) == moved.source
    assert len(study.cines()) == 1


def test_where_each_rater_left_off_is_theirs(study, other, cine) -> None:
    second = make_cine(1)
    study.add_cine(second)
    assert study.last_frame(cine.content_id) is None
    study.set_last_frame(cine.content_id, 3)
    assert other.last_frame(cine.content_id) == 3
    other.set_last_frame(cine.content_id, 5)
    other.set_last_frame(second.content_id, 1)
    assert study.last_frame(cine.content_id) == 3
    assert [line.last_frame for line in study.cines()] == [3, 1]
    assert [line.last_frame for line in other.cines()] == [5, 1]
    assert study.last_cine() == cine.content_id
    assert other.last_cine() == second.content_id


def test_landmarks_and_marks_come_back_and_can_be_taken_away(study, cine) -> None:
    identity = cine.content_id
    assert study.landmarks(identity) == {}
    assert (study.marks(identity).ed, study.marks(identity).es, study.marks(identity).revision) == (0, 3, 0)
    points = {"apex": (2.5, 9.0), "left": (20.0, 4.25), "right": (20.5, 14.0)}
    study.set_landmarks(identity, 2, points)
    study.set_landmarks(identity, 4, {"apex": (1, 1)}, by_machine=True)
    found = study.landmarks(identity)
    assert list(found) == [2, 4]
    assert found[2].points == points
    assert (found[2].points["left"].y, found[2].rater, found[4].rater) == (20.0, "anna", "")
    assert study.set_landmarks(identity, 2, {}).revision == 2
    assert list(study.landmarks(identity)) == [4]
    assert study.set_marks(identity, ed=5, es=None).revision == 1
    marks = study.marks(identity)
    assert (marks.ed, marks.es, marks.rater) == (5, None, "anna")


# --- sides -------------------------------------------------------------------------------------------------


def test_nobody_has_a_side_before_they_are_drawn(study, cine) -> None:
    assert study.split_of("p1") is None
    assert study.cines()[0].split is None


def test_sides_are_drawn_once_and_new_subjects_move_nobody(study) -> None:
    for number in range(12):
        study.add_cine(make_cine(number), subject=f"p{number}")
    first = study.assign_splits(seed=5)
    assert set(first) == {f"p{number}" for number in range(12)}
    for number in range(12, 20):
        study.add_cine(make_cine(number), subject=f"p{number}")
    after = study.splits()
    assert {name: after[name] for name in first} == first
    assert len(after) == 20  # those who came later were drawn as they came
    assert study.assign_splits() == after
    assert after == {name: draw(name, 5, DEFAULT_SHARES) for name in after}


def test_the_draw_of_a_study_is_fixed_for_life(study, cine) -> None:
    study.assign_splits(seed=1, shares={"train": 0.5, "test": 0.5})
    study.assign_splits(seed=1, shares={"train": 0.5, "test": 0.5})
    for other in ({"seed": 2}, {"shares": {"train": 1.0}}):
        with pytest.raises(StoreError, match="for the life of the study"):
            study.assign_splits(**other)


@pytest.mark.parametrize("shares", [{}, {"train": 0.5}, {"train": 1.5, "test": -0.5}, {"a b": 1.0}, {"": 1.0}])
def test_shares_that_are_none_are_refused(study, shares) -> None:
    with pytest.raises(StoreError):
        study.assign_splits(shares=shares)
    study.assign_splits(shares={"train": 1.0})


def test_a_side_that_was_given_stays_and_the_draw_leaves_it(study, cine) -> None:
    study.set_split("p1", "val")
    study.set_split("p1", "val")
    with pytest.raises(StoreError, match="no subject changes side"):
        study.set_split("p1", "train")
    assert study.assign_splits(seed=0, shares={"train": 1.0}) == {"p1": "val"}
    with pytest.raises(StoreError, match="no subject p9"):
        study.set_split("p9", "train")


def test_the_database_itself_refuses_to_move_a_subject(study, cine) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    study.set_split("p1", "val")
    with pytest.raises(DBAPIError, match="append-only"), study._writing() as writing:
        writing.connection.execute(text("UPDATE splits SET part = 'train'"))
    assert study.split_of("p1") == "val"


def test_a_subject_changes_no_side_and_a_cine_that_a_model_knows_no_subject(study, cine) -> None:
    study.add_cine(make_cine(1), subject="p2")
    study.set_split("p1", "train")
    study.set_split("p2", "test")
    study.note_model_use("lv-1", "trained", [cine.content_id])
    with pytest.raises(StoreError, match="model lv-1 was trained with it"):
        study.set_subject(cine.content_id, "p2")
    with pytest.raises(StoreError, match="model lv-1 was trained with it"):
        study.add_cine(cine, subject="p2")
    assert study.cine(cine.content_id).subject == "p1"
    study.set_split("p2", "test")
    with pytest.raises(StoreError, match="no subject changes side"):
        study.set_split("p2", "train")


def test_a_cine_can_be_given_its_subject_later(study) -> None:
    cine = make_cine()
    study.add_cine(cine)
    assert study.set_subject(cine.content_id, "p3").subject == "p3"
    study.assign_splits(shares={"train": 1.0})
    assert study.cines()[0].split == "train"


@given(st.integers(0, 2**31), st.lists(st.text(min_size=1, max_size=8), unique=True, min_size=1, max_size=30))
def test_a_side_depends_on_nobody_else(seed, names) -> None:
    alone = [draw(name, seed, DEFAULT_SHARES) for name in names]
    assert alone == [draw(name, seed, DEFAULT_SHARES) for name in reversed(names)][::-1]
    assert set(alone) <= set(DEFAULT_SHARES)


def test_shares_are_kept_to_in_the_long_run() -> None:
    drawn = [draw(f"subject {number}", 0, DEFAULT_SHARES) for number in range(20_000)]
    for part, share in DEFAULT_SHARES.items():
        assert drawn.count(part) / len(drawn) == pytest.approx(share, abs=0.015)  # six standard errors


def test_two_studies_key_the_same_name_differently(study, tmp_path) -> None:
    with Study.create(tmp_path / "second.matae") as second:
        assert study.keyed("p1") == study.keyed("p1")
        assert study.keyed("p1") != second.keyed("p1")
        assert study.keyed("p1") != study.keyed("p2")
        assert len(study.keyed("p1", 20)) == 20
        assert len(study.secret) == 32
    study.add_cine(make_cine(), subject="p1")
    study.put_edits(make_cine().content_id, [Edit(0, disc())])
