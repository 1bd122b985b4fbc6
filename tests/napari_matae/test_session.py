from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from matae.cine import Cine
from matae.segment import FrameMask
from matae.store import FrameStatus
from napari_matae.layers import cine_of, image_of
from napari_matae.session import Session

from .conftest import make_cine


@pytest.fixture
def session() -> Session:
    return Session(ViewerModel())


def result(cine: Cine, frame: int, value: int = 1) -> FrameMask:
    mask = np.zeros(cine.shape, np.uint8)
    mask[20:30, 30 : 40 + frame] = value
    return FrameMask(frame, mask, mask * 255, int((mask == 1).sum()))


def test_nothing_open_is_no_error(session):
    session.seek(3)
    session.find_sector()
    session.flip_sector(apex_down=True)
    assert session.frame == 0
    session.begin_run()
    assert not session.receive(result(make_cine(), 0))


def test_other_layers_are_left_alone(session):
    session.viewer.add_image(np.zeros((3, 8, 8), np.uint8))
    assert session.current is None


def test_a_dropped_cine_is_adopted_with_its_spacing_and_sector(session, cine):
    session.viewer.add_layer(image_of(cine))
    current = session.current
    assert current.cine is cine
    assert tuple(current.image.scale) == (1.0, 0.5, 0.25)
    assert current.sector is not None
    assert current.sector_layer in session.viewer.layers
    assert cine_of(current.image) is cine


def test_a_cine_opened_before_the_session_is_found(cine):
    viewer = ViewerModel()
    viewer.add_layer(image_of(cine))
    assert Session(viewer).current.cine is cine


def test_a_new_cine_opens_at_its_first_frame(session, cine):
    session.open(cine)
    session.seek(9)
    session.open(make_cine(5, seed=1))
    assert session.frame == 0
    assert len([x for x in session.viewer.layers if cine_of(x) is not None]) == 1


def test_results_are_written_and_measured(session, cine):
    session.open(cine)
    session.begin_run()
    assert session.receive(result(cine, 3))
    current = session.current
    assert current.area_px[3] == 10 * 13
    assert current.area_mm2[3] == pytest.approx(10 * 13 * 0.125)
    assert np.isnan(current.area_px[4])
    assert not current.edited_frames()


def test_a_frame_being_drawn_in_is_not_overwritten(session, cine):
    session.open(cine)
    session.begin_run()
    session.seek(5)
    session.current.labels.paint((5, 40, 40), 1)
    drawn = session.current.labels.data[5].copy()
    assert not session.receive(result(cine, 5))
    np.testing.assert_array_equal(session.current.labels.data[5], drawn)


def test_a_new_run_keeps_edited_frames_and_what_the_machine_said_of_them(session, cine):
    session.open(cine)
    session.begin_run()
    for t in range(12):
        session.receive(result(cine, t))
    session.seek(4)
    session.current.labels.paint((4, 50, 60), 1)
    edited, proposal = session.current.labels.data[4].copy(), session.current.machine[4].copy()
    assert session.current.edited_frames() == [4]
    session.begin_run()
    assert not session.receive(result(cine, 4))
    np.testing.assert_array_equal(session.current.labels.data[4], edited)
    np.testing.assert_array_equal(session.current.machine[4], proposal)
    assert session.current.edited_frames() == [4]


def test_a_frame_erased_to_nothing_is_an_edit_too(session, cine):
    session.open(cine)
    session.begin_run()
    session.receive(result(cine, 2))
    session.current.labels.data[2] = 0
    session.begin_run()
    assert not session.receive(result(cine, 2))
    assert not session.current.labels.data[2].any()


def test_undo_after_a_new_run_cannot_bring_back_old_proposals(session, cine):
    session.open(cine)
    session.begin_run()
    session.receive(result(cine, 0))
    session.current.labels.paint((0, 50, 60), 1)
    session.current.labels.undo()
    session.begin_run()
    session.receive(result(cine, 0, value=1))
    before = session.current.labels.data.copy()
    session.current.labels.undo()
    session.current.labels.redo()
    np.testing.assert_array_equal(session.current.labels.data, before)


