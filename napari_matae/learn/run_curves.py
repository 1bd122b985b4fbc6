"""Live curves of a retraining: loss, and Dice and IoU of the held-out patients at every width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.compat import isalive
from qtpy.QtCore import Qt
from superqt.utils import qthrottled

from matae.nn.widths import parse_width
from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import colours_of, follow_colours
from napari_matae.widgets.plot_axes import colour_axes, follow_background, set_up_axes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtGui import QShowEvent
    from qtpy.QtWidgets import QWidget

    from matae.learn.events import Step, Validation
    from napari_matae.widgets.colours import Colours

__all__ = ["RunCurves", "width_colour"]

_REDRAW_MS = 250
_MOST = 2000
"""Points of the loss that are kept: more than a screen has columns."""
_WIDTHS = 4
"""Colours that widths take in turn."""
_AXIS_WIDTH = 52
_HEIGHTS = (64, 88, 112)  # the last has the axis of all


def width_colour(place: int, colours: Colours) -> str:
    """Return the colour of a width, 0 for the widest."""
    return colours.series[place % _WIDTHS]


class RunCurves(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """Three plots over the steps, one above the other; the figures before the first step as dotted lines.

    The plots are made when they are first seen or have something to draw: most docks are opened and closed without a
    training, and three plots are a fifth of what it takes to make a dock.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        follow_background(self)
        self.setToolTip(
            "Loss on the frames that are learnt from; Dice and IoU on held-out patients, a colour for each width of "
            "the network. Dotted: before the first step, which is the base (for a quick adapter, after its batch "
            "statistics were adapted). The upright line: what is kept if it ended now."
        )
        self.losses: list[tuple[float, float]] = []
        """Step and loss."""
        self.scores: dict[str, dict[str, list[tuple[int, float]]]] = {"dice": {}, "iou": {}}
        """``dice`` and ``iou``: width to step and value."""
        self.best = 0
        """Step whose weights are kept."""
        self._steps = 1
        self._plots: list[pg.PlotItem] = []
        self._loss: pg.PlotDataItem | None = None
        self._lines: dict[tuple[str, str], pg.PlotDataItem] = {}
        self._bases: dict[tuple[str, str], pg.InfiniteLine] = {}
        self._marks: list[pg.InfiniteLine] = []
        self.setFixedHeight(sum(_HEIGHTS))
        self.ci.layout.setContentsMargins(0, 2, 6, 2)
        self.ci.layout.setVerticalSpacing(0)
        self.redraw_soon = qthrottled(self.redraw, timeout=_REDRAW_MS, parent=self)
        connections_of(self).when_closed(self.redraw_soon.cancel)
        follow_colours(self, self._colour)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Have axes to show before the first figures come."""
        self._make_plots()
        super().showEvent(event)

    def _make_plots(self) -> None:
        if self._plots:
            return
        self._plots = [self._add(row, title) for row, title in enumerate(("Loss", "Dice", "IoU"))]
        for plot in self._plots[:-1]:
            plot.setXLink(self._plots[-1])
            plot.getAxis("bottom").setStyle(showValues=False)
        self._plots[-1].setLabel("bottom", "Step")
        self._loss = self._plots[0].plot(connect="finite")
        self._marks = [pg.InfiniteLine(angle=90) for _ in self._plots[1:]]
        for plot, mark in zip(self._plots[1:], self._marks, strict=True):
            plot.addItem(mark)
        self._colour(colours_of(self))
        self.set_steps(self._steps)
        self.redraw()

    def _colour(self, colours: Colours) -> None:
        if self._loss is None:
            return
        self._loss.setPen(pg.mkPen(colours.faint, width=1.5))
        for plot in self._plots:
            colour_axes(plot, colours.ink)
        for mark in self._marks:
            mark.setPen(pg.mkPen(colours.faint, width=1))
        places = {width: place for place, width in enumerate(self.widths)}
        for (kind, width), line in self._lines.items():
            self._colour_line(line, self._bases[kind, width], places[width], colours)

    @staticmethod
    def _colour_line(line: pg.PlotDataItem, base: pg.InfiniteLine, place: int, colours: Colours) -> None:
        colour = width_colour(place, colours)
        line.setPen(pg.mkPen(colour, width=2 if place == 0 else 1.3))
        line.setSymbolBrush(colour)
        base.setPen(pg.mkPen(colour, width=1, style=Qt.PenStyle.DotLine))

    def _add(self, row: int, title: str) -> pg.PlotItem:
        plot = self.addPlot(row=row, col=0, enableMenu=False)
        self.ci.layout.setRowPreferredHeight(row, _HEIGHTS[row])
        self.ci.layout.setRowStretchFactor(row, _HEIGHTS[row])
        set_up_axes(plot)
        plot.setLabel("left", title)
        plot.getAxis("left").setWidth(_AXIS_WIDTH)
        plot.getAxis("left").setStyle(maxTickLevel=0)
        return plot

    def clear_all(self) -> None:
        """Forget everything: another run."""
        self.losses.clear()
        for scores in self.scores.values():
            scores.clear()
        for (kind, width), line in self._lines.items():
            plot = self._plots[1 if kind == "dice" else 2]
            plot.removeItem(line)
            plot.removeItem(self._bases[kind, width])
        self._lines.clear()
        self._bases.clear()
        self.best = 0
        self.set_steps(1)
        self.redraw()

    def set_steps(self, steps: int) -> None:
        """Show so many steps."""
        self._steps = max(1, steps)
        if self._plots:
            self._plots[-1].setXRange(0, self._steps, padding=0.01)

    def add_step(self, step: Step) -> None:
        """Take up the loss of a step."""
        if step.loss is None:
            return
        self.losses.append((step.step, step.loss))
        if len(self.losses) > _MOST:
            pairs = np.array(self.losses[: len(self.losses) // 2 * 2]).reshape(-1, 2, 2)
            self.losses = [(float(at), float(loss)) for at, loss in pairs.mean(axis=1)]
        self.redraw_soon()

    def add_validation(self, found: Validation) -> None:
        """Take up the figures of the held-out patients."""
        for kind, values in (("dice", found.dice), ("iou", found.iou)):
            for width, value in values.items():
                self.scores[kind].setdefault(width, []).append((found.step, value))
        self.best = found.best
        self.redraw_soon()

    def forget_after(self, step: int) -> None:
        """Drop what came after a step: a run that goes on takes those steps again."""
        self.losses = [point for point in self.losses if point[0] <= step]
        for widths in self.scores.values():
            for width, points in widths.items():
                widths[width] = [point for point in points if point[0] <= step]
        self.redraw_soon()

    @property
    def widths(self) -> list[str]:
        """The widths that were measured, the widest first."""
        return sorted(self.scores["dice"], key=parse_width, reverse=True)

    def drawn(self, kind: str, width: str) -> list[tuple[int, float]]:
        """Return the points on screen of a width's ``dice`` or ``iou``."""
        x, y = self._lines[kind, width].getData()
        return [(int(at), float(value)) for at, value in zip(x, y, strict=True)]

    def base_of(self, kind: str, width: str) -> float:
        """Return the height of the dotted line: ``dice`` or ``iou`` at a width before the first step."""
        return float(self._bases[kind, width].value())

    def redraw(self) -> None:
        """Draw everything as it stands; nothing where the window went while a drawing was due."""
        if not isalive(self):
            return
        if self._loss is None:
            if self.losses or self.widths:
                self._make_plots()  # and draws
            return
        if not isalive(self._loss):
            return
        self._loss.setData(*_columns(self.losses))
        for row, kind in enumerate(("dice", "iou")):
            plot = self._plots[row + 1]
            for place, width in enumerate(self.widths):
                points = self.scores[kind].get(width, [])
                if not points:
                    continue
                if (kind, width) not in self._lines:
                    self._add_line(plot, kind, width, place)
                self._lines[kind, width].setData(*_columns(points))
                self._bases[kind, width].setValue(points[0][1])
            self._marks[row].setVisible(bool(self.scores[kind]))
            self._marks[row].setValue(self.best)
            self._fit(plot, [value for points in self.scores[kind].values() for _, value in points])
        if self.losses:
            loss = [value for _, value in self.losses]
            self._plots[0].setYRange(0, max(loss) * 1.05 + 1e-6, padding=0)

    def _add_line(self, plot: pg.PlotItem, kind: str, width: str, place: int) -> None:
        line = plot.plot(symbol="o", symbolSize=6 if place == 0 else 4, symbolPen=None)
        line.setZValue(10 - place)
        base = pg.InfiniteLine(angle=0)
        self._colour_line(line, base, place, colours_of(self))
        plot.addItem(base)
        self._lines[kind, width], self._bases[kind, width] = line, base

    @staticmethod
    def _fit(plot: pg.PlotItem, values: list[float]) -> None:
        """Show all values, and never so close that noise looks like a jump."""
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        room = max(0.02, 0.08 * (high - low))
        plot.setYRange(max(0.0, low - room), min(1.0, high + room), padding=0)


def _columns(points: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    found = list(points)
    return [at for at, _ in found], [value for _, value in found]
