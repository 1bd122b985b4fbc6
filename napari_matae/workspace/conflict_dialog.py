"""Two people changed one frame: both masks side by side, and a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_matae.session.layers import class_colour
from napari_matae.widgets.colours import STATUS_WORDS
from napari_matae.widgets.pixmap import fitted, rgb_pixmap

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QPixmap

    from napari_matae.study.conflicts import Conflict

__all__ = ["ConflictDialog", "picture"]

_SIDE = 300


class ConflictDialog(QDialog):  # type: ignore[misc]
    """Shows a conflict; does not stand in the way of work, and closing it decides nothing.

    Parameters
    ----------
    conflict
        What happened.
    parent
        Qt parent.
    """

    decided = Signal(bool)
    """Whether this person's version is to be the frame's."""

    def __init__(self, conflict: Conflict, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.conflict = conflict
        self.setWindowTitle(f"Frame {conflict.frame + 1} was changed twice")
        self.setModal(False)
        who = conflict.theirs.rater or "Somebody else"
        when = conflict.theirs.updated.astimezone().strftime("%H:%M:%S")
        text = QLabel(
            f"{who} changed frame {conflict.frame + 1} in another window at {when}, while you worked on it. "
            "Both versions are kept in the study, whatever you choose.",
            self,
        )
        text.setWordWrap(True)
        pictures = QHBoxLayout()
        self.mine_button = QPushButton("Use mine", self)
        self.theirs_button = QPushButton("Use theirs", self)
        self.mine_button.setToolTip("Your version counts for this frame; theirs stays in the history.")
        self.theirs_button.setToolTip("Their version counts for this frame; yours stays in the history.")
        self.mine_button.clicked.connect(lambda: self._decide(mine=True))
        self.theirs_button.clicked.connect(lambda: self._decide(mine=False))
        frame = conflict.current.cine.frames[conflict.frame]
        sides = (
            ("Yours", conflict.mine, conflict.status, self.mine_button),
            ("Theirs", conflict.their_mask, conflict.theirs.status, self.theirs_button),
        )
        for title, mask, status, button in sides:
            column = QVBoxLayout()
            shown = QLabel(self)
            shown.setAlignment(Qt.AlignmentFlag.AlignCenter)
            shown.setPixmap(picture(frame, mask, conflict.current.cine.pixel_aspect))
            word = "no mask" if mask is None or status is None else STATUS_WORDS[status]
            area = 0 if mask is None else int(np.count_nonzero(mask == 1))
            caption = QLabel(f"<b>{title}</b>: {word}, {area} px", self)
            caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
            for widget in (shown, caption, button):
                column.addWidget(widget)
            pictures.addLayout(column)
        later = QLabel("Close this to decide later: yours stays on this screen, theirs stays in the study.", self)
        later.setWordWrap(True)
        whole = QVBoxLayout(self)
        whole.addWidget(text)
        whole.addLayout(pictures)
        whole.addWidget(later)

    def _decide(self, *, mine: bool) -> None:
        self.decided.emit(mine)
        self.accept()


def picture(frame: NDArray[np.uint8], mask: NDArray[np.uint8] | None, aspect: tuple[float, float]) -> QPixmap:
    """Return a frame (Y, X) with the outline of each structure, as large as fits a square of 300 pixels."""
    colour = np.repeat(frame[..., None], 3, -1)
    for value in () if mask is None else np.unique(mask[mask > 0]).tolist():
        inside = mask == value
        core = inside.copy()
        core[1:] &= inside[:-1]
        core[:-1] &= inside[1:]
        core[:, 1:] &= inside[:, :-1]
        core[:, :-1] &= inside[:, 1:]
        colour[inside & ~core] = QColor(class_colour(value)).getRgb()[:3]
    return fitted(rgb_pixmap(colour), _SIDE, aspect)
