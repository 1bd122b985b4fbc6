"""Two viewers on one study: they see each other's changes, or get a conflict with both versions kept."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from sqlalchemy import text
from store_makers import disc, stroke

from matae.store import ConflictError, Edit, FrameStatus, Marks, Study


@pytest.fixture
def identity(study, cine) -> str:
    study.put_proposals(cine.content_id, {0: disc(), 1: disc(), 2: disc()}, model="m", width="1")
    return cine.content_id


def test_the_slower_of_two_gets_a_conflict_and_both_versions_are_kept(study, other, identity) -> None:
    study.put_edits(identity, [Edit(0, stroke(1), 1)])
    with pytest.raises(ConflictError, match="frame 1 meanwhile") as caught:
        other.put_edits(identity, [Edit(0, stroke(2), 1)], note="brush")
    (theirs,) = caught.value.theirs
    assert (theirs.frame, theirs.revision, theirs.rater) == (0, 2, "anna")
    np.testing.assert_array_equal(other.mask(identity, 0), stroke(1))
    (number,) = caught.value.mine.values()
    np.testing.assert_array_equal(other.mask(identity, 0, revision=number), stroke(2))
    refused = other.history(identity, 0)[-1]
    assert (refused.number, refused.kind, refused.rater, refused.shown) == (number, "conflict", "bela", False)
    # Whoever insists, having seen theirs, wins; nothing is lost.
    (info,) = other.put_edits(identity, [Edit(0, stroke(2), theirs.revision)])
    np.testing.assert_array_equal(study.mask(identity, 0), stroke(2))
    np.testing.assert_array_equal(study.mask(identity, 0, revision=theirs.revision), stroke(1))
    assert info.revision == 4
    assert study.check() == []


def test_one_conflict_refuses_the_whole_step_and_keeps_all_of_it(study, other, identity) -> None:
    study.put_edits(identity, [Edit(1, stroke(1), 1)])
    before = other.frames(identity)
    with pytest.raises(ConflictError) as caught:
        other.put_edits(identity, [Edit(frame, stroke(7), 1) for frame in (0, 1, 2)])
    assert [info.frame for info in caught.value.theirs] == [1]
    assert other.frames(identity) == before
    assert sorted(caught.value.mine) == [0, 1, 2]
    for frame, number in caught.value.mine.items():
        np.testing.assert_array_equal(study.mask(identity, frame, revision=number), stroke(7))


def test_a_frame_two_people_start_from_nothing_is_a_conflict_too(study, other, identity) -> None:
    study.put_edits(identity, [Edit(4, stroke(1))])
    with pytest.raises(ConflictError):
        other.put_edits(identity, [Edit(4, stroke(2))])
    np.testing.assert_array_equal(study.mask(identity, 4), stroke(1))


def test_a_machine_is_never_in_the_way_of_a_person(study, other, identity) -> None:
    other.put_proposals(identity, {0: disc(3), 4: disc(3)}, model="m2", width="1")
    infos = study.put_edits(identity, [Edit(0, stroke(1), 1), Edit(4, stroke(1), 0)])
    assert [info.status for info in infos] == [FrameStatus.EDITED] * 2
    np.testing.assert_array_equal(study.mask(identity, 0), stroke(1))
    np.testing.assert_array_equal(study.proposal(identity, 0), disc(3))


def test_a_label_taken_away_or_judged_meanwhile_is_a_conflict(study, other, identity) -> None:
    study.put_edits(identity, [Edit(4, stroke(1))])
    study.put_edits(identity, [Edit(4, None, 1)])
    with pytest.raises(ConflictError) as caught:
        other.put_edits(identity, [Edit(4, stroke(2), 1)])
    assert caught.value.theirs[0].revision == 0
    other.put_edits(identity, [Edit(4, stroke(2), 0)])
    study.set_status(identity, [0], FrameStatus.ACCEPTED)
    with pytest.raises(ConflictError):
        other.put_edits(identity, [Edit(0, stroke(2), 1)])


def test_a_mask_removed_then_proposed_anew_is_free_to_draw_on(study, other, identity) -> None:
    study.put_edits(identity, [Edit(4, stroke(1))])
    study.put_edits(identity, [Edit(4, None, 1)])
    other.put_proposals(identity, {4: disc()}, model="m", width="1")
    assert study.put_edits(identity, [Edit(4, stroke(3), 0)])[0].status is FrameStatus.EDITED


def test_judging_what_is_no_longer_there_is_a_conflict(study, other, identity) -> None:
    study.put_edits(identity, [Edit(0, stroke(1), 1)])
    with pytest.raises(ConflictError, match="Frame 1 changed meanwhile") as caught:
        other.set_status(identity, [0, 1], FrameStatus.ACCEPTED, expected={0: 1, 1: 1})
    assert [info.revision for info in caught.value.theirs] == [2]
    assert {info.status for info in other.frames(identity).values()} == {FrameStatus.EDITED, FrameStatus.MACHINE}
    other.set_status(identity, [0, 1], FrameStatus.ACCEPTED, expected={0: 2})


def test_the_same_stroke_of_two_people_is_two_strokes(study, other, identity) -> None:
    """Only what one person sends twice is a repetition; another's work is neither taken for it nor lost."""
    study.put_edits(identity, [Edit(0, stroke(1), 1)])
    with pytest.raises(ConflictError):
        other.put_edits(identity, [Edit(0, stroke(1), 1)])
    assert [(r.kind, r.rater) for r in study.history(identity, 0)[1:]] == [("person", "anna"), ("conflict", "bela")]


