"""Undo and redo across frames, tools, new proposals and other people's work, on a viewer's model without a window."""

from __future__ import annotations

import numpy as np
import pytest

from matae.segment import FrameMask
from matae.store import FrameStatus

from ..conftest import disc, make_cine, proposals


@pytest.fixture
def workspace(make_workspace, cine):
    workspace = make_workspace(None)
    workspace.session.open(cine)
    proposals(cine, workspace.session)
    workspace.heard = []
    workspace.said.connect(workspace.heard.append)
    return workspace


def paint(workspace, frame, at=(50, 60)):
    workspace.session.seek(frame)
    workspace.session.current.labels.paint((frame, *at), 1)
    workspace.session.settle()


def test_nothing_to_undo_is_said(make_workspace):
    workspace = make_workspace(None)
    heard = []
    workspace.said.connect(heard.append)
    workspace.undo_stack.undo()
    workspace.undo_stack.redo()
    assert heard == ["Nothing to undo.", "Nothing to redo."]


def test_undo_goes_to_the_frame_it_changes_and_says_so(workspace):
    before = workspace.session.current.labels.data.copy()
    paint(workspace, 2)
    after = workspace.session.current.labels.data.copy()
    workspace.session.seek(9)
    workspace.undo_stack.undo()
    assert workspace.session.frame == 2
    assert workspace.heard[-1] == "Undone: drawing, frame 3."
    np.testing.assert_array_equal(workspace.session.current.labels.data, before)
    assert workspace.session.current.status[2] is FrameStatus.MACHINE
    workspace.session.seek(7)
    workspace.undo_stack.redo()
    assert workspace.session.frame == 2
    assert workspace.heard[-1] == "Redone: drawing, frame 3."
    np.testing.assert_array_equal(workspace.session.current.labels.data, after)
    assert workspace.session.current.status[2] is FrameStatus.EDITED


def test_the_viewers_status_line_says_it_too(workspace):
    paint(workspace, 4)
    workspace.undo_stack.undo()
    assert workspace.viewer.status == "Undone: drawing, frame 5."


def test_strokes_on_many_frames_come_back_one_by_one_in_order(workspace):
    stacks = [workspace.session.current.labels.data.copy()]
    for k, frame in enumerate((5, 1, 5, 8)):
        paint(workspace, frame, (10 + 5 * k, 60))
        stacks.append(workspace.session.current.labels.data.copy())
    for stack, frame in zip(stacks[-2::-1], (8, 5, 1, 5), strict=True):
        workspace.undo_stack.undo()
        assert workspace.session.frame == frame
        np.testing.assert_array_equal(workspace.session.current.labels.data, stack)
    for stack in stacks[1:]:
        workspace.undo_stack.redo()
        np.testing.assert_array_equal(workspace.session.current.labels.data, stack)


def test_a_deed_after_an_undo_drops_what_was_undone(workspace):
    paint(workspace, 1)
    workspace.undo_stack.undo()
    paint(workspace, 6)
    assert workspace.undo_stack.redo_text == ""
    workspace.undo_stack.undo()
    assert workspace.undo_stack.n_undo == 0


def test_a_bulk_deed_is_one_step(workspace):
    before = workspace.session.current.labels.data.copy()
    workspace.session.seek(4)
    workspace.session.masks.change("interpolation", {t: disc((60, 80), (20, 20), 9) for t in range(3, 7)})
    workspace.session.seek(11)
    workspace.undo_stack.undo()
    np.testing.assert_array_equal(workspace.session.current.labels.data, before)
    assert workspace.session.frame == 4  # where it was done
    assert workspace.heard[-1] == "Undone: interpolation, frames 4 to 7."


def test_a_judgement_can_be_taken_back(workspace):
    workspace.session.seek(3)
    workspace.actions.go_on = False
    workspace.actions.accept()
    assert workspace.session.current.status[3] is FrameStatus.ACCEPTED
    workspace.session.seek(0)
    workspace.undo_stack.undo()
    assert workspace.session.current.status[3] is FrameStatus.MACHINE
    assert workspace.session.frame == 3