def test_drawing_changes_the_area(session, cine):
    session.open(cine)
    session.begin_run()
    session.receive(result(cine, 0))
    changes = []
    session.area_changed.connect(lambda: changes.append(1))
    before = session.current.area_px[0]
    session.current.labels.paint((0, 55, 10), 1)
    assert session.current.area_px[0] > before
    assert changes
    session.current.labels.undo()
    assert session.current.area_px[0] == before


def test_a_new_run_shows_the_old_masks_until_they_are_replaced(session, cine):
    session.open(cine)
    session.begin_run()
    session.receive(result(cine, 3))
    session.current.labels.paint((0, 50, 60), 1)
    before = session.current.labels.data.copy()
    session.begin_run()
    np.testing.assert_array_equal(session.current.labels.data, before)
    assert session.current.area_px[3] > 0


def test_a_stroke_is_recorded_when_the_frame_is_left(session, cine):
    session.open(cine)
    session.begin_run()
    steps, saved = [], []
    session.stepped.connect(steps.append)
    session.written.connect(lambda frames, note: saved.append((frames, note)))
    session.tool = "brush"
    session.current.labels.paint((0, 50, 60), 1)
    assert not steps
    session.seek(4)
    assert [(step.text, step.frames, step.here) for step in steps] == [("brush", [0], 0)]
    assert saved == [([0], "brush")]
    assert session.current.status == {0: FrameStatus.EDITED}


def test_a_stroke_that_changes_nothing_is_no_step(session, cine):
    session.open(cine)
    session.begin_run()
    session.receive(result(cine, 0))
    steps = []
    session.stepped.connect(steps.append)
    session.current.labels.paint((0, 25, 35), 1)  # inside the mask
    session.settle()
    assert not steps
    assert session.current.status == {0: FrameStatus.MACHINE}


def test_edits_survive_opening_another_cine(session, cine):
    session.open(cine)
    session.begin_run()
    session.current.labels.paint((0, 50, 60), 1)
    labels = session.current.labels
    session.open(make_cine(5, seed=1))
    assert labels in session.viewer.layers
    assert not labels.visible


def test_a_frame_rate_that_was_asked_for_keeps_the_masks(session):
    cine = make_cine(timed=False)
    session.open(cine)
    session.begin_run()
    session.receive(result(cine, 1))
    session.replace_cine(cine.with_frame_rate(40))
    assert session.current.cine.frame_rate == pytest.approx(40)
    assert session.current.area_px[1] > 0
    assert cine_of(session.current.image).frame_rate == pytest.approx(40)


def test_dragging_the_outline_makes_it_the_users(session, cine):
    session.open(cine)
    session.current.sector_layer.data = [np.array([[5, 5], [5, 70], [50, 70], [50, 5]], float)]
    assert session.current.sector.source == "user"
    box = session.current.sector.box(cine.shape)
    assert (box.y0, box.x0, box.y1, box.x1) == (5, 5, 51, 71)
    session.find_sector()
    assert session.current.sector.source != "user"


def test_an_outline_dragged_to_nothing_leaves_the_last_sound_one(session, cine):
    session.open(cine)
    sound = session.current.sector
    session.current.sector_layer.data = [np.array([[5, 5], [5, 6], [6, 6]], float)]
    assert session.current.sector is sound


@pytest.mark.parametrize("which", ["image", "labels", "sector_layer"])
def test_deleting_a_layer_is_followed(session, cine, which):
    session.open(cine)
    session.begin_run()
    session.viewer.layers.remove(getattr(session.current, which))
    if which == "image":
        assert session.current is None
    else:
        assert getattr(session.current, which) is None
        session.find_sector()
        session.begin_run()
        assert session.receive(result(cine, 1))
