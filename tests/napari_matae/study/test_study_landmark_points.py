"""Handles a person dragged: stored, brought back, measured with, and gone when another tool changes the mask."""

from __future__ import annotations

import numpy as np
import pytest

from matae.errors import MeasureError
from matae.measure import Landmarks, landmarks
from matae.store import Landmark, LandmarkSet, Study
from napari_matae.background.connections import end_owned
from napari_matae.measure.live_measurement import LiveMeasurement
from napari_matae.study.landmarks import from_stored, to_points

from ..conftest import make_cine, opened, proposals, settled
from ..measure.measure_makers import show_masks, two_beats

FULL = {"apex": Landmark(1, 2), "left": Landmark(9, 0), "right": Landmark(9, 5)}


@pytest.mark.parametrize(
    "stored",
    [
        None,
        LandmarkSet({}, 1, "anna"),
        LandmarkSet(FULL, 1, ""),
    ],
    ids=["nothing", "taken away", "a model's"],
)
def test_what_no_person_placed_is_none(stored):
    assert from_stored(stored) is None


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ({**FULL, "right": FULL["left"], "apex": FULL["left"]}, "lie on each other"),
        ({"apex": FULL["apex"], "left": FULL["left"]}, "landmark right is missing"),
    ],
    ids=["one point", "no right"],
)
def test_what_is_no_landmarks_is_not_taken_for_none(points, sentence):
    with pytest.raises(MeasureError, match=sentence):
        from_stored(LandmarkSet(points, 1, "anna"))


def test_they_go_to_the_study_and_back_unchanged():
    placed = Landmarks((1.25, 2.5), (9.1, 0.3), (9.7, 5.2), by_hand=True)
    points = {name: Landmark(*point) for name, point in to_points(placed).items()}
    assert from_stored(LandmarkSet(points, 1, "anna")) == placed
    assert to_points(None) == {}


def drag(workspace, by: float) -> np.ndarray:
    """Drag the apex up, as the mouse does, and return where the handles are then."""
    handles = workspace.tools.handles
    apex = handles.positions[0]
    shape = handles._begin(apex)
    workspace.session.paint.stroking = True
    for part in (0.4, 1.0):
        workspace.session.masks.draw(workspace.session.frame, shape(apex - np.array([part * by, 0])))
    workspace.session.paint.stroking = False
    workspace.session.settle()
    handles._dragging.ended.emit(workspace.session.frame)
    return handles.positions.copy()


def stored(tmp_path, cine):
    with Study.open(tmp_path / "study.sqlite") as study:
        return {t: from_stored(points) for t, points in study.landmarks(cine.content_id).items()}


def test_a_dragged_handle_is_stored_and_comes_back(make_workspace, qtbot, tmp_path, cine):
    first = make_workspace()
    opened(qtbot, first, cine)
    proposals(cine, first.session)
    first.session.seek(2)
    first.tools.choose("handles")
    before = first.tools.handles.positions.copy()
    where = drag(first, 6)
    assert where[0, 0] == pytest.approx(before[0, 0] - 6)
    np.testing.assert_array_equal(where[1:], before[1:])
    settled(qtbot, first)
    assert set(stored(tmp_path, cine)) == {2}  # only where a person placed them
    np.testing.assert_array_equal(stored(tmp_path, cine)[2].as_array(), where)
    first.close_down()

    second = make_workspace()
    opened(qtbot, second, make_cine())
    second.session.seek(2)
    second.tools.choose("handles")
    np.testing.assert_array_equal(second.tools.handles.positions, where)
    settled(qtbot, second)
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.landmarks(cine.content_id)[2].revision == 1  # opening it again stores nothing


def test_another_tool_takes_them_away_and_undo_brings_them_back(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    workspace.session.seek(2)
    workspace.tools.choose("handles")
    where = drag(workspace, 6)
    mask = workspace.session.current.mask(2).copy()
    mask[26:34, 20:30] = 1
    workspace.session.masks.change("brush", {2: mask})
    found = landmarks(mask, cine.spacing, label=1)
    np.testing.assert_array_equal(workspace.tools.handles.positions, found.as_array())
    settled(qtbot, workspace)
    assert stored(tmp_path, cine) == {}
    workspace.undo_stack.undo()
    np.testing.assert_array_equal(workspace.tools.handles.positions, where)
    settled(qtbot, workspace)
    np.testing.assert_array_equal(stored(tmp_path, cine)[2].as_array(), where)
    workspace.undo_stack.undo()  # the drag itself
    settled(qtbot, workspace)
    assert stored(tmp_path, cine) == {}


def test_the_other_viewer_sees_them(make_workspace, qtbot, cine):
    anna, ben = make_workspace(rater="anna"), make_workspace(rater="ben")
    opened(qtbot, anna, cine)
    proposals(cine, anna.session)
    settled(qtbot, anna)
    opened(qtbot, ben, make_cine())
    anna.session.seek(2)
    anna.tools.choose("handles")
    where = drag(anna, 6)
    settled(qtbot, anna)
    ben.link.watcher.poll()
    qtbot.waitUntil(lambda: ben.session.current.placed(2) is not None, timeout=60_000)
    np.testing.assert_array_equal(ben.session.current.placed(2).as_array(), where)


def test_the_measurement_follows_a_handle_and_starts_with_it_the_next_time(make_workspace, qtbot):
    cine, masks = two_beats()
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    measuring = LiveMeasurement(workspace.session)
    measuring.active = True
    qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running, timeout=60_000)
    ed = measuring.measurement.ed_frame
    workspace.session.seek(ed)
    workspace.tools.choose("handles")
    where = drag(workspace, 3)
    assert measuring.measurement.landmarks(ed).by_hand
    np.testing.assert_array_equal(measuring.measurement.landmarks(ed).as_array(), where)
    end_owned(measuring)
    settled(qtbot, workspace)
    workspace.close_down()

    again = make_workspace()
    opened(qtbot, again, two_beats()[0])
    measuring = LiveMeasurement(again.session)
    measuring.active = True
    qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running, timeout=60_000)
    np.testing.assert_array_equal(measuring.measurement.landmarks(ed).as_array(), where)
    end_owned(measuring)
