"""Clips of an archive or of a DICOM folder into the worklist: found, chosen, and fetched in the background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from matae.errors import MataeError
from matae.files import is_file_or_folder
from napari_matae.archive.clip_table import ArchiveTable
from napari_matae.archive.fetching import ArchiveFetcher
from napari_matae.archive.place import ArchivePlace
from napari_matae.widgets.folder_field import FolderField
from napari_matae.widgets.job_bar import JobBar
from napari_matae.widgets.layout import wrapped
from napari_matae.widgets.settings import settings
from napari_matae.widgets.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.clinic import ClipList
    from matae.pacs import Address, ClipQuery
    from napari_matae.workspace.workspace import Workspace

__all__ = ["ArchiveDialog"]

_SIZE = (980, 640)
_ABOUT = (
    "Patients' names are shown here and stay on this screen; a clip comes into the study under a pseudonym. The file "
    "that is fetched names the patient, as the archive has it."
)
_NO_STUDY = "Open a study first (Open step): the clips go into its worklist."


class ArchiveDialog(QDialog):  # type: ignore[misc]
    """Finds clips and brings them into the worklist of the open study; does not stand in the way of work.

    Parameters
    ----------
    workspace
        What is worked with.
    parent
        Qt parent.
    """

    arrived = Signal()
    """Clips are in the queue of the study."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._asked: Address | Path | None = None
        self._source: Address | Path | None = None
        # Where is being looked, and where the clips that are shown were found: an archive, or a folder.
        self.setWindowTitle("Clips of an archive or a DICOM folder")
        self.setModal(False)
        screen = self.screen().availableGeometry()
        self.resize(min(_SIZE[0], screen.width() - 60), min(_SIZE[1], screen.height() - 60))
        self.fetcher = ArchiveFetcher(workspace.link, self)
        self._build()
        self._lay_out()
        self.fetcher.found.connect(self._on_found)
        self.fetcher.said.connect(self._say)
        self.fetcher.changed.connect(self._update)
        self.fetcher.arrived.connect(self.arrived)
        self.place.said.connect(self._say)
        self.table.chosen_changed.connect(self._update)
        self._update()

    # -- layout -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.place = ArchivePlace(self)
        self.patient = self._line("Patient ID", "patient ID", "As the archive knows it; * stands for any letters.")
        self.day_from = self._line("Study date from", "from, 2026-01-31", "Day of the study, or the first of several.")
        self.day_to = self._line("Study date to", "to", "The last day, where several are looked for.")
        self.accession = self._line("Accession number", "accession number", "Number of the order.")
        self.find_button = self._button("Find", self.find, "Ask the archive for the clips of these studies")
        self.folder_button = self._button(
            "DICOM folder…", self._ask_folder, "List the clips of a folder or a medium instead; they are not copied"
        )
        self.table = ArchiveTable(self)
        self.all_button = self._button("All", lambda: self.table.tick(on=True), "Tick every clip")
        self.none_button = self._button("None", lambda: self.table.tick(on=False), "Tick no clip")
        self.count = QLabel(self)
        self.out = FolderField("Where the clips are kept", self)
        self.out.setText(str(settings().value("pacs/folder", "") or self._usual_folder()))
        self.out.changed.connect(self._update)
        self.fetch_button = self._button("Fetch", self.fetch, "")
        self.pause_button = self._button("Pause", self._pause, "Begin no other clip; again goes on")
        self.close_button = self._button("Close", self.close, "Close this window; what is being fetched goes on")
        self.bar = JobBar(self.fetcher.fetching, self)
        self.words = wrapped("", self, selectable=True)
        self.words.setAccessibleName("Message")

    def _line(self, name: str, hint: str, tip: str) -> QLineEdit:
        line = QLineEdit(self)
        line.setAccessibleName(name)
        line.setPlaceholderText(hint)
        line.setToolTip(f"{name}. {tip}")
        line.returnPressed.connect(self.find)
        return line

    def _button(self, text: str, deed: Callable[[], object], tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setAccessibleName(text.rstrip("…"))
        button.setToolTip(f"{tip}.")
        button.clicked.connect(lambda _=False: deed())
        return button

    def _lay_out(self) -> None:
        query = QGridLayout()
        query.addWidget(QLabel("Look for", self), 0, 0)
        for place, widget in enumerate(
            (self.patient, self.day_from, self.day_to, self.accession, self.find_button, self.folder_button), 1
        ):
            query.addWidget(widget, 0, place)
        choice = QHBoxLayout()
        for widget in (self.all_button, self.none_button):
            choice.addWidget(widget)
        choice.addWidget(self.count, stretch=1)
        self.out_label = QLabel("Kept in", self)
        out = QHBoxLayout()
        out.addWidget(self.out_label)
        out.addWidget(self.out, stretch=1)
        foot = QHBoxLayout()
        foot.addWidget(self.words, stretch=1)
        for widget in (self.pause_button, self.fetch_button, self.close_button):
            foot.addWidget(widget, alignment=Qt.AlignmentFlag.AlignBottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 8)
        column.addWidget(self.place)
        column.addLayout(query)
        column.addWidget(self.table, stretch=1)
        column.addLayout(choice)
        column.addLayout(out)
        column.addWidget(wrapped(f"<small>{_ABOUT}</small>", self))
        column.addWidget(self.bar)
        column.addLayout(foot)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter in a field finds, and presses no button

    def _usual_folder(self) -> Path:
        target = self._workspace.link.connection.opened_target
        return Path.home() / "matae-clips" if not target or "://" in target else Path(target).parent / "fetched"

    # -- looking ------------------------------------------------------------------------------------------

    @property
    def query(self) -> ClipQuery:
        """What is looked for."""
        from matae.pacs import ClipQuery

        first, last = (line.text().strip().replace("-", "") for line in (self.day_from, self.day_to))
        date = f"{first}-{last}" if last and last != first else first
        return ClipQuery(patient_id=self.patient.text(), date=date, accession=self.accession.text())

    def find(self) -> None:
        """Ask the archive."""
        if self.fetcher.searching.is_running:
            return
        try:
            address, query = self.place.address(), self.query
            query.keys()  # what nobody may ask for is said before the archive is asked
        except MataeError as error:
            self._say(str(error))
            return
        self._asked = address
        self._say(f"Asking {address.name}…")
        self.fetcher.search(address, query)

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of DICOM files", str(settings().value("pacs/medium", "")))
        if name:
            settings().setValue("pacs/medium", name)
            self.list_folder(Path(name))

    def list_folder(self, path: Path) -> None:
        """List the clips of a folder of DICOM files, by its index where it has one."""
        index = path / "DICOMDIR"
        self._asked = path
        self._say(f"Looking into {path.name}…")
        self.fetcher.list_folder(index if is_file_or_folder(index) and index.is_file() else path)

    def _on_found(self, found: ClipList) -> None:
        self._source = self._asked
        self.table.show_clips(found.clips)
        if self._folder is None:
            self.place.remember()
            where = "The archive holds"
        else:
            where = f"{self._folder.name} holds"
        said = f"{where} {plural(len(found.clips), 'ultrasound clip')} of this."
        if found.left_out:
            said += f" Left out: {', '.join(f'{count} x {kind}' for kind, count in found.left_out.items())}."
        if found.missing:
            said += f" {plural(len(found.missing), 'file')} that the index names are not there."
        if not found.clips:
            said += " Look for another patient or day." if self._folder is None else " Choose another folder."
        self._say(said)
        self.table.setFocus()

    # -- fetching -----------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path | None:
        """The folder that the clips shown lie in; None where an archive holds them."""
        return self._source if isinstance(self._source, Path) else None

    @property
    def problem(self) -> str:
        """Why nothing can be fetched, with the next step; empty if it can."""
        if not self._workspace.link.connection.opened_target:
            return _NO_STUDY
        if not self.table.clips:
            return "Find clips first."
        if not self.table.chosen:
            return "Tick the clips that are wanted first."
        return "" if self._folder is not None or self.out.text() else "Choose a folder for the clips first."

    def fetch(self) -> None:
        """Bring the clips that are ticked into the worklist."""
        if (problem := self.problem) or self.fetcher.fetching.is_running:
            self._say(problem)
            return
        chosen, source = self.table.chosen, self._source
        if isinstance(source, Path):
            self.fetcher.add_files([source / clip.file for clip in chosen])
            return
        if source is None:
            return
        settings().setValue("pacs/folder", self.out.text())
        self._say(f"Fetching {plural(len(chosen), 'clip')} from {source.name}…")
        self.fetcher.fetch(source, chosen, self.out.path)

    def _pause(self) -> None:
        on = not self.fetcher.is_paused
        self.fetcher.pause(on=on)
        self._say("Paused; what has come is in the worklist. Go on fetches the rest." if on else "Going on…")

    # -- keeping in step ----------------------------------------------------------------------------------

    def showEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Stand ready where one left off."""
        super().showEvent(event)
        self._update()
        (self.patient if self.place.text else self.place.name).setFocus()

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)

    def _update(self) -> None:
        fetcher, n, total = self.fetcher, len(self.table.chosen), len(self.table.clips)
        busy = fetcher.fetching.is_running
        local = self._folder is not None
        self.find_button.setEnabled(not fetcher.searching.is_running)
        self.folder_button.setEnabled(not fetcher.searching.is_running)
        self.count.setText(f"{n} of {plural(total, 'clip')} chosen" if total else "")
        for widget in (self.all_button, self.none_button):
            widget.setEnabled(total > 0)
        for widget in (self.out_label, self.out):
            widget.setVisible(not local)
        self.fetch_button.setText(f"{'Add' if local else 'Fetch'} {plural(n, 'clip')}" if n else "Fetch")
        self.fetch_button.setEnabled(not busy and not self.problem)
        self.fetch_button.setToolTip(
            self.problem or "Bring them into the worklist of the study, in the background; segment them there."
        )
        self.pause_button.setVisible(busy and not local)
        self.pause_button.setText("Go on" if fetcher.is_paused else "Pause")
        self.pause_button.setAccessibleName(self.pause_button.text())