def test_a_step_of_which_a_part_is_stored_is_no_repetition(study, identity) -> None:
    study.put_edits(identity, [Edit(0, stroke(1), 1)])
    with pytest.raises(ConflictError) as caught:
        study.put_edits(identity, [Edit(0, stroke(1), 1), Edit(1, stroke(2), 1)])
    assert [info.frame for info in caught.value.theirs] == [0]
    np.testing.assert_array_equal(study.mask(identity, 1, revision=caught.value.mine[1]), stroke(2))
    # The same mask on another version is a step of its own, too.
    (info,) = study.put_edits(identity, [Edit(0, stroke(1), 2)])
    assert info.revision > 2
    assert study.history(identity, 0)[-1].based_on == 2


def test_a_judgement_is_no_repetition_of_a_stroke(study, identity) -> None:
    study.set_status(identity, [0], FrameStatus.REJECTED)
    with pytest.raises(ConflictError):
        study.put_edits(identity, [Edit(0, disc(), 1, FrameStatus.EDITED)])
    assert study.frames(identity)[0].status is FrameStatus.REJECTED


def test_a_version_that_nobody_could_have_seen_is_a_conflict(study, identity) -> None:
    """As after a study was put back to an earlier state: what the person saw is not there any more."""
    with pytest.raises(ConflictError) as caught:
        study.put_edits(identity, [Edit(0, stroke(1), 7)])
    np.testing.assert_array_equal(study.mask(identity, 0), disc())
    np.testing.assert_array_equal(study.mask(identity, 0, revision=caught.value.mine[0]), stroke(1))


def test_a_conflict_names_the_frames_as_people_count_them(study, other, identity) -> None:
    frames = range(6)
    study.put_edits(identity, [Edit(t, stroke(1), 1 if t < 3 else 0) for t in frames])
    with pytest.raises(ConflictError, match=r"frames 1, 2, 3, 4, 5, \.\.\. meanwhile"):
        other.put_edits(identity, [Edit(t, stroke(2), 1 if t < 3 else 0) for t in frames])
    with pytest.raises(ConflictError, match=r"frames 1, 2, 3, 4, 5 meanwhile"):
        other.put_edits(identity, [Edit(t, stroke(2), 1 if t < 3 else 0) for t in range(5)])


def test_landmarks_and_marks_conflict_alike(study, other, identity) -> None:
    study.set_landmarks(identity, 0, {"apex": (1, 2)}, expected=0)
    with pytest.raises(ConflictError, match="landmarks of frame 1") as caught:
        other.set_landmarks(identity, 0, {"apex": (5, 5)}, expected=0)
    assert caught.value.theirs[0].points == {"apex": (1, 2)}
    other.set_landmarks(identity, 0, {"apex": (5, 5)}, expected=1)
    study.set_marks(identity, ed=1, es=2, expected=0)
    with pytest.raises(ConflictError, match="end-diastole") as caught:
        other.set_marks(identity, ed=3, es=4, expected=0)
    assert (caught.value.theirs[0].ed, caught.value.theirs[0].rater) == (1, "anna")
    assert study.marks(identity).es == 2


