"""Two B-mode pictures in one frame, in the dock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matae.cine import B_MODE, Box, Cine, Region, Spacing
from napari_matae.background.connections import end_owned
from napari_matae.segment.sector_controls import SectorControls

from ..conftest import opened

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from napari_matae.session.session import Session

NOTE = "From the 2-D tissue region of the ultrasound calibration."
LEFT, RIGHT = Box(10, 10, 110, 110), Box(10, 130, 110, 230)


@pytest.fixture
def dual() -> Cine:
    rng = np.random.default_rng(0)
    frames = np.zeros((6, 120, 240), np.uint8)
    for y0, x0, y1, x1 in (LEFT, RIGHT):
        frames[:, y0:y1, x0:x1] = rng.integers(0, 200, (6, y1 - y0, x1 - x0), dtype=np.uint8)
    regions = (
        Region(B_MODE, LEFT, Spacing(1.0, 1.0), NOTE),
        Region(B_MODE, RIGHT, Spacing(0.5, 0.5), NOTE),
    )
    return Cine(frames, None, None, Path("dual.dcm"), regions=regions)


def test_no_choice_where_there_is_one_picture(qtbot: QtBot, session: Session, dual: Cine) -> None:
    controls = SectorControls(session)
    qtbot.addWidget(controls)
    session.open(Cine(dual.frames, None, None, Path("plain.avi")))
    assert controls.region.isHidden()
    end_owned(controls)


def test_picture_is_chosen_and_its_scale_taken(qtbot: QtBot, session: Session, dual: Cine) -> None:
    controls = SectorControls(session)
    qtbot.addWidget(controls)
    session.open(dual)
    assert controls.region.count() == 2
    assert not controls.region.isHidden()
    for index, box, size in ((1, RIGHT, 0.5), (0, LEFT, 1.0)):
        controls.region.activated.emit(index)
        current = session.current
        assert current is not None
        assert (current.cine.region, current.cine.spacing) == (box, Spacing(size, size))
        assert current.sector is not None
        assert current.sector.box(dual.shape) == box
        assert tuple(current.image.scale) == (1.0, size, size)
        assert controls.region.currentIndex() == index
    end_owned(controls)


def test_which_way_up_a_chosen_picture_is_goes_with_its_sector(session: Session) -> None:
    frames = np.zeros((6, 120, 240), np.uint8)
    rows, columns = np.mgrid[:100, :100]
    fan = (np.hypot(rows - 2, columns - 50) < 95) & (np.abs(columns - 50) < 0.6 * (rows - 2))
    speckle = np.random.default_rng(0).integers(40, 200, (6, 100, 100), dtype=np.uint8) * fan
    frames[:, 10:110, 10:110], frames[:, 10:110, 130:230] = speckle, speckle[:, ::-1]
    regions = tuple(Region(B_MODE, box, Spacing(1.0, 1.0), NOTE) for box in (LEFT, RIGHT))
    session.open(Cine(frames, None, None, Path("dual.dcm"), regions=regions))
    current = session.current
    assert current is not None
    for number, down in ((1, False), (2, True), (1, False), (2, True)):
        session.sector.choose_region(number)
        assert current.sector is not None
        assert (not current.sector.is_unsure, current.sector.apex_down) == (True, down)
    session.sector.flip(apex_down=False)  # a person knows better, of the picture that is shown
    assert not current.sector.apex_down


def test_scale_follows_a_sector_that_is_dragged(session: Session, dual: Cine) -> None:
    session.open(dual)
    current = session.current
    assert current is not None
    for box, size in ((LEFT, 1.0), (RIGHT, 0.5)):
        scale = current.cine.pixel_aspect
        corners = np.array([[box.y0, box.x0], [box.y0, box.x1], [box.y1, box.x1], [box.y1, box.x0]], float)
        assert current.sector_layer is not None
        current.sector_layer.data = [corners]
        assert current.cine.spacing == Spacing(size, size)
        assert tuple(current.sector_layer.scale) == (size, size)
        assert scale is not None


def test_a_chosen_picture_is_looked_at_off_the_gui_thread(
    make_workspace, qtbot, dual, opens_with_a_sector, monkeypatch
):
    """Neither opening a cine without a sector nor choosing a picture finds one in the GUI thread."""
    import threading

    import matae.segment

    found_in = []
    real = matae.segment.find_sector

    def watched(cine):
        found_in.append(threading.current_thread() is threading.main_thread())
        return real(cine)

    monkeypatch.setattr(matae.segment, "find_sector", watched)
    workspace = make_workspace()
    opens_with_a_sector(workspace.session, dual)
    assert workspace.session.current.sector is None  # it is being looked for
    qtbot.waitUntil(lambda: workspace.session.current.sector is not None)
    qtbot.waitUntil(lambda: workspace.session.current.ready)
    workspace.session.sector.choose_region(1)
    workspace.session.sector.choose_region(2)  # the later choice counts
    qtbot.waitUntil(lambda: workspace.session.current.cine.spacing == Spacing(0.5, 0.5))
    assert workspace.session.current.sector.box(dual.shape) == RIGHT
    assert workspace.session.current.sector.source == "user"
    assert found_in
    assert not any(found_in)


def test_a_picture_without_a_sector_is_said(make_workspace, qtbot, dual, monkeypatch):
    from matae.errors import SegmentError

    workspace = make_workspace()
    workspace.session.open(dual)
    qtbot.waitUntil(lambda: workspace.session.current.ready)
    before = workspace.session.current.sector

    def fails(_):
        raise SegmentError("There is no picture; choose another.")

    monkeypatch.setattr("matae.segment.find_sector", fails)
    with qtbot.waitSignal(workspace.said) as said:
        workspace.session.sector.choose_region(2)
    assert "There is no picture; choose another." in said.args[0]
    assert workspace.session.current.sector is before


def test_a_chosen_picture_whose_sector_is_unsure_is_said_and_stays_unsure(make_workspace, qtbot, dual):
    from dataclasses import replace

    frames = dual.frames.copy()
    frames[:, RIGHT.y0 : RIGHT.y1, RIGHT.x0 : RIGHT.x1] = 0
    workspace = make_workspace()
    opened(qtbot, workspace, replace(dual, frames=frames))
    with qtbot.waitSignal(workspace.said, check_params_cb=lambda text: "not found for sure" in text) as said:
        workspace.session.sector.choose_region(2)
    assert "all of the file's region is used" in said.args[0]
    assert workspace.session.current.sector.is_unsure
    assert workspace.session.current.sector.box(dual.shape) == RIGHT
    workspace.close_down()
    again = make_workspace()
    controls = SectorControls(again.session)
    qtbot.addWidget(controls)
    opened(qtbot, again, replace(dual, frames=frames))
    assert again.session.current.sector.is_unsure
    assert again.session.current.sector.box(dual.shape) == RIGHT
    assert controls.text.text() == "Sector: not found for sure, all of the file's region is used."
    layer = again.session.current.sector_layer
    layer.data = [np.array(layer.data[0]) * [1.0, 0.95]]
    assert controls.text.text() == "Sector: drawn by hand."
    end_owned(controls)


def test_another_cine_opened_meanwhile_keeps_its_own_sector(make_workspace, qtbot, dual, cine):
    workspace = make_workspace()
    workspace.session.open(dual)
    workspace.session.sector.choose_region(2)
    workspace.session.open(cine)
    qtbot.waitUntil(lambda: workspace.session.current.ready)
    assert not workspace.sector_finder._region_worker.is_running
    assert workspace.session.current.sector.source != "user"
