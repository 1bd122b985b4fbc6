"""The sector's outline: dragged, dragged to nothing, and found anew."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matae.segment import FrameMask
from matae.store.types import OverrideName
from napari_matae.background.connections import end_owned
from napari_matae.segment.sector_controls import SectorControls
from napari_matae.session import sector_outline
from napari_matae.session.layers import sector_polygon
from napari_matae.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTLINE = ((5.0, 5.0), (5.0, 70.0), (50.0, 70.0), (50.0, 5.0))


@pytest.fixture(autouse=True)
def soon(monkeypatch) -> None:
    """What comes late comes soon here."""
    monkeypatch.setattr(sector_outline, "_LATER_MS", 50)


def test_dragging_the_outline_makes_it_the_users(session, cine):
    session.open(cine)
    session.current.sector_layer.data = [np.array([[5, 5], [5, 70], [50, 70], [50, 5]], float)]
    assert session.current.sector.source == "user"
    box = session.current.sector.box(cine.shape)
    assert (box.y0, box.x0, box.y1, box.x1) == (5, 5, 51, 71)
    session.sector.find()
    assert session.current.sector.source != "user"


def test_an_outline_dragged_to_nothing_leaves_the_last_sound_one(session, cine):
    session.open(cine)
    sound = session.current.sector
    session.current.sector_layer.data = [np.array([[5, 5], [5, 6], [6, 6]], float)]
    assert session.current.sector is sound


def test_the_outline_is_followed_after_the_masks_were_deleted(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.viewer.layers.remove(session.current.labels)
    session.current.sector_layer.data = [np.array([[5, 5], [5, 70], [50, 70], [50, 5]], float)]
    assert session.current.sector.source == "user"


def test_the_outline_of_the_first_cine_may_come_after_its_picture(session, cine, qtbot, monkeypatch):
    made_in, real = [], sector_outline.make_sector_layer
    monkeypatch.setattr(
        sector_outline, "make_sector_layer", lambda *a: (made_in.append(threading.current_thread()), real(*a))[1]
    )
    session.sector.let_picture_come_first()
    session.open(cine)
    current = session.current
    assert current.sector is not None
    assert current.sector_layer is None
    assert made_in == []  # the picture is drawn first
    qtbot.waitUntil(lambda: current.sector_layer is not None)
    elsewhere, here = made_in  # what napari loads for the first of a process is loaded where no window waits for it
    assert elsewhere is not threading.main_thread()
    assert here is threading.main_thread()
    assert session.viewer.layers.selection.active is current.image
    current.sector_layer.data = [np.array([[5, 5], [5, 70], [50, 70], [50, 5]], float)]
    assert current.sector.source == "user"


def test_an_outline_that_comes_late_is_not_put_on_another_cine(session, cine, qtbot):
    session.sector.let_picture_come_first()
    first = session.open(cine)
    second = session.open(replace(cine, frames=cine.frames[::-1].copy()))
    assert second.sector_layer is None  # the window would not answer while that is drawn for the first time
    qtbot.waitUntil(lambda: second.sector_layer is not None)
    assert first.sector_layer is None
    assert sum(layer.name.startswith("Sector") for layer in session.viewer.layers) == 1
    third = session.open(replace(cine, frames=cine.frames[::-1].copy()))
    assert third.sector_layer is not None  # all is loaded by now


@pytest.fixture
def held(monkeypatch) -> Iterator[threading.Event]:
    """Hold the thread that loads what draws an outline, until the event that is returned is set."""
    go, real = threading.Event(), sector_outline.make_sector_layer

    def make(*given):
        if threading.current_thread() is not threading.main_thread():
            go.wait(60)
        return real(*given)

    monkeypatch.setattr(sector_outline, "make_sector_layer", make)
    yield go
    go.set()


def test_while_an_outline_is_to_come_another_sector_does_not_bring_it_and_it_lies_under_the_masks(
    session, cine, qtbot, held
):
    session.sector.let_picture_come_first()
    current = session.open(cine)
    qtbot.waitUntil(lambda: session.sector._first is not None)
    session.masks.begin_run()  # the click comes at once
    session.overrides.apply(OverrideName.SECTOR, OUTLINE)
    assert current.sector_layer is None
    held.set()
    qtbot.waitUntil(lambda: current.sector_layer is not None)
    assert list(session.viewer.layers) == [current.image, current.sector_layer, current.labels]
    assert sector_polygon(current.sector_layer).tolist() == [list(point) for point in OUTLINE]


def test_an_outline_that_is_to_come_is_adjusted_at_once_and_not_forgotten(session, cine, qtbot, held):
    controls = SectorControls(session)
    qtbot.addWidget(controls)
    session.sector.let_picture_come_first()
    current = session.open(cine)
    session.overrides.apply(OverrideName.SECTOR, OUTLINE)
    controls.adjust()
    assert current.overrides[OverrideName.SECTOR] == OUTLINE
    assert session.viewer.layers.selection.active is current.sector_layer
    held.set()
    end_owned(controls)


def test_an_outline_that_did_not_come_before_the_dock_was_closed_comes_with_the_next_dock(session, cine, qtbot, held):
    session.sector.let_picture_come_first()
    current = session.open(cine)
    qtbot.waitUntil(lambda: session.sector._first is not None)
    session.close()
    again = Session(session.viewer)
    assert again.current is current
    assert current.sector_layer in session.viewer.layers
    held.set()
    again.close()


def test_an_outline_that_is_to_come_is_not_loaded_while_the_first_mask_of_a_run_is_waited_for(session, cine, qtbot):
    session.sector.let_picture_come_first()
    current = session.open(cine)
    session.masks.begin_run()  # the click comes before the outline
    with qtbot.waitSignal(session.sector._later.timeout):
        pass
    assert session.sector._first is None
    mask = np.ones(cine.shape, np.uint8)
    session.masks.receive(FrameMask(0, mask, mask, mask.size))
    qtbot.waitUntil(lambda: current.sector_layer is not None)
    assert not session.sector._later.isActive()


def test_an_outline_that_is_to_come_is_not_loaded_before_the_study_has_given_what_it_holds(session, cine, qtbot):
    session.sector.let_picture_come_first()
    session.fetches = True
    current = session.open(cine)
    assert not current.ready
    with qtbot.waitSignal(session.sector._later.timeout):
        pass
    assert session.sector._first is None
    current.ready = True
    qtbot.waitUntil(lambda: current.sector_layer is not None)


def test_an_outline_that_is_to_come_is_not_loaded_while_the_model_of_a_run_is_loaded(session, cine, qtbot):
    session.sector.let_picture_come_first()
    current = session.open(cine)
    session.run_asked.emit()  # a cold model takes longer to load than the outline to come
    with qtbot.waitSignal(session.sector._later.timeout):
        pass
    assert session.sector._first is None
    session.run_ended.emit()
    qtbot.waitUntil(lambda: current.sector_layer is not None)


def test_a_run_that_ends_without_a_mask_keeps_no_outline_away(session, cine, qtbot):
    session.sector.let_picture_come_first()
    current = session.open(cine)
    session.masks.begin_run()
    session.masks.end_run()
    qtbot.waitUntil(lambda: current.sector_layer is not None)


def test_a_run_that_was_left_with_its_clip_keeps_no_outline_from_the_next(session, cine, qtbot):
    session.sector.let_picture_come_first()
    session.open(cine)
    session.masks.begin_run()
    second = session.open(replace(cine, frames=cine.frames[::-1].copy()))  # nobody says the end of the run
    qtbot.waitUntil(lambda: second.sector_layer is not None)
