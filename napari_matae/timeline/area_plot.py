"""Area of the cavity over time, in step with the cine; a click or a drag seeks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from superqt.utils import qthrottled

from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import follow_colours
from napari_matae.widgets.plot_axes import colour_axes, follow_background, set_up_axes

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from qtpy.QtWidgets import QWidget

    from napari_matae.session.session import Session
    from napari_matae.widgets.colours import Colours

__all__ = ["AreaPlot"]

_REDRAW_MS = 100
_LEAST_HEIGHT = 140
"""On a low screen; elsewhere it takes what its share of the dock is."""
_HINT = "The curve appears when the cine is segmented."


class AreaPlot(pg.PlotWidget):  # type: ignore[misc]
    """The area curve of the session's cine.

    Parameters
    ----------
    session
        Whose current cine is drawn.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self._session = session
        self.source: Callable[[], tuple[np.ndarray, str] | None] | None = None
        """What to draw in place of the area, with its axis label; None, or returning None, for the area."""
        self.values = np.zeros(0)
        """What is drawn, one value a frame."""
        self.setMinimumHeight(_LEAST_HEIGHT)
        follow_background(self)
        self.setToolTip("Area of the left ventricle in each frame. Click to go to a frame.")
        item = self.getPlotItem()
        set_up_axes(item)
        self._curve = self.plot(symbol="o", symbolSize=4, symbolPen=None, connect="finite")
        self._cursor = pg.InfiniteLine(angle=90, movable=True)
        self._cursor.sigDragged.connect(self._on_dragged)
        self.addItem(self._cursor)
        self._hint = pg.LabelItem(_HINT)
        self._hint.setParentItem(item.vb)
        self._hint.anchor(itemPos=(0.5, 0.5), parentPos=(0.5, 0.5))
        self.scene().sigMouseClicked.connect(self._on_clicked)
        # After the mask itself is on screen: drawn at once, the curve would hold it up.
        self._redraw_soon = qthrottled(self.redraw, timeout=_REDRAW_MS, leading=False, parent=self)
        connect = connections_of(self).connect
        connect(session.area_changed, self._redraw_soon)
        connect(session.opened, self._on_opened)
        connect(session.frame_changed, self._on_frame)
        self._on_opened(session.current)
        follow_colours(self, self._colour)

    def _colour(self, colours: Colours) -> None:
        colour_axes(self.getPlotItem(), colours.ink)
        self._curve.setPen(pg.mkPen(colours.curve, width=2))
        self._curve.setSymbolBrush(colours.curve)
        self._cursor.setPen(pg.mkPen(colours.ink, width=1))
        self._hint.setText(_HINT, color=colours.ink)

    @property
    def times(self) -> np.ndarray:
        """Position of each frame on the axis: seconds, or frame numbers where the rate is unknown."""
        current = self._session.current
        if current is None:
            return np.zeros(0)
        known = current.cine.frame_times
        return np.arange(current.cine.n_frames, dtype=float) if known is None else known

    def redraw(self) -> None:
        """Draw the curve as it stands."""
        current = self._session.current
        if current is None:
            self.values = np.zeros(0)
            self.getPlotItem().setLabel("left", "LV area")
            self._curve.setData([], [])
            self._hint.setVisible(True)
            return
        other = None if self.source is None else self.source()
        mm2 = current.area_mm2
        area, label = (current.area_px, "LV area (px)") if mm2 is None else (mm2 / 100, "LV area (cm²)")
        if other is not None:
            area, label = other
        self.values = area
        item = self.getPlotItem()
        if item.getAxis("left").labelText != label:
            item.setLabel("left", label)
        known = area[np.isfinite(area)]
        self._hint.setVisible(known.size == 0)
        if known.size == 0:
            self._curve.setData([], [])
            self.setYRange(0, 1, padding=0)
        else:
            self._curve.setData(self.times, area)
            # From zero, so that the height of the curve is the share of the area that the beat changes.
            self.setYRange(0, float(known.max()) * 1.12 + 1e-9, padding=0)

    def _on_opened(self, _: object = None) -> None:
        current = self._session.current
        item = self.getPlotItem()
        timed = current is not None and current.cine.frame_times is not None
        item.setLabel("bottom", "Time (s)" if timed else "Frame")
        times = self.times
        if len(times):
            self.setXRange(float(times[0]), max(float(times[-1]), 1e-3), padding=0.02)
        self._on_frame(self._session.frame)
        self.redraw()

    def _on_frame(self, frame: int) -> None:
        times = self.times
        if frame < len(times):
            self._cursor.setValue(float(times[frame]))

    def _on_clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.seek_to(self.getPlotItem().vb.mapSceneToView(event.scenePos()).x())

    def _on_dragged(self, line: Any) -> None:
        self.seek_to(line.value())

    def seek_to(self, position: float) -> None:
        """Show the frame nearest to a position on the time axis."""
        if len(self.times):
            self._session.seek(int(np.abs(self.times - position).argmin()))
