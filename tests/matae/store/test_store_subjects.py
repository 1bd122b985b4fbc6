"""Whom a cine shows: said by its file, its data set or a person, and never two persons in one or one in two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from store_makers import disc, make_cine

from matae.cine import Cine, Patient
from matae.errors import FixedSubjectError
from matae.store import Edit, FrameStatus, StoreError, Study, SubjectSource
from matae.store import migrate as migrations
from matae.store.create import make_file, make_on_server
from matae.store.engine import WRITING, make_engine, parse_target


def clip(seed: int, number: str = "", *, issuer: str = "", source: str = "/d/IM_0001.dcm", origin="file") -> Cine:
    patient = Patient(number, issuer, origin) if number else None
    note = "" if number else "The file states no patient ID; say whom the clip shows."
    return replace(make_cine(seed, source=source), patient=patient, patient_note=note)


def label(study: Study, cine: Cine) -> None:
    study.put_edits(cine.content_id, [Edit(0, disc(), 0, FrameStatus.ACCEPTED)])


# -- what is not said -----------------------------------------------------------------------------------------


def test_a_cine_of_which_nobody_says_who_it_is_is_unknown(study) -> None:
    first, second = clip(1, source="/d/a/IM_0001.dcm"), clip(2, source="/d/b/IM_0001.dcm")
    for cine in (first, second):
        entry = study.add_as_stated(cine)
        assert (entry.subject, entry.subject_source, entry.is_stated) == (None, None, False)
        assert "states no patient ID" in entry.subject_note
        label(study, cine)
    assert study.assign_splits() == {}
    assert [cine.split for cine in study.cines()] == [None, None]
    with pytest.raises(StoreError, match="Nobody has said which patient IM_0001 shows"):
        study.add_release("r", {first.content_id: [0]})
    assert study.releases() == []
    assert study.check() == []


@pytest.mark.parametrize("code", ["", "  ", "x" * 201, "a\0b"])
def test_a_code_that_is_none_is_refused(study, code) -> None:
    cine = clip(1)
    study.add_as_stated(cine)
    for give in (
        lambda: study.set_subject(cine.content_id, code),
        lambda: study.set_folder_subject(Path("/d"), code),
        lambda: study.set_path_subjects([Path("/d/IM_0001.dcm")], code),
    ):
        with pytest.raises(StoreError, match="pseudonym"):
            give()
    assert study.cine(cine.content_id).subject is None
    assert study.subject_of(clip(2)) is None


def test_what_a_data_set_says_and_cannot_be_stored_is_nobody(study) -> None:
    entry = study.add_as_stated(clip(1, "x" * 300, origin="data set"))
    assert (entry.subject, entry.is_stated) == (None, False)


# -- what a file says -----------------------------------------------------------------------------------------


def test_two_patients_with_one_file_name_are_two_subjects(study) -> None:
    a = study.add_as_stated(clip(1, "1001", source="/d/patientA/IM_0001.dcm"))
    b = study.add_as_stated(clip(2, "1002", source="/d/patientB/IM_0001.dcm"))
    assert a.subject != b.subject
    assert {a.subject_source, b.subject_source} == {SubjectSource.FILE}


def test_the_clips_of_one_patient_are_one_subject_and_its_key_is_long(study) -> None:
    subjects = {study.add_as_stated(clip(seed, "1001", source=f"/d/IM_{seed}.dcm")).subject for seed in range(4)}
    assert len(subjects) == 1
    (subject,) = subjects
    assert len(subject.removeprefix("P-")) * 4 >= 64
    assert "1001" not in subject


def test_one_number_from_two_issuers_is_two_persons(study) -> None:
    subjects = {study.add_as_stated(clip(seed, "1001", issuer=who)).subject
                for seed, who in enumerate(("", "North Hospital", "South Hospital"))}  # fmt: skip
    assert len(subjects) == 3


def test_a_file_and_a_data_set_that_say_the_same_are_two_persons(study) -> None:
    by_file, by_set = study.add_as_stated(clip(1, "p1")), study.add_as_stated(clip(2, "p1", origin="data set"))
    assert by_set.subject == "p1"
    assert by_file.subject != "p1"
    assert by_set.subject_source is SubjectSource.DATA_SET


def test_a_cine_found_again_takes_its_files_word_and_keeps_a_persons(study) -> None:
    study.add_cine(clip(1))
    assert study.add_as_stated(clip(1, "1001")).subject_source is SubjectSource.FILE
    study.add_cine(clip(2), subject="s042")
    entry = study.add_as_stated(clip(2, "1002"))
    assert (entry.subject, entry.subject_source, entry.is_stated) == ("s042", SubjectSource.PERSON, True)


# -- one number is one person ---------------------------------------------------------------------------------


def test_a_code_for_one_clip_is_that_of_all_of_its_number_now_and_later(study) -> None:
    first, second = clip(1, "1001"), clip(2, "1001", source="/d/IM_0002.dcm")
    for cine in (first, second):
        study.add_as_stated(cine)
    assert [entry.subject for entry in study.set_subjects({first.content_id: "s042"})] == ["s042", "s042"]
    assert study.add_as_stated(clip(3, "1001", source="/d/IM_0003.dcm")).subject == "s042"
    assert {cine.subject for cine in study.cines()} == {"s042"}


def test_clips_that_have_the_files_word_follow_one_that_a_person_named_before(study) -> None:
    study.add_cine(clip(1), subject="s042")
    other = study.add_as_stated(clip(2, "1001"))
    assert other.subject != "s042"
    assert study.add_as_stated(clip(1, "1001")).subject_note == ""
    assert study.cine(other.content_id).subject == "s042"


def test_clips_that_a_model_knows_do_not_follow_and_it_is_said(study) -> None:
    study.add_cine(clip(1), subject="s042")
    other = study.add_as_stated(clip(2, "1001"))
    study.note_model_use("lv-1", "trained", [other.content_id])
    assert "known as somebody else" in study.add_as_stated(clip(1, "1001")).subject_note
    assert study.cine(other.content_id).subject == other.subject
    third = study.add_as_stated(clip(3, "1001"))
    assert third.subject is None  # one number, two persons: it is nobody's
    assert "several patients" in third.subject_note


def test_a_number_that_a_person_calls_wrong_says_nothing_of_clips_to_come(study) -> None:
    first, second = clip(1, "EXPORT7"), clip(2, "EXPORT7", source="/d/IM_0002.dcm")
    subject = study.add_as_stated(first).subject
    study.add_as_stated(second)
    (entry,) = study.set_subjects({second.content_id: "s2"}, only=True)
    assert (entry.subject, entry.subject_source) == ("s2", SubjectSource.CORRECTED)
    assert study.cine(first.content_id).subject == subject
    assert study.add_as_stated(clip(3, "EXPORT7", source="/d/IM_0003.dcm")).subject is None
    for cine in (first, second):  # opened again, nothing moves
        before = study.cine(cine.content_id).subject
        assert study.add_as_stated(cine).subject == before
    assert study.set_subject(first.content_id, "s1").subject == "s1"
    assert study.cine(second.content_id).subject == "s2"


def test_two_clips_of_one_number_cannot_be_called_two_persons(study) -> None:
    first, second = clip(1, "1001"), clip(2, "1001", source="/d/IM_0002.dcm")
    subject = study.add_as_stated(first).subject
    study.add_as_stated(second)
    with pytest.raises(StoreError, match="IM_0001 and IM_0002 state the same patient"):
        study.set_subjects({first.content_id: "s1", second.content_id: "s2"})
    assert {cine.subject for cine in study.cines()} == {subject}


# -- folders and files ----------------------------------------------------------------------------------------


def test_a_folder_is_one_persons_now_and_later_but_not_what_its_files_state(study) -> None:
    here, deeper = clip(1, source="/d/x/IM_1.avi"), clip(2, source="/d/x/deep/IM_2.avi")
    stated = clip(3, "1001", source="/d/x/IM_3.dcm")
    for cine in (here, deeper, stated):
        study.add_as_stated(cine)
    (entry,) = study.set_folder_subject(Path("/d/x"), "s1")
    assert (entry.content_id, entry.subject, entry.subject_source) == (here.content_id, "s1", SubjectSource.PERSON)
    assert study.cine(deeper.content_id).subject is None
    assert study.cine(stated.content_id).subject_source is SubjectSource.FILE
    assert study.add_as_stated(clip(4, source="/d/x/IM_4.avi")).subject == "s1"
    assert study.add_as_stated(clip(5, source="/d/xx/IM_5.avi")).subject is None
    assert study.add_as_stated(clip(6, "1002", source="/d/x/IM_6.dcm")).subject_source is SubjectSource.FILE
    study.forget_folder_subject(Path("/d/x"))
    assert study.add_as_stated(clip(7, source="/d/x/IM_7.avi")).subject is None
    assert study.cine(here.content_id).subject == "s1"


def test_files_are_given_a_person_before_they_are_opened(study) -> None:
    known, later, stated = Path("/d/a.avi"), Path("/d/b.avi"), Path("/d/c.dcm")
    study.add_as_stated(clip(1, source=str(known)))
    assert [entry.subject for entry in study.set_path_subjects([known, later, stated, later], "s1")] == ["s1"]
    assert study.add_as_stated(clip(2, source=str(later))).subject == "s1"
    assert study.add_as_stated(clip(3, "1001", source=str(stated))).subject_source is SubjectSource.FILE
    assert study.add_as_stated(clip(4, source="/d/other.avi")).subject is None


def test_a_folder_named_again_is_the_new_persons(study) -> None:
    study.set_folder_subject(Path("/d"), "s1")
    study.add_as_stated(clip(1))
    study.set_folder_subject(Path("/d"), "s2")
    assert [cine.subject for cine in study.cines()] == ["s2"]
    assert study.folder_subject(Path("/d")) == "s2"
    study.forget_subject("s2")
    assert study.folder_subject(Path("/d")) is None
    assert study.check() == []


# -- what depends on it ---------------------------------------------------------------------------------------


def test_all_are_named_or_none_and_the_refusal_says_what_depends_on_it(study) -> None:
    free, trained = clip(1, source="/d/a.avi"), clip(2, source="/d/b.avi")
    for cine in (free, trained):
        study.add_cine(cine, subject="s1")
    study.note_model_use("lv-1", "judged", [trained.content_id, "nobody's"])
    for give in (
        lambda: study.set_subjects({free.content_id: "s2", trained.content_id: "s2"}),
        lambda: study.set_folder_subject(Path("/d"), "s2"),
        lambda: study.set_path_subjects([Path("/d/a.avi"), Path("/d/b.avi")], "s2"),
    ):
        with pytest.raises(FixedSubjectError, match="b stays with s1: model lv-1 was judged with it"):
            give()
    assert {cine.subject for cine in study.cines()} == {"s1"}
    assert study.folder_subject(Path("/d")) is None
    assert study.why_subject_is_fixed(trained.content_id) == "model lv-1 was judged with it"
    assert study.why_subject_is_fixed(free.content_id) == ""
    assert study.models_noted() == {"lv-1"}


def test_a_release_fixes_the_subject_and_an_unknown_one_can_still_be_named(study) -> None:
    cine = clip(1)
    study.add_cine(cine, subject="s1")
    label(study, cine)
    study.add_release("spring", {cine.content_id: [0]})
    with pytest.raises(FixedSubjectError, match="release spring 1 holds it"):
        study.set_subject(cine.content_id, "s2")
    unknown = clip(2, source="/d/IM_0002.dcm")
    study.add_as_stated(unknown)
    study.note_model_use("other", "trained", [unknown.content_id])
    assert study.set_subject(unknown.content_id, "s9").subject == "s9"


def test_a_file_of_a_clip_that_a_model_knows_as_a_guess_is_not_believed_and_it_is_said(study) -> None:
    cine = clip(1)
    study.add_cine(cine, subject="P-0a1b2c", source=SubjectSource.GUESSED)
    study.note_model_use("lv-1", "trained", [cine.content_id])
    entry = study.add_as_stated(clip(1, "1001"))
    assert (entry.subject, entry.known_subject) == ("P-0a1b2c", None)
    assert "model lv-1 was trained with it" in entry.subject_note
    assert study.set_subject(cine.content_id, "P-0a1b2c").known_subject == "P-0a1b2c"  # confirmed


def test_a_cine_is_found_by_its_file_its_name_and_its_id(study) -> None:
    a, b = clip(1, source="/d/a/IM_0001.dcm"), clip(2, source="/d/b/IM_0001.dcm")
    for cine in (a, b):
        study.add_as_stated(cine)
    assert study.find_cine("/d/b/IM_0001.dcm") == b.content_id
    assert study.find_cine(a.content_id[:8]) == a.content_id
    with pytest.raises(StoreError, match="means several clips"):
        study.find_cine("IM_0001")
    with pytest.raises(StoreError, match="There is no clip"):
        study.find_cine("IM_0002")
    with pytest.raises(StoreError, match="There is no clip"):
        study.find_cine("")


# -- a study of before ----------------------------------------------------------------------------------------

_ROWS = (
    (
        "INSERT INTO subjects (id, code, pseudonym, added_at) VALUES "
        "(1, 'c1', 'P-0a1b2c', 'T'), (2, 'c2', 's042', 'T'), (3, 'c3', 'P-0a1b2c3d', 'T')"
    ),
    "INSERT INTO splits (subject_id, part, assigned_at) VALUES (1, 'train', 'T'), (2, 'val', 'T')",
    (
        "INSERT INTO cines (id, code, content_id, subject_id, stem, path, n_frames, height, width, added_at, sequence, "
        "session) VALUES (1, 'k1', 'one', 1, 'IM_0001', '/a/IM_0001.dcm', 2, 8, 8, 'T', 0, ''), "
        "(2, 'k2', 'two', 1, 'IM_0001', '/b/IM_0001.dcm', 2, 8, 8, 'T', 0, ''), "
        "(3, 'k3', 'three', 2, 'IM_3', '/c/IM_3.dcm', 2, 8, 8, 'T', 0, ''), "
        "(4, 'k4', 'four', NULL, 'IM_4', '/c/IM_4.dcm', 2, 8, 8, 'T', 0, ''), "
        "(5, 'k5', 'five', 3, 'IM_5', '/c/IM_5.dcm', 2, 8, 8, 'T', 0, '')"
    ),
    "INSERT INTO flags (cine_id, frame, score, reason) VALUES (1, 0, 1.0, 'kept')",
    "INSERT INTO positions (cine_id, rater, frame, at) VALUES (2, 'anna', 1, 'T')",
)


@pytest.fixture
def old_target(bare_target, monkeypatch) -> str:
    """Make a study as the version before this one left it."""
    place = parse_target(bare_target)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "HEAD", "0001")
        if place.file is None:
            make_on_server(place)
        else:
            make_file(place.file)
    engine = make_engine(place)
    with engine.connect() as connection:
        writing = connection.execution_options(**{WRITING: True})
        with writing.begin():
            for row in _ROWS:
                writing.execute(text(row.replace("'T'", "'2026-01-01T00:00:00+00:00'")))
            if place.file is None:
                for table, count in (("subjects", 3), ("cines", 5)):
                    writing.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {count})"))
    engine.dispose()
    return bare_target


def test_a_study_of_before_opens_and_what_was_guessed_is_marked(old_target) -> None:
    with Study.open(old_target, rater="anna") as study:
        found = {cine.content_id: cine for cine in study.cines()}
        assert {c: (s.subject, s.known_subject, s.split) for c, s in found.items()} == {
            "one": ("P-0a1b2c", None, None),
            "two": ("P-0a1b2c", None, None),
            "three": ("s042", "s042", "val"),
            "four": (None, None, None),
            "five": ("P-0a1b2c3d", "P-0a1b2c3d", None),
        }
        assert found["one"].subject_source is SubjectSource.GUESSED
        assert found["three"].subject_source is SubjectSource.EARLIER
        assert study.flags("one")[0].reason == "kept"
        assert study.last_frame("two") == 1
        assert study.check() == []
        # Two persons under one guess come apart, and the guess goes.
        study.set_subject("one", "s1")
        study.set_subject("two", "s2")
        assert "P-0a1b2c" not in study.assign_splits()
        assert study.check() == []


def test_a_guess_that_is_confirmed_keeps_the_side_it_had(old_target) -> None:
    with Study.open(old_target, rater="anna") as study:
        study.assign_splits()
        assert study.set_subject("one", "P-0a1b2c").known_subject == "P-0a1b2c"
        assert {cine.content_id: cine.split for cine in study.cines()}["one"] == "train"
        assert study.cine("two").known_subject is None
