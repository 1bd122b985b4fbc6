"""The worklist in a window of its own: a study's clips, found by typing, opened where one left off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QDialog, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout

from matae.store.types import ClipStatus
from napari_matae.archive.dialog import ArchiveDialog
from napari_matae.background.connections import connections_of
from napari_matae.background.failure import explain
from napari_matae.widgets.colours import follow_colours
from napari_matae.widgets.layout import combo_box, let_clear
from napari_matae.widgets.words import plural
from napari_matae.worklist.columns import READERS
from napari_matae.worklist.model import WorklistFilter, WorklistModel
from napari_matae.worklist.queue import QueueRunner
from napari_matae.worklist.queue_bar import QueueBar
from napari_matae.worklist.source import WorklistSource
from napari_matae.worklist.thumbnails import Thumbnails
from napari_matae.worklist.view import WorklistTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QWidget

    from matae.segment import SegmentOptions
    from matae.store import WorklistNews, WorklistRow
    from napari_matae.workspace.workspace import Workspace

__all__ = ["WorklistWindow"]

_SIZE = (1180, 720)
_TYPE = "Type to find: name, subject, view, status, reader"


class WorklistWindow(QDialog):  # type: ignore[misc]
    """The clips of the open study; does not stand in the way of work.

    Parameters
    ----------
    workspace
        What is worked with.
    options
        Says with which model, width and device clips are segmented.
    parent
        Qt parent.
    """

    open_wanted = Signal(object)
    """A clip is to be opened (`matae.store.WorklistRow`)."""

    def __init__(
        self, workspace: Workspace, options: Callable[[], SegmentOptions], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Worklist")
        self.setModal(False)
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint, on=True)
        screen = self.screen().availableGeometry()
        self.resize(min(_SIZE[0], screen.width() - 60), min(_SIZE[1], screen.height() - 60))
        self._workspace, self._options = workspace, options
        link = workspace.link
        self.model = WorklistModel(self)
        follow_colours(self, self.model.take_colours)
        self.lines = WorklistFilter(self.model, self)
        self.source = WorklistSource(link, self)
        self.runner = QueueRunner(link, self)
        self.thumbnails = Thumbnails(self)
        self.archive: ArchiveDialog | None = None
        """The window for archives, once it was asked for."""
        self._build()
        self.source.loaded.connect(self._on_loaded)
        self.source.news.connect(self._on_news)
        self.source.failed.connect(self._say)
        self.runner.said.connect(self._say)
        self.runner.changed.connect(self.source.poll)
        self.runner.done.connect(lambda _: self.source.poll())
        self.queue_bar.archive_wanted.connect(self.show_archive)
        self.thumbnails.came.connect(self.model.show_picture)
        self.thumbnails.dropped.connect(self.model.forget_pictures)
        self.lines.narrowed.connect(self._count)
        self.table.seen.connect(self._on_seen)
        self.table.open_wanted.connect(self._on_open)
        self.table.typed.connect(self._on_typed)
        connections_of(self).connect(link.state_changed, self._update_title)
        self._update_title()

    # -- layout -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText(_TYPE)
        let_clear(self.filter)
        self.filter.setAccessibleName("Find clips")
        self.filter.setToolTip("Leaves the clips that hold every word. Escape takes it away, the down arrow goes on.")
        self.filter.textChanged.connect(self.lines.look_for)
        self.filter.installEventFilter(self)
        self.status = combo_box(self, letters=14)
        self.status.setAccessibleName("Only clips of this status")
        self.status.setToolTip("Leaves the clips of one status.")
        self.status.addItem("every status", None)
        for status in ClipStatus:
            self.status.addItem(status.value, status)
        self.status.currentIndexChanged.connect(lambda _: self.lines.only(self.status.currentData()))
        self.disagree = QCheckBox("Readers disagree", self)
        self.disagree.setToolTip("Leaves the clips whose readers disagree while nobody has chosen a reading.")
        self.disagree.toggled.connect(self.lines.only_disagreement)
        self.disagree.hide()
        self.csv_button = QPushButton("Save as CSV…", self)
        self.csv_button.setAccessibleName("Save the table as CSV")
        self.csv_button.setToolTip(
            "Write the clips that are left, in this order, for a spreadsheet. No path goes along."
        )
        self.csv_button.clicked.connect(lambda _=False: self._ask_csv())
        self.open_button = QPushButton("Open", self)
        self.open_button.setAccessibleName("Open the clip")
        self.open_button.setToolTip("Open the chosen clip where you left off (Enter, or a double click).")
        self.open_button.clicked.connect(lambda _=False: self._open_chosen())
        for button in (self.csv_button, self.open_button):
            button.setAutoDefault(False)
        self.table = WorklistTable(self.lines, self)
        self.queue_bar = QueueBar(self.runner, self)
        self.queue_bar.start_wanted.connect(lambda: self.runner.start(self._options()))
        self.queue_bar.retry_wanted.connect(self._retry)
        for button in self.queue_bar.findChildren(QPushButton):
            button.setAutoDefault(False)
        self.count = QLabel(self)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        top = QHBoxLayout()
        top.addWidget(self.filter, stretch=1)
        top.addWidget(self.status)
        top.addWidget(self.disagree)
        top.addWidget(self.csv_button)
        top.addWidget(self.open_button)
        below = QHBoxLayout()
        below.addWidget(self.count)
        below.addWidget(self.words, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 8)
        column.addLayout(top)
        column.addWidget(self.table, stretch=1)
        column.addLayout(below)
        column.addWidget(self.queue_bar)

    # -- while somebody looks -----------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Follow the study, and stand ready for letters."""
        super().showEvent(event)
        self.source.begin()
        self.table.setFocus()

    def hideEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Ask the study no more; what is segmented goes on."""
        super().hideEvent(event)
        self.source.rest()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Take the filter away on Escape, then close."""
        if event.key() == Qt.Key.Key_Escape and self.filter.text():
            self.filter.clear()
            self.table.setFocus()
            return
        super().keyPressEvent(event)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Go from the filter into the table by arrow or Enter."""
        if watched is self.filter and event.type() == event.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
                if self.table.chosen is None and self.lines.rowCount():
                    self.table.choose(0)
                self.table.setFocus()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if self.table.chosen is None and self.lines.rowCount():
                    self.table.choose(0)
                self._open_chosen()
                return True
        return bool(super().eventFilter(watched, event))

    def _on_typed(self, text: str) -> None:
        self.filter.setText(self.filter.text() + text)
        self.filter.setFocus()

    # -- the lines ----------------------------------------------------------------------------------------

    def _on_loaded(self, rows: list[WorklistRow]) -> None:
        chosen = self.table.chosen
        self.model.show_rows(rows)
        several = any(row.readers for row in rows)
        self.disagree.setVisible(several)
        self.table.setColumnHidden(READERS, not several)
        place = None if chosen is None else self.model.place_of(chosen.key)
        if place is not None:
            self.table.setCurrentIndex(self.lines.mapFromSource(self.model.index(place, 0)))
        elif self.lines.rowCount():
            self.table.choose(0)
        self._count()

    def _on_news(self, news: WorklistNews) -> None:
        self.model.update_rows(news.rows)
        self.model.show_claims(news.claims)
        self.queue_bar.show_counts(news.queue)

    def _on_seen(self, rows: list[WorklistRow]) -> None:
        self.thumbnails.want([(row.key, row.path) for row in rows])

    def _count(self) -> None:
        total, left = self.model.rowCount(), self.lines.rowCount()
        self.count.setText(plural(total, "clip") if left == total else f"{left:,} of {plural(total, 'clip')}")

    def _update_title(self) -> None:
        name = self._workspace.link.connection.name
        self.setWindowTitle(f"Worklist of {name}" if name else "Worklist")

    # -- what is done -------------------------------------------------------------------------------------

    def _open_chosen(self) -> None:
        if self.table.chosen is not None:
            self._on_open(self.table.chosen)

    def _on_open(self, row: WorklistRow) -> None:
        for claim in row.claims:
            self._say(f"{row.stem} is open by {claim.rater or 'somebody'} too; what both change is kept apart.")
        self.open_wanted.emit(row)

    def _retry(self) -> None:
        self._workspace.link.connection.requests.ask(
            lambda study: study.retry_failed(), lambda _: self.source.poll(), lambda error: self._say(explain(error))
        )

    def show_archive(self) -> None:
        """Show the window that finds clips in an archive, where one left off."""
        if self.archive is None:
            self.archive = ArchiveDialog(self._workspace, self)
            self.archive.arrived.connect(self.source.poll)
            self.archive.fetcher.said.connect(self._say)
        self.archive.show()
        self.archive.raise_()

    def _ask_csv(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the worklist", "worklist.csv", "CSV (*.csv)")
        if name:
            self.save_csv(Path(name))

    def save_csv(self, path: Path) -> None:
        """Write the lines that are left, in their order."""
        from matae.errors import MataeError
        from matae.worklist import write_csv

        rows = [self.lines.row(self.lines.index(place, 0)) for place in range(self.lines.rowCount())]
        try:
            n = write_csv(path, rows)
        except MataeError as error:
            self._say(str(error))
            return
        self._say(f"{plural(n, 'clip')} in {path.name}; names of files may hold names of people.")

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
