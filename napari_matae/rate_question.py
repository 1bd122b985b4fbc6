"""The question for a frame rate that a file does not state, or states in contradiction with itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QLabel, QPushButton, QWidget

if TYPE_CHECKING:
    from matae.cine import Cine
    from napari_matae.session import Session

__all__ = ["RateQuestion"]

_QUESTION = "The file does not state its frame rate; give it here to play and time the cine."


class RateQuestion(QWidget):  # type: ignore[misc]
    """Asks for the frame rate of the open cine; hidden while it is known.

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
        self.candidates.setToolTip("Rates the file states, though they contradict each other.")
        self.candidates.activated.connect(self._take_candidate)
        self.rate = QDoubleSpinBox(self)
        self.rate.setRange(1, 400)
        self.rate.setDecimals(2)
        self.rate.setSuffix(" Hz")
        self.rate.setSpecialValueText("choose")
        self.button = QPushButton("Use this rate", self)
        self.button.clicked.connect(self._use)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(self.text)
        form.addRow(self.candidates)
        form.addRow(self.rate, self.button)
        self.hide()

    def ask(self, cine: Cine | None) -> None:
        """Show the question if the rate of this cine is not known."""
        self.setVisible(cine is not None and cine.frame_times is None and cine.n_frames > 1)
        if cine is None:
            return
        self.text.setText(cine.timing_note or _QUESTION)
        stated = cine.info.get("frame_rate_candidates", {})
        self.candidates.clear()
        self.candidates.addItem("The file states…")
        for name, rate in stated.items():
            self.candidates.addItem(f"{rate:.2f} Hz ({name})", float(rate))
        self.candidates.setVisible(bool(stated))
        self.rate.setValue(self.rate.minimum())

    def _take_candidate(self) -> None:
        if (rate := self.candidates.currentData()) is not None:
            self.rate.setValue(rate)

    def _use(self) -> None:
        current = self._session.current
        if current is not None and self.rate.value() > self.rate.minimum():
            self._session.replace_cine(current.cine.with_frame_rate(self.rate.value()))
