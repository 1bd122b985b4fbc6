"""Labels: what is stored comes back, a machine never touches a person's work, every version stays."""

from __future__ import annotations

import numpy as np
import pytest
from store_makers import SHAPE, disc, make_cine, stroke

from matae.errors import StoreError
from matae.store import Edit, FrameStatus, Study

MACHINE, EDITED, ACCEPTED, REJECTED = FrameStatus


def propose(study, cine, masks, model="m1") -> list[int]:
    return study.put_proposals(cine.content_id, masks, model=model, width="1/2", model_sha256="ab" * 32)


def test_a_cine_without_labels_has_none(study, cine) -> None:
    assert study.frames(cine.content_id) == {}
    assert study.mask(cine.content_id, 0) is None
    assert study.proposal(cine.content_id, 0) is None
    assert study.history(cine.content_id, 0) == []
    assert study.steps(cine.content_id) == []
    assert study.next_to_review(cine.content_id, -1) is None


def test_a_proposal_is_stored_with_what_made_it(study, cine) -> None:
    assert propose(study, cine, {0: disc(), 3: disc() * 2}) == []
    infos = study.frames(cine.content_id)
    assert list(infos) == [0, 3]
    info = infos[3]
    assert (info.status, info.revision, info.model, info.width, info.rater) == (MACHINE, 1, "m1", "1/2", "")
    assert (info.seconds, info.edited, info.model_sha256) == (0, False, "ab" * 32)
    np.testing.assert_array_equal(study.mask(cine.content_id, 3), disc() * 2)


def test_the_area_of_a_frame_is_that_of_its_cavity(study, cine) -> None:
    several = disc()
    several[several > 0] = np.resize([1, 2, 3, 7], int(disc().sum()))
    several[-1, 0] = 1
    propose(study, cine, {0: disc() * 0, 1: disc(), 2: disc() * 2, 3: several})
    areas = [info.area for info in study.frames(cine.content_id).values()]
    assert areas == [0, int(disc().sum()), 0, int((several == 1).sum())]
    study.put_edits(cine.content_id, [Edit(1, disc() * 3, 1), Edit(2, several, 1)])
    areas = [info.area for info in study.frames(cine.content_id).values()]
    assert areas == [0, 0, int((several == 1).sum()), int((several == 1).sum())]
    assert study.check() == []


def test_an_edit_keeps_the_machines_original_beside_it(study, cine) -> None:
    propose(study, cine, {0: disc()})
    (info,) = study.put_edits(cine.content_id, [Edit(0, stroke(1), 1, seconds=2.5)], note="brush")
    assert (info.status, info.revision, info.rater, info.seconds, info.model) == (EDITED, 2, "anna", 2.5, "m1")
    assert info.edited
    assert not info.newer_proposal
    np.testing.assert_array_equal(study.mask(cine.content_id, 0), stroke(1))
    np.testing.assert_array_equal(study.proposal(cine.content_id, 0), disc())
    assert study.put_edits(cine.content_id, [Edit(0, stroke(2), 2, seconds=1)])[0].seconds == 3.5


@pytest.mark.parametrize("status", [EDITED, ACCEPTED, REJECTED])
def test_running_a_model_again_never_touches_what_a_person_did(study, cine, status) -> None:
    propose(study, cine, {0: disc(), 1: disc()})
    study.put_edits(cine.content_id, [Edit(0, stroke(1), 1, status)])
    before = study.frames(cine.content_id)[0]
    assert propose(study, cine, {0: disc(3), 1: disc(3)}, "m2") == [0]
    after = study.frames(cine.content_id)
    assert (after[0].status, after[0].revision, after[0].rater) == (status, before.revision, "anna")
    assert after[0].newer_proposal
    assert (after[1].model, after[1].newer_proposal) == ("m2", False)
    np.testing.assert_array_equal(study.mask(cine.content_id, 0), stroke(1))
    np.testing.assert_array_equal(study.mask(cine.content_id, 1), disc(3))
    np.testing.assert_array_equal(study.proposal(cine.content_id, 0), disc(3))
    np.testing.assert_array_equal(study.proposal(cine.content_id, 0, original=True), disc())


