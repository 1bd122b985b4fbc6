"""A missing calibration, set by drawing a line over the picture's own depth scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from matae.errors import MataeError
from matae.store.applied import SPACING_NOTE
from matae.store.types import OverrideName
from napari_matae.measure.line_layer import LineLayer
from napari_matae.widgets.colours import DEPTH_LINE

if TYPE_CHECKING:
    from napari_matae.session.session import Session

__all__ = ["DepthScale"]

_WHY = "This file has no sound calibration, so there are no mL and no mm. "
_HOW = "Its depth scale can give it: draw a line from one tick to another, and say how far apart they are."


class DepthScale(QWidget):  # type: ignore[misc]
    """Draw, say how many centimetres, use.

    Parameters
    ----------
    session
        Whose cine is calibrated.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.line = LineLayer(session, "Depth scale", DEPTH_LINE, self)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.draw_button = QPushButton("Draw over the depth scale", self)
        self.draw_button.setToolTip("Drag along the depth scale in the picture, over a length that you know.")
        self.draw_button.clicked.connect(self._draw)
        self.length = QDoubleSpinBox(self)
        self.length.setAccessibleName("Length of the line")
        self.length.setRange(0.1, 40.0)
        self.length.setDecimals(1)
        self.length.setValue(10.0)
        self.length.setSuffix(" cm")
        self.length.setToolTip("How far apart the two ends of the line are on the depth scale.")
        self.length.valueChanged.connect(self.update_state)
        self.use_button = QPushButton("Use this scale", self)
        self.use_button.setToolTip("Give the clip this pixel size; it is kept with the clip.")
        self.use_button.clicked.connect(self.apply)
        self.forget_button = QPushButton("Take it back", self)
        self.forget_button.setToolTip("Without this scale the cine is uncalibrated again.")
        self.forget_button.clicked.connect(self.forget)
        for button in (self.draw_button, self.use_button, self.forget_button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.draw_button)
        first.addWidget(self.forget_button)
        second.addWidget(self.length)
        second.addWidget(self.use_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words)
        column.addLayout(first)
        column.addLayout(second)
        self.line.changed.connect(self.update_state)
        session.opened.connect(self._on_opened)
        self.update_state()

    @property
    def is_wanted(self) -> bool:
        """Whether the open cine has no calibration, or one that a person set."""
        current = self._session.current
        return current is not None and (current.cine.spacing is None or current.cine.spacing_note == SPACING_NOTE)

    def apply(self) -> None:
        """Calibrate the cine by the line and its length."""
        from matae.measure import spacing_from_depth_scale

        current, line = self._session.current, self.line.line
        if current is None or line is None:
            return
        try:
            spacing = spacing_from_depth_scale(
                line[0], line[-1], 10.0 * self.length.value(), aspect=1 / current.cine.sample_aspect
            )
        except MataeError as error:
            self.words.setText(str(error))
            return
        self.line.remove()
        self._session.overrides.apply(OverrideName.SPACING, spacing)
        self.said.emit(f"Calibrated: {spacing.y:.3f} mm a pixel. It is kept for this cine.")

    def forget(self) -> None:
        """Make the cine uncalibrated again."""
        current = self._session.current
        if current is not None and current.cine.spacing_note == SPACING_NOTE:
            self._session.overrides.apply(OverrideName.SPACING, None)
            again = "uncalibrated again" if current.cine.spacing is None else "as its file states it again"
            self.said.emit(f"This cine is {again}.")

    def update_state(self, _: object = None) -> None:
        """Offer what can be done now."""
        current, line = self._session.current, self.line.line
        by_hand = current is not None and current.cine.spacing_note == SPACING_NOTE
        self.forget_button.setVisible(by_hand)
        self.draw_button.setText("Draw again" if by_hand or line is not None else "Draw over the depth scale")
        for widget in (self.length, self.use_button):
            widget.setVisible(line is not None)
        if line is not None:
            length = float(((line[-1] - line[0]) ** 2).sum() ** 0.5)
            self.words.setText(f"The line is {length:.0f} pixels long. How far apart are its ends on the depth scale?")
        elif by_hand and current is not None and current.cine.spacing is not None:
            self.words.setText(f"Set by hand over the depth scale: {current.cine.spacing.y:.3f} mm a pixel.")
        else:
            self.words.setText(_WHY + _HOW)

    def _draw(self) -> None:
        self.line.draw()
        self.words.setText("Drag over the picture from one tick of the depth scale to another, far apart.")

    def _on_opened(self, _: object) -> None:
        self.line.remove()
        self.update_state()
