"""The books on a cine: what is on its way, and what the study has."""

from __future__ import annotations

from types import SimpleNamespace

from napari_matae.study.sync_state import Ledger


def test_an_answer_nobody_waits_for_changes_nothing():
    ledger = Ledger()
    ledger.arrive([3])
    assert ledger.unsaved == {}


def test_a_frame_is_on_its_way_until_every_change_was_answered():
    ledger = Ledger()
    ledger.send([2, 3])
    ledger.send([3])
    ledger.arrive([2, 3])
    assert set(ledger.unsaved) == {3}
    ledger.arrive([3])
    assert ledger.unsaved == {}


def test_writes_of_the_cine_before_go_on_with_their_own_books():
    ledger = Ledger()
    before, entry = ledger.revisions, object()
    ledger.entry = entry
    ledger.fresh.add(1)
    ledger.begin(None)
    before[4] = 7
    assert ledger.revisions == {}
    assert ledger.fresh == set()
    assert ledger.entry is None


def test_a_frame_that_the_study_has_no_more_is_behind_once_it_was_there():
    ledger = Ledger()
    assert not ledger.is_behind(0, None)
    ledger.revisions[0] = 2
    assert ledger.is_behind(0, None)
    assert ledger.is_behind(0, SimpleNamespace(revision=3))
    assert not ledger.is_behind(0, SimpleNamespace(revision=2))


def test_time_spent_adds_up():
    ledger = Ledger()
    ledger.spend(1, 2.0)
    ledger.spend(1, 0.5)
    assert ledger.seconds == {1: 2.5}
