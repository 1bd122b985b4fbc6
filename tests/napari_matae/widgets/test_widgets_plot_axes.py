"""All plots look alike: nothing to drag, axes in one ink."""

from __future__ import annotations

import pyqtgraph as pg
import pytest

from napari_matae.widgets.plot_axes import colour_axes, follow_background, set_up_axes

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


@pytest.fixture
def themed(qtbot):
    """Return a window in napari's style and a function that changes its theme; neither is shown yet."""
    from napari._qt.qt_resources import get_stylesheet
    from napari.utils.theme import get_theme
    from qtpy.QtWidgets import QMainWindow

    window = QMainWindow()
    qtbot.addWidget(window)

    def change(theme: str) -> str:
        window.setStyleSheet(get_stylesheet(theme))
        return get_theme(theme).background.as_hex()[:7]

    return window, change


def background(widget: pg.GraphicsView) -> str:
    return widget.grab().toImage().pixelColor(2, 2).name()


@pytest.mark.parametrize("first", ["dark", "light"])
def test_a_plot_stands_on_the_background_of_the_theme_however_it_came(themed, first) -> None:
    window, change = themed
    second = "light" if first == "dark" else "dark"
    change(first)
    plot = pg.PlotWidget(window)
    follow_background(plot)
    window.setCentralWidget(plot)
    window.show()
    for theme in (first, second, first, second):  # while it is shown
        expected = change(theme)
        assert background(plot) == expected
    plot.hide()
    expected = change(first)
    plot.show()
    assert background(plot) == expected
    late = pg.PlotWidget()  # made without a window, put into one, and the theme changed at once
    follow_background(late)
    window.setCentralWidget(late)
    expected = change(second)
    assert background(late) == expected


def test_every_plot_of_the_dock_follows(themed, session, qtbot) -> None:
    from napari_matae.learn.run_curves import RunCurves
    from napari_matae.timeline.area_plot import AreaPlot
    from napari_matae.verdict.paired_plot import PairedPlot

    window, change = themed
    change("dark")
    plots = [AreaPlot(session, window), PairedPlot(window), RunCurves(window)]
    window.show()
    for plot in plots:
        plot.show()
    expected = change("light")
    assert {type(plot).__name__: background(plot) for plot in plots} == {
        type(plot).__name__: expected for plot in plots
    }
