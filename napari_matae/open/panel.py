"""Step 1, Open: a file, a folder or a sample; what the file says of itself; what it does not say is asked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from matae.errors import VolumeError
from matae.files import is_folder
from napari_matae.background.connections import connections_of
from napari_matae.background.events import Failed
from napari_matae.background.worker import EventWorker
from napari_matae.open.drop_reader import DropBox
from napari_matae.open.folder_list import FolderList
from napari_matae.open.frame_rate_form import RateQuestion
from napari_matae.open.reading import Listed, Opened, open_events, path_events
from napari_matae.open.study_picker import StudyChoice
from napari_matae.widgets.colours import colours_of, follow_colours
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from matae.cine import Cine
    from matae.read import CineRef
    from napari_matae.session.session import Session
    from napari_matae.study.link import StudyLink
    from napari_matae.widgets.colours import Colours

__all__ = ["OpenPanel"]

_FOLDER = "open/folder"


class OpenPanel(QWidget):  # type: ignore[misc]
    """The Open step.

    Parameters
    ----------
    session
        Where cines are shown.
    link
        The study they are added to.
    parent
        Qt parent.
    """

    worklist_wanted = Signal()
    """The clips of the study are to be listed."""
    finished = Signal(bool)
    """Reading ended; whether a cine was opened."""

    def __init__(self, session: Session, link: StudyLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._link = session, link
        self.study = StudyChoice(link, self)
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self._on_finished)
        self._reading = ""
        self._opened = False
        self._as_cine: Callable[[], Cine] | None = None
        self._build()
        connections_of(self).connect(session.opened, self._on_opened)
        self._on_opened(session.current)
        follow_colours(self, self._show_facts)

    def _build(self) -> None:
        self.file_button = QPushButton("Open file…", self)
        self.file_button.clicked.connect(self.ask_file)
        self.folder_button = QPushButton("Open folder…", self)
        self.folder_button.setToolTip("A CAMUS or EchoNet-Dynamic folder, a folder of clips, or one of images.")
        self.folder_button.clicked.connect(self.ask_folder)
        self.real_button = QPushButton("Try a real cine", self)
        self.real_button.setToolTip("Open a real heart: the cine that comes with pydicom.")
        self.real_button.clicked.connect(lambda: self.read(_real, "the real cine"))
        self.phantom_button = QPushButton("Try a phantom", self)
        self.phantom_button.setToolTip("Open a synthetic heart, whose volumes are known exactly.")
        self.phantom_button.clicked.connect(lambda: self.read(_phantom, "the phantom"))
        self.worklist_button = QPushButton("Worklist…", self)
        self.worklist_button.setAccessibleName("Worklist")
        self.worklist_button.setToolTip("Every clip of the study: how far it is, find it, open it, add more.")
        self.worklist_button.clicked.connect(lambda _=False: self.worklist_wanted.emit())
        rows = QVBoxLayout()
        for pair in ((self.file_button, self.folder_button), (self.real_button, self.phantom_button)):
            row = QHBoxLayout()
            for button in pair:
                row.addWidget(button)
            rows.addLayout(row)

        self.listed = FolderList(self._link, self)
        self.choices = self.listed.choices
        self.listed.wanted.connect(self._on_chosen)

        self.status = QLabel(self)
        self.status.setWordWrap(True)
        self.volume_button = QPushButton("The third axis is time", self)
        self.volume_button.setToolTip("Open the file as a cine, though it looks like a 3-D volume.")
        self.volume_button.clicked.connect(self._open_as_cine)
        self.volume_button.hide()
        self.drop_box = DropBox(self)
        self.facts = QLabel(self)
        self.facts.setWordWrap(True)
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

        self.rate_question = RateQuestion(self._session, self)

        column = QVBoxLayout(self)
        column.addLayout(rows)
        column.addWidget(self.listed)
        column.addWidget(self.status)
        column.addWidget(self.volume_button)
        column.addWidget(self.facts)
        column.addWidget(self.rate_question)
        column.addWidget(self.study)
        column.addWidget(self.worklist_button)
        column.addWidget(self.drop_box)
        column.addStretch(1)

    # -- reading ------------------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a file, or list a folder's cines and open the only one, off the GUI thread.

        Whatever is being read is left: the last wish counts.
        """
        from matae.read import open_cine

        settings().setValue(_FOLDER, str(path.absolute() if is_folder(path) else path.absolute().parent))
        self._as_cine = partial(open_cine, path, third_axis_is_time=True)
        self._start(iter, path_events(path), path.name)  # taken here: a worker that is dropped may never begin

    def read(self, opener: Callable[[], Cine], name: str = "") -> None:
        """Read a cine off the GUI thread and show it, in place of whatever is being read."""
        self._as_cine = None
        self._start(open_events, opener, name or "a cine")

    @property
    def is_reading(self) -> bool:
        """Whether something is being read."""
        return self._worker.is_running

    def _open_as_cine(self) -> None:
        if self._as_cine is not None:
            self._start(open_events, self._as_cine, "it as a cine")

    def _start(self, work: Callable[..., Any], argument: object, name: str) -> None:
        left = f" instead of {self._reading}" if self.is_reading else ""
        self._opened, self._reading = False, name
        self.status.setText(f"Reading {name}{left}…")
        self.volume_button.hide()
        self._worker.start(work, argument)

    def _on_event(self, event: object) -> None:
        if isinstance(event, Listed):
            self.listed.show_cines(event.found)
            if len(event.found) > 1:
                self.status.setText(f"{len(event.found)} cines in {event.path.name}: choose one. {event.note}".rstrip())
        elif isinstance(event, Opened):
            self._opened = True
            self.status.setText("")
            self._session.open(event.cine, event.sector)
        elif isinstance(event, Failed):
            self.volume_button.setVisible(isinstance(event.error, VolumeError) and self._as_cine is not None)
            self._say(event.text)

    def _on_finished(self) -> None:
        self.finished.emit(self._opened)

    def _say(self, text: str) -> None:
        from napari.utils.notifications import show_error

        self.status.setText(text)
        show_error(text)

    def _on_chosen(self, reference: CineRef) -> None:
        self.read(reference.open, reference.label)
        self._as_cine = partial(reference.open, third_axis_is_time=True)

    def set_hint(self, hint: str) -> None:
        """Name the key of opening a file in its tooltip."""
        self.file_button.setToolTip(
            f"DICOM, AVI, MP4, MOV, NIfTI, MetaImage, TIFF and more{hint}; or drop one on this panel."
        )

    def ask_file(self) -> None:
        """Ask for a file, beginning in the folder that was used last, and open it."""
        name, _ = QFileDialog.getOpenFileName(self, "Open an echo cine", _last_folder())
        if name:
            self.open(Path(name))

    def ask_folder(self) -> None:
        """Ask for a folder, beginning in the one that was used last, and open it."""
        name = QFileDialog.getExistingDirectory(self, "Open a folder of cines", _last_folder())
        if name:
            self.open(Path(name))

    # -- what is open -------------------------------------------------------------------------------------

    def _on_opened(self, _: object = None) -> None:
        current = self._session.current
        self._show_facts(colours_of(self))
        self.rate_question.ask(current)

    def _show_facts(self, colours: Colours) -> None:
        current = self._session.current
        self.facts.setText("" if current is None else _facts(current.cine, colours.faint))