def test_an_accepted_proposal_is_not_replaced_either(study, cine) -> None:
    propose(study, cine, {0: disc()})
    study.set_status(cine.content_id, [0], ACCEPTED)
    assert propose(study, cine, {0: disc(3)}) == [0]
    np.testing.assert_array_equal(study.mask(cine.content_id, 0), disc())


def test_a_proposal_for_a_frame_drawn_from_nothing_is_kept_beside_it(study, cine) -> None:
    study.put_edits(cine.content_id, [Edit(0, stroke(1))])
    assert propose(study, cine, {0: disc()}) == [0]
    assert study.frames(cine.content_id)[0].newer_proposal
    assert study.proposal(cine.content_id, 0, original=True) is None
    np.testing.assert_array_equal(study.proposal(cine.content_id, 0), disc())
    np.testing.assert_array_equal(study.mask(cine.content_id, 0), stroke(1))


def test_all_masks_of_a_cine_are_loaded_at_once(study, cine) -> None:
    propose(study, cine, {0: disc(), 5: disc(4)})
    out = np.full((6, *SHAPE), 9, np.uint8)
    infos = study.load_masks(cine.content_id, out)
    assert infos == study.frames(cine.content_id)
    np.testing.assert_array_equal(out[0], disc())
    np.testing.assert_array_equal(out[5], disc(4))
    assert (out[1:5] == 9).all()


def test_judging_changes_the_status_and_nothing_else(study, cine) -> None:
    propose(study, cine, {0: disc(), 1: disc(), 2: disc()})
    study.put_edits(cine.content_id, [Edit(1, stroke(1), 1)])
    infos = study.set_status(cine.content_id, [2, 1, 0], ACCEPTED, seconds=6)
    assert [(i.frame, i.status, i.revision, i.seconds) for i in infos] == [
        (0, ACCEPTED, 2, 2), (1, ACCEPTED, 3, 2), (2, ACCEPTED, 2, 2),
    ]  # fmt: skip
    np.testing.assert_array_equal(study.mask(cine.content_id, 1), stroke(1))
    assert [i.edited for i in infos] == [False, True, False]


def test_nothing_is_judged_where_no_mask_is(study, cine) -> None:
    propose(study, cine, {0: disc()})
    study.put_edits(cine.content_id, [Edit(0, None, 1)])
    for frames, named in (([0], "frame 1"), ([2, 3], "frames 3, 4")):
        with pytest.raises(StoreError, match=f"no mask on {named};"):
            study.set_status(cine.content_id, frames, ACCEPTED)
    assert [version.number for version in study.history(cine.content_id, 0)] == [1, 2]
    assert study.set_status(cine.content_id, [], ACCEPTED) == []


def test_no_time_at_all_is_spent_where_a_clock_went_wrong(study, cine) -> None:
    propose(study, cine, {0: disc()})
    for revision, spent in enumerate((3.0, -5.0, float("nan"), float("inf"), 1.5), start=1):
        (info,) = study.put_edits(cine.content_id, [Edit(0, stroke(revision), revision, seconds=spent)])
    assert info.seconds == 4.5
    assert [version.seconds for version in study.history(cine.content_id, 0)] == [0, 3.0, 0, 0, 0, 1.5]


def test_a_step_edits_a_frame_once(study, cine) -> None:
    with pytest.raises(StoreError, match="edited twice"):
        study.put_edits(cine.content_id, [Edit(0, stroke(1)), Edit(0, stroke(2))])
    assert study.frames(cine.content_id) == {}
    assert study.put_edits(cine.content_id, []) == []
    for frame in (-1, 6):
        with pytest.raises(StoreError, match=f"Frame {frame + 1} does not exist: this cine has 6"):
            study.put_edits(cine.content_id, [Edit(frame, stroke(1))])


