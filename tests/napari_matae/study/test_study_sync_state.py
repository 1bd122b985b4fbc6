"""The books on a cine: what is on its way, and what the study has."""

from __future__ import annotations

from types import SimpleNamespace

from napari_matae.study.sync_state import SyncState


def test_an_answer_nobody_waits_for_changes_nothing():
    sync_state = SyncState()
    sync_state.arrive([3])
    assert sync_state.unsaved == {}


def test_a_frame_is_on_its_way_until_every_change_was_answered():
    sync_state = SyncState()
    sync_state.send([2, 3])
    sync_state.send([3])
    sync_state.arrive([2, 3])
    assert set(sync_state.unsaved) == {3}
    sync_state.arrive([3])
    assert sync_state.unsaved == {}


def test_writes_of_the_cine_before_go_on_with_their_own_books():
    sync_state = SyncState()
    before, entry = sync_state.revisions, object()
    sync_state.entry = entry
    sync_state.fresh.add(1)
    sync_state.begin(None)
    before[4] = 7
    assert sync_state.revisions == {}
    assert sync_state.fresh == set()
    assert sync_state.entry is None


def test_a_frame_that_the_study_has_no_more_is_behind_once_it_was_there():
    sync_state = SyncState()
    assert not sync_state.is_behind(0, None)
    sync_state.revisions[0] = 2
    assert sync_state.is_behind(0, None)
    assert sync_state.is_behind(0, SimpleNamespace(revision=3))
    assert not sync_state.is_behind(0, SimpleNamespace(revision=2))


def test_time_spent_adds_up():
    sync_state = SyncState()
    sync_state.spend(1, 2.0)
    sync_state.spend(1, 0.5)
    assert sync_state.seconds == {1: 2.5}


def test_proposals_that_wait_and_those_on_their_way_count_until_they_are_stored():
    sync_state = SyncState()
    assert sync_state.proposed == set()
    sync_state.fresh = {1, 2}
    sync_state.storing += [[3], [2, 4]]
    assert sync_state.proposed == {1, 2, 3, 4}
    sync_state.begin(None)
    assert sync_state.proposed == set()
