"""The frames that a new model helped and harmed most, with three contours each."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_matae.verdict.pictures import CONTOURS
from napari_matae.verdict.wording import named_frame
from napari_matae.widgets.colours import BESIDE_PICTURE
from napari_matae.widgets.layout import wrapped
from napari_matae.widgets.pixmap import fitted, rgb_pixmap

if TYPE_CHECKING:
    from typing import Any

    from qtpy.QtGui import QPixmap

    from matae.learn.verdict import FrameChange, Side
    from napari_matae.verdict.pictures import Picture

__all__ = ["ChangedFrames", "Thumbnail"]

_LEAST, _MOST = 84, 220
_IN_A_ROW, _IN_A_WIDE_ROW = 3, 5
_ROWS = (("improved", "Most improved"), ("harmed", "Most harmed"))


_LETTERS = 14
"""Of a subject under a picture; the tooltip has all of them."""


class _Picture(QLabel):  # type: ignore[misc]
    """A picture, as wide as there is room and as high as it is wide; or a few words in its place."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("…", parent)
        self.whole: QPixmap | None = None
        """The picture at full size; None while there is none."""
        self.setMinimumWidth(_LEAST)
        self.setMaximumWidth(_MOST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setStyleSheet(BESIDE_PICTURE)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Stay square."""
        super().resizeEvent(event)
        self.setFixedHeight(self.width())
        self.fit()

    def fit(self) -> None:
        """Fit the picture into the square."""
        if self.whole is not None:
            self.setPixmap(fitted(self.whole, self.width()))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return that it may shrink: the picture is scaled again."""
        return QSize(_LEAST, _LEAST)


class Thumbnail(QWidget):  # type: ignore[misc]
    """One frame: its picture, who it is of, and its Dice before and after.

    Parameters
    ----------
    frame
        Which.
    parent
        Qt parent.
    """

    wanted = Signal(object)
    """It was clicked; its frame."""

    def __init__(self, frame: FrameChange, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frame = frame
        self.picture = _Picture(self)
        self.caption = wrapped("", self)
        self.caption.setMaximumWidth(_MOST)
        self.caption.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addWidget(self.picture)
        column.addWidget(self.caption)
        self.name({})

    def name(self, subjects: dict[str, str]) -> None:
        """Say whose frame it is."""
        frame, name = self.frame, named_frame(self.frame, subjects)
        shown = named_frame(frame, subjects, longest=_LETTERS)
        self.caption.setText(
            f"<small>{escape(shown)}<br><b>{frame.dice_before:.3f} → {frame.dice_after:.3f}</b></small>"
        )
        self.setToolTip(f"{name}: {frame.gain:+.3f} Dice. Click to open it.")

    def show_picture(self, picture: Picture) -> None:
        """Show its picture, or why there is none."""
        colour = picture.colour
        if colour is None:
            self.picture.setText(f"<small>{escape(picture.why)}</small>")
            self.setToolTip(f"{self.toolTip()}\n{picture.why}")
            return
        self.picture.whole = rgb_pixmap(colour)
        self.picture.fit()

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Ask for the frame."""
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self.wanted.emit(self.frame)


class ChangedFrames(QWidget):  # type: ignore[misc]
    """The most improved and the most harmed frames of a side.

    Parameters
    ----------
    wide
        Whether five stand in a row.
    parent
        Qt parent.
    """

    frame_wanted = Signal(object)
    """A picture was clicked; its frame (`matae.learn.verdict.FrameChange`)."""

    def __init__(self, *, wide: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wide = wide
        self.thumbnails: dict[str, list[Thumbnail]] = {name: [] for name, _ in _ROWS}
        self.legend = wrapped(_legend(), self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.legend)
        self._holder: QWidget | None = None

    @property
    def frames(self) -> list[FrameChange]:
        """The frames it shows, each once."""
        return list(dict.fromkeys(thumbnail.frame for row in self.thumbnails.values() for thumbnail in row))

    def show_side(self, side: Side) -> None:
        """Make room for the frames of a side; their pictures come one by one."""
        self._clear()
        self._holder = holder = QWidget(self)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        chosen = {"improved": side.most_improved(), "harmed": side.most_harmed()}
        for name, title in _ROWS:
            column.addWidget(QLabel(f"<b>{title}</b>" if chosen[name] else f"<b>{title}</b>: no frame", holder))
            grid = QGridLayout()
            grid.setContentsMargins(0, 0, 0, 0)
            grid.setHorizontalSpacing(8)
            per_row = _IN_A_WIDE_ROW if self._wide else _IN_A_ROW
            for place, frame in enumerate(chosen[name]):
                thumbnail = Thumbnail(frame, holder)
                thumbnail.wanted.connect(self.frame_wanted)
                grid.addWidget(thumbnail, place // per_row, place % per_row, Qt.AlignmentFlag.AlignTop)
                self.thumbnails[name].append(thumbnail)
            for place in range(per_row):
                grid.setColumnStretch(place, 1)  # a row that is not full has pictures of the same size
            column.addLayout(grid)
        self._column.addWidget(holder)

    def name(self, subjects: dict[str, str]) -> None:
        """Say whose frames they are."""
        for row in self.thumbnails.values():
            for thumbnail in row:
                thumbnail.name(subjects)

    def show_picture(self, picture: Picture) -> None:
        """Show the picture of one of the frames."""
        for row in self.thumbnails.values():
            for thumbnail in row:
                if thumbnail.frame == picture.frame:
                    thumbnail.show_picture(picture)

    def show_failure(self, sentence: str) -> None:
        """Say in every frame that is still empty why it stays so."""
        from napari_matae.verdict.pictures import Picture

        for frame in self.frames:
            self.show_picture(Picture(frame, None, sentence))

    def _clear(self) -> None:
        for row in self.thumbnails.values():
            row.clear()
        if self._holder is not None:
            self._column.removeWidget(self._holder)
            self._holder.hide()
            self._holder.deleteLater()
            self._holder = None


def _legend() -> str:
    parts = []
    for name, (red, green, blue) in CONTOURS.values():
        # A white line would vanish on the light theme: each sample stands on black, like the pictures.
        sample = f"<span style='background:black; color:rgb({red},{green},{blue})'>&nbsp;━&nbsp;</span>"
        parts.append(f"{sample}&nbsp;{name}")
    return "Outlines: " + " &nbsp;".join(parts) + "<br><small>Under each: its Dice before → after.</small>"
