"""The pictures of an export's preview: as they are here with what is blanked tinted, and as they would leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_matae.widgets.colours import ALARM_ON_PICTURE, BESIDE_PICTURE, follow_colours
from napari_matae.widgets.pixmap import fitted, rgb_pixmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.exchange import Finding, Preview
    from napari_matae.exchange.tasks import PreparedExport

__all__ = ["ExportPictures"]

_SIDE = 224
_ON_A_PAGE = 6


class ExportPictures(QWidget):  # type: ignore[misc]
    """Some clips at a time, those that a person must look at first.

    Parameters
    ----------
    prepared
        What would leave.
    parent
        Qt parent.
    """

    page_changed = Signal()
    """Other pictures are shown."""

    def __init__(self, prepared: PreparedExport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._prepared = prepared
        self._findings: dict[str, list[Finding]] = {}
        for finding in prepared.plan.findings:
            self._findings.setdefault(finding.clip, []).append(finding)
        self._previews = sorted(prepared.plan.previews, key=lambda preview: not self._needs_look(preview))
        self._first = 0
        self.seen: set[int] = set()
        """Places of the pictures that were on screen."""
        self.area = QScrollArea(self)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setMinimumWidth(2 * _SIDE + 70)
        self.back_button = QPushButton("◂ Back", self)
        self.more_button = QPushButton("More ▸", self)
        self.back_button.setToolTip("The pictures before these.")
        self.more_button.setToolTip("The next pictures.")
        self.back_button.clicked.connect(lambda: self.turn(-1))
        self.more_button.clicked.connect(lambda: self.turn(1))
        self.where = QLabel(self)
        self.where.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout()
        row.addWidget(self.back_button)
        row.addWidget(self.where, stretch=1)
        row.addWidget(self.more_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.area, stretch=1)
        column.addLayout(row)
        several = len(self._previews) > _ON_A_PAGE
        self.back_button.setVisible(several)
        self.more_button.setVisible(several)
        self.turn(0)

    def _needs_look(self, preview: Preview) -> bool:
        return bool(preview.text) or any(finding.needs_look for finding in self._findings.get(preview.clip, ()))

    @property
    def all_seen(self) -> bool:
        """Whether every picture that asks for a look was on screen."""
        return all(place in self.seen for place, preview in enumerate(self._previews) if self._needs_look(preview))

    def turn(self, by: int) -> None:
        """Show the next pictures, or those before."""
        last = max(0, (len(self._previews) - 1) // _ON_A_PAGE * _ON_A_PAGE)
        self._first = min(max(0, self._first + by * _ON_A_PAGE), last)
        shown = self._previews[self._first : self._first + _ON_A_PAGE]
        holder = QWidget(self.area)
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 8, 0)
        grid.setVerticalSpacing(2)
        for place, title in enumerate(("Here (orange is blanked)", "As it leaves")):
            heading = QLabel(f"<b>{title}</b>", holder)
            heading.setFixedWidth(_SIDE)
            grid.addWidget(heading, 0, place)
        grid.setColumnStretch(2, 1)
        for number, preview in enumerate(shown):
            self._add(grid, 3 * number + 1, preview, holder)
        grid.setRowStretch(3 * len(shown) + 1, 1)
        self.area.setWidget(holder)
        self.seen.update(range(self._first, self._first + len(shown)))
        plan = self._prepared.plan
        end = self._first + len(shown)
        rest = "" if len(self._previews) == len(plan.clips) else f" shown of {len(plan.clips)}"
        pages = f"{self._first + 1} to {end} of {len(self._previews)} clips" if self._previews else ""
        self.where.setText(pages + rest)
        self.back_button.setEnabled(self._first > 0)
        self.more_button.setEnabled(end < len(self._previews))
        self.page_changed.emit()

    def _add(self, grid: QGridLayout, row: int, preview: Preview, holder: QWidget) -> None:
        before = QLabel(holder)
        colour = self._prepared.before.get(preview.clip)
        before.setText("not drawn: too many clips") if colour is None else before.setPixmap(
            fitted(rgb_pixmap(colour), _SIDE)
        )
        after = QLabel(holder)
        hidden = preview.clip in self._prepared.hidden
        after.setPixmap(fitted(rgb_pixmap(_drawn(preview, outlined=not hidden)), _SIDE))
        title = self._prepared.titles.get(preview.clip, "")
        left = QLabel(f"{title}, frame {preview.frame + 1}; {preview.blanked:.0%} blanked", holder)
        why = "; outline hidden, others read this clip blind" if hidden else ""
        right = QLabel("called " + preview.name.replace("-", "-\u200b") + why, holder)
        for place, (picture, caption) in enumerate(((before, left), (after, right))):
            picture.setFixedSize(_SIDE, _SIDE)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setStyleSheet(BESIDE_PICTURE)
            caption.setWordWrap(True)
            caption.setFixedWidth(_SIDE)
            caption.setAlignment(Qt.AlignmentFlag.AlignTop)
            grid.addWidget(picture, row, place)
            grid.addWidget(caption, row + 1, place)
        sentences = [finding.sentence for finding in self._findings.get(preview.clip, ())]
        note = QLabel(f"⚠ {' '.join(sentences)}" if sentences else " ", holder)
        if sentences:
            follow_colours(note, lambda colours: note.setStyleSheet(f"color: {colours.alarm}"))
        note.setWordWrap(True)
        note.setContentsMargins(0, 0, 0, 10)
        grid.addWidget(note, row + 2, 0, 1, 2)


def _drawn(preview: Preview, *, outlined: bool) -> NDArray[np.uint8]:
    """Return a picture as it leaves, a box round what may be text, and its mask's outline where that may be seen."""
    from PIL import Image, ImageDraw

    from matae.output.draw import draw_outlines

    rows, columns = preview.picture.shape
    scale = _SIDE / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    grey = Image.fromarray(np.ascontiguousarray(preview.picture)).resize(size, Image.Resampling.BICUBIC)
    picture = grey.convert("RGB")
    if outlined:
        draw_outlines(picture, preview.mask, thickness=1.5)
    marks = ImageDraw.Draw(picture)
    for box in preview.text:
        corners = [v * scale for v in (box.x0 - 3, box.y0 - 3, box.x1 + 3, box.y1 + 3)]
        marks.rectangle(corners, outline=ALARM_ON_PICTURE, width=2)
    return np.asarray(picture)
