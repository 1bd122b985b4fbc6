"""The sector's outline: dragged, dragged to nothing, and found anew."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from napari_matae.session import sector_outline


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
    outline = second.sector_layer
    assert outline is not None
    qtbot.wait(2 * sector_outline._LATER_MS)  # what would come late has begun by then
    assert session.sector._first is None
    assert first.sector_layer is None
    assert second.sector_layer is outline
