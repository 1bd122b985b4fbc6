"""End-diastole and end-systole are the same two frames in the Review and the Measure step."""

from __future__ import annotations

import numpy as np
import pytest

from matae.measure import measure_cine
from matae.review import Phases
from matae.store import FrameStatus

from ..conftest import opened
from ..measure.measure_makers import show_masks, two_beats


@pytest.fixture
def workspace(make_workspace):
    return make_workspace(None)


def measured(workspace, **options) -> Phases:
    current = workspace.session.current
    found = measure_cine(current.cine, np.asarray(current.labels.data), **options)
    return Phases(found.ed_frame, found.es_frame)


def test_nothing_open_has_no_phases(workspace):
    assert workspace.phase_finder.phases == Phases(None, None)
    workspace.phase_finder.set_measurement(None)


def test_they_are_those_of_the_measurement_whoever_says_so(workspace):
    from matae.measure import Marks

    cine, masks = two_beats()
    workspace.session.open(cine)
    show_masks(workspace.session, masks)
    found = workspace.phase_finder.phases
    assert found == measured(workspace)
    assert found.ed is not None
    moved = found.ed + 2
    workspace.session.seek(moved)
    workspace.actions.mark("ed")
    assert workspace.phase_finder.phases == measured(workspace, marks=Marks(ed=(moved,)))
    assert workspace.phase_finder.phases.ed == moved
    assert moved in workspace.actions.flagged
    workspace.actions.mark("ed")
    assert workspace.phase_finder.phases == found


def test_a_rejected_frame_is_not_end_systole(workspace):
    cine, masks = two_beats()
    workspace.session.open(cine)
    show_masks(workspace.session, masks)
    first = workspace.phase_finder.phases
    workspace.session.masks.judge("rejected", [first.es], FrameStatus.REJECTED)
    assert workspace.phase_finder.phases.es != first.es


def test_they_are_looked_for_again_only_after_a_change(workspace, monkeypatch):
    import napari_matae.session.phases as module

    calls = []
    real = module.cycle_phases
    monkeypatch.setattr(module, "cycle_phases", lambda *a, **k: (calls.append(1), real(*a, **k))[1])
    cine, masks = two_beats()
    workspace.session.open(cine)
    show_masks(workspace.session, masks)
    before = workspace.phase_finder.phases
    for frame in range(10):
        workspace.session.seek(frame)
        assert workspace.phase_finder.phases == before
        assert workspace.actions.flagged
    assert len(calls) == 1
    workspace.session.masks.change("drawing", {3: np.zeros_like(masks[3])})
    assert workspace.phase_finder.phases is not None
    assert len(calls) == 2


def test_the_measurement_has_the_last_word_until_masks_change(workspace):
    cine, masks = two_beats()
    workspace.session.open(cine)
    show_masks(workspace.session, masks)
    found = workspace.phase_finder.phases
    from matae.measure import Marks

    other = measure_cine(cine, masks, marks=Marks(ed=(found.ed + 1,), es=(found.es + 1,)))
    workspace.phase_finder.set_measurement(other)
    assert workspace.phase_finder.phases == Phases(found.ed + 1, found.es + 1)
    workspace.session.masks.change("drawing", {20: np.zeros_like(masks[20])})
    assert workspace.phase_finder.phases != Phases(found.ed + 1, found.es + 1)


def test_widths_that_have_been_asked_raise_the_score(make_workspace, qtbot):
    workspace = make_workspace(None)
    cine, masks = two_beats()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    by_width = {"1": {5: masks[5]}, "1/8": {5: np.roll(masks[5], 6, 1)}}
    workspace.phase_finder.set_measurement(measure_cine(cine, masks, width_masks=by_width))
    assert workspace.session.current.disagreement[5] > 0.1
    assert np.isnan(workspace.session.current.disagreement[6])
    assert 5 in workspace.actions.flagged


def test_a_mark_that_makes_no_beat_is_still_what_the_person_marked(workspace):
    cine, masks = two_beats()
    workspace.session.open(cine)
    show_masks(workspace.session, masks)
    workspace.session.seek(cine.n_frames - 1)
    workspace.actions.mark("ed")
    assert workspace.phase_finder.phases.ed == cine.n_frames - 1
