"""Every frame's status and expected Dice along the time axis, in line with the area curve; a click or a drag seeks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget
from superqt.utils import qthrottled

from matae.segment.expected import DOUBTFUL
from matae.store.types import FrameStatus
from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import STATUS_WORDS, colours_of, follow_colours

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QPaintEvent, QResizeEvent

    from napari_matae.edit.actions import Actions
    from napari_matae.session.phases import PhaseFinder
    from napari_matae.session.session import Session
    from napari_matae.timeline.area_plot import AreaPlot

__all__ = ["StatusStrip"]

_REDRAW_MS = 100
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_MARKS, _BAND, _GAP, _BARS = 13, 12, 3, 10
"""Heights in pixels: flags, ED and ES above; the band of statuses; a gap; the bars of the expected Dice below."""
_GOOD, _LOW = 0.9, DOUBTFUL
"""Expected Dice from which a bar is green and full, and below which it is red and low."""

_LEGEND = (
    "Above, the status of each frame. Below, the Dice to be expected of its predicted mask, from how sure the network "
    f"is and whether its widths agree: high green {_GOOD:g} or more, half yellow {_LOW:g} to {_GOOD:g}, low red below "
    f"{_LOW:g}, probably wrong. No bar: not known, or a person has judged the frame."
)


class StatusStrip(QWidget):  # type: ignore[misc]
    """A band with one cell a frame, above it the flags, ED and ES, below it the Dice to be expected of predicted masks.

    Parameters
    ----------
    session
        Whose current cine is shown.
    actions
        Which frames are flagged.
    finder
        Where end-diastole and end-systole are.
    plot
        The area curve it lies over: a frame is at the same place in both.
    parent
        Qt parent.
    """

    redrawn = Signal()
    """The band was painted anew."""

    def __init__(
        self, session: Session, actions: Actions, finder: PhaseFinder, plot: AreaPlot, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._actions, self._finder, self._plot = session, actions, finder, plot
        self._band: QPixmap | None = None
        self._flagged: list[int] = []
        self.setFixedHeight(_MARKS + _BAND + _GAP + _BARS + 2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._redraw_soon = qthrottled(self.redraw, timeout=_REDRAW_MS, parent=self)
        # After the mask itself is on screen: drawn at once, the band would hold it up.
        self._redraw_later = qthrottled(self.redraw, timeout=_REDRAW_MS, leading=False, parent=self)
        connect = connections_of(self).connect
        for signal in (session.status_changed, session.marks_changed, session.doubted, session.opened):
            connect(signal, self._redraw_soon)
        connect(session.area_changed, self._redraw_later)
        connect(session.frame_changed, self._on_frame)
        view = plot.getPlotItem().vb
        view.sigResized.connect(self._redraw_soon)
        view.sigXRangeChanged.connect(self._redraw_soon)
        follow_colours(self, self.redraw)

    # -- where a frame is ---------------------------------------------------------------------------------

    def edges(self) -> np.ndarray:
        """Return the left edge of each frame's cell and the right edge of the last, (T + 1,), in pixels."""
        times = self._plot.times
        if len(times) == 0:
            return np.zeros(0)
        if len(times) == 1:
            middle, half = self.x_of(float(times[0])), 6.0
            return np.array([middle - half, middle + half])
        between = (times[1:] + times[:-1]) / 2
        ends = np.concatenate([[times[0] - (between[0] - times[0])], between, [times[-1] + (times[-1] - between[-1])]])
        first, last = self.x_of(float(ends[0])), self.x_of(float(ends[-1]))
        share: np.ndarray = (ends - ends[0]) / (ends[-1] - ends[0])
        return first + share * (last - first)

    def x_of(self, time: float) -> float:
        """Return where a place on the curve's time axis is in this widget, in pixels."""
        scene = self._plot.getPlotItem().vb.mapViewToScene(QPointF(time, 0.0))
        there = self._plot.mapToGlobal(self._plot.mapFromScene(scene))
        return float(self.mapFromGlobal(there).x())

    def frame_at(self, x: float) -> int | None:
        """Return the frame at a place in this widget; the nearest one beside the band."""
        edges = self.edges()
        if len(edges) == 0:
            return None
        return int(np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2))

    # -- painting -----------------------------------------------------------------------------------------

    def redraw(self, _: object = None) -> None:
        """Paint statuses, flags and marks anew."""
        self._band = None
        self.update()

    def _on_frame(self, _: int) -> None:
        self.update()

    def _paint_band(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        band = QPixmap(int(self.width() * ratio), int(self.height() * ratio))
        band.setDevicePixelRatio(ratio)
        band.fill(Qt.GlobalColor.transparent)
        current, edges = self._session.current, self.edges()
        if current is None or len(edges) == 0:
            return band
        painter, colours = QPainter(band), colours_of(self)
        for frame in range(len(edges) - 1):
            status = current.status.get(frame)
            colour = QColor(colours.empty if status is None else colours.status[status])
            left, width = float(edges[frame]), float(edges[frame + 1] - edges[frame])
            cell = QRectF(left, _MARKS, max(width - (1.0 if width > 4 else 0.0), 0.5), _BAND)
            painter.fillRect(cell, colour)
            if status is FrameStatus.REJECTED and width > 4:  # told apart without colour too
                painter.setPen(QPen(QColor("black"), 1))
                painter.drawLine(cell.bottomLeft(), cell.topRight())
            elif status is FrameStatus.ACCEPTED and width > 4:
                painter.setPen(QPen(QColor("white"), 1.4))
                middle = cell.center()
                painter.drawPolyline(
                    QPolygonF([middle + QPointF(-2.2, 0.2), middle + QPointF(-0.5, 2.2), middle + QPointF(2.4, -2.4)])
                )
        self._paint_expected(painter, edges, current.expected_dice)
        self._paint_marks(painter, edges)
        painter.end()
        return band

    def _paint_expected(self, painter: QPainter, edges: np.ndarray, expected: np.ndarray) -> None:
        """Draw a bar a frame: three heights with three colours, so that they are told apart without colour too."""
        if not np.isfinite(expected).any():
            return
        colours, bottom = colours_of(self), _MARKS + _BAND + _GAP + _BARS
        painter.setPen(QColor(colours.faint))
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        painter.drawText(QRectF(0, bottom - _BARS - 2, float(edges[0]) - 4, _BARS + 4), _RIGHT, "Dice")
        for frame in np.flatnonzero(np.isfinite(expected)):
            value = float(expected[frame])
            if value >= _GOOD:
                colour, height = colours.good, float(_BARS)
            elif value >= _LOW:
                colour, height = colours.warning, 0.65 * _BARS
            else:
                colour, height = colours.alarm, 0.35 * _BARS
            left, width = float(edges[frame]), float(edges[frame + 1] - edges[frame])
            room = max(width - (1.0 if width > 4 else 0.0), 0.5)
            painter.fillRect(QRectF(left, bottom - height, room, height), QColor(colour))

    def _paint_marks(self, painter: QPainter, edges: np.ndarray) -> None:
        phases = self._finder.phases
        self._flagged = self._actions.flagged
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(10)
        font.setBold(True)
        painter.setFont(font)
        middle = (edges[1:] + edges[:-1]) / 2
        named = {phases.ed: "ED", phases.es: "ES"}
        for frame, text in named.items():
            if frame is not None and frame < len(middle):
                painter.setPen(QColor(colours_of(self).ink))
                painter.drawText(QRectF(middle[frame] - 14, 0, 28, _MARKS), Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours_of(self).flag))
        for frame in self._flagged:
            if frame not in named and frame < len(middle):
                x = float(middle[frame])
                painter.drawPolygon(QPolygonF([QPointF(x - 4, 2), QPointF(x + 4, 2), QPointF(x, _MARKS - 2)]))

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the band as painted last, and the frame on screen."""
        if self._band is None:
            self._band = self._paint_band()
            self.redrawn.emit()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._band)
        edges, frame = self.edges(), self._session.frame
        if self._session.current is not None and frame < len(edges) - 1:
            left, right = float(edges[frame]), float(edges[frame + 1])
            painter.setPen(QPen(QColor(colours_of(self).ink), 2))
            painter.drawRect(QRectF(left - 1, _MARKS - 1, max(right - left, 3.0) + 1, _BAND + 2))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Paint anew at the new width."""
        super().resizeEvent(event)
        self.redraw()

    # -- mouse --------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Show the frame under the mouse."""
        self._seek(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Show the frame under the mouse while it is dragged."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event)

    def _seek(self, event: QMouseEvent) -> None:
        frame = self.frame_at(event.position().x())
        if frame is not None:
            self._session.seek(frame)

    def event(self, event: QEvent) -> bool:
        """Say what is under the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            frame, edges = self.frame_at(event.pos().x()), self.edges()
            beside = len(edges) > 0 and event.pos().x() < edges[0]
            words = _LEGEND if beside else "" if frame is None else self.words(frame)
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return bool(super().event(event))

    def words(self, frame: int) -> str:
        """Return what is known about a frame, in words."""
        current = self._session.current
        if current is None:
            return ""
        status = current.status.get(frame)
        words = [f"Frame {frame + 1}: {'no mask' if status is None else STATUS_WORDS[status]}"]
        phases = self._finder.phases
        words += [name for name, at in (("end-diastole", phases.ed), ("end-systole", phases.es)) if at == frame]
        if frame in self._flagged and len(words) == 1:
            words.append("flagged: look at it")
        expected = float(current.expected_dice[frame])
        if np.isfinite(expected):
            words.append(f"expected Dice {expected:.2f} ({_judged(expected)})")
        return ", ".join(words)


def _judged(expected: float) -> str:
    """Return what the height and the colour of a bar say."""
    if expected >= _GOOD:
        return f"high green bar: {_GOOD:g} or more"
    if expected >= _LOW:
        return f"half yellow bar: {_LOW:g} to {_GOOD:g}, look at it"
    return f"low red bar: below {_LOW:g}, probably wrong"