def test_landmarks_and_marks_that_were_refused_stay_among_the_versions(study, other, identity) -> None:
    study.set_landmarks(identity, 0, {"apex": (1, 2)}, expected=0)
    study.set_marks(identity, ed=1, es=2, expected=0)
    since = study.sequence
    for _ in range(2):  # the connection was lost before the answer came: the same comes a second time
        with pytest.raises(ConflictError, match="yours are kept"):
            other.set_landmarks(identity, 0, {"apex": (5, 5)}, expected=0)
        with pytest.raises(ConflictError, match="yours are kept"):
            other.set_marks(identity, ed=3, es=4, expected=0)
    assert study.landmarks(identity)[0].points == {"apex": (1, 2)}
    assert study.marks(identity) == Marks(1, 2, 1, "anna")
    assert study.changes_since(since)[1] == []
    with study._reading() as connection:
        for table, value in (("landmarks", "points"), ("marks", "ed_frame")):
            rows = connection.execute(text(f"SELECT {value}, shown FROM {table} ORDER BY revision")).all()
            assert [bool(row.shown) for row in rows] == [True, False]
            assert str(rows[1][0]) in ('{"apex": [5.0, 5.0]}', "3")
    # What was refused is not in the way of whoever saw what counts.
    assert study.set_marks(identity, ed=1, es=5, expected=1).revision == 3
    assert study.set_landmarks(identity, 0, {}, expected=1).revision == 3
    assert study.check() == []


def test_a_change_that_comes_a_second_time_is_no_conflict(study, identity) -> None:
    """The connection is lost after the commit and before the answer."""
    for _ in range(2):
        assert study.set_marks(identity, ed=1, es=2, expected=0).revision == 1
        assert study.set_landmarks(identity, 0, {"apex": (1, 2)}, expected=0).revision == 1


def test_each_viewer_hears_of_the_others_changes_once_and_in_order(study, other, identity) -> None:
    start = other.sequence
    assert other.changes_since(start) == (start, [])
    study.put_edits(identity, [Edit(0, stroke(1), 1), Edit(1, stroke(2), 1)])
    other.set_status(identity, [2], FrameStatus.ACCEPTED)
    study.put_proposals(identity, {5: disc()}, model="m", width="1")
    study.set_landmarks(identity, 3, {"apex": (1, 2)})
    study.set_marks(identity, ed=0, es=2)
    last, changes = other.changes_since(start)
    assert last == other.sequence == start + 5
    assert [(c.sequence - start, c.kind, c.frame, c.revision, c.rater, c.own) for c in changes] == [
        (1, "person", 0, 2, "anna", False),
        (1, "person", 1, 2, "anna", False),
        (2, "status", 2, 2, "bela", True),
        (3, "machine", 5, 1, "", False),
        (4, "landmarks", 3, 1, "anna", False),
        (5, "marks", None, 1, "anna", False),
    ]
    assert {c.content_id for c in changes} == {identity}
    assert other.changes_since(last) == (last, [])


def test_a_viewer_hears_of_new_cines_and_forgotten_subjects(study, other, identity) -> None:
    from store_makers import make_cine

    start = other.sequence
    study.add_cine(make_cine(5), subject="p2")
    study.forget_subject("p2")
    _, changes = other.changes_since(start)
    assert [(c.kind, c.content_id) for c in changes] == [("forgotten", "")]
    study.add_cine(make_cine(6))
    _, changes = other.changes_since(start + 2)
    assert [(c.kind, c.content_id) for c in changes] == [("cine", make_cine(6).content_id)]


def test_many_at_once_lose_nothing(target, study, identity) -> None:
    """Four viewers draw on one frame; each acknowledged stroke is a version, each refused one too."""
    outcomes: list[tuple[int, bool]] = []

    def draw(number: int) -> None:
        with Study.open(target, rater=f"r{number}") as viewer:
            seen = 1
            for k in range(6):
                value = 100 * number + k
                try:
                    seen = viewer.put_edits(identity, [Edit(0, stroke(value), seen)])[0].revision
                    outcomes.append((value, True))
                except ConflictError as error:
                    outcomes.append((value, False))
                    seen = error.theirs[0].revision

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = {int(np.packbits(r.mask()[0, :16], bitorder="little").view("<u2")[0]): r.kind
                for r in study.history(identity, 0)[1:]}  # fmt: skip
    assert versions == {value: "person" if kept else "conflict" for value, kept in outcomes}
    assert len(outcomes) == 24
    assert study.check() == []


def test_one_study_is_shared_by_several_threads(study, identity) -> None:
    failures: list[BaseException] = []

    def work(frame: int) -> None:
        try:
            revision = study.frames(identity)[frame].revision
            for k in range(8):
                revision = study.put_edits(identity, [Edit(frame, stroke(k + 10 * frame), revision)])[0].revision
                study.frames(identity)
        except BaseException as error:  # noqa: BLE001 (told below)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(frame,)) for frame in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [info.revision for info in study.frames(identity).values()] == [9, 9, 9]
