"""What a measurement depends on is changed while it is being made: it is made anew."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from matae.cine import Spacing
from matae.measure import measure_cine
from matae.measure.run import sector_pixels
from matae.store import Landmark, OverrideName, Study
from matae.store.types import FrameStatus
from napari_matae.background.connections import end_owned
from napari_matae.measure.live_measurement import LiveMeasurement
from napari_matae.session.undo_stack import UndoStack
from napari_matae.study.landmarks import UNREADABLE

from ..conftest import opened, settled
from .measure_makers import show_masks, two_beats

pytestmark = pytest.mark.gui


@pytest.fixture
def measuring_of(qtbot):
    made = []

    def make(session) -> LiveMeasurement:
        measuring = LiveMeasurement(session)
        made.append(measuring)
        measuring.active = True
        return measuring

    yield make
    for measuring in made:
        end_owned(measuring)


def measured(qtbot, measuring):
    qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running, timeout=60_000)
    return measuring.measurement


@pytest.fixture
def running(qtbot, session, measuring_of):
    """Return a session and its measuring, in the middle of the first measurement."""
    cine, masks = two_beats()
    session.open(replace(cine, frame_times=None, view=None))
    show_masks(session, masks)
    measuring = measuring_of(session)
    qtbot.waitUntil(lambda: measuring.is_running, timeout=60_000)
    assert measuring.measurement is None
    return session, measuring


def test_turned_upside_down_during_the_first_measurement(running, qtbot):
    session, measuring = running
    session.sector.flip(apex_down=True)
    found = measured(qtbot, measuring)
    assert found.inputs.options.apex_down
    cine, masks = two_beats()
    sector = sector_pixels(session.current.sector, cine.shape)
    expected = measure_cine(session.current.cine, masks, replace(found.inputs.options, apex_down=True), sector=sector)
    assert found.length == pytest.approx(expected.length, nan_ok=True)


def test_an_outline_drawn_during_the_first_measurement(running, qtbot):
    session, measuring = running
    outline = np.array([[5, 5], [5, 90], [80, 90], [80, 5]], float)
    session.current.sector_layer.data = [outline]
    found = measured(qtbot, measuring)
    np.testing.assert_array_equal(
        found.inputs.sector, sector_pixels(session.current.sector, session.current.cine.shape)
    )
    assert not found.inputs.sector[:4].any()


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        (OverrideName.SPACING, Spacing(0.5, 0.5), lambda found: found.inputs.cine.spacing),
        (OverrideName.VIEW, "A2C", lambda found: found.view),
        (OverrideName.FRAME_RATE, 42.0, lambda found: found.frame_rate),
    ],
)
def test_anything_else_set_during_the_first_measurement(running, qtbot, name, value, read):
    session, measuring = running
    session.overrides.apply(name, value)
    assert read(measured(qtbot, measuring)) == pytest.approx(value)


def test_body_size_is_in_the_numbers_at_once_and_nothing_is_outlined_again(qtbot, session, measuring_of):
    cine, masks = two_beats()
    session.open(cine)
    show_masks(session, masks)
    measuring = measuring_of(session)
    before = measured(qtbot, measuring)
    assert before.person.body_surface_m2 is None
    session.overrides.apply(OverrideName.HEIGHT, 170.0)
    session.overrides.apply(OverrideName.WEIGHT, 70.0)
    assert not measuring.is_running
    after = measuring.measurement
    assert after is not None
    assert after.person.body_surface_m2 == pytest.approx(1.8097, abs=1e-3)
    assert after.beats is before.beats
    assert after.ef.value == before.ef.value
    session.overrides.apply(OverrideName.VIEW, "A2C")  # which is measured anew
    assert measuring.measurement is None
    again = measured(qtbot, measuring)
    assert (again.view, again.person) == ("A2C", after.person)


def test_a_landmark_placed_during_the_first_measurement_counts(running, qtbot):
    session, measuring = running
    current = session.current
    points = measure_cine(current.cine, two_beats()[1]).landmarks(4)
    current.by_hand[4] = {current.digest(4): replace(points, apex=(points.apex[0] + 2, points.apex[1]), by_hand=True)}
    session.placed.emit(4)
    qtbot.waitUntil(
        lambda: measuring.measurement is not None and measuring.measurement.landmarks(4).by_hand, timeout=60_000
    )
    assert measuring.measurement.landmarks(4).apex[0] == pytest.approx(points.apex[0] + 2)


def test_a_stroke_and_an_acceptance_that_are_taken_back_leave_the_interval_as_it_was(qtbot, session, measuring_of):
    cine, masks = two_beats()
    session.open(cine)
    show_masks(session, masks)
    session.current.implied[:] = 0.95
    measuring = measuring_of(session)
    undo = UndoStack(session)
    before = measured(qtbot, measuring)
    frame = before.ed_frame
    assert before.ef.judged
    assert before.ef.reader_sd == 0
    for change in (
        lambda: session.masks.change("shift", {frame: np.roll(session.current.mask(frame), 2, 1)}),
        lambda: session.masks.judge("accepted", [frame], FrameStatus.ACCEPTED),
    ):
        change()
        qtbot.waitUntil(lambda: measuring.measurement.ef.reader_sd > 0, timeout=20_000)
        assert np.isnan(measuring.measurement.expected[frame])
        undo.undo()
        qtbot.waitUntil(lambda: measuring.measurement.ef == before.ef, timeout=20_000)
    end_owned(undo)


def test_a_cine_whose_sector_is_not_found_yet_is_not_measured(qtbot, measuring_of):
    from napari.components import ViewerModel

    from matae.segment import find_sector
    from napari_matae.session.layers import image_of
    from napari_matae.session.session import Session

    cine, masks = two_beats()
    session = Session(ViewerModel(), finds_sectors=False)
    session.viewer.add_layer(image_of(cine))
    show_masks(session, masks)
    measuring = measuring_of(session)
    measuring._follow()
    assert not measuring.is_running
    session.sector.take(replace(find_sector(cine), apex_down=True))
    assert measured(qtbot, measuring).inputs.options.apex_down


def test_stored_landmarks_that_cannot_be_read_are_said_with_the_numbers(make_workspace, measuring_of, qtbot, tmp_path):
    cine, masks = two_beats()
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite", rater="bea") as study:
        study.set_landmarks(cine.content_id, 4, {"apex": Landmark(20, 50), "left": Landmark(60, 40)})
    workspace.close_down()
    again = make_workspace()
    opened(qtbot, again, cine)
    measuring = measuring_of(again.session)
    found = measured(qtbot, measuring)
    flag = next(flag for flag in found.flags if flag.code == UNREADABLE)
    assert flag.frames == (4,)
    assert "frame 5" in flag.text
    again.session.seek(4)
    again.tools.choose("handles")
    again.session.current.by_hand[4] = {again.session.current.digest(4): replace(found.landmarks(4), by_hand=True)}
    again.session.placed.emit(4)
    qtbot.waitUntil(lambda: measuring.measurement is not found and not measuring.is_running, timeout=60_000)
    assert UNREADABLE not in {flag.code for flag in measured(qtbot, measuring).flags}


def test_report_and_rows_are_of_the_landmarks_a_person_placed(make_workspace, measuring_of, qtbot, tmp_path):
    from napari_matae.measure.report_button import ReportButton

    cine, masks = two_beats()
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    settled(qtbot, workspace)
    measuring = measuring_of(workspace.session)
    button = ReportButton(measuring)
    qtbot.addWidget(button, before_close_func=lambda _: end_owned(button))
    first = measured(qtbot, measuring)
    ed, current = first.ed_frame, workspace.session.current
    points = first.landmarks(ed)
    placed = replace(points, apex=(points.apex[0] + 6, points.apex[1]), by_hand=True)
    current.by_hand[ed] = {current.digest(ed): placed}
    workspace.session.placed.emit(ed)
    assert measuring.measurement.landmarks(ed) == placed
    with qtbot.waitSignal(button.finished, timeout=60_000) as ended:
        button.save(tmp_path / "beats.csv")
    assert ended.args == [True]
    rows = list(csv.DictReader((tmp_path / "beats.csv").read_text().splitlines()))
    row = next(row for row in rows if int(row["ed_frame"]) == ed)
    after = next(values for values in measuring.measurement.beats if values.beat.ed == ed)
    before = next(values for values in first.beats if values.beat.ed == ed)
    assert float(row["edv_ml"]) == pytest.approx(after.volumes.edv, abs=0.01)
    assert abs(after.volumes.edv - before.volumes.edv) > 0.1


def test_outlines_set_one_after_the_other_are_measured_once_when_they_rest(running, qtbot, monkeypatch):
    session, measuring = running
    before, began = measured(qtbot, measuring), []
    real = measuring._worker.start
    monkeypatch.setattr(measuring._worker, "start", lambda *given: began.append(given) or real(*given))
    told = []
    measuring.changed.connect(lambda: told.append(measuring.measurement))
    for edge in (70.0, 75.0, 80.0):
        session.overrides.apply(OverrideName.SECTOR, ((5.0, 5.0), (5.0, 90.0), (edge, 90.0), (edge, 5.0)))
        assert measuring.is_running  # about to be
        assert measuring.measurement is None  # nobody takes the numbers of the outline before for those of this one
    assert not told  # the frame on screen comes first
    assert not began
    found = measured(qtbot, measuring)
    assert found is not before
    assert told[0] is None
    assert len(began) == 1
    np.testing.assert_array_equal(
        found.inputs.sector, sector_pixels(session.current.sector, session.current.cine.shape)
    )
