"""What of a cine on screen is measured: unusable frames and marks that were taken away are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matae.measure import Landmarks, measure_cine
from matae.store.types import FrameStatus, OverrideName
from napari_matae.measure.inputs import (
    changed_masks,
    cine_to_measure,
    landmarks_of,
    marks_of,
    mask_to_measure,
    task_of,
)

from .measure_makers import show_masks, two_beats


@pytest.fixture
def beats(session):
    """Open two beats whose file marks both phases, with their masks."""
    cine, masks = two_beats()
    session.open(replace(cine, ed_frame=0, es_frame=9))
    show_masks(session, masks)
    return session


def test_without_masks_there_is_no_task(session, cine):
    session.open(cine)
    assert task_of(session.current, None) is None


def test_a_rejected_frame_and_one_without_a_mask_count_as_empty(beats):
    current = beats.current
    assert mask_to_measure(current, 3).any()
    beats.masks.judge("rejected", [3], FrameStatus.REJECTED)
    assert not mask_to_measure(current, 3).any()
    del current.status[4]
    assert not mask_to_measure(current, 4).any()
    beats.overrides.apply(OverrideName.VIEW, "A4C")
    task = task_of(current, None)
    assert {3, 4}.isdisjoint(task.frames)
    assert {2, 5} <= task.frames
    assert (task.options.view, task.network.model, task.network.widths) == ("A4C", "gone", "1")


def test_only_what_a_person_marked_is_a_mark(beats):
    current = beats.current
    assert (marks_of(current).ed, marks_of(current).es) == ((), ())
    current.ed, current.es = 5, None
    assert (marks_of(current).ed, marks_of(current).es) == ((5,), ())


def test_a_mark_of_the_file_that_was_taken_away_is_not_in_the_cine(beats):
    current = beats.current
    assert cine_to_measure(current, None) is current.cine
    current.es = None
    changed = cine_to_measure(current, None)
    assert (changed.ed_frame, changed.es_frame) == (0, None)
    assert changed.frames is current.cine.frames
    measured = measure_cine(changed, current.labels.data.copy())
    assert cine_to_measure(current, measured) is measured.inputs.cine  # the same one again: nothing begins anew


def test_masks_and_landmarks_that_are_others_than_measured(beats):
    current = beats.current
    placed = Landmarks((10.0, 50.0), (80.0, 40.0), (80.0, 60.0), by_hand=True)
    measured = measure_cine(current.cine, current.labels.data.copy(), landmarks={6: placed})
    everything = range(current.cine.n_frames)
    assert changed_masks(current, measured, everything) == {}
    beats.masks.change("shift", {t: np.roll(current.mask(t), 2, 1) for t in (6, 7)})
    assert list(changed_masks(current, measured, everything)) == [6, 7]
    assert list(changed_masks(current, measured, [7, 8])) == [7]
    assert landmarks_of(current, measured, [6, 7]) == {6: None}
    current.by_hand[7] = {current.digest(7): placed}
    assert landmarks_of(current, measured, [6, 7]) == {6: None, 7: placed}


def test_what_probabilities_imply_speaks_of_predicted_masks_alone(beats):
    current = beats.current
    current.implied[:] = 0.95
    assert np.isfinite(task_of(current, None).implied).all()
    beats.masks.judge("accepted", [3], FrameStatus.ACCEPTED)
    beats.masks.change("shift", {5: np.roll(current.mask(5), 2, 1)})
    task = task_of(current, None)
    assert np.flatnonzero(np.isnan(task.implied)).tolist() == [3, 5]
    assert np.flatnonzero(np.isnan(task.expected)).tolist() == [3, 5]
