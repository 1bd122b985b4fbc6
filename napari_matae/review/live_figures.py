"""Live figures: the frame on screen against its predicted mask, and where the study stands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget
from superqt.utils import qthrottled

from matae.metrics import dice, iou
from matae.store.types import FrameStatus
from napari_matae.widgets.colours import STATUS_WORDS, colours_of, follow_colours

if TYPE_CHECKING:
    from matae.store.types import Statistics
    from napari_matae.workspace.workspace import Workspace

__all__ = ["LiveFigures"]

_REDRAW_MS = 120
_DASH = "–"


class LiveFigures(QWidget):  # type: ignore[misc]
    """Dice, IoU, area, time and the widths' agreement of the frame; counts, minutes and shares of the study.

    Parameters
    ----------
    workspace
        Whose frame and study.
    parent
        Qt parent.
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.values: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(1)
        facts = (
            ("dice", "Dice", "Overlap of the chosen structure with the predicted one: 1 where they are equal."),
            ("iou", "IoU", "Intersection over union with the predicted mask."),
            ("area", "Area", "Area of the cavity on this frame."),
            ("time", "Time", "Time spent on this frame."),
            (
                "widths",
                "Widths",
                "Overlap (Dice) of two widths of the network on this frame; below 0.955, look at it.",
            ),
        )
        for column, (name, title, tip) in enumerate(facts):
            head = QLabel(title, self)
            head.setAlignment(Qt.AlignmentFlag.AlignCenter)
            value = QLabel(_DASH, self)
            value.setAlignment(Qt.AlignmentFlag.AlignCenter)
            font = value.font()
            font.setPointSizeF(font.pointSizeF() * 1.25)
            font.setBold(True)
            value.setFont(font)
            for label in (head, value):
                label.setToolTip(tip)
            grid.addWidget(value, 0, column)
            grid.addWidget(head, 1, column)
            grid.setColumnStretch(column, 1)
            self.values[name] = value
        self.study = QLabel(self)
        self.study.setWordWrap(True)
        self.study.setTextFormat(Qt.TextFormat.RichText)
        grid.addWidget(self.study, 2, 0, 1, 5)
        self._show_soon = qthrottled(self.show_frame, timeout=_REDRAW_MS, parent=self)
        session = workspace.session
        signals = (
            session.frame_changed, session.area_changed, session.status_changed, session.doubted, session.opened,
        )  # fmt: skip
        for signal in signals:
            signal.connect(self._show_soon)
        workspace.link.statistics_changed.connect(self.show_study)
        workspace.link.acknowledged.connect(self._show_soon)
        workspace.structures.changed.connect(self._show_soon)
        self.show_frame()
        follow_colours(self, lambda _: self.show_study(workspace.link.connection.statistics))

    def show_frame(self, _: object = None) -> None:
        """Show the figures of the frame on screen."""
        session = self._workspace.session
        current, frame = session.current, session.frame
        shown = dict.fromkeys(self.values, _DASH)
        if current is not None and current.labels is not None and frame in current.status:
            # A mask that nobody touched is equal to itself: a Dice of 1 would look like praise.
            touched = current.status[frame] is not FrameStatus.MACHINE
            if touched and current.predicted is not None and frame in current.proposed:
                chosen = self._workspace.structures.value
                manual, predicted = current.mask(frame) == chosen, current.predicted[frame] == chosen
                shown["dice"] = f"{float(dice(manual, predicted)):.3f}"
                shown["iou"] = f"{float(iou(manual, predicted)):.3f}"
            mm2 = current.area_mm2
            shown["area"] = f"{current.area_px[frame]:.0f} px" if mm2 is None else f"{mm2[frame] / 100:.1f} cm²"
            shown["time"] = _duration(current.seconds.get(frame, 0.0))
            apart = current.disagreement[frame]
            shown["widths"] = _DASH if math.isnan(apart) else f"{1 - apart:.3f}"
        for name, text in shown.items():
            self.values[name].setText(text)

    def show_study(self, statistics: Statistics | None) -> None:
        """Show where the study stands."""
        if statistics is None:
            self.study.setText("")
            return
        colours = colours_of(self).status
        cells = [
            f"<span style='color:{colours[status]}'>■</span>&nbsp;{statistics.by_status.get(status, 0)}&nbsp;"
            f"{STATUS_WORDS[status].replace(' ', '&nbsp;')}"
            for status in FrameStatus
        ]
        lines = [" &nbsp;".join(cells)]
        cines = f"{statistics.n_cines} cine{'s' * (statistics.n_cines != 1)}"
        if statistics.minutes_per_accepted is not None:
            unedited = statistics.accepted_unedited or 0.0
            spent = _duration(60 * statistics.minutes_per_accepted)
            lines.append(f"in {cines}; {spent} an accepted frame, {unedited:.0%} unedited")
        else:
            lines.append(f"in {cines} of the study")
        self.study.setText("<br>".join(lines))


def _duration(seconds: float) -> str:
    if seconds <= 0:
        return _DASH
    if seconds < 9.5:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
