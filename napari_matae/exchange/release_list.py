"""The releases of a study, and what one holds that another does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QTreeWidgetItem, QVBoxLayout, QWidget

from matae.errors import MataeError
from napari_matae.exchange.tasks import compare_in_words
from napari_matae.widgets.layout import combo_box, wrapped
from napari_matae.widgets.tables import fit_height, reading_table
from napari_matae.widgets.words import plural

if TYPE_CHECKING:
    from napari_matae.exchange.tasks import Overview

__all__ = ["ReleaseList"]


class ReleaseList(QWidget):  # type: ignore[misc]
    """Every release, newest first; any two can be compared.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._overview: Overview | None = None
        self.message = wrapped("No release yet: each export becomes one, with a number.", self)
        self.list = reading_table(("Release", "Date", "Frames", "Format"), (), self)
        self.list.setAccessibleName("Releases")
        self.list.setToolTip("Data sets that were exported, as they left.")
        self.first, self.second = combo_box(self, letters=6), combo_box(self, letters=6)
        for box, which in ((self.first, "Older"), (self.second, "Newer")):
            box.setAccessibleName(f"{which} release")
            box.setToolTip(f"The {which.lower()} of the two releases that are compared.")
        for box in (self.first, self.second):
            box.activated.connect(self._compare)
        self.words = wrapped("", self)
        self._choice = QWidget(self)
        grid = QGridLayout(self._choice)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(QLabel("From", self), 0, 0)
        grid.addWidget(self.first, 0, 1)
        grid.addWidget(QLabel("to", self), 0, 2)
        grid.addWidget(self.second, 0, 3)
        grid.addWidget(self.words, 1, 0, 1, 4)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.message)
        column.addWidget(self.list)
        column.addWidget(self._choice)
        self.show_overview(None)

    def show_overview(self, overview: Overview | None) -> None:
        """Show the releases of a study, or none."""
        before = self._overview
        if before is not None and overview is not None and before.releases == overview.releases:
            return
        self._overview = overview
        releases = () if overview is None else overview.releases
        self.message.setVisible(not releases)
        self.list.setVisible(bool(releases))
        self._choice.setVisible(len(releases) > 1)
        self.list.clear()
        for box in (self.first, self.second):
            box.clear()
        rows = []
        for place, release in reversed(list(enumerate(releases))):
            title = f"{release.name} {release.number}"
            frames = overview.frames.get((release.name, release.number), 0) if overview is not None else 0
            date = release.at.astimezone().strftime("%Y-%m-%d")
            rows.append((title, date, frames, release.manifest.get("format") or release.manifest.get("kind", "")))
            for box in (self.first, self.second):
                box.addItem(title, place)
                box.setItemData(box.count() - 1, f"{date}, {plural(frames, 'frame')}", Qt.ItemDataRole.ToolTipRole)
        for row in rows:
            self.list.addTopLevelItem(QTreeWidgetItem([str(cell) for cell in row]))
        fit_height(self.list, 6)
        if len(releases) > 1:
            self.first.setCurrentIndex(1)
            self.second.setCurrentIndex(0)
            self._compare()

    def _compare(self, _: int = 0) -> None:
        overview, first, second = self._overview, self.first.currentData(), self.second.currentData()
        if overview is None or first is None or second is None:
            return
        try:
            text = compare_in_words(overview.releases[first], overview.releases[second], overview.titles)
        except (MataeError, KeyError, TypeError):
            text = "These two cannot be compared: one was not made by an export. Choose another."
        self.words.setText(text)
