"""An M-mode along a line drawn over the picture; a click in it seeks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF, Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from matae.errors import MataeError
from napari_matae.background.connections import connections_of
from napari_matae.measure.line_layer import LineLayer
from napari_matae.widgets.colours import ED_COLOUR, ES_COLOUR, M_MODE_LINE, ON_PICTURE, follow_colours
from napari_matae.widgets.layout import row, wrapped
from napari_matae.widgets.plot_axes import colour_axes, follow_background, set_up_axes

if TYPE_CHECKING:
    from napari_matae.measure.live_measurement import LiveMeasurement
    from napari_matae.session.session import Session

__all__ = ["MMode"]

_REDRAW_MS = 120
_HINT = "Draw a line across a wall or the valve: every column is one frame along it."


class MMode(QWidget):  # type: ignore[misc]
    """The line, and the picture along it over time.

    Parameters
    ----------
    session, measuring
        Whose cine; ED and ES are drawn in.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, measuring: LiveMeasurement, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._measuring = session, measuring
        self.line = LineLayer(session, "M-mode line", M_MODE_LINE, self)
        self.draw_button = QPushButton("Draw a line", self)
        self.draw_button.setToolTip("Drag over the picture from one end of the line to the other.")
        self.draw_button.clicked.connect(self.line.draw)
        self.move_button = QPushButton("Move it", self)
        self.move_button.setToolTip("Drag the ends of the line.")
        self.move_button.clicked.connect(self.line.adjust)
        self.remove_button = QPushButton("Remove", self)
        self.remove_button.setToolTip("Take the line away.")
        self.remove_button.clicked.connect(self.line.remove)
        self.words = wrapped(_HINT, self)
        self.plot = pg.PlotWidget(self, enableMenu=False)
        follow_background(self.plot)
        self.plot.setFixedHeight(170)
        self.plot.setToolTip("Time to the right, the line from its first end downwards. Click to go to a frame.")
        item = self.plot.getPlotItem()
        set_up_axes(item, grid=False)
        follow_colours(self.plot, lambda colours: colour_axes(item, colours.ink))
        item.invertY(True)
        self._image = pg.ImageItem(axisOrder="row-major")
        item.addItem(self._image)
        self._marks = [pg.InfiniteLine(angle=90, pen=pg.mkPen(c, width=2)) for c in (ED_COLOUR, ES_COLOUR)]
        self._cursor = pg.InfiniteLine(angle=90, pen=pg.mkPen(ON_PICTURE, width=1))
        for line in (*self._marks, self._cursor):
            item.addItem(line)
        self.plot.scene().sigMouseClicked.connect(self._on_clicked)
        buttons = (self.draw_button, self.move_button, self.remove_button)
        for button in buttons:
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row(*buttons))
        column.addWidget(self.words)
        column.addWidget(self.plot)
        self._redraw_soon = qthrottled(self.redraw, timeout=_REDRAW_MS, parent=self)
        connections = connections_of(self)
        connections.connect(self.line.changed, self._redraw_soon)
        connections.when_closed(self._redraw_soon.cancel)
        session.opened.connect(self._on_opened)
        session.frame_changed.connect(self._on_frame)
        measuring.changed.connect(self._show_phases)
        self.redraw()

    @property
    def picture(self) -> np.ndarray | None:
        """What is shown, (places, frames) uint8; None without a line."""
        return None if self._image.image is None or not self.plot.isVisibleTo(self) else self._image.image

    def redraw(self) -> None:
        """Make the picture along the line anew."""
        from matae.measure import kymograph

        current, line = self._session.current, self.line.line
        self.draw_button.setEnabled(current is not None and current.cine.n_frames > 1)
        self.draw_button.setText("Draw a line" if line is None else "Draw another")
        for button in (self.move_button, self.remove_button):
            button.setEnabled(line is not None)
        shown, text = False, _HINT
        if current is not None and line is not None:
            cine = current.cine
            try:
                picture, step = kymograph(cine.frames, line, cine.pixel_size)
            except MataeError as error:
                text = str(error)
            else:
                shown, text = True, ""
                self._show(picture, step, calibrated=cine.spacing is not None)
        self.words.setText(text)
        self.words.setVisible(not shown)
        self.plot.setVisible(shown)

    def _show(self, picture: np.ndarray, step: float, *, calibrated: bool) -> None:
        times = self._times()
        half = (times[-1] - times[0]) / max(1, len(times) - 1) / 2
        height = picture.shape[0] * step / (10 if calibrated else 1)
        item = self.plot.getPlotItem()
        item.setLabel("left", "Along the line (cm)" if calibrated else "Along the line (px)")
        known = self._session.current is not None and self._session.current.cine.frame_times is not None
        item.setLabel("bottom", "Time (s)" if known else "Frame")
        self._image.setImage(picture, autoLevels=False, levels=(0, 255))
        left, width = float(times[0] - half), float(times[-1] - times[0] + 2 * half)
        self._image.setRect(QRectF(left, 0.0, width, float(height)))
        self.plot.setXRange(left, left + width, padding=0)
        self.plot.setYRange(0, float(height), padding=0)
        self._on_frame(self._session.frame)
        self._show_phases()

    def _show_phases(self) -> None:
        measured, times = self._measuring.measurement, self._times()
        primary = None if measured is None else measured.primary
        for line, place in zip(self._marks, (0, 1), strict=True):
            line.setVisible(primary is not None and primary.frames[place] < len(times))
            if primary is not None and primary.frames[place] < len(times):
                line.setValue(float(times[primary.frames[place]]))

    def _times(self) -> np.ndarray:
        current = self._session.current
        if current is None:
            return np.zeros(1)
        known = current.cine.frame_times
        return np.arange(current.cine.n_frames, dtype=float) if known is None else known

    def _on_opened(self, current: object) -> None:
        # The line of one heart means nothing on another; on the same one it stays, and takes the new scale.
        layer = self.line.layer
        shape = None if current is None else getattr(current, "cine", None)
        if layer is not None and (shape is None or not np.allclose(layer.scale[-2:], shape.pixel_aspect)):
            self.line.remove()
        self._redraw_soon()

    def _on_frame(self, frame: int) -> None:
        times = self._times()
        if frame < len(times):
            self._cursor.setValue(float(times[frame]))

    def _on_clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.seek_to(self.plot.getPlotItem().vb.mapSceneToView(event.scenePos()).x())

    def seek_to(self, position: float) -> None:
        """Show the frame nearest to a position on the time axis."""
        self._session.seek(int(np.abs(self._times() - position).argmin()))
