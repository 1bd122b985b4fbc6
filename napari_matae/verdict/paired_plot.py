"""Every frame before against after: above the line it got better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QPointF, Signal

from napari_matae.verdict.wording import named_frame
from napari_matae.widgets.colours import colours_of, follow_colours
from napari_matae.widgets.plot_axes import colour_axes, follow_background, set_up_axes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from qtpy.QtWidgets import QWidget

    from matae.learn.verdict import FrameChange
    from napari_matae.widgets.colours import Colours

__all__ = ["PairedPlot"]

_SYMBOLS = {"ED": "o", "ES": "s", "": "t1"}
_LEAST_SPAN = 0.05
_SIZE = 9


class PairedPlot(pg.PlotWidget):  # type: ignore[misc]
    """Dice of held-out frames, the model before against the model after.

    Parameters
    ----------
    parent
        Qt parent.
    """

    frame_wanted = Signal(object)
    """A point was clicked; its frame (`matae.learn.verdict.FrameChange`)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self.frames: tuple[FrameChange, ...] = ()
        self.subjects: dict[str, str] = {}
        """Subject of each cine, by content id, once they are known."""
        self.setMinimumHeight(230)
        follow_background(self)
        item = self.getPlotItem()
        set_up_axes(item)
        item.setLabel("bottom", "Dice before")
        item.setLabel("left", "Dice after")
        self._diagonal = pg.InfiniteLine(QPointF(0, 0), angle=45)
        self._words = [pg.TextItem("better", anchor=(0, 0)), pg.TextItem("worse", anchor=(1, 1))]
        self.points = pg.ScatterPlotItem(hoverable=True, hoverSize=_SIZE + 4, tip=self._tip, pxMode=True)
        self.points.sigClicked.connect(self._on_clicked)
        for part in (self._diagonal, *self._words, self.points):
            self.addItem(part)
        follow_colours(self, self._colour)

    def show_frames(self, frames: Sequence[FrameChange]) -> None:
        """Show these frames: a colour a patient, a shape a phase."""
        self.frames = tuple(frames)
        patients = {patient: place for place, patient in enumerate(dict.fromkeys(f.patient for f in frames))}
        colours = colours_of(self).series
        self.points.setData(
            [
                {
                    "pos": (frame.dice_before, frame.dice_after),
                    "data": frame,
                    "symbol": _SYMBOLS.get(frame.phase, _SYMBOLS[""]),
                    "brush": pg.mkBrush(colours[patients[frame.patient] % len(colours)]),
                    "pen": pg.mkPen(None),
                    "size": _SIZE,
                }
                for frame in frames
                if np.isfinite([frame.dice_before, frame.dice_after]).all()
            ]
        )
        values = [value for frame in frames for value in (frame.dice_before, frame.dice_after) if np.isfinite(value)]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        room = max(_LEAST_SPAN, high - low) * 0.08
        low, high = min(low - room, high - _LEAST_SPAN), high + room
        self.setRange(xRange=(low, high), yRange=(low, high), padding=0)
        self._words[0].setPos(low, high)
        self._words[1].setPos(high, low)

    def _tip(self, x: float, y: float, data: FrameChange) -> str:
        return f"{named_frame(data, self.subjects)}\nDice {x:.3f} before, {y:.3f} after\nClick to open it."

    def _on_clicked(self, _: object, points: Any) -> None:
        if len(points):
            self.frame_wanted.emit(points[0].data())

    def _colour(self, colours: Colours) -> None:
        colour_axes(self.getPlotItem(), colours.ink)
        self._diagonal.setPen(pg.mkPen(colours.faint, width=1))
        for words in self._words:
            words.setColor(colours.faint)
        self.show_frames(self.frames)
