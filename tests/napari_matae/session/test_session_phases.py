"""End-diastole and end-systole are the same two frames in the Review and the Measure step."""

from __future__ import annotations

import numpy as np
import pytest

from matae.measure import measure_cine
from matae.review import Phases
from matae.store import FrameStatus

from ..conftest import opened
from ..measure_makers import show_masks, two_beats


@pytest.fixture
def desk(make_desk):
    return make_desk(None)


def measured(desk, **options) -> Phases:
    current = desk.session.current
    found = measure_cine(current.cine, np.asarray(current.labels.data), **options)
    return Phases(found.ed_frame, found.es_frame)


def test_nothing_open_has_no_phases(desk):
    assert desk.deeds.phases == Phases(None, None)
    desk.phase_finder.take(None)


def test_they_are_those_of_the_measurement_whoever_says_so(desk):
    from matae.measure import Marks

    cine, masks = two_beats()
    desk.session.open(cine)
    show_masks(desk.session, masks)
    found = desk.deeds.phases
    assert found == measured(desk)
    assert found.ed is not None
    moved = found.ed + 2
    desk.session.seek(moved)
    desk.deeds.mark("ed")
    assert desk.deeds.phases == measured(desk, marks=Marks(ed=(moved,)))
    assert desk.deeds.phases.ed == moved
    assert moved in desk.deeds.flagged
    desk.deeds.mark("ed")
    assert desk.deeds.phases == found


def test_a_rejected_frame_is_not_end_systole(desk):
    cine, masks = two_beats()
    desk.session.open(cine)
    show_masks(desk.session, masks)
    first = desk.deeds.phases
    desk.session.judge("rejected", [first.es], FrameStatus.REJECTED)
    assert desk.deeds.phases.es != first.es


def test_they_are_looked_for_again_only_after_a_change(desk, monkeypatch):
    import napari_matae.session.phases as module

    calls = []
    real = module.cycle_phases
    monkeypatch.setattr(module, "cycle_phases", lambda *a, **k: (calls.append(1), real(*a, **k))[1])
    cine, masks = two_beats()
    desk.session.open(cine)
    show_masks(desk.session, masks)
    before = desk.deeds.phases
    for frame in range(10):
        desk.session.seek(frame)
        assert desk.deeds.phases == before
        assert desk.deeds.flagged
    assert len(calls) == 1
    desk.session.change("drawing", {3: np.zeros_like(masks[3])})
    assert desk.deeds.phases is not None
    assert len(calls) == 2


def test_the_measurement_has_the_last_word_until_masks_change(desk):
    cine, masks = two_beats()
    desk.session.open(cine)
    show_masks(desk.session, masks)
    found = desk.deeds.phases
    from matae.measure import Marks

    other = measure_cine(cine, masks, marks=Marks(ed=(found.ed + 1,), es=(found.es + 1,)))
    desk.phase_finder.take(other)
    assert desk.deeds.phases == Phases(found.ed + 1, found.es + 1)
    desk.session.change("drawing", {20: np.zeros_like(masks[20])})
    assert desk.deeds.phases != Phases(found.ed + 1, found.es + 1)


def test_widths_that_have_been_asked_raise_the_score(make_desk, qtbot):
    desk = make_desk(None)
    cine, masks = two_beats()
    opened(qtbot, desk, cine)
    show_masks(desk.session, masks)
    by_width = {"1": {5: masks[5]}, "1/8": {5: np.roll(masks[5], 6, 1)}}
    desk.phase_finder.take(measure_cine(cine, masks, width_masks=by_width))
    assert desk.session.current.disagreement[5] > 0.1
    assert np.isnan(desk.session.current.disagreement[6])
    assert 5 in desk.deeds.flagged


def test_a_mark_that_makes_no_beat_is_still_what_the_person_marked(desk):
    cine, masks = two_beats()
    desk.session.open(cine)
    show_masks(desk.session, masks)
    desk.session.seek(cine.n_frames - 1)
    desk.deeds.mark("ed")
    assert desk.deeds.phases.ed == cine.n_frames - 1
