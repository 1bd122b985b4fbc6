"""What is interpolated, what counts as filled, and which stretch of frames is accepted at once."""

from __future__ import annotations

import numpy as np
import pytest

from matae.store import FrameStatus, Study
from napari_matae.edit.stretches import filled_frames, gaps_to_fill, span_to_accept

from ..conftest import disc, make_cine, opened, proposals, settled

ACCEPTED, EDITED, MACHINE, REJECTED = (
    FrameStatus.ACCEPTED, FrameStatus.EDITED, FrameStatus.MACHINE, FrameStatus.REJECTED,
)  # fmt: skip


@pytest.fixture
def beat():
    return make_cine(30)


@pytest.fixture
def workspace(make_workspace, qtbot, beat):
    workspace = make_workspace()
    opened(qtbot, workspace, beat)
    proposals(beat, workspace.session)
    workspace.heard = []
    workspace.said.connect(workspace.heard.append)
    return workspace


def correct(workspace, *frames, radius=8):
    for frame in frames:
        shape = workspace.session.current.cine.shape
        workspace.session.masks.change("brush", {frame: disc(shape, (25, 35), radius)})


def fill(workspace, qtbot, frame, *, accept=False, deed="interpolate"):
    workspace.session.seek(frame)
    with qtbot.waitSignal(workspace.preview.finished):
        getattr(workspace.actions, deed)()
    workspace.preview.apply(accept=accept)


def test_a_cine_nobody_worked_on_has_no_stretch(session, beat):
    session.open(beat)
    assert gaps_to_fill(session.current, 3) == ([], [])
    assert filled_frames(session.current) == set()
    assert span_to_accept(session.current, 3) is None


def test_one_corrected_frame_is_no_stretch(workspace):
    correct(workspace, 4)
    current = workspace.session.current
    assert gaps_to_fill(current, 4) == ([], [])
    assert span_to_accept(current, 4) is None
    assert span_to_accept(current, 9) is None
    workspace.session.seek(4)
    workspace.actions.accept_between()
    assert "before this one and one after it" in workspace.heard[-1]


def test_one_press_accepts_a_filled_beat_and_one_undo_takes_it_back(workspace, qtbot, beat):
    session = workspace.session
    correct(workspace, 0, 12, 29)
    fill(workspace, qtbot, 5)
    fill(workspace, qtbot, 20)
    before = dict(session.current.status)
    assert filled_frames(session.current) == set(range(30)) - {0, 12, 29}
    for frame in (0, 7, 12, 20, 29):  # wherever one stands in it
        session.seek(frame)
        workspace.actions.accept_between()
        assert set(session.current.status.values()) == {ACCEPTED}
        workspace.undo_stack.undo()
        assert session.current.status == before
    workspace.undo_stack.redo()
    settled(qtbot, workspace)
    with Study.open(workspace.link.connection.target) as study:
        assert {info.status for info in study.frames(beat.content_id).values()} == {ACCEPTED}


def test_rejected_frames_stay_and_do_not_end_the_stretch(workspace, qtbot):
    session = workspace.session
    correct(workspace, 2, 10)
    session.masks.judge("rejected", [6], REJECTED)
    fill(workspace, qtbot, 4)
    workspace.actions.accept_between()
    status = session.current.status
    assert status[6] is REJECTED
    assert {status[t] for t in range(2, 11) if t != 6} == {ACCEPTED}
    assert {status[t] for t in (0, 1, 11, 12)} == {MACHINE}
    assert workspace.heard[-1] == "Accepted: 8 frames, 3 to 11. Left as rejected: frame 7."


def test_what_is_propagated_into_the_open_is_not_accepted_with_it(workspace, qtbot):
    correct(workspace, 3, 6)
    fill(workspace, qtbot, 4)
    fill(workspace, qtbot, 6, deed="propagate")
    session = workspace.session
    assert session.current.status[12] is EDITED
    session.seek(5)
    workspace.actions.accept_between()
    assert session.current.with_status(ACCEPTED) == [3, 4, 5, 6]
    assert session.current.status[12] is EDITED


