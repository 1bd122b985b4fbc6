"""The measured beats on the dock's curve: volume instead of area where calibrated, ED and ES, beats shaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QObject
from superqt.utils import qthrottled

from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import colours_of, follow_colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_matae.measure.live_measurement import LiveMeasurement
    from napari_matae.timeline.area_plot import AreaPlot
    from napari_matae.widgets.colours import Colours

__all__ = ["VolumeCurve"]

_REDRAW_MS = 60
_SHADE = 26
"""Opacity, of 255, of what shades a systole."""


class VolumeCurve(QObject):  # type: ignore[misc]
    """Draws a measurement into the area plot while somebody measures.

    Parameters
    ----------
    plot
        The dock's curve.
    measuring
        What is measured.
    parent
        Qt parent.
    """

    def __init__(self, plot: AreaPlot, measuring: LiveMeasurement, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._plot, self._measuring = plot, measuring
        item = plot.getPlotItem()
        # Told apart by shape as well as by colour.
        self._ed = pg.ScatterPlotItem(size=11, symbol="o")
        self._es = pg.ScatterPlotItem(size=11, symbol="s")
        for marks in (self._ed, self._es):
            item.addItem(marks)
        self._regions: list[pg.LinearRegionItem] = []
        self._texts: list[pg.TextItem] = []
        self._redraw_soon = qthrottled(self.redraw, timeout=_REDRAW_MS, leading=False, parent=self)
        plot.source = self.volume
        connections = connections_of(self)
        connections.when_closed(self._forget_plot)
        connections.when_closed(self._redraw_soon.cancel)
        connections.connect(measuring.changed, self._redraw_soon)
        follow_colours(plot, self._colour)

    def _colour(self, colours: Colours) -> None:
        for marks, colour in ((self._ed, colours.ed), (self._es, colours.es)):
            marks.setBrush(colour)
            marks.setPen(pg.mkPen(colours.ink))
        for region, text in zip(self._regions, self._texts, strict=True):
            self._colour_beat(region, text, colours)

    @staticmethod
    def _colour_beat(region: pg.LinearRegionItem, text: pg.TextItem, colours: Colours) -> None:
        shade = pg.mkColor(colours.ink)
        shade.setAlpha(_SHADE)
        region.setBrush(pg.mkBrush(shade))
        text.setColor(colours.ink)

    def _forget_plot(self) -> None:
        self._plot.source = None

    def volume(self) -> tuple[NDArray[np.float64], str] | None:
        """Return the volume of each frame in mL with its axis label; None where the area is to be drawn."""
        measured = self._measuring.measurement
        if not self._measuring.active or measured is None or not measured.calibrated:
            return None
        return measured.volume, "LV volume (mL)"

    def redraw(self) -> None:
        """Draw curve, beats and marks as measured last."""
        self._plot.redraw()
        measured = self._measuring.measurement if self._measuring.active else None
        times, values = self._plot.times, self._plot.values
        beats = [] if measured is None or len(times) != len(measured.shapes) else list(measured.beats)
        self._shade(len(beats))
        ed, es = [b.beat.ed for b in beats], [b.beat.es for b in beats]
        for marks, frames in ((self._ed, ed), (self._es, es)):
            marks.setData(times[frames] if frames else [], values[frames] if frames else [])
        doubtful = measured is not None and bool(measured.doubts)
        top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
        for region, text, beat in zip(self._regions, self._texts, beats, strict=True):
            first, last = sorted((beat.beat.ed, beat.beat.es))
            region.setRegion((float(times[first]), float(times[last])))
            text.setText("" if doubtful else f"{beat.volumes.ef_percent:.0f} %")
            text.setPos(float(times[first] + times[last]) / 2, top * 1.05)

    def _shade(self, count: int) -> None:
        item = self._plot.getPlotItem()
        while len(self._regions) < count:
            region = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
            region.setZValue(-10)
            text = pg.TextItem(anchor=(0.5, 0.5))
            self._colour_beat(region, text, colours_of(self._plot))
            for added in (region, text):
                item.addItem(added, ignoreBounds=True)
            self._regions.append(region)
            self._texts.append(text)
        while len(self._regions) > count:
            item.removeItem(self._regions.pop())
            item.removeItem(self._texts.pop())
