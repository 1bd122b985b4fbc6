"""What a network's probabilities imply of its outline is stored with the proposal, and goes wherever that goes."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from store_makers import disc, make_cine, stroke

from matae.store import Edit, FrameStatus, StoreError, Study
from matae.store.proposals import last_judgements
from matae.store.schema import Revision as RevisionRow

MODEL = {"model": "m", "width": "1/2"}


def implied(study: Study, identity: str) -> dict[int, float | None]:
    return {t: info.implied for t, info in study.frames(identity).items()}


@pytest.mark.parametrize("share", [-0.1, 1.2, math.inf])
def test_what_is_no_share_is_refused_and_nothing_is_stored(study, cine, share) -> None:
    with pytest.raises(StoreError, match="no share"):
        study.put_proposals(cine.content_id, {0: disc(), 1: disc()}, **MODEL, implied={0: 0.5, 1: share})
    assert study.frames(cine.content_id) == {}


def test_what_is_not_known_stays_unknown(study, cine) -> None:
    study.put_proposals(cine.content_id, {t: disc() for t in range(3)}, **MODEL, implied={0: math.nan, 2: 0.5, 9: 0.1})
    assert implied(study, cine.content_id) == {0: None, 1: None, 2: 0.5}


def test_a_frame_proposed_anew_has_its_new_value_and_undo_brings_the_old_one_back(study, cine) -> None:
    identity = cine.content_id
    study.put_proposals(identity, {0: stroke(1)}, **MODEL, implied={0: 0.9})
    study.put_proposals(identity, {0: stroke(2)}, **MODEL, implied={0: 0.6})
    assert implied(study, identity) == {0: 0.6}
    (undone,) = study.put_edits(identity, [Edit(0, stroke(1), 2, FrameStatus.MACHINE)], note="undo")
    assert (undone.status, undone.implied) == (FrameStatus.MACHINE, 0.9)
    study.put_proposals(identity, {0: stroke(3)}, **MODEL)  # of a model of which nobody measured it
    assert implied(study, identity) == {0: None}
    assert [revision.implied for revision in study.history(identity, 0)] == [0.9, 0.6, 0.9, None]


def test_copies_hold_it_and_a_patient_who_is_forgotten_takes_it_along(study, cine, tmp_path, bare_target) -> None:
    identity, stays = cine.content_id, make_cine(3)
    study.add_cine(stays, subject="p2")
    for each in (identity, stays.content_id):
        study.put_proposals(each, {0: disc(), 3: disc(4)}, **MODEL, implied={0: 0.9, 3: 0.7})
    study.backup(tmp_path / "copy.matae")
    study.copy(bare_target)
    for place in (tmp_path / "copy.matae", bare_target):
        with Study.open(place) as copy:
            assert implied(copy, identity) == {0: 0.9, 3: 0.7}
            copy.forget_subject("p1")
            assert [c.content_id for c in copy.cines()] == [stays.content_id]
            assert implied(copy, stays.content_id) == {0: 0.9, 3: 0.7}
            assert copy.check() == []


def test_two_that_propose_at_once_leave_each_frame_its_own_pair(study, cine, target) -> None:
    """Whoever was last, mask and value are of the same proposal."""
    identity = cine.content_id

    def run(who: int) -> None:
        with Study.open(target, rater=f"r{who}") as mine:
            for turn in range(4):
                number = 10 * who + turn
                masks = {t: stroke(100 * t + number) for t in range(3)}
                mine.put_proposals(identity, masks, **MODEL, implied=dict.fromkeys(masks, number / 100))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    for frame, info in study.frames(identity).items():
        (numbers,) = (study.mask(identity, frame)[0, :16],)
        assert sum(int(bit) << place for place, bit in enumerate(numbers)) == 100 * frame + round(100 * info.implied)


def test_an_hour_of_frames_that_show_an_earlier_proposal_is_asked_at_once(study, cine) -> None:
    """A database takes some ten thousand values in a question; a run over a long clip may be taken back whole."""
    study.put_proposals(cine.content_id, {0: stroke(1)}, **MODEL, implied={0: 0.9})
    with study._reading() as connection:
        row = connection.execute(select(RevisionRow.cine_id, RevisionRow.mask_id)).one()
        found = last_judgements(connection, row.cine_id, dict.fromkeys(range(300_000), row.mask_id))
    assert len(found) == 300_000
    assert (found[0].implied, found[1]) == (0.9, None)
