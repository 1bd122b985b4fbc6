"""Undo and redo across frames, tools, new proposals and other people's work, on a viewer's model without a window."""

from __future__ import annotations

import numpy as np
import pytest

from matae.segment import FrameMask
from matae.store import FrameStatus

from ..conftest import disc, make_cine, proposals


@pytest.fixture
def desk(make_desk, cine):
    desk = make_desk(None)
    desk.session.open(cine)
    proposals(cine, desk.session)
    desk.heard = []
    desk.said.connect(desk.heard.append)
    return desk


def paint(desk, frame, at=(50, 60)):
    desk.session.seek(frame)
    desk.session.current.labels.paint((frame, *at), 1)
    desk.session.settle()


def test_nothing_to_undo_is_said(make_desk):
    desk = make_desk(None)
    heard = []
    desk.said.connect(heard.append)
    desk.history.undo()
    desk.history.redo()
    assert heard == ["Nothing to undo.", "Nothing to redo."]


def test_undo_goes_to_the_frame_it_changes_and_says_so(desk):
    before = desk.session.current.labels.data.copy()
    paint(desk, 2)
    after = desk.session.current.labels.data.copy()
    desk.session.seek(9)
    desk.history.undo()
    assert desk.session.frame == 2
    assert desk.heard[-1] == "Undone: drawing, frame 3."
    np.testing.assert_array_equal(desk.session.current.labels.data, before)
    assert desk.session.current.status[2] is FrameStatus.MACHINE
    desk.session.seek(7)
    desk.history.redo()
    assert desk.session.frame == 2
    assert desk.heard[-1] == "Redone: drawing, frame 3."
    np.testing.assert_array_equal(desk.session.current.labels.data, after)
    assert desk.session.current.status[2] is FrameStatus.EDITED


def test_the_viewers_status_line_says_it_too(desk):
    paint(desk, 4)
    desk.history.undo()
    assert desk.viewer.status == "Undone: drawing, frame 5."


def test_strokes_on_many_frames_come_back_one_by_one_in_order(desk):
    stacks = [desk.session.current.labels.data.copy()]
    for k, frame in enumerate((5, 1, 5, 8)):
        paint(desk, frame, (10 + 5 * k, 60))
        stacks.append(desk.session.current.labels.data.copy())
    for stack, frame in zip(stacks[-2::-1], (8, 5, 1, 5), strict=True):
        desk.history.undo()
        assert desk.session.frame == frame
        np.testing.assert_array_equal(desk.session.current.labels.data, stack)
    for stack in stacks[1:]:
        desk.history.redo()
        np.testing.assert_array_equal(desk.session.current.labels.data, stack)


def test_a_deed_after_an_undo_drops_what_was_undone(desk):
    paint(desk, 1)
    desk.history.undo()
    paint(desk, 6)
    assert desk.history.redo_text == ""
    desk.history.undo()
    assert desk.history.n_undo == 0


def test_a_bulk_deed_is_one_step(desk):
    before = desk.session.current.labels.data.copy()
    desk.session.seek(4)
    desk.session.change("interpolation", {t: disc((60, 80), (20, 20), 9) for t in range(3, 7)})
    desk.session.seek(11)
    desk.history.undo()
    np.testing.assert_array_equal(desk.session.current.labels.data, before)
    assert desk.session.frame == 4  # where it was done
    assert desk.heard[-1] == "Undone: interpolation, frames 4 to 7."


def test_a_judgement_can_be_taken_back(desk):
    desk.session.seek(3)
    desk.deeds.go_on = False
    desk.deeds.accept()
    assert desk.session.current.status[3] is FrameStatus.ACCEPTED
    desk.session.seek(0)
    desk.history.undo()
    assert desk.session.current.status[3] is FrameStatus.MACHINE
    assert desk.session.frame == 3


def test_new_proposals_are_a_step_and_never_touch_a_persons_frame(desk, cine):
    paint(desk, 5)
    mine = desk.session.current.labels.data[5].copy()
    old = desk.session.current.labels.data.copy()
    proposals(cine, desk.session, centre=(25, 30))
    new = desk.session.current.labels.data.copy()
    np.testing.assert_array_equal(new[5], mine)
    assert not np.array_equal(new[4], old[4])
    desk.history.undo()
    np.testing.assert_array_equal(desk.session.current.labels.data, old)
    desk.history.undo()  # the stroke on frame 5, made before
    assert desk.session.current.status[5] is FrameStatus.MACHINE
    desk.history.redo()
    desk.history.redo()
    np.testing.assert_array_equal(desk.session.current.labels.data, new)


def test_a_stroke_during_a_run_comes_off_before_the_proposal_it_was_drawn_on(desk, cine):
    old = desk.session.current.labels.data.copy()
    session = desk.session
    session.begin_run()
    mask = disc(cine.shape, (25, 30), 8)
    for t in range(6):
        session.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    paint(desk, 3)
    drawn = session.current.labels.data[3].copy()
    for t in range(6, 12):
        session.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    session.end_run()
    np.testing.assert_array_equal(session.current.labels.data[3], drawn)
    while desk.history.undo_text:
        desk.history.undo()
    np.testing.assert_array_equal(session.current.labels.data, old)


def test_napari_s_own_undo_has_nothing_left_to_corrupt(desk, cine):
    paint(desk, 2)
    labels, before = desk.session.current.labels, desk.session.current.labels.data.copy()
    desk.session.seek(7)
    labels.undo()  # a script may call it: then it is a step like any other
    desk.session.settle()
    assert desk.history.n_undo == 2
    assert not desk.session.current.is_unrecorded(2)
    desk.history.undo()
    np.testing.assert_array_equal(labels.data, before)
    proposals(cine, desk.session, centre=(25, 30))
    after = labels.data.copy()
    labels.undo()
    labels.redo()
    np.testing.assert_array_equal(labels.data, after)  # new proposals are safe from it


def test_what_another_window_changed_since_is_not_undone(desk):
    paint(desk, 2)
    theirs = disc((60, 80), (15, 15), 5)
    desk.session.show_stored({2: (theirs, FrameStatus.EDITED)})
    desk.session.seek(8)
    desk.history.undo()
    np.testing.assert_array_equal(desk.session.current.labels.data[2], theirs)
    assert "cannot be undone" in desk.heard[-1]
    assert desk.session.frame == 2
    assert desk.history.n_undo == 0


def test_each_cine_has_its_own_history(desk):
    paint(desk, 2)
    desk.session.open(make_cine(5, seed=1))
    assert desk.history.n_undo == 0
    desk.history.undo()
    assert desk.heard[-1] == "Nothing to undo."


def test_a_layer_that_was_deleted_takes_its_history_along(desk):
    paint(desk, 2)
    desk.viewer.layers.remove(desk.session.current.labels)
    assert desk.history.n_undo == 0


def test_many_steps_are_kept_and_no_more_than_many(desk, monkeypatch):
    from napari_matae.session.undo_stack import LIMIT

    for k in range(LIMIT + 5):
        desk.session.change("dot", {0: disc((60, 80), (30, 40), 3 + k % 2)})
    assert desk.history.n_undo == LIMIT
