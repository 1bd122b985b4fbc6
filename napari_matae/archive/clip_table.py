"""The clips that an archive or a folder holds, as a table of which some are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTreeWidget, QTreeWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QWidget

    from matae.clinic import ClipEntry

__all__ = ["ArchiveTable"]

_TITLES = ("Patient", "Name", "Day", "Study", "View", "Frames", "Size", "Clip")
_WIDTHS = (130, 150, 90, 150, 60, 65, 85, 160)


class ArchiveTable(QTreeWidget):  # type: ignore[misc]
    """A line a clip, each with a box to tick; the space bar ticks the lines that are selected.

    Parameters
    ----------
    parent
        Qt parent.
    """

    chosen_changed = Signal()
    """Other clips are ticked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clips: tuple[ClipEntry, ...] = ()
        self.setHeaderLabels(_TITLES)
        self.setAccessibleName("Clips of the archive")
        self.setToolTip("Tick the clips to be fetched; the space bar ticks all lines that are selected.")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setTabKeyNavigation(False)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
        self.itemChanged.connect(lambda _item, _column: self.chosen_changed.emit())

    def show_clips(self, clips: Sequence[ClipEntry]) -> None:
        """Show clips, all of them ticked."""
        self._clips = tuple(clips)
        self.blockSignals(True)
        self.clear()
        for place, clip in enumerate(clips):
            item = QTreeWidgetItem(_cells(clip))
            item.setData(0, Qt.ItemDataRole.UserRole, place)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(0, Qt.CheckState.Checked)
            self.addTopLevelItem(item)
        self.blockSignals(False)
        if clips:
            self.setCurrentItem(self.topLevelItem(0))
        self.chosen_changed.emit()

    @property
    def clips(self) -> tuple[ClipEntry, ...]:
        """What is shown."""
        return self._clips

    @property
    def chosen(self) -> list[ClipEntry]:
        """The clips that are ticked, in the order shown."""
        items = [self.topLevelItem(place) for place in range(self.topLevelItemCount())]
        ticked = [item for item in items if item.checkState(0) == Qt.CheckState.Checked]
        return [self._clips[item.data(0, Qt.ItemDataRole.UserRole)] for item in ticked]

    def tick(self, *, on: bool) -> None:
        """Tick every clip, or none."""
        self._tick([self.topLevelItem(place) for place in range(self.topLevelItemCount())], on=on)

    def _tick(self, items: Sequence[QTreeWidgetItem], *, on: bool) -> None:
        self.blockSignals(True)
        for item in items:
            item.setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self.blockSignals(False)
        self.viewport().update()
        self.chosen_changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Tick or untick all that is selected with the space bar; leave the rest to Qt."""
        items = self.selectedItems()
        if event.key() == Qt.Key.Key_Space and items:
            self._tick(items, on=any(item.checkState(0) != Qt.CheckState.Checked for item in items))
            return
        super().keyPressEvent(event)


def _cells(clip: ClipEntry) -> list[str]:
    day = clip.study_date
    day = f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 and day.isdigit() else day
    return [
        clip.patient_id or "no ID", clip.patient_name, day, clip.study_description, clip.view or "–",
        "–" if clip.frames is None else str(clip.frames),
        "–" if clip.rows is None else f"{clip.columns} x {clip.rows}", clip.file or clip.instance_uid,
    ]  # fmt: skip