def _last_folder() -> str:
    """Return the folder that a clip was opened from last; empty where there is none any more."""
    folder = str(settings().value(_FOLDER, "") or "")
    return folder if folder and is_folder(Path(folder)) else ""


def _real() -> Cine:
    from matae.demo import demo_cine

    return demo_cine()


def _phantom() -> Cine:
    from matae.phantom import make_phantom

    return make_phantom(seed=0).cine


def _facts(cine: Cine, faint: str) -> str:
    from html import escape

    rows, columns = cine.shape
    rate = "unknown" if cine.frame_rate is None else f"{cine.frame_rate:.1f} Hz"
    if cine.spacing is None:
        spacing = "uncalibrated: areas in pixels"
    else:
        spacing = f"{cine.spacing.y:.3f} × {cine.spacing.x:.3f} mm/px"
    facts = [
        ("File", cine.source.name),
        ("Frames", f"{cine.n_frames} of {columns} × {rows} px"),
        ("Frame rate", rate if cine.n_frames > 1 else "single frame"),
        ("Pixel size", spacing),
        ("View", cine.view or "not stated"),
    ]
    if cine.heart_rate:
        facts.append(("Heart rate", f"{cine.heart_rate:.0f} /min"))
    lines = "".join(
        f"<tr><td style='padding-right:10px; color:{faint}'>{name}</td><td>{escape(value)}</td></tr>"
        for name, value in facts
    )
    notes = [cine.spacing_note] if cine.spacing is None and cine.spacing_note else []
    notes += list(cine.warnings)
    listed = "".join(f"<p style='margin:6px 0 0 0'>{escape(note)}</p>" for note in dict.fromkeys(notes))
    return f"<table>{lines}</table>{listed}"
