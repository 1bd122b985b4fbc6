"""What a study holds of a cine: whose work it lacks, and which model made the most of it."""

from __future__ import annotations

import numpy as np
import pytest

from matae.store import Edit, FrameStatus, Study
from napari_matae.study_thread.stored_cine import fetch, others_changes

from ..conftest import disc


@pytest.fixture
def study(tmp_path):
    with Study.create(tmp_path / "study.sqlite", rater="anna") as made:
        yield made


def test_a_cine_nobody_knows_is_added_with_nothing_in_it(study, cine):
    stored = fetch(study, cine)
    assert stored.infos == {}
    assert stored.run == {}
    assert not stored.masks.any()
    assert study.has_cine(cine.content_id)
    assert stored.entry.subject == fetch(study, cine).entry.subject


def test_a_persons_other_mask_is_lacking_and_a_machines_is_not(study, cine):
    fetch(study, cine)
    one, other = disc(cine.shape, (30, 40), 9), disc(cine.shape, (20, 20), 5)
    study.put_proposals(cine.content_id, {1: one}, model="disc", width="1")
    study.put_edits(cine.content_id, [Edit(2, one, 0)])
    stored = fetch(study, cine)
    assert stored.lacks(0, one, FrameStatus.MACHINE)
    assert not stored.lacks(1, other, FrameStatus.MACHINE)
    assert stored.lacks(1, one, FrameStatus.ACCEPTED)
    assert stored.lacks(2, other, FrameStatus.EDITED)
    assert not stored.lacks(2, one, FrameStatus.EDITED)


def test_the_run_is_that_of_the_model_that_made_the_most(study, cine):
    fetch(study, cine)
    mask = disc(cine.shape, (30, 40), 9)
    study.put_proposals(cine.content_id, {0: mask}, model="rare", width="1/2")
    study.put_proposals(cine.content_id, dict.fromkeys((1, 2), mask), model="common", width="1")
    assert fetch(study, cine).run["model"] == "common"


def test_only_what_others_did_to_this_cine_is_returned(study, cine, tmp_path):
    since = fetch(study, cine).sequence
    one = disc(cine.shape, (30, 40), 9)
    study.put_edits(cine.content_id, [Edit(2, one, 0)])
    with Study.open(tmp_path / "study.sqlite", rater="ben") as his:
        his.put_edits(cine.content_id, [Edit(5, one, 0)])
    others = others_changes(study, cine.content_id, since)
    assert list(others.infos) == [5]
    np.testing.assert_array_equal(others.masks[5], one)
    assert others_changes(study, cine.content_id, others.sequence).infos == {}
    assert others_changes(study, "another", since).infos == {}
