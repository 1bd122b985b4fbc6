"""The look that all plots share: no menu, no zoom, a faint grid, axes in one ink."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtWidgets import QGraphicsView

if TYPE_CHECKING:
    from qtpy.QtGui import QColor

__all__ = ["colour_axes", "follow_background", "set_up_axes"]


def follow_background(view: pg.GraphicsView) -> None:
    """Draw plots on the background of the theme, whichever it is now.

    pyqtgraph has Qt keep a picture of the background: a plot stays dark in the light theme, and light in the dark one.
    """
    view.setBackground(None)
    view.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)


def set_up_axes(item: pg.PlotItem, *, grid: bool = True) -> None:
    """Make a plot one to look at and to click, not one to drag and zoom.

    Parameters
    ----------
    item
        Of the plot.
    grid
        Whether a faint grid is drawn.
    """
    item.setMenuEnabled(False)  # plots are made with `enableMenu=False`: a menu takes a third of their making
    item.hideButtons()
    item.setMouseEnabled(x=False, y=False)
    if grid:
        item.showGrid(x=True, y=True, alpha=0.15)
    for side in ("left", "bottom"):
        item.getAxis(side).enableAutoSIPrefix(False)


def colour_axes(item: pg.PlotItem, ink: str | QColor) -> None:
    """Draw lines, numbers and titles of the axes in a colour."""
    for side in ("left", "bottom"):
        axis = item.getAxis(side)
        axis.setPen(pg.mkPen(ink))
        axis.setTextPen(pg.mkPen(ink))  # of its title too
