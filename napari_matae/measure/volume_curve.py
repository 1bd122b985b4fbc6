"""The measured beats on the dock's curve: volume instead of area where calibrated, ED and ES, beats shaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QObject
from superqt.utils import qthrottled

from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import ED_COLOUR, ES_COLOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_matae.measure.live_measurement import LiveMeasurement
    from napari_matae.timeline.area_plot import AreaPlot

__all__ = ["VolumeCurve"]

_REDRAW_MS = 60
_SHADE = (255, 255, 255, 22)


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
        self._ed = _symbols(ED_COLOUR, "o")
        self._es = _symbols(ES_COLOUR, "s")
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
            region = pg.LinearRegionItem(movable=False, brush=pg.mkBrush(_SHADE), pen=pg.mkPen(None))
            region.setZValue(-10)
            text = pg.TextItem(color="#d7dae0", anchor=(0.5, 0.5))
            for added in (region, text):
                item.addItem(added, ignoreBounds=True)
            self._regions.append(region)
            self._texts.append(text)
        while len(self._regions) > count:
            item.removeItem(self._regions.pop())
            item.removeItem(self._texts.pop())


def _symbols(colour: str, symbol: str) -> pg.ScatterPlotItem:
    # Told apart by shape as well as by colour.
    return pg.ScatterPlotItem(size=11, symbol=symbol, brush=colour, pen=pg.mkPen("black"))
