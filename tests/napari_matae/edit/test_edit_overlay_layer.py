"""An overlay is made once a cine, shown and hidden, and never takes the choice of a layer away."""

from __future__ import annotations

import numpy as np

from napari_matae.edit.overlay_layer import OverlayLayer

from ..conftest import make_cine


def test_without_a_cine_there_is_nothing_to_show(session, cine):
    overlay = OverlayLayer(session, "Over", "#cc79a7")
    overlay.show(np.zeros(cine.frames.shape, np.uint8))
    overlay.hide()
    overlay.refresh()
    overlay.remove()
    assert not overlay.visible
    assert len(session.viewer.layers) == 0


def test_it_is_hidden_and_shown_and_made_once(session, cine):
    session.open(cine)
    active, before = session.viewer.layers.selection.active, len(session.viewer.layers)
    overlay, masks = OverlayLayer(session, "Over", "#cc79a7"), np.zeros(cine.frames.shape, np.uint8)
    overlay.show(masks)
    layer = session.viewer.layers["Over"]
    assert overlay.visible
    assert session.viewer.layers.selection.active is active
    assert not layer.editable
    overlay.hide()
    assert not overlay.visible
    other = np.ones_like(masks)
    overlay.show(other)
    assert session.viewer.layers["Over"] is layer
    assert layer.data is other
    overlay.remove()
    overlay.remove()
    assert len(session.viewer.layers) == before


def test_another_cine_and_a_layer_somebody_deleted_get_a_new_one(session, cine):
    session.open(cine)
    overlay = OverlayLayer(session, "Over", "#cc79a7")
    overlay.show(np.zeros(cine.frames.shape, np.uint8))
    first = session.viewer.layers["Over"]
    session.viewer.layers.remove(first)
    assert not overlay.visible
    overlay.show(np.zeros(cine.frames.shape, np.uint8))
    second = session.viewer.layers["Over"]
    assert second is not first
    longer = make_cine(20, seed=4)
    session.open(longer)
    overlay.show(np.zeros(longer.frames.shape, np.uint8))
    assert second not in session.viewer.layers
    assert session.viewer.layers["Over"].data.shape == longer.frames.shape
