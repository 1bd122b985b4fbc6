"""Every field of a version and of its audit entry, and labels of other frames and cines that must not count."""

from __future__ import annotations

import numpy as np
import pytest
from store_makers import disc, make_cine, stroke

from matae.cine import Cine
from matae.store import ConflictError, Edit, FrameStatus, StoreError, Study

MACHINE, EDITED, ACCEPTED, REJECTED = FrameStatus
SHA = "ab" * 32


def propose(study: Study, cine: Cine, masks: dict[int, np.ndarray], **by: str) -> list[int]:
    given = {"model": "m1", "width": "1/2", "model_sha256": SHA} | by
    return study.put_proposals(cine.content_id, masks, **given)


def log(study: Study, since: int) -> list[tuple[object, ...]]:
    """Return event, cine, subject, whether a person did it, and details of the entries after this many."""
    return [(e.event, e.cine, e.subject, bool(e.rater), dict(e.details)) for e in study.audit()[since:]]


@pytest.fixture
def codes(study: Study, cine: Cine) -> tuple[str, str]:
    """Return the random codes of the cine and of its subject."""
    entry = next(entry for entry in study.audit() if entry.event == "cine added")
    assert entry.cine
    assert entry.subject
    return entry.cine, entry.subject


def test_nothing_done_is_nothing_written(study: Study, cine: Cine) -> None:
    before = len(study.audit())
    assert propose(study, cine, {}) == []
    assert study.put_edits(cine.content_id, []) == []
    assert study.set_status(cine.content_id, [], ACCEPTED) == []
    assert len(study.audit()) == before


def test_the_log_has_each_proposal_edit_refusal_and_judgement(
    study: Study, other: Study, cine: Cine, codes: tuple[str, str]
) -> None:
    before = len(study.audit())
    identity = cine.content_id
    propose(study, cine, {2: disc(), 0: disc(), 1: disc()})
    study.put_edits(identity, [Edit(1, stroke(1), 1, seconds=1.23456), Edit(0, stroke(2), 1, seconds=-4)])
    propose(study, cine, {1: disc(3), 2: disc(3)})
    with pytest.raises(ConflictError):
        other.put_edits(identity, [Edit(0, stroke(3), 1, seconds=2)])
    study.set_status(identity, [2, 1], REJECTED, seconds=4)
    assert log(study, before) == [
        ("proposed", *codes, False, {"n": 3, "frames": [0, 1, 2], "kept": 0, "model_sha256": SHA}),
        ("edited", *codes, True, {"n": 2, "frames": [0, 1], "seconds": 1.235}),
        ("proposed", *codes, False, {"n": 2, "frames": [1, 2], "kept": 1, "model_sha256": SHA}),
        ("edit refused", *codes, True, {"n": 1, "frames": [0], "seconds": 2}),
        ("rejected", *codes, True, {"n": 2, "frames": [1, 2]}),
    ]


def test_the_log_names_at_most_fifty_frames(study: Study) -> None:
    long = make_cine(3, n_frames=60)
    study.add_cine(long, subject="p2")
    propose(study, long, dict.fromkeys(range(60), disc()))
    study.set_status(long.content_id, range(50), ACCEPTED)
    *_, proposed, accepted = study.audit()
    assert (proposed.details["n"], proposed.details["frames"]) == (60, list(range(50)))
    assert (accepted.details["n"], accepted.details["frames"]) == (50, list(range(50)))


def test_each_version_has_every_field(study: Study, other: Study, cine: Cine) -> None:
    identity = cine.content_id
    propose(study, cine, {0: disc()}, model="m" * 300, width="w" * 30, model_sha256="c" * 70)
    study.put_edits(identity, [Edit(0, stroke(1), 1, seconds=2)], note="n" * 100)
    propose(study, cine, {0: disc(3)})
    with pytest.raises(ConflictError):
        other.put_edits(identity, [Edit(0, stroke(2), 1, ACCEPTED, seconds=1)], note="late")
    study.set_status(identity, [0], ACCEPTED, seconds=3, note="k" * 100)
    history = study.history(identity, 0)
    fields = [
        (r.number, r.kind, r.status, r.based_on, r.shown, r.rater, r.seconds, r.note, r.model, r.width, r.model_sha256)
        for r in history
    ]
    assert fields == [
        (1, "machine", MACHINE, 0, True, "", 0, "", "m" * 200, "w" * 16, "c" * 64),
        (2, "person", EDITED, 1, True, "anna", 2, "n" * 80, "", "", ""),
        (3, "machine", MACHINE, 2, False, "", 0, "", "m1", "1/2", SHA),
        (4, "conflict", ACCEPTED, 1, False, "bela", 1, "late", "", "", ""),
        (5, "status", ACCEPTED, 2, True, "anna", 3, "k" * 80, "", "", ""),
    ]
    for version, mask in zip(history, (disc(), stroke(1), disc(3), stroke(2), stroke(1)), strict=True):
        np.testing.assert_array_equal(version.mask(), mask)
    info = study.frames(identity)[0]
    assert (info.status, info.revision, info.rater, info.seconds) == (ACCEPTED, 5, "anna", 5)
    assert (info.model, info.width, info.model_sha256) == ("m" * 200, "w" * 16, "c" * 64)
    assert info.area == np.count_nonzero(stroke(1))
    assert info.updated == history[-1].at > history[1].at


