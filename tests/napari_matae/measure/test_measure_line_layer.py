"""A line over the picture: none without a cine, gone with its layer and with its owner."""

from __future__ import annotations

import numpy as np
import pytest

from napari_matae.background.connections import end_owned
from napari_matae.measure.line_layer import LineLayer

from .measure_makers import two_beats

pytestmark = pytest.mark.gui


@pytest.fixture
def line(make_workspace) -> LineLayer:
    return LineLayer(make_workspace(None).session, "A line", "#00e0a4")


def test_without_a_cine_nothing_is_drawn(line) -> None:
    line.draw()
    line.adjust()
    line.remove()
    assert line.layer is None
    assert line.line is None


def test_a_line_is_in_pixels_and_goes_with_its_layer(line, qtbot) -> None:
    session = line._session
    session.open(two_beats()[0])
    line.draw()
    assert line.layer in session.viewer.layers
    line.layer.add(np.array([[3.0, 4.0], [9.0, 12.0]]), shape_type="line")
    np.testing.assert_array_equal(line.line, [[3, 4], [9, 12]])
    session.viewer.layers.remove(line.layer)  # by hand, in napari's list
    assert line.layer is None


def test_what_owned_it_takes_it_along(line) -> None:
    session = line._session
    session.open(two_beats()[0])
    line.draw()
    layer = line.layer
    end_owned(line)
    assert layer not in session.viewer.layers
    assert line.layer is None
