"""All plots look alike: nothing to drag, axes in one ink."""

from __future__ import annotations

import pyqtgraph as pg
import pytest

from napari_matae.widgets.plot_axes import colour_axes, set_up_axes

pytestmark = pytest.mark.gui


@pytest.fixture
def plot(qtbot) -> pg.PlotWidget:
    widget = pg.PlotWidget()
    qtbot.addWidget(widget)
    return widget


def test_a_plot_is_neither_dragged_nor_zoomed(plot) -> None:
    item = plot.getPlotItem()
    set_up_axes(item)
    assert item.vb.mouseEnabled() == [False, False]
    assert not item.menuEnabled()
    assert item.getAxis("left").grid


def test_no_grid_where_a_picture_fills_the_plot(plot) -> None:
    item = plot.getPlotItem()
    set_up_axes(item, grid=False)
    assert item.getAxis("left").grid is False


def test_the_ink_follows_the_theme(plot) -> None:
    item = plot.getPlotItem()
    set_up_axes(item)
    colour_axes(item, "#123456")
    assert {item.getAxis(side).pen().color().name() for side in ("left", "bottom")} == {"#123456"}
