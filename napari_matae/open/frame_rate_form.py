"""The question for a frame rate that a file does not state, or states in contradiction with itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from matae.store.types import OverrideName
from napari_matae.widgets.layout import let_type_over

if TYPE_CHECKING:
    from napari_matae.session.session import OpenCine, Session

__all__ = ["RateQuestion"]

_QUESTION = "The file does not state its frame rate; give it here to play and time the cine."


class RateQuestion(QWidget):  # type: ignore[misc]
    """Asks for the frame rate of the open cine; hidden while its file states it.

    A rate that a person gave is kept with the cine; it can be changed and taken back.

    Parameters
    ----------
    session
        Whose cine is asked about.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.candidates = QComboBox(self)
        self.candidates.setAccessibleName("Rates that the file states")
        self.candidates.setToolTip("Rates the file states, though they contradict each other.")
        self.candidates.activated.connect(self._take_candidate)
        self.rate = QDoubleSpinBox(self)
        self.rate.setAccessibleName("Frame rate in Hz")
        self.rate.setToolTip("Frames a second, as the machine recorded them.")
        self.rate.setRange(1, 400)
        self.rate.setDecimals(2)
        self.rate.setSuffix(" Hz")
        self.rate.setSpecialValueText("choose")
        let_type_over(self.rate)
        self.button = QPushButton("Use this rate", self)
        self.button.setToolTip("Play and time the clip at this rate; it is kept with the clip.")
        self.button.clicked.connect(self._use)
        self.forget_button = QPushButton("Take it back", self)
        self.forget_button.setToolTip("Without this rate the cine has no times again.")
        self.forget_button.clicked.connect(self._forget)
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addWidget(self.forget_button)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(self.text)
        form.addRow(self.candidates)
        form.addRow(self.rate, row)
        self.hide()

    def ask(self, current: OpenCine | None) -> None:
        """Show the question if the file does not state the rate of this cine, or a person gave another."""
        given = None if current is None else current.overrides.get(OverrideName.FRAME_RATE)
        unknown = current is not None and current.stated.frame_times is None and current.stated.n_frames > 1
        self.setVisible(unknown or given is not None)
        if current is None:
            return
        stated = current.stated
        self.text.setText(
            (stated.timing_note or _QUESTION) if given is None else f"Frame rate given by hand: {given:.2f} Hz."
        )
        rates = stated.info.get("frame_rate_candidates", {})
        self.candidates.clear()
        self.candidates.addItem("The file states…")
        for name, rate in rates.items():
            self.candidates.addItem(f"{rate:.2f} Hz ({name})", float(rate))
        self.candidates.setVisible(bool(rates))
        self.rate.setValue(self.rate.minimum() if given is None else given)
        self.forget_button.setVisible(given is not None)

    def _take_candidate(self) -> None:
        if (rate := self.candidates.currentData()) is not None:
            self.rate.setValue(rate)

    def _use(self) -> None:
        if self._session.current is not None and self.rate.value() > self.rate.minimum():
            self._session.overrides.apply(OverrideName.FRAME_RATE, self.rate.value())

    def _forget(self) -> None:
        self._session.overrides.apply(OverrideName.FRAME_RATE, None)
