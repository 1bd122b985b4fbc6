"""What was measured, drawn over the picture: both outlines of a beat at once, the long axis and the disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject
from superqt.utils import qthrottled

from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import DISKS_COLOUR, ED_COLOUR, ES_COLOUR

if TYPE_CHECKING:
    from napari.layers import Vectors
    from numpy.typing import NDArray

    from matae.measure import Disks, Measurement
    from napari_matae.measure.live_measurement import LiveMeasurement
    from napari_matae.session.session import OpenCine, Session

__all__ = ["PhaseOverlay"]

_REDRAW_MS = 120
_POINTS = 160
"""Of an outline on screen: napari's work grows with their number, and a chord this short leaves it by less than a
tenth of a pixel."""


class PhaseOverlay(QObject):  # type: ignore[misc]
    """Shows outlines of end-diastole and end-systole on every frame, and axis and disks of the frame on screen.

    Parameters
    ----------
    session
        Over whose cine.
    measuring
        What was measured.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, measuring: LiveMeasurement, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._measuring = session, measuring
        self._outlines: Vectors | None = None
        self._disks: Vectors | None = None
        self._of: OpenCine | None = None
        self._show_outlines = self._show_disks = False
        # The numbers come first: what is drawn follows when the hand has gone a little further.
        self._redraw_soon = qthrottled(self.redraw, timeout=_REDRAW_MS, leading=False, parent=self)
        connections = connections_of(self)
        connections.when_closed(self._remove)
        connections.when_closed(self._redraw_soon.cancel)
        connections.connect(measuring.changed, self._redraw_soon)
        session.frame_changed.connect(self._on_frame)
        session.opened.connect(self._on_opened)

    @property
    def outlines(self) -> bool:
        """Whether both outlines are wanted."""
        return self._show_outlines

    @outlines.setter
    def outlines(self, on: bool) -> None:
        self._show_outlines = on
        self.redraw()

    @property
    def disks(self) -> bool:
        """Whether long axis and disks are wanted."""
        return self._show_disks

    @disks.setter
    def disks(self, on: bool) -> None:
        self._show_disks = on
        self.redraw()

    def redraw(self) -> None:
        """Draw what is wanted as it was measured last."""
        current = self._session.current
        measured = self._measuring.measurement if self._measuring.active else None
        if self._of is not current:
            self._remove()
            self._of = current
        if self._show_outlines or self._outlines is not None:
            lines, colours = _both_outlines(measured) if self._show_outlines and measured is not None else _NOTHING
            self._outlines = self._put(self._outlines, "ED and ES outlines", lines, colours, 1.0)
        if self._show_disks or self._disks is not None:
            found = None if measured is None or not self._show_disks else _disks_of(measured, self._session.frame)
            lines, colours = _NOTHING if found is None else _disk_lines(found)
            self._disks = self._put(self._disks, "Long axis and disks", lines, colours, 0.55)

    def _put(
        self, layer: Vectors | None, name: str, lines: NDArray[np.float64], colours: NDArray[np.float64], width: float
    ) -> Vectors | None:
        from napari.layers import Vectors

        current, viewer = self._session.current, self._session.viewer
        if current is None:
            return None
        if layer is not None and layer not in viewer.layers:
            layer = None
        if layer is None:
            if not len(lines):
                return None
            layer = Vectors(
                lines,
                name=name,
                scale=current.cine.pixel_aspect,
                edge_width=width * max(1.0, max(current.cine.shape) / 320),
                vector_style="line",
                edge_color=colours,
                opacity=0.9,
            )
            active = viewer.layers.selection.active
            viewer.add_layer(layer)
            viewer.layers.selection.active = active
            return layer
        if len(lines):
            same = len(lines) == len(layer.data)
            layer.data = lines
            if not same:
                layer.edge_color = colours
        if layer.visible != bool(len(lines)):
            layer.visible = bool(len(lines))
        return layer

    def _on_frame(self, _: int) -> None:
        if self._show_disks:
            self._redraw_soon()

    def _on_opened(self, _: object) -> None:
        self._redraw_soon()

    def _remove(self) -> None:
        for layer in (self._outlines, self._disks):
            if layer is not None and layer in self._session.viewer.layers:
                self._session.viewer.layers.remove(layer)
        self._outlines = self._disks = None


_NOTHING = (np.zeros((0, 2, 2)), np.zeros((0, 4)))


def _colour(text: str, alpha: float = 1.0) -> list[float]:
    return [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [alpha]


def _both_outlines(measured: Measurement) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    primary = measured.primary
    if primary is None:
        return _NOTHING
    parts, colours = [], []
    for frame, colour in zip(primary.frames, (ED_COLOUR, ES_COLOUR), strict=True):
        points = measured.outline(frame)
        points = points[np.linspace(0, len(points), _POINTS, endpoint=False).astype(int)]
        parts.append(np.stack([points, np.roll(points, -1, 0) - points], 1))
        colours += [_colour(colour)] * len(points)
    return np.concatenate(parts), np.array(colours)


def _disks_of(measured: Measurement, frame: int) -> Disks | None:
    return measured.shapes[frame].disks if frame < len(measured.shapes) else None


def _disk_lines(found: Disks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    marks = found.landmarks
    ends = np.concatenate(
        [found.chords, np.array([[marks.apex, marks.base], [marks.left, marks.right]], dtype=np.float64)]
    )
    lines = np.stack([ends[:, 0], ends[:, 1] - ends[:, 0]], 1)
    colours = [_colour(DISKS_COLOUR, 0.7)] * len(found.chords) + [_colour(DISKS_COLOUR)] * 2
    return lines, np.array(colours)
