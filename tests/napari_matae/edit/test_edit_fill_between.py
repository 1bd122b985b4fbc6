"""Filling between two corrected frames in the viewer: shown first, its uncertain border hatched, never a key."""

from __future__ import annotations

import numpy as np

from matae.store import FrameStatus
from napari_matae.edit.overlay_layer import hatched
from napari_matae.edit.stretches import filled_frames

from ..conftest import disc, make_cine, proposals

BORDER = "Uncertain border of the preview"


def border_of(workspace):
    return next((layer for layer in workspace.viewer.layers if layer.name == BORDER), None)


def test_a_hatching_shows_what_is_wider_than_the_raster_and_is_not_solid():
    assert not hatched(np.zeros((9, 9), bool)).any()
    thin = np.zeros((20, 20), bool)
    thin[10] = True  # two outlines a pixel apart
    assert not hatched(thin).any()
    thin[10:13, 5:9] = True
    shown = hatched(thin)
    assert shown[8:15, 3:11].any()
    assert not shown[:, 14:].any()
    assert not shown[8:15, 3:11].all()


def test_without_a_clip_or_with_one_corrected_frame_nothing_is_offered(make_workspace):
    workspace = make_workspace(None)
    workspace.actions.fill_between()
    cine = make_cine(8)
    workspace.session.open(cine)
    proposals(cine, workspace.session)
    heard = []
    workspace.said.connect(heard.append)
    workspace.session.masks.change("drawing", {2: disc(cine.shape, (25, 35), 8)})
    workspace.actions.fill_between()
    assert heard[-1] == "Correct a frame before this one and one after it first: those between are filled."
    assert not workspace.preview.is_open


def test_what_is_filled_is_offered_with_its_uncertain_border_and_is_no_key(make_workspace, qtbot):
    workspace = make_workspace(None)
    session, cine = workspace.session, make_cine(10)
    session.open(cine)
    proposals(cine, session)
    for frame, radius in ((2, 6), (7, 13)):
        session.masks.change("drawing", {frame: disc(cine.shape, (25, 35), radius)})
    session.seek(4)
    before = session.current.labels.data.copy()
    with qtbot.waitSignal(workspace.preview.finished, timeout=60_000):
        workspace.actions.fill_between()
    assert workspace.preview.offered == [3, 4, 5, 6]
    np.testing.assert_array_equal(session.current.labels.data, before)
    border = border_of(workspace)
    assert border.visible
    assert border.contour == 0
    assert not border.editable
    assert np.asarray(border.data[4]).any()
    assert not np.asarray(border.data[2]).any()
    workspace.preview.discard()
    assert not border.visible
    with qtbot.waitSignal(workspace.preview.finished, timeout=60_000):
        workspace.actions.fill_between()
    assert border_of(workspace).visible
    workspace.preview.apply()
    assert not border_of(workspace).visible
    assert workspace.undo_stack.undo_text == "filling"
    assert filled_frames(session.current) == {3, 4, 5, 6}
    assert all(session.current.status[t] is FrameStatus.EDITED for t in (3, 4, 5, 6))
    # Interpolation has no uncertain border: what the last preview hatched is not shown with it.
    workspace.undo_stack.undo()
    with qtbot.waitSignal(workspace.preview.finished, timeout=60_000):
        workspace.actions.interpolate()
    assert not border_of(workspace).visible