def test_a_stroke_on_a_filled_frame_makes_it_a_corrected_one_until_undo(workspace, qtbot):
    session = workspace.session
    correct(workspace, 0, 8)
    fill(workspace, qtbot, 4)
    correct(workspace, 5, radius=5)
    assert filled_frames(session.current) == {1, 2, 3, 4, 6, 7}
    workspace.undo_stack.undo()
    assert filled_frames(session.current) == {1, 2, 3, 4, 5, 6, 7}
    workspace.undo_stack.undo()
    assert filled_frames(session.current) == set()


def test_a_frame_that_somebody_else_drew_counts_as_corrected(workspace, qtbot, beat):
    session = workspace.session
    correct(workspace, 0, 8)
    fill(workspace, qtbot, 4)
    session.masks.show_stored({4: (disc(beat.shape, (40, 40), 5), EDITED)})
    assert 4 not in filled_frames(session.current)


def test_a_beat_filled_in_an_earlier_sitting_is_still_one_stretch(make_workspace, workspace, qtbot, beat):
    correct(workspace, 0, 8)
    fill(workspace, qtbot, 4)
    settled(qtbot, workspace)
    workspace.close_down()
    again = make_workspace()
    opened(qtbot, again, beat)
    qtbot.waitUntil(lambda: bool(filled_frames(again.session.current)))
    assert filled_frames(again.session.current) == {1, 2, 3, 4, 5, 6, 7}
    assert span_to_accept(again.session.current, 4) == (0, 8)


def test_interpolation_on_a_corrected_frame_reaches_back_a_beat_and_no_further(workspace, qtbot):
    current = workspace.session.current
    correct(workspace, 0, 12, 29)
    assert gaps_to_fill(current, 29) == ([0, 12, 29], [*range(1, 12), *range(13, 29)])
    assert gaps_to_fill(current, 12) == ([0, 12], list(range(1, 12)))
    assert gaps_to_fill(current, 0) == ([0, 12], list(range(1, 12)))
    assert gaps_to_fill(current, 20) == ([12, 29], list(range(13, 29)))
    long = make_cine(150, seed=3)  # 50 Hz
    opened(qtbot, workspace, long)
    proposals(long, workspace.session)
    correct(workspace, 0, 70, 100)
    sources, frames = gaps_to_fill(workspace.session.current, 100)
    assert sources == [70, 100]
    assert frames == list(range(71, 100))


@pytest.mark.parametrize("deed", ["interpolate", "propagate"])
def test_apply_and_accept_is_one_step(workspace, qtbot, deed):
    session = workspace.session
    correct(workspace, 2, 9)
    before, masks = dict(session.current.status), session.current.labels.data.copy()
    steps = workspace.undo_stack.n_undo
    fill(workspace, qtbot, 2 if deed == "propagate" else 5, accept=True, deed=deed)
    wanted = list(range(2, 10)) if deed == "interpolate" else list(range(2, 9))
    assert session.current.with_status(ACCEPTED) == wanted
    assert workspace.undo_stack.n_undo == steps + 1
    workspace.undo_stack.undo()
    assert session.current.status == before
    np.testing.assert_array_equal(session.current.labels.data, masks)


def test_apply_and_accept_accepts_a_mask_that_is_as_predicted_already(workspace, qtbot):
    session = workspace.session
    same = session.current.mask(4).copy()
    session.masks.show_stored(dict.fromkeys(range(3, 8), (same, MACHINE)))
    session.masks.judge("edited", [2], EDITED)
    with qtbot.waitSignal(workspace.preview.finished):
        workspace.preview.start("Propagation", 2, lambda: iter([(3, same), (4, same)]), made_from=[2])
    workspace.preview.apply(accept=True)
    assert session.current.with_status(ACCEPTED) == [2, 3, 4]


def test_apply_and_accept_leaves_what_a_person_rejected_meanwhile(workspace, qtbot):
    session = workspace.session
    correct(workspace, 2, 9)
    session.seek(5)
    with qtbot.waitSignal(workspace.preview.finished):
        workspace.actions.interpolate()
    session.masks.judge("rejected", [6, 9], REJECTED)
    workspace.preview.apply(accept=True)
    assert session.current.with_status(REJECTED) == [6, 9]
    assert session.current.with_status(ACCEPTED) == [2, 3, 4, 5, 7, 8]
