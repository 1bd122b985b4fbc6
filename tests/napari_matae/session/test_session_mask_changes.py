"""Changes of masks: proposals and strokes, what is recorded of them and what a new run may touch."""

from __future__ import annotations

import numpy as np
import pytest

from matae.store import FrameStatus

from ..conftest import result


def test_results_are_written_and_measured(session, cine):
    session.open(cine)
    session.masks.begin_run()
    assert session.masks.receive(result(cine, 3))
    current = session.current
    assert current.area_px[3] == 10 * 13
    assert current.area_mm2[3] == pytest.approx(10 * 13 * 0.125)
    assert np.isnan(current.area_px[4])
    assert not current.edited_frames()


def test_a_new_run_keeps_edited_frames_and_what_the_machine_said_of_them(session, cine):
    session.open(cine)
    session.masks.begin_run()
    for t in range(12):
        session.masks.receive(result(cine, t))
    session.seek(4)
    session.current.labels.paint((4, 50, 60), 1)
    edited, proposal = session.current.labels.data[4].copy(), session.current.predicted[4].copy()
    assert session.current.edited_frames() == [4]
    session.masks.begin_run()
    assert not session.masks.receive(result(cine, 4))
    np.testing.assert_array_equal(session.current.labels.data[4], edited)
    np.testing.assert_array_equal(session.current.predicted[4], proposal)
    assert session.current.edited_frames() == [4]


def test_undo_after_a_new_run_cannot_bring_back_old_proposals(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.masks.receive(result(cine, 0))
    session.current.labels.paint((0, 50, 60), 1)
    session.current.labels.undo()
    session.masks.begin_run()
    session.masks.receive(result(cine, 0, value=1))
    before = session.current.labels.data.copy()
    session.current.labels.undo()
    session.current.labels.redo()
    np.testing.assert_array_equal(session.current.labels.data, before)


def test_a_new_run_shows_the_old_masks_until_they_are_replaced(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.masks.receive(result(cine, 3))
    session.current.labels.paint((0, 50, 60), 1)
    before = session.current.labels.data.copy()
    session.masks.begin_run()
    np.testing.assert_array_equal(session.current.labels.data, before)
    assert session.current.area_px[3] > 0


def test_a_stroke_is_recorded_when_the_frame_is_left(session, cine):
    session.open(cine)
    session.masks.begin_run()
    steps, saved = [], []
    session.stepped.connect(steps.append)
    session.written.connect(lambda frames, note: saved.append((frames, note)))
    session.masks.tool = "brush"
    session.current.labels.paint((0, 50, 60), 1)
    assert not steps
    session.seek(4)
    assert [(step.text, step.frames, step.here) for step in steps] == [("brush", [0], 0)]
    assert saved == [([0], "brush")]
    assert session.current.status == {0: FrameStatus.EDITED}


def test_a_stroke_that_changes_nothing_is_no_step(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.masks.receive(result(cine, 0))
    steps = []
    session.stepped.connect(steps.append)
    session.current.labels.paint((0, 25, 35), 1)  # inside the mask
    session.settle()
    assert not steps
    assert session.current.status == {0: FrameStatus.MACHINE}


def test_a_step_on_frames_that_changed_since_is_not_taken_back(session, cine):
    session.open(cine)
    steps, saved = [], []
    session.stepped.connect(steps.append)
    assert session.masks.change("shift", {2: result(cine, 2).mask}) == [2]
    session.masks.show_stored({2: (result(cine, 2, value=2).mask, FrameStatus.EDITED)})
    session.written.connect(lambda frames, note: saved.append((frames, note)))
    before = session.current.labels.data.copy()
    assert not session.masks.apply(steps[0], forward=False)
    np.testing.assert_array_equal(session.current.labels.data, before)
    assert not saved


def test_replaced_proposals_are_recorded_before_the_stroke_on_them(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.masks.receive(result(cine, 0))
    session.masks.end_run()
    session.masks.begin_run()
    session.masks.receive(result(cine, 0, value=2))
    steps = []
    session.stepped.connect(steps.append)
    session.current.labels.paint((0, 50, 60), 1)
    session.settle()
    assert [step.text for step in steps] == ["new proposals", "drawing"]


def test_a_proposal_on_screen_is_drawn_where_it_differs_and_leaves_no_history_in_the_layer(session, cine):
    session.open(cine)
    session.masks.begin_run()
    first, other = result(cine, 0), result(cine, 0)
    session.masks.receive(first)
    labels, whole, parts = session.current.labels, [], []
    labels.events.set_data.connect(whole.append)
    labels.events.labels_update.connect(lambda event: parts.append(np.shape(event.data)))
    session.masks.receive(first)  # the same again: nothing is drawn
    session.masks.receive(result(cine, 1))  # not on screen
    assert not whole
    assert not parts
    rows, columns = np.nonzero(other.mask)
    other.mask[rows[0], columns[0]] = 0
    session.masks.receive(other)
    assert not whole
    assert len(parts) == 1
    assert max(parts[0]) < min(cine.shape) / 2
    assert not session.current.drawn
    assert not session.current.in_layer_history
    labels.undo()
    np.testing.assert_array_equal(labels.data[0], other.mask)
    assert session.current.status[0] is FrameStatus.MACHINE
    assert not session.current.edited_frames()


@pytest.mark.parametrize("n_dims", [2, 3])
def test_a_proposal_for_a_filled_layer_that_is_hidden_is_there_when_it_is_shown(session, cine, n_dims):
    session.open(cine)
    session.masks.begin_run()
    labels = session.current.labels
    labels.contour = 0
    labels.visible = False
    session.viewer.dims.ndisplay = n_dims
    session.seek(3)  # of this frame napari has no picture yet
    given = result(cine, 3)
    assert session.masks.receive(given)
    np.testing.assert_array_equal(labels.data[3], given.mask)
    assert not np.delete(labels.data, 3, axis=0).any()
    assert session.current.area_px[3] == given.mask.sum()
    drawn = []
    labels.events.set_data.connect(drawn.append)
    labels.visible = True
    assert drawn


@pytest.mark.parametrize("editable", [True, False])
def test_a_proposal_on_screen_neither_locks_the_masks_nor_unlocks_them(session, cine, editable):
    session.open(cine)
    session.masks.begin_run()
    labels = session.current.labels
    labels.editable = editable
    given = result(cine, 0)
    assert session.masks.receive(given)
    assert labels.editable is editable
    labels.undo()
    np.testing.assert_array_equal(labels.data[0], given.mask)
