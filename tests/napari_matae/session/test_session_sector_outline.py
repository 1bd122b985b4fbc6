"""The sector's outline: dragged, dragged to nothing, and found anew."""

from __future__ import annotations

import numpy as np


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