def test_taking_a_judgement_back_makes_machine_only_what_the_machine_drew(study, cine) -> None:
    propose(study, cine, {0: disc(), 1: disc()})
    study.put_edits(cine.content_id, [Edit(1, stroke(1), 1)])
    study.set_status(cine.content_id, [0, 1], REJECTED)
    back = study.set_status(cine.content_id, [0, 1], MACHINE)
    assert [info.status for info in back] == [MACHINE, EDITED]
    assert propose(study, cine, {0: disc(2), 1: disc(2)}) == [1]


def test_undoing_the_first_stroke_gives_the_frame_back_to_the_machine(study, cine) -> None:
    propose(study, cine, {0: disc()})
    (info,) = study.put_edits(cine.content_id, [Edit(0, stroke(1), 1, seconds=4)])
    (info,) = study.put_edits(cine.content_id, [Edit(0, disc(), info.revision, MACHINE)], note="undo")
    assert (info.status, info.edited, info.rater, info.seconds) == (MACHINE, False, "", 4)
    assert propose(study, cine, {0: disc(2)}) == []


def test_a_mask_no_model_proposed_is_never_called_the_machines(study, cine) -> None:
    propose(study, cine, {0: disc()})
    (info,) = study.put_edits(cine.content_id, [Edit(0, stroke(1), 1, MACHINE)])
    assert info.status is EDITED


def test_a_label_that_is_taken_away_is_as_if_never_drawn_and_still_in_the_history(study, cine) -> None:
    identity = cine.content_id
    study.put_edits(identity, [Edit(0, stroke(1))])
    (info,) = study.put_edits(identity, [Edit(0, None, 1)], note="undo")
    assert info.revision == 0
    assert study.frames(identity) == {}
    assert study.mask(identity, 0) is None
    assert study.statistics().n_unlabelled == 6
    assert [r.png is None for r in study.history(identity, 0)] == [False, True]
    assert propose(study, cine, {0: disc()}) == []
    (info,) = study.put_edits(identity, [Edit(0, stroke(2), 0)])
    assert (info.status, info.revision) == (EDITED, 4)
    assert study.check() == []


def test_every_version_is_kept_and_can_be_had_again(study, cine) -> None:
    identity = cine.content_id
    propose(study, cine, {0: disc()})
    for number in range(1, 5):
        study.put_edits(identity, [Edit(0, stroke(number), number)], note="brush")
    study.set_status(identity, [0], ACCEPTED, note="key")
    propose(study, cine, {0: disc(2)}, "m2")
    history = study.history(identity, 0)
    assert [r.number for r in history] == [1, 2, 3, 4, 5, 6, 7]
    assert [r.kind for r in history] == ["machine", *["person"] * 4, "status", "machine"]
    assert [r.shown for r in history] == [True] * 6 + [False]
    assert [r.based_on for r in history] == [0, 1, 2, 3, 4, 5, 6]
    assert [r.rater for r in history] == ["", *["anna"] * 5, ""]
    assert [r.note for r in history][3:6] == ["brush", "brush", "key"]
    assert (history[-1].model, history[-1].width) == ("m2", "1/2")
    for number in range(1, 5):
        np.testing.assert_array_equal(history[number].mask(), stroke(number))
        np.testing.assert_array_equal(study.mask(identity, 0, revision=number + 1), stroke(number))
    assert history == sorted(history, key=lambda r: r.at)


def test_what_was_one_step_comes_back_as_one_step(study, cine) -> None:
    identity = cine.content_id
    propose(study, cine, dict.fromkeys(range(6), disc()))
    study.put_edits(identity, [Edit(2, stroke(1), 1)], note="brush")
    study.put_edits(identity, [Edit(f, stroke(2), 1) for f in (3, 4, 5)], note="propagate")
    steps = study.steps(identity)
    assert [[(r.frame, r.note) for r in step] for step in steps[1:]] == [
        [(2, "brush")], [(3, "propagate"), (4, "propagate"), (5, "propagate")],
    ]  # fmt: skip
    assert len(steps[0]) == 6
    assert [s[0].note for s in study.steps(identity, limit=1)] == ["propagate"]