def test_new_proposals_are_a_step_and_never_touch_a_persons_frame(workspace, cine):
    paint(workspace, 5)
    mine = workspace.session.current.labels.data[5].copy()
    old = workspace.session.current.labels.data.copy()
    proposals(cine, workspace.session, centre=(25, 30))
    new = workspace.session.current.labels.data.copy()
    np.testing.assert_array_equal(new[5], mine)
    assert not np.array_equal(new[4], old[4])
    workspace.undo_stack.undo()
    np.testing.assert_array_equal(workspace.session.current.labels.data, old)
    workspace.undo_stack.undo()  # the stroke on frame 5, made before
    assert workspace.session.current.status[5] is FrameStatus.MACHINE
    workspace.undo_stack.redo()
    workspace.undo_stack.redo()
    np.testing.assert_array_equal(workspace.session.current.labels.data, new)


def test_a_stroke_during_a_run_comes_off_before_the_proposal_it_was_drawn_on(workspace, cine):
    old = workspace.session.current.labels.data.copy()
    session = workspace.session
    session.masks.begin_run()
    mask = disc(cine.shape, (25, 30), 8)
    for t in range(6):
        session.masks.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    paint(workspace, 3)
    drawn = session.current.labels.data[3].copy()
    for t in range(6, 12):
        session.masks.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    session.masks.end_run()
    np.testing.assert_array_equal(session.current.labels.data[3], drawn)
    while workspace.undo_stack.undo_text:
        workspace.undo_stack.undo()
    np.testing.assert_array_equal(session.current.labels.data, old)


def test_napari_s_own_undo_has_nothing_left_to_corrupt(workspace, cine):
    paint(workspace, 2)
    labels, before = workspace.session.current.labels, workspace.session.current.labels.data.copy()
    workspace.session.seek(7)
    labels.undo()  # a script may call it: then it is a step like any other
    workspace.session.settle()
    assert workspace.undo_stack.n_undo == 2
    assert not workspace.session.current.is_unrecorded(2)
    workspace.undo_stack.undo()
    np.testing.assert_array_equal(labels.data, before)
    proposals(cine, workspace.session, centre=(25, 30))
    after = labels.data.copy()
    labels.undo()
    labels.redo()
    np.testing.assert_array_equal(labels.data, after)  # new proposals are safe from it


def test_what_another_window_changed_since_is_not_undone(workspace):
    paint(workspace, 2)
    theirs = disc((60, 80), (15, 15), 5)
    workspace.session.masks.show_stored({2: (theirs, FrameStatus.EDITED)})
    workspace.session.seek(8)
    workspace.undo_stack.undo()
    np.testing.assert_array_equal(workspace.session.current.labels.data[2], theirs)
    assert "cannot be undone" in workspace.heard[-1]
    assert workspace.session.frame == 2
    assert workspace.undo_stack.n_undo == 0


def test_each_cine_has_its_own_history(workspace):
    paint(workspace, 2)
    workspace.session.open(make_cine(5, seed=1))
    assert workspace.undo_stack.n_undo == 0
    workspace.undo_stack.undo()
    assert workspace.heard[-1] == "Nothing to undo."


def test_a_layer_that_was_deleted_takes_its_history_along(workspace):
    paint(workspace, 2)
    workspace.viewer.layers.remove(workspace.session.current.labels)
    assert workspace.undo_stack.n_undo == 0


def test_many_steps_are_kept_and_no_more_than_many(workspace, monkeypatch):
    from napari_matae.session.undo_stack import LIMIT

    for k in range(LIMIT + 5):
        workspace.session.masks.change("dot", {0: disc((60, 80), (30, 40), 3 + k % 2)})
    assert workspace.undo_stack.n_undo == LIMIT
