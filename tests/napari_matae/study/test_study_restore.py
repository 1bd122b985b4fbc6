"""A cine the study knows: as it was left, with its steps, and never under labels of other pixels."""

from __future__ import annotations

import numpy as np

from matae.store import FrameStatus, Study

from ..conftest import disc, make_cine, opened, paint, proposals, settled


def test_a_cine_opened_again_is_as_it_was_left(make_workspace, qtbot, cine):
    first = make_workspace()
    opened(qtbot, first, cine)
    proposals(cine, first.session)
    paint(first, 2)
    paint(first, 4)
    first.actions.go_on = False
    first.actions.accept()
    first.session.seek(6)
    first.actions.reject()
    first.actions.mark("ed")
    first.link.spend(2, 7.0)
    paint(first, 2, (10, 10))
    first.session.seek(9)
    masks, status = first.session.current.labels.data.copy(), dict(first.session.current.status)
    first.close_down()

    second = make_workspace()
    opened(qtbot, second, make_cine())  # the same pixels, read again
    current = second.session.current
    np.testing.assert_array_equal(current.labels.data, masks)
    assert current.status == status
    assert second.session.frame == 9
    assert current.ed == 6
    assert current.seconds[2] >= 7.0
    assert current.run["model"] == "disc"
    assert current.proposed == set(range(12))
    assert np.isfinite(current.area_px).all()
    assert not np.array_equal(current.machine[2], masks[2])


def test_undo_reaches_back_into_the_sitting_before(make_workspace, qtbot, cine):
    first = make_workspace()
    opened(qtbot, first, cine)
    proposals(cine, first.session)
    start = first.session.current.labels.data.copy()
    paint(first, 2)
    one = first.session.current.labels.data.copy()
    paint(first, 5)
    first.session.masks.change("interpolation", {t: disc(cine.shape, (20, 20), 6) for t in (7, 8)})
    first.undo_stack.undo()
    first.undo_stack.undo()
    first.close_down()

    second = make_workspace()
    opened(qtbot, second, make_cine())
    qtbot.waitUntil(lambda: second.undo_stack.n_undo > 0, timeout=60_000)
    assert second.undo_stack.n_undo == 1  # what was undone then is not undone again
    np.testing.assert_array_equal(second.session.current.labels.data, one)
    second.session.seek(11)
    second.undo_stack.undo()
    np.testing.assert_array_equal(second.session.current.labels.data, start)
    assert second.session.frame == 2
    assert second.session.current.status[2] is FrameStatus.MACHINE
    settled(qtbot, second)


def test_a_cine_whose_pixels_changed_is_not_saved_under_the_old_labels(make_workspace, qtbot, cine):
    first = make_workspace()
    opened(qtbot, first, cine)
    first.session.masks.ensure_labels()
    paint(first, 3)
    settled(qtbot, first)
    first.close_down()
    second = make_workspace()
    changed = make_cine()
    changed.frames[0, 0, 0] += 1
    opened(qtbot, second, changed)
    assert second.link.state == "unsaved"
    assert "other pixels" in second.link.connection.problem
    assert second.session.current.labels is None
    opened(qtbot, second, make_cine())  # the old one is as it was
    assert second.session.current.status == {3: FrameStatus.EDITED}
    assert second.link.connection.problem == ""


def test_a_deleted_layer_comes_back_with_a_persons_frames_when_the_model_is_run(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    paint(workspace, 3)
    drawn = workspace.session.current.mask(3).copy()
    settled(qtbot, workspace)
    workspace.viewer.layers.remove(workspace.session.current.labels)
    proposals(cine, workspace.session, centre=(25, 30))
    qtbot.waitUntil(lambda: workspace.session.current.ready, timeout=60_000)
    settled(qtbot, workspace)
    np.testing.assert_array_equal(workspace.session.current.mask(3), drawn)
    assert workspace.session.current.with_status(FrameStatus.EDITED) == [3]
    with Study.open(tmp_path / "study.sqlite") as study:
        np.testing.assert_array_equal(study.mask(cine.content_id, 3), drawn)
