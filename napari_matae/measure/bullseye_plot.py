"""Wall motion of the six segments a view shows, on the bull's-eye of the left ventricle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPainterPath, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from matae.measure.bullseye import MOST_INWARD_PERCENT, all_places, place
from napari_matae.widgets.colours import colours_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from matae.measure import Segment
    from matae.measure.bullseye import Place

__all__ = ["BullseyePlot"]

_BAR, _LABEL = 26, 92


class BullseyePlot(QWidget):  # type: ignore[misc]
    """Inward motion in percent, one coloured sector a segment, with its number and its wall's name.

    Parameters
    ----------
    parent
        Qt parent.
    """

    clicked = Signal(str)
    """Name of the segment that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._segments: tuple[Segment, ...] = ()
        self._colours = pg.colormap.get("viridis")
        self.setMinimumHeight(210)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)

    def show_segments(self, segments: Sequence[Segment]) -> None:
        """Draw these segments; none leaves an empty disk."""
        self._segments = tuple(segments)
        self.update()

    def colour(self, percent: float) -> QColor:
        """Return the colour of an inward motion."""
        share = min(max(percent / MOST_INWARD_PERCENT, 0.0), 1.0)
        return QColor(self._colours.mapToQColor(share))

    # -- geometry -----------------------------------------------------------------------------------------

    def _disk(self) -> tuple[QPointF, float]:
        radius = max(20.0, min(self.height() - _BAR - 24, self.width() - 2 * _LABEL) / 2)
        return QPointF(self.width() / 2, 12 + radius), radius

    def _path(self, where: Place) -> QPainterPath:
        centre, radius = self._disk()
        outer = QRectF(centre.x() - radius * where.outer, centre.y() - radius * where.outer,
                       2 * radius * where.outer, 2 * radius * where.outer)  # fmt: skip
        inner = QRectF(centre.x() - radius * where.inner, centre.y() - radius * where.inner,
                       2 * radius * where.inner, 2 * radius * where.inner)  # fmt: skip
        start = where.centre - where.span / 2
        path = QPainterPath()
        path.arcMoveTo(outer, start)
        path.arcTo(outer, start, where.span)
        if where.inner > 0:
            path.arcTo(inner, start + where.span, -where.span)
        else:
            path.lineTo(centre)
        path.closeSubpath()
        return path

    def segment_at(self, point: QPointF) -> Segment | None:
        """Return the segment under a point of this widget."""
        return next((s for s in self._segments if self._path(place(s)).contains(point)), None)

    # -- painting -----------------------------------------------------------------------------------------

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the disk, the numbers, the walls' names and the scale."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = QPen(self.palette().window().color(), 2)
        painter.setPen(edge)
        painter.setBrush(QColor(colours_of(self).empty))
        for where in all_places():
            painter.drawPath(self._path(where))
        for segment in self._segments:
            painter.setPen(edge)
            painter.setBrush(self.colour(segment.inward_percent))
            painter.drawPath(self._path(place(segment)))
        centre, radius = self._disk()
        font = painter.font()
        font.setBold(True)
        font.setPixelSize(max(10, round(radius / 7)))
        for segment in self._segments:
            where, shade = place(segment), self.colour(segment.inward_percent)
            bright = shade.lightnessF() > 0.45
            middle = (where.inner + where.outer) / 2 if segment.level != "apical" else 0.22
            at = _along(centre, where.centre, middle * radius)
            painter.setFont(font)
            painter.setPen(QColor("black" if bright else "white"))
            painter.drawText(QRectF(at.x() - 24, at.y() - 12, 48, 24), Qt.AlignmentFlag.AlignCenter,
                             f"{segment.inward_percent:.0f}")  # fmt: skip
        self._paint_names(painter, centre, radius)
        self._paint_scale(painter)
        painter.end()

    def _paint_names(self, painter: QPainter, centre: QPointF, radius: float) -> None:
        font = painter.font()
        font.setBold(False)
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(self.palette().windowText().color())
        for segment in self._segments:
            if segment.level != "basal":
                continue
            where, wall = place(segment), segment.name.split(" ", 1)[1]
            at = _along(centre, where.centre, radius + 5)
            right = math.cos(math.radians(where.centre))
            align = Qt.AlignmentFlag.AlignVCenter | (
                Qt.AlignmentFlag.AlignHCenter if abs(right) < 0.1
                else Qt.AlignmentFlag.AlignLeft if right > 0 else Qt.AlignmentFlag.AlignRight
            )  # fmt: skip
            left = at.x() - (60 if abs(right) < 0.1 else 0 if right > 0 else 120)
            lift = -8 if math.sin(math.radians(where.centre)) > 0.9 else 8 if abs(right) < 0.1 else 0
            painter.drawText(QRectF(left, at.y() - 8 + lift, 120, 16), align, wall)

    def _paint_scale(self, painter: QPainter) -> None:
        width = min(190.0, self.width() - 40.0)
        bar = QRectF((self.width() - width) / 2, self.height() - _BAR + 2, width, 8)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for step in range(9):
            gradient.setColorAt(step / 8, self.colour(step / 8 * MOST_INWARD_PERCENT))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRect(bar)
        painter.setPen(self.palette().windowText().color())
        for share in (0.0, 0.5, 1.0):
            x = bar.left() + share * width
            text = f"{share * MOST_INWARD_PERCENT:.0f}" + (" % inward" if share == 1.0 else "")
            painter.drawText(QRectF(x - 12, bar.bottom(), 80, 14), Qt.AlignmentFlag.AlignLeft, text)

    # -- mouse --------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Say what is under the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            found = self.segment_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), _words(found) if found is not None else _WHAT, self)
            return True
        return bool(super().event(event))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell which segment was clicked."""
        found = self.segment_at(event.position())
        if found is not None:
            self.clicked.emit(found.name)


_WHAT = (
    "How far each part of the wall comes nearer to the long axis from end-diastole to end-systole, in percent of its "
    "distance. Only the six segments of this view are known."
)


def _words(segment: Segment) -> str:
    inward = f"{segment.inward_percent:.0f} %"
    if segment.inward_mm is not None:
        inward += f", {segment.inward_mm:.1f} mm"
    return f"{segment.name}: {inward} inward; its area shrinks by {segment.area_change_percent:.0f} %"


def _along(centre: QPointF, degrees: float, distance: float) -> QPointF:
    angle = math.radians(degrees)
    return QPointF(centre.x() + distance * math.cos(angle), centre.y() - distance * math.sin(angle))