def test_equal_masks_are_stored_once(study, cine) -> None:
    from sqlalchemy import func, select

    from matae.store.schema import Mask

    propose(study, cine, dict.fromkeys(range(6), disc()))
    for number in range(6):
        study.put_edits(cine.content_id, [Edit(0, stroke(1 + number % 2), number + 1)])
    with study._reading() as connection:
        assert connection.execute(select(func.count()).select_from(Mask)).scalar_one() == 3


def test_everything_is_there_when_it_is_opened_again(target, study, cine) -> None:
    propose(study, cine, {0: disc(), 1: disc()})
    study.put_edits(cine.content_id, [Edit(0, stroke(1), 1)])
    study.set_last_frame(cine.content_id, 4)
    frames, history = study.frames(cine.content_id), study.history(cine.content_id, 0)
    study.close()
    with Study.open(target, rater="carl") as again:
        assert again.frames(cine.content_id) == frames
        assert [r.number for r in again.history(cine.content_id, 0)] == [r.number for r in history]
        np.testing.assert_array_equal(again.mask(cine.content_id, 0), stroke(1))
        assert again.last_frame(cine.content_id) == 4
        assert not again.add_cine(cine).is_new


def test_the_next_frame_to_review_is_found_here_then_in_the_next_cine(study) -> None:
    from matae.store import Flag

    first, second, third = (make_cine(seed) for seed in range(3))
    for made in (first, second, third):
        study.add_cine(made)
    propose(study, first, dict.fromkeys(range(6), disc()))
    propose(study, third, {2: disc(), 4: disc()})
    study.set_status(first.content_id, [1, 2, 5], ACCEPTED)
    one, three = first.content_id, third.content_id
    assert study.next_to_review(one, 0) == (one, 3)
    assert study.next_to_review(one, 4) == (three, 2)
    assert study.next_to_review(one, 4, stay=True) is None
    assert study.next_to_review(three, 4) is None
    assert study.next_to_review(three, 2, backwards=True) == (one, 4)
    assert study.next_to_review(one, 3, backwards=True) == (one, 0)
    assert study.next_to_review(second.content_id, 0) == (three, 2)
    study.set_flags(three, {4: Flag(0.9, "jumps")})
    study.set_flags(one, {1: Flag(0.5, "thin")})  # accepted: nothing to review
    assert study.next_to_review(one, 0, flagged=True) == (three, 4)
    assert study.flags(three) == {4: Flag(0.9, "jumps")}
    study.set_flags(three, {})
    assert study.flags(three) == {}


def test_figures_of_the_study_are_those_counted_by_hand(study, cine) -> None:
    empty = study.statistics()
    assert (empty.minutes_per_accepted, empty.accepted_unedited, empty.n_unlabelled) == (None, None, 6)
    propose(study, cine, dict.fromkeys(range(5), disc()))
    study.put_edits(cine.content_id, [Edit(0, stroke(1), 1, ACCEPTED, 90)])
    study.set_status(cine.content_id, [1, 2], ACCEPTED, seconds=60)
    study.put_edits(cine.content_id, [Edit(3, stroke(1), 1, seconds=30)])
    found = study.statistics()
    assert found.by_status == {MACHINE: 1, EDITED: 1, ACCEPTED: 3, REJECTED: 0}
    assert (found.n_subjects, found.n_cines, found.n_frames, found.n_unlabelled) == (1, 1, 6, 1)
    assert found.seconds == 180
    assert found.minutes_per_accepted == pytest.approx(150 / 3 / 60)
    assert found.accepted_unedited == pytest.approx(2 / 3)
    (line,) = study.cines()
    assert line.counts == {MACHINE: 1, EDITED: 1, ACCEPTED: 3}
    assert (line.seconds, line.n_labelled) == (180, 5)
