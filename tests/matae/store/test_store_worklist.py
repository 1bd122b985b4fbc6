"""A line for every clip: its status by what is stored, a measurement and whether it is stale, who is and was there."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from store_makers import disc, make_cine

from matae.errors import StoreError
from matae.store import ClipStatus, Edit, Flag, FrameStatus, QueueCounts, QueuedClip, StoredMeasurement, Study

MODEL = {"model": "matae-lv", "width": "1", "model_sha256": "ab" * 32}
EF = StoredMeasurement(
    57.5, 49.0, 66.0, ("implausible-shape",), True, 101.0, 43.0, 0, 3, "A4C", "disks", "matae-lv", "1"
)


def propose(study, cine, frames=range(6)):
    study.put_proposals(cine.content_id, {t: disc(5 + t / 10) for t in frames}, **MODEL)


def judge(study, cine, frame, status, mask=None):
    infos = study.frames(cine.content_id)
    known = study.mask(cine.content_id, frame)
    study.put_edits(
        cine.content_id,
        [Edit(frame, known if mask is None else mask, infos[frame].revision if frame in infos else 0, status)],
    )


def line(study, cine):
    (found,) = [row for row in study.worklist() if row.content_id == cine.content_id]
    (alone,) = study.worklist([cine.content_id])
    assert alone == found
    return found


def test_an_empty_study_has_no_lines(study):
    assert study.worklist() == []
    assert study.worklist(["no such clip"]) == []
    assert study.clips_open() == {}
    assert study.queue_counts() == QueueCounts()
    assert study.take_next() is None


def test_a_clip_goes_from_not_segmented_to_accepted(study, cine):
    found = line(study, cine)
    assert (found.status, found.subject, found.stem, found.view, found.n_frames) == (
        ClipStatus.NOT_SEGMENTED, "p1", "clip0", "A4C", 6,
    )  # fmt: skip
    assert (found.n_labelled, found.measurement, found.by, found.claims) == (0, None, "", ())
    assert found.path == Path("/clips/clip0.dcm").absolute()
    propose(study, cine)
    study.set_flags(cine.content_id, {1: Flag(0.5, "jump"), 4: Flag(0.4, "ED")})
    found = line(study, cine)
    assert (found.status, found.n_flags, found.by) == (ClipStatus.SEGMENTED, 2, "")
    judge(study, cine, 1, FrameStatus.EDITED, disc(7))
    found = line(study, cine)
    assert (found.status, found.n_flags, found.by) == (ClipStatus.IN_REVIEW, 1, "anna")
    for frame in range(6):
        judge(study, cine, frame, FrameStatus.REJECTED if frame == 2 else FrameStatus.ACCEPTED)
    found = line(study, cine)
    assert (found.status, found.n_reviewed, found.n_flags) == (ClipStatus.ACCEPTED, 6, 0)
    for frame in range(6):
        judge(study, cine, frame, FrameStatus.REJECTED)
    assert line(study, cine).status is ClipStatus.REJECTED


def test_who_touched_it_last_is_the_last_person(study, other, cine):
    propose(study, cine)
    judge(study, cine, 0, FrameStatus.ACCEPTED)
    judge(other, cine, 3, FrameStatus.EDITED, disc(7))
    assert line(study, cine).by == "bela"
    study.put_proposals(cine.content_id, {5: disc(8)}, **MODEL)
    found = line(study, cine)
    assert found.by == "bela"
    assert found.touched == study.frames(cine.content_id)[3].updated


def test_the_view_is_the_one_people_set(study, cine):
    study.set_override(cine.content_id, "view", "A2C")
    assert line(study, cine).view == "A2C"
    study.set_override(cine.content_id, "view", None)
    assert line(study, cine).view == "A4C"


def test_a_measurement_is_kept_with_where_it_comes_from(study, target, cine):
    propose(study, cine)
    assert study.measurement(cine.content_id) is None
    assert study.put_measurement(cine.content_id, EF)
    found = study.measurement(cine.content_id)
    assert found is not None
    assert found.at is not None
    assert found == EF._replace(rater="anna", at=found.at)
    assert not found.reliable
    assert line(study, cine).measurement == found
    assert study.put_measurement(cine.content_id, EF._replace(doubts=(), provisional=False), by_machine=True)
    with Study.open(target) as again:
        found = again.measurement(cine.content_id)
    assert found is not None
    assert (found.rater, found.reliable, found.stale) == ("", True, False)


@pytest.mark.parametrize("change", ["mask", "reject", "marks", "landmarks", "view"])
def test_a_measurement_is_stale_when_what_it_was_made_from_changes(study, cine, change):
    propose(study, cine)
    study.put_measurement(cine.content_id, EF)
    judge(study, cine, 1, FrameStatus.ACCEPTED)
    assert not line(study, cine).measurement.stale  # the mask is the same
    if change == "mask":
        judge(study, cine, 2, FrameStatus.EDITED, disc(8))
    elif change == "reject":
        judge(study, cine, 2, FrameStatus.REJECTED)
    elif change == "marks":
        study.set_marks(cine.content_id, ed=1, es=4)
    elif change == "landmarks":
        study.set_landmarks(cine.content_id, 0, {"apex": (3, 4)})
    else:
        study.set_override(cine.content_id, "view", "A2C")
    assert line(study, cine).measurement.stale
    assert study.measurement(cine.content_id).stale
    if change == "mask":  # taken back: it is what was measured again
        judge(study, cine, 2, FrameStatus.EDITED, disc(5.2))
        assert not line(study, cine).measurement.stale


def test_what_was_measured_before_somebody_drew_is_not_stored(study, other, cine):
    propose(study, cine)
    seen = {t: info.revision for t, info in study.frames(cine.content_id).items()}
    judge(other, cine, 2, FrameStatus.EDITED, disc(8))
    assert not study.put_measurement(cine.content_id, EF, revisions=seen)
    assert study.measurement(cine.content_id) is None
    seen = {t: info.revision for t, info in study.frames(cine.content_id).items()}
    assert study.put_measurement(cine.content_id, EF, revisions=seen)


def test_a_measurement_that_is_no_number_is_refused(study, cine):
    with pytest.raises(StoreError, match="no number"):
        study.put_measurement(cine.content_id, EF._replace(ef=math.nan))
    with pytest.raises(StoreError, match="not in"):
        study.put_measurement("0" * 64, EF)


def test_two_readers_see_who_has_which_clip_open(study, other, cine):
    second = make_cine(2)
    study.add_cine(second, subject="p2")
    assert study.claim(cine.content_id) == []
    (seen,) = other.claim(cine.content_id)
    assert (seen.rater, seen.own) == ("anna", False)
    (mine,) = [claim for claim in study.claims(cine.content_id) if claim.own]
    assert mine.rater == "anna"
    assert [claim.rater for claim in line(study, cine).claims] == ["bela"]
    assert [claim.rater for claim in line(other, cine).claims] == ["anna"]
    since = seen.since
    study.claim(cine.content_id)
    assert other.clips_open()[cine.content_id][0].since == since  # it was renewed, not begun again
    study.claim(second.content_id)  # which gives the first back
    assert set(other.clips_open()) == {second.content_id}
    study.release_claim()
    assert other.clips_open() == {}


def test_a_claim_of_a_program_that_was_killed_runs_out(study, other, cine):
    study.claim(cine.content_id, lease_s=-1.0)
    assert other.claims(cine.content_id) == []
    assert line(other, cine).claims == ()
    other.claim(cine.content_id)
    assert [claim.rater for claim in study.claims(cine.content_id)] == ["bela"]


def clips(*names):
    return [QueuedClip(Path("/clips") / name, name, "video", {"frames": 12, "view": "A2C"}) for name in names]


def test_the_queue_gives_each_clip_once_and_remembers_what_became_of_it(study, other, cine):
    assert study.enqueue(clips("a.avi", "b.avi", "c.avi")) == 3
    assert study.enqueue(clips("a.avi", "d.avi")) == 1
    waiting = [row for row in study.worklist() if not row.content_id]
    assert [(row.stem, row.status, row.n_frames, row.view) for row in waiting] == [
        (name, ClipStatus.WAITING, 12, "A2C") for name in ("a.avi", "b.avi", "c.avi", "d.avi")
    ]
    first, second = study.take_next(), other.take_next()
    assert first is not None
    assert second is not None
    assert (first.path.name, second.path.name) == ("a.avi", "b.avi")
    assert first.info == {"frames": 12, "view": "A2C"}
    assert study.queue_counts() == QueueCounts(waiting=2, taken=2)
    study.finish_queued(first.id, content_id=cine.content_id)
    other.finish_queued(second.id, note="b.avi is damaged; copy it again.")
    assert study.queue_counts() == QueueCounts(waiting=2, done=1, failed=1)
    (failed,) = [row for row in study.worklist() if row.status is ClipStatus.FAILED]
    assert (failed.stem, failed.note) == ("b.avi", "b.avi is damaged; copy it again.")
    assert study.retry_failed() == 1
    assert study.queue_counts() == QueueCounts(waiting=3, done=1)
    assert study.clear_queue() == 1
    assert study.clear_queue(waiting=True) == 3
    assert study.queue_counts() == QueueCounts()


def test_what_a_killed_program_had_taken_goes_to_the_next(study, other):
    study.enqueue(clips("a.avi"))
    assert study.take_next(seconds=-1.0) is not None  # it was killed, and its time is over
    taken = other.take_next()
    assert taken is not None
    assert study.take_next() is None
    other.renew_taken(seconds=-1.0)
    assert study.take_next() is not None
    study.give_back_taken()
    assert other.take_next() is not None


def test_a_clip_that_is_in_the_study_has_one_line_in_the_queue_too(study, cine):
    study.enqueue([QueuedClip(Path("/clips/clip0.dcm"))])
    assert len(study.worklist()) == 1
    assert Path("/clips/clip0.dcm").absolute() in study.known_paths()


def test_a_forgotten_person_leaves_no_measurement_claim_or_path(study, cine):
    propose(study, cine)
    study.put_measurement(cine.content_id, EF)
    study.claim(cine.content_id)
    study.enqueue([QueuedClip(Path("/clips/Smith.dcm"))])
    taken = study.take_next()
    study.finish_queued(taken.id, content_id=cine.content_id)
    study.forget_subject("p1")
    assert study.worklist() == []
    assert study.clips_open() == {}
    assert study.queue_counts() == QueueCounts()


def test_what_was_tried_again_is_no_sign_of_a_redo_that_was_broken_off(study, cine):
    study.enqueue(clips("a.avi", "b.avi"))
    for _ in range(2):
        study.finish_queued(study.take_next().id, content_id=cine.content_id)
    assert study.redo_done() == 2
    assert study.left_to_redo() == 2
    assert study.redo_done() == 0  # broken off at once: what is left is gone on with
    study.finish_queued(study.take_next().id, content_id=cine.content_id)
    assert (study.redo_done(), study.left_to_redo()) == (0, 1)
    study.finish_queued(study.take_next().id, note="b.avi is not where it was; bring it back.")
    assert study.left_to_redo() == 0
    assert study.retry_failed() == 1  # it waits and was done before; nobody asked for all anew
    assert study.left_to_redo() == 0
    assert study.redo_done() == 1  # a.avi, which the queue has finished since
    assert {study.take_next().path.name, study.take_next().path.name} == {"a.avi", "b.avi"}
    assert study.check() == []


def test_a_clip_that_could_not_be_done_again_stays_whose_it_is(study, cine):
    study.enqueue([QueuedClip(Path("/clips/Smith.dcm"))])
    study.finish_queued(study.take_next().id, content_id=cine.content_id)
    assert study.redo_done() == 1
    study.finish_queued(study.take_next().id, note="Smith.dcm is not where it was; bring it back.")
    assert study.retry_failed() == 1
    taken = study.take_next()
    assert taken.again  # or the clip would be left as it is, since it has masks
    study.finish_queued(taken.id, note="Smith.dcm is not where it was; bring it back.")
    study.forget_subject("p1")
    assert study.queue_counts() == QueueCounts()
    assert study.worklist() == []


def test_the_news_are_what_others_did_and_no_more(study, other, cine):
    second = make_cine(2)
    study.add_cine(second, subject="p2")
    propose(study, cine)
    propose(study, second)
    at = study.sequence
    nothing = study.worklist_news(at)
    assert (nothing.rows, nothing.all_changed, dict(nothing.claims)) == ((), False, {})
    judge(other, cine, 1, FrameStatus.ACCEPTED)
    news = study.worklist_news(at)
    assert [row.content_id for row in news.rows] == [cine.content_id]
    assert news.rows[0].status is ClipStatus.IN_REVIEW
    assert not news.all_changed
    other.put_measurement(second.content_id, EF)
    other.claim(second.content_id)
    news = study.worklist_news(news.sequence)
    assert [row.content_id for row in news.rows] == [second.content_id]
    assert news.rows[0].measurement.ef == 57.5
    assert [claim.rater for claim in news.claims[second.content_id]] == ["bela"]
    other.enqueue(clips("a.avi"))
    news = study.worklist_news(news.sequence)
    assert news.all_changed
    assert news.queue.waiting == 1
    other.forget_subject("p1")
    assert study.worklist_news(news.sequence).all_changed


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ({}, "not segmented"),
        ({FrameStatus.MACHINE: 2}, "segmented"),
        ({FrameStatus.EDITED: 2}, "in review"),
        ({FrameStatus.MACHINE: 1, FrameStatus.REJECTED: 1}, "in review"),
        ({FrameStatus.ACCEPTED: 1, FrameStatus.REJECTED: 1}, "accepted"),
        ({FrameStatus.REJECTED: 1}, "rejected"),
    ],
)
def test_the_status_is_what_the_frames_say(counts, status):
    assert ClipStatus.of(counts) == status


def test_more_clips_are_left_to_others_than_a_database_takes_values(study) -> None:
    """Each computer of a server's study leaves to the others the clips whose files it does not have."""
    study.enqueue([QueuedClip(Path(f"/clips/{n}.dcm")) for n in range(4)])
    assert study.take_next(without=range(10**6, 10**6 + 300_000)).path == Path("/clips/0.dcm")
    numbers = [study.take_next().id for _ in range(3)]
    study.give_back_taken()
    found = study.take_next(without=[*numbers[:1], *numbers[2:], numbers[0] - 1, *range(10**6, 10**6 + 300_000)])
    assert (found.id, found.path) == (numbers[1], Path("/clips/2.dcm"))
    study.give_back_taken()
    assert study.take_next(without=[numbers[0] - 1, *numbers]) is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("", ""), ("1/2", "1/2"), ("1/2, 1/4, 1/8, 1", "1/2, 1/4, 1/8, 1"),
        ("1/2, 3/16, 1/16, 1", "1/2, 3/16, 1/16"), ("1/2, 1/4, 1/8, 1/16", "1/2, 1/4, 1/8"),
    ],
)  # fmt: skip
def test_no_width_of_a_measurement_is_cut_in_two(study, cine, said, kept):
    """A network may have more of them than the column holds; those that made most of the masks are named."""
    study.put_measurement(cine.content_id, StoredMeasurement(50.0, model="m", width=said))
    assert study.measurement(cine.content_id).width == kept
