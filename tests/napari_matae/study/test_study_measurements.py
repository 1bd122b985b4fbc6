"""What is measured goes into the study, once it is calm, with the masks it was made from."""

from __future__ import annotations

import pytest

from matae.store import FrameStatus, Study
from napari_matae.background.connections import end_owned
from napari_matae.measure.live_measurement import LiveMeasurement
from napari_matae.study.measurements import StudyMeasurements

from ..conftest import disc, opened, settled
from ..measure.measure_makers import show_masks, two_beats


@pytest.fixture
def measuring(make_workspace, qtbot):
    workspace = make_workspace()
    made = LiveMeasurement(workspace.session)
    made.workspace, made.keeper = workspace, StudyMeasurements(workspace.link)
    made.changed.connect(lambda: made.keeper.note(made.measurement if made.active else None))
    qtbot.waitUntil(lambda: bool(workspace.link.connection.name))
    yield made
    end_owned(made.keeper)
    end_owned(made)


def stored(measuring):
    with Study.open(measuring.workspace.link.connection.target) as study:
        rows = study.worklist()
    return rows[0].measurement if rows else None


def test_nothing_open_stores_nothing(measuring):
    measuring.keeper.note(None)
    measuring.keeper.save()
    assert stored(measuring) is None


def test_the_measurement_on_screen_is_stored_follows_the_hand_and_grows_old(measuring, qtbot):
    workspace = measuring.workspace
    cine, masks = two_beats()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    settled(qtbot, workspace)
    assert stored(measuring) is None  # nobody looked at the numbers
    measuring.active = True
    qtbot.waitUntil(lambda: stored(measuring) is not None)
    found = stored(measuring)
    assert found.ef == pytest.approx(measuring.measurement.ef.value)
    assert (found.ed_frame, found.es_frame) == (measuring.measurement.ed_frame, measuring.measurement.es_frame)
    assert (found.rater, found.stale) == ("anna", False)
    workspace.session.masks.change("brush", {found.es_frame: disc(cine.shape, (50, 56), 30)})
    settled(qtbot, workspace)
    qtbot.waitUntil(lambda: stored(measuring).ef == pytest.approx(measuring.measurement.ef.value))
    qtbot.waitUntil(lambda: not stored(measuring).stale)
    assert stored(measuring).ef != pytest.approx(found.ef)
    measuring.active = False
    workspace.session.masks.judge("accepted", [1], FrameStatus.ACCEPTED)
    settled(qtbot, workspace)
    assert not stored(measuring).stale
    workspace.session.masks.change("brush", {2: disc(cine.shape, (50, 56), 9)})
    settled(qtbot, workspace)
    assert stored(measuring).stale