def test_a_label_of_a_person_says_nothing_of_a_model(study: Study, cine: Cine) -> None:
    (info,) = study.put_edits(cine.content_id, [Edit(3, stroke(1), seconds=2)])
    assert (info.model, info.width, info.model_sha256, info.rater, info.seconds) == ("", "", "", "anna", 2)
    assert info.edited
    assert not info.newer_proposal
    (version,) = study.history(cine.content_id, 3)
    assert (version.number, version.based_on, info.updated) == (1, 0, version.at)
    (gone,) = study.put_edits(cine.content_id, [Edit(3, None, 1)])
    assert (gone.status, gone.revision, gone.area, gone.rater, gone.edited) == (MACHINE, 0, 0, "", False)


def test_what_a_judgement_was_worth_is_taken_back(study: Study, cine: Cine) -> None:
    propose(study, cine, {0: disc(), 1: disc()})
    accepted = study.set_status(cine.content_id, [0], ACCEPTED, seconds=2)
    assert accepted[0].rater == "anna"
    (back,) = study.set_status(cine.content_id, [0], MACHINE, seconds=3)
    assert (back.status, back.rater, back.seconds, back.revision) == (MACHINE, "", 5, 3)
    assert [r.at for r in study.history(cine.content_id, 0)][-1] == back.updated
    # Only the frame that was judged has changed.
    assert study.frames(cine.content_id)[1].revision == 1


def test_a_refused_judgement_says_what_is_there_and_changes_nothing(study: Study, other: Study, cine: Cine) -> None:
    propose(study, cine, dict.fromkeys(range(4), disc()))
    study.put_edits(cine.content_id, [Edit(frame, stroke(frame), 1) for frame in (1, 3)])
    before = study.frames(cine.content_id)
    with pytest.raises(ConflictError, match="Frames 2, 4 changed meanwhile") as caught:
        other.set_status(cine.content_id, range(4), ACCEPTED, expected={0: 1, 1: 1, 3: 1})
    assert caught.value.theirs == [before[1], before[3]]
    assert caught.value.mine == {}
    assert study.frames(cine.content_id) == before


def test_nothing_of_a_step_is_stored_where_one_frame_cannot_be(study: Study, cine: Cine) -> None:
    propose(study, cine, {0: disc()})
    with pytest.raises(StoreError, match="no mask on frame 2;"):
        study.set_status(cine.content_id, [0, 1], ACCEPTED)
    with pytest.raises(StoreError, match="Frame 7 does not exist"):
        study.put_edits(cine.content_id, [Edit(0, stroke(1), 1), Edit(6, None)])
    assert study.frames(cine.content_id)[0].revision == 1


def test_work_on_another_frame_or_another_cine_is_no_conflict(study: Study, cine: Cine) -> None:
    beside = make_cine(1)
    study.add_cine(beside, subject="p2")
    for made in (cine, beside):
        propose(study, made, {0: disc(), 1: disc()})
    for number in (1, 2, 3):
        study.put_edits(beside.content_id, [Edit(0, stroke(number), number)])
        study.put_edits(cine.content_id, [Edit(1, stroke(number), number)])
    propose(study, cine, {0: disc(3)})  # so that what the person saw is not the newest
    (info,) = study.put_edits(cine.content_id, [Edit(0, stroke(9), 1)])
    assert (info.status, info.revision) == (EDITED, 3)
    np.testing.assert_array_equal(study.mask(beside.content_id, 0), stroke(3))
    np.testing.assert_array_equal(study.mask(cine.content_id, 1), stroke(3))
    # The same step a second time is found among the versions of its own frame.
    assert study.put_edits(cine.content_id, [Edit(0, stroke(9), 1)])[0].revision == 3
    assert len(study.history(cine.content_id, 0)) == 3
    assert set(study.frames(beside.content_id)) == {0, 1}
    assert study.check() == []


def test_a_mask_is_the_machines_only_on_the_frame_it_was_proposed_for(study: Study, cine: Cine) -> None:
    propose(study, cine, {0: disc(), 1: disc(4)})
    (info,) = study.put_edits(cine.content_id, [Edit(0, disc(4), 1, MACHINE)])
    assert info.status is EDITED
    # What a person drew before is no proposal either.
    study.put_edits(cine.content_id, [Edit(0, stroke(1), 2)])
    (info,) = study.put_edits(cine.content_id, [Edit(0, disc(4), 3, MACHINE)])
    assert info.status is EDITED
    (info,) = study.put_edits(cine.content_id, [Edit(0, disc(), 4, MACHINE)])
    assert info.status is MACHINE


def test_a_proposal_that_says_the_same_is_no_newer_one(study: Study, cine: Cine) -> None:
    propose(study, cine, {0: disc()})
    study.set_status(cine.content_id, [0], ACCEPTED)
    propose(study, cine, {0: disc()})
    assert not study.frames(cine.content_id)[0].newer_proposal
    propose(study, cine, {0: disc(3)})
    assert study.frames(cine.content_id)[0].newer_proposal
    study.put_edits(cine.content_id, [Edit(0, disc(3), 2)])  # taken over by hand
    info = study.frames(cine.content_id)[0]
    assert not info.newer_proposal
    assert info.edited


def test_equal_masks_of_two_cines_are_two_masks(study: Study, cine: Cine) -> None:
    beside = make_cine(1)
    study.add_cine(beside, subject="p2")
    for made in (cine, beside):
        study.put_edits(made.content_id, [Edit(0, stroke(1))])
    study.forget_subject("p1")
    np.testing.assert_array_equal(study.mask(beside.content_id, 0), stroke(1))
    assert study.check() == []
