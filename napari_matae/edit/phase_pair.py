"""End-diastole and end-systole side by side with their contours: a click shows the frame, a drag moves the contour."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from matae.anatomy import CAVITY
from matae.errors import MataeError
from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import ED_COLOUR, ES_COLOUR, FAINT_ON_PICTURE, ON_PICTURE, UNDER_PICTURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from qtpy.QtGui import QKeyEvent, QMouseEvent, QPaintEvent

    from matae.measure import Measurement
    from napari_matae.session.session import OpenCine, Session

__all__ = ["PhasePair", "PhaseView"]

_GRAB_PX = 9.0
"""How near the contour, in screen pixels, a drag takes hold of it."""
_REACH = 1 / 6
"""How far along the contour a drag is felt, as a share of the longer side of the picture; as the push tool has it."""
_MARGIN = 0.06
_SLOP_PX = 3


class PhaseView(QWidget):  # type: ignore[misc]
    """One of the two frames.

    Parameters
    ----------
    session
        Whose masks are shown and dragged.
    name
        "End-diastole" or "End-systole".
    colour
        Of the contour.
    parent
        Qt parent.
    """

    clicked = Signal(int)
    """The frame is to be shown."""
    dragged = Signal(int)
    """The contour of a frame was dragged, and that is recorded as one step."""

    def __init__(self, session: Session, name: str, colour: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self.name, self._colour = session, name, QColor(colour)
        self.frame: int | None = None
        """0-based frame that is shown, or None."""
        self._of: OpenCine | None = None
        self._words = ""
        self._image: QImage | None = None
        self._contour: NDArray[np.float64] = np.zeros((0, 2))
        self._window = QRectF()
        self._shape: Callable[[NDArray[np.float64]], NDArray[np.uint8]] | None = None
        self._pressed: QPointF | None = None
        self._place: NDArray[np.float64] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._draw)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumSize(110, 130)
        self.setAccessibleName(name)
        connections_of(self).when_closed(self._end_drag)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which a contour can be judged."""
        return QSize(180, 190)

    # -- what is shown ------------------------------------------------------------------------------------

    def show_frame(
        self,
        current: OpenCine | None,
        frame: int | None,
        contour: NDArray[np.float64],
        words: str,
        around: NDArray[np.float64] | None = None,
    ) -> None:
        """Show a frame with its contour.

        Parameters
        ----------
        current, frame
            Which; None for nothing.
        contour
            (N, 2) as (y, x) in pixels.
        words
            What stands under its name.
        around
            Points that the part of the picture that is shown lies around, (N, 2); those of the contour if left out.
        """
        if current is not self._of or frame != self.frame or self._image is None:
            self._end_drag()
            self._of, self.frame = current, frame
            self._image = None if current is None or frame is None else _grey(current.cine.frames[frame])
            self._window = QRectF()
        self._contour, self._words = contour, words
        if self._window.isEmpty() and current is not None and self._image is not None:
            self._window = _window_of(contour if around is None else around, current)
        number = "" if frame is None else f", frame {frame + 1}"
        self.setAccessibleDescription(f"{self.name}{number}: {words}")
        self.setToolTip(
            f"{self.name}{number}. Click to show it in the viewer; drag the contour to correct it (one undo step)."
        )
        self.update()

    def forget_window(self) -> None:
        """Choose the part of the picture anew when a frame is shown next."""
        self._window = QRectF()

    @property
    def is_held(self) -> bool:
        """Whether its contour is being dragged."""
        return self._shape is not None

    def is_of(self, current: OpenCine | None) -> bool:
        """Return whether a frame of this clip is shown."""
        return current is not None and current is self._of

    def _place_of(self) -> QRectF:
        """Return where the picture is in the widget, its pixels at their true shape."""
        if self._of is None or self._window.isEmpty():
            return QRectF()
        tall, wide = self._of.cine.pixel_aspect
        room = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        width, height = self._window.width() * wide, self._window.height() * tall
        scale = min(room.width() / width, room.height() / height)
        size = QRectF(0, 0, width * scale, height * scale)
        size.moveCenter(room.center())
        return size

    def on_screen(self, y: float, x: float) -> QPointF:
        """Return where a pixel of the frame is in the widget."""
        place, window = self._place_of(), self._window
        return QPointF(
            place.left() + (x + 0.5 - window.left()) / window.width() * place.width(),
            place.top() + (y + 0.5 - window.top()) / window.height() * place.height(),
        )

    def _in_pixels(self, point: QPointF) -> NDArray[np.float64]:
        place, window = self._place_of(), self._window
        return np.array([
            window.top() + (point.y() - place.top()) / place.height() * window.height() - 0.5,
            window.left() + (point.x() - place.left()) / place.width() * window.width() - 0.5,
        ])  # fmt: skip

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the picture, the contour and what they are."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(UNDER_PICTURE))
        place = self._place_of()
        if self._image is None or place.isEmpty():
            painter.setPen(QColor(FAINT_ON_PICTURE))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, f"{self.name}\nis not known yet")
            painter.end()
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawImage(place, self._image, self._window)
        if len(self._contour):
            pen = QPen(self._colour, 2.0)
            painter.setPen(pen)
            painter.drawPolygon(QPolygonF([self.on_screen(y, x) for y, x in self._contour]))
        on_screen = self.frame == self._session.frame
        painter.setPen(QPen(self._colour, 3.0 if on_screen else 1.0))
        painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        lines = f"{self.name} · {'' if self.frame is None else self.frame + 1}\n{self._words}"
        box = QRectF(self.rect()).adjusted(6, 4, -6, -4)
        for shift, colour in ((1, QColor(UNDER_PICTURE)), (0, QColor(ON_PICTURE))):  # a shadow: legible on any picture
            painter.setPen(colour)
            painter.drawText(
                box.translated(shift, shift), Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, lines
            )
        if self.hasFocus():
            painter.setPen(QPen(QColor(ON_PICTURE), 1, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(4, 4, -5, -5))
        painter.end()

    # -- the hand -----------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Show the frame on Enter or Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.frame is not None:
            self.clicked.emit(self.frame)
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take hold of the contour, where it is near."""
        if event.button() != Qt.MouseButton.LeftButton or self.frame is None:
            return
        self._pressed = event.position()
        if self._is_near(event.position()):
            self._shape = self._begin(self._in_pixels(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Drag the contour; or show that it can be."""
        if self._shape is None:
            near = self.frame is not None and self._is_near(event.position())
            self.setCursor(Qt.CursorShape.OpenHandCursor if near else Qt.CursorShape.PointingHandCursor)
            return
        if self._pressed is not None and not self._session.paint.stroking:
            if (event.position() - self._pressed).manhattanLength() < _SLOP_PX:
                return
            self._session.paint.stroking = True
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        # The mouse moves more often than a mask can be made and measured: only its last position counts.
        self._place = self._in_pixels(event.position())
        if not self._timer.isActive():
            self._timer.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Record the drag as one step; or show the frame, where it was a click."""
        if event.button() != Qt.MouseButton.LeftButton or self.frame is None or self._pressed is None:
            return
        frame, moved = self.frame, self._shape is not None and self._session.paint.stroking
        if moved:
            self._place = self._in_pixels(event.position())
            self._timer.stop()
            self._draw()
        self._end_drag()
        if moved:
            self.dragged.emit(frame)
        else:
            self.clicked.emit(frame)

    def _is_near(self, point: QPointF) -> bool:
        if not len(self._contour) or self._place_of().isEmpty():
            return False
        places = np.array([[p.x(), p.y()] for p in (self.on_screen(y, x) for y, x in self._contour)])
        return bool(np.hypot(places[:, 0] - point.x(), places[:, 1] - point.y()).min() <= _GRAB_PX)

    def _begin(self, start: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], NDArray[np.uint8]] | None:
        from matae.edit import nudge

        session, frame = self._session, self.frame
        current = session.current
        if (
            current is None
            or current is not self._of
            or frame is None
            or not current.ready
            or frame not in current.status
        ):
            return None
        session.settle()
        session.masks.tool = "contour dragged"
        base, spacing = current.mask(frame).copy(), current.cine.pixel_size
        reach = max(current.cine.shape) * _REACH / 2
        return lambda end: nudge(base, start, end, reach, CAVITY, spacing=spacing)

    def _draw(self) -> None:
        if self._shape is None or self._place is None or self.frame is None or self._session.current is not self._of:
            return
        place, self._place = self._place, None
        try:
            mask = self._shape(place)
        except MataeError:
            return  # a drag passes through places that are no mask; the last sound one stands
        from matae.measure import contour

        self._session.masks.draw(self.frame, mask)
        with suppress(MataeError):
            self._contour = contour(mask == CAVITY)
        self.update()

    def _end_drag(self) -> None:
        held, self._shape, self._pressed, self._place = self._shape, None, None, None
        self._timer.stop()
        if held is not None:
            self._session.paint.stroking = False
            self._session.settle()


class PhasePair(QWidget):  # type: ignore[misc]
    """Both frames of the beat that is shown, as it was measured last.

    Parameters
    ----------
    session
        Whose clip.
    parent
        Qt parent.
    """

    seek_wanted = Signal(object)
    """A frame is to be shown (tuple of one int)."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.ed = PhaseView(session, "End-diastole", ED_COLOUR, self)
        self.es = PhaseView(session, "End-systole", ES_COLOUR, self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for view in (self.ed, self.es):
            row.addWidget(view)
            view.clicked.connect(lambda frame: self.seek_wanted.emit((frame,)))
            for signal in (view.clicked, view.dragged):
                signal.connect(self._on_let_go)
        self._missed: Measurement | None = None
        session.frame_changed.connect(self._on_frame)

    def show_measurement(self, measured: Measurement | None) -> None:
        """Show the beat of a measurement of the open clip.

        A contour that is being dragged may make another frame the largest: the frames stay until it is let go.
        """
        current = self._session.current
        held = next((view for view in (self.ed, self.es) if view.is_held), None)
        if held is not None and held.is_of(current):
            self._missed = measured
            return
        primary = None if measured is None else measured.primary
        if measured is None or primary is None or current is None:
            for view in (self.ed, self.es):
                view.show_frame(None, None, np.zeros((0, 2)), "")
            return
        volumes = (primary.volumes.edv, primary.volumes.esv)
        # One part of the picture at one scale for both: how much smaller the cavity is, is what is to be seen.
        around = np.concatenate([measured.outline(frame) for frame in primary.frames])
        if (self.ed.frame, self.es.frame) != primary.frames:
            self.ed.forget_window()
            self.es.forget_window()
        for view, frame, volume in zip((self.ed, self.es), primary.frames, volumes, strict=True):
            words = f"{volume:.0f} mL" if measured.calibrated else "no pixel size"
            view.show_frame(current, frame, measured.outline(frame), words, around)

    def _on_let_go(self, _: int) -> None:
        missed, self._missed = self._missed, None
        if missed is not None:
            self.show_measurement(missed)

    def _on_frame(self, _: int = 0) -> None:
        for view in (self.ed, self.es):
            view.update()


def _grey(frame: NDArray[np.uint8]) -> QImage:
    rows, columns = frame.shape
    pixels = np.ascontiguousarray(frame)
    return QImage(pixels.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()


def _window_of(contour: NDArray[np.float64], current: OpenCine) -> QRectF:
    """Return the part of the picture to show: the sector, or round the contour where that is small in it."""
    rows, columns = current.cine.shape
    whole = QRectF(0, 0, columns, rows)
    if not len(contour):
        return whole
    (top, left), (bottom, right) = contour.min(0), contour.max(0)
    middle = QPointF((left + right) / 2, (top + bottom) / 2)
    side_y = min(float(rows), max((bottom - top) * 1.7, rows * 0.4))
    side_x = min(float(columns), max((right - left) * 1.7, side_y * 0.8, columns * _MARGIN))
    window = QRectF(0, 0, side_x, side_y)
    window.moveCenter(middle)
    window.moveLeft(min(max(0.0, window.left()), columns - side_x))
    window.moveTop(min(max(0.0, window.top()), rows - side_y))
    return window.intersected(whole)
