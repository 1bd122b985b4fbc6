"""What was measured, back into the archive its clip came from: shown value by value first, then sent."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QPushButton, QTreeWidget, QTreeWidgetItem, QVBoxLayout

from matae.errors import MataeError
from matae.files import staged, writing_to
from napari_matae.archive.place import ArchivePlace
from napari_matae.background.connections import connections_of
from napari_matae.background.job import Job
from napari_matae.widgets.job_bar import JobBar
from napari_matae.widgets.layout import wrapped
from napari_matae.widgets.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from qtpy.QtWidgets import QWidget

    from matae.clinic import Described
    from matae.measure import Measurement

    Stop = Callable[[], bool]

__all__ = ["SendDialog"]

_KINDS = (
    ("sr", "Structured report", "The measurement, TID 1500.", True),
    ("seg", "Masks", "The masks of every frame as a DICOM segmentation.", True),
    ("pdf", "Page", "The page of the report as an encapsulated PDF.", False),
)
_LOOK = "I have looked at what leaves"


class SendDialog(QDialog):  # type: ignore[misc]
    """Makes the objects, shows what they hold, and sends them once somebody has looked.

    Parameters
    ----------
    measurement
        What is sent, of a DICOM clip.
    parent
        Qt parent.
    """

    def __init__(self, measurement: Measurement, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._measurement = measurement
        self._stage = ExitStack()
        """Keeps the folder of what was made, see `make`; what it holds names the patient, so it goes at the end."""
        connections_of(self).when_closed(self._clean)
        self.described: tuple[Described, ...] = ()
        """What would leave."""
        self.sent: tuple[str, ...] = ()
        """What left, files by name."""
        self.setWindowTitle("Send to the archive")
        self.setModal(False)
        screen = self.screen().availableGeometry()
        self.resize(min(860, screen.width() - 60), min(620, screen.height() - 60))
        self.making, self.sending = Job(self), Job(self)
        self._build()
        self._lay_out()
        self.making.finished.connect(self._on_made)
        self.sending.finished.connect(self._on_sent)
        for job in (self.making, self.sending):
            job.failed.connect(self._say)
            job.stopped.connect(self._say)
            job.ended.connect(self._update)
        self.place.said.connect(self._say)
        self.finished.connect(lambda _: self._clean())
        self.make()

    def _build(self) -> None:
        self.about = wrapped(
            "These objects name the patient and the study of the clip, as its file does: they belong into the archive "
            "that the clip came from, and nowhere else. Nothing leaves before you press Send.",
            self,
        )
        self.kinds: dict[str, QCheckBox] = {}
        for kind, title, tip, on in _KINDS:
            self.kinds[kind] = box = QCheckBox(title, self)
            box.setToolTip(tip)
            box.setChecked(on)
            box.toggled.connect(lambda _: self.make())
        self.preview = QTreeWidget(self)
        self.preview.setHeaderHidden(True)
        self.preview.setAccessibleName("What would leave")
        self.preview.setToolTip("Everything that would leave, object by object and value by value.")
        self.place = ArchivePlace(self)
        self.looked = QCheckBox(_LOOK, self)
        self.looked.setToolTip("Tick this once you have read what stands above.")
        self.looked.toggled.connect(lambda _: self._update())
        self.send_button = QPushButton("Send", self)
        self.send_button.clicked.connect(lambda _=False: self.send())
        self.close_button = QPushButton("Close", self)
        self.close_button.setToolTip("Close this window; nothing else leaves.")
        self.close_button.clicked.connect(self.close)
        self.bar = JobBar(self.sending, self)
        self.words = wrapped("", self, selectable=True)
        self.words.setAccessibleName("Message")

    def _lay_out(self) -> None:
        kinds, foot = QHBoxLayout(), QHBoxLayout()
        for box in self.kinds.values():
            kinds.addWidget(box)
        kinds.addStretch(1)
        foot.addWidget(self.looked)
        foot.addStretch(1)
        foot.addWidget(self.send_button)
        foot.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.addWidget(self.about)
        column.addLayout(kinds)
        column.addWidget(self.preview, stretch=1)
        column.addWidget(self.place)
        column.addWidget(self.bar)
        column.addWidget(self.words)
        column.addLayout(foot)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter in a field presses no button: nothing leaves by a slip

    # -- what would leave ---------------------------------------------------------------------------------

    def make(self) -> None:
        """Make the objects that are ticked, into a folder that is emptied at the end."""
        if self.making.is_running:
            self.making.close()  # what is ticked now counts
        self.described = ()
        self.preview.clear()
        self.looked.setChecked(False)
        wanted = [kind for kind, box in self.kinds.items() if box.isChecked()]
        if not wanted:
            self._say("Tick what is to be sent first.")
            self._update()
            return
        self._say("Making what would leave…")
        self._stage.close()
        where = Path(tempfile.gettempdir())
        try:
            with writing_to(where):
                folder = self._stage.enter_context(staged(where))  # swept by the next one, should this be killed
        except MataeError as error:
            self._say(str(error))
            self._update()
            return
        measurement = self._measurement

        def work(_: Any, __: Stop) -> tuple[Path, tuple[Described, ...]]:
            from matae.clinic import describe, read_source, write_objects

            outputs: Any = {kind: folder / f"{kind}.dcm" for kind in wanted}
            write_objects(measurement, read_source(measurement.inputs.cine), outputs)
            return folder, tuple(describe(path) for path in outputs.values())

        self.making.start(work)
        self._update()

    def _on_made(self, made: tuple[Path, tuple[Described, ...]]) -> None:
        self._made_in, self.described = made
        for one in self.described:
            identity = "the patient's identity was removed" if one.deidentified else "it names the patient"
            item = QTreeWidgetItem([f"{one.kind.capitalize()}, {one.size / 1000:.0f} kB; {identity}"])
            item.addChildren([QTreeWidgetItem([line]) for line in _lines(one)])
            self.preview.addTopLevelItem(item)
            item.setExpanded(True)
        self._say("Look at what would leave, then choose the archive. Nothing was sent.")

    # -- sending ------------------------------------------------------------------------------------------

    def send(self) -> None:
        """Send what is shown, off the GUI thread."""
        if not self.described or not self.looked.isChecked() or self.sending.is_running:
            return
        try:
            address = self.place.address()
        except MataeError as error:
            self._say(str(error))
            return
        files = [self._made_in / one.file for one in self.described]

        def work(_: Any, stop: Stop) -> Sequence[Described]:
            from matae.pacs import connect, send

            with connect(address) as connection:
                return send(connection, files, should_stop=stop)

        self._say(f"Sending {plural(len(files), 'object')} to {address.name}…")
        self.sending.start(work)
        self._update()

    def _on_sent(self, sent: Sequence[Described]) -> None:
        self.place.remember()
        self.sent = tuple(one.file for one in sent)
        kinds = ", ".join(one.kind for one in sent)
        self._say(f"Sent to {self.place.text}: {kinds}. The archive has them in the study of the clip.")

    def reject(self) -> None:
        """Close the window; while something leaves, only ask it to stop, so that what has left is told."""
        if not self.sending.is_running:
            super().reject()
            return
        self.bar.cancel()
        self._say("It stops after the object that is under way; what left is told here. Close the window then.")

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)

    def _update(self) -> None:
        busy = self.sending.is_running
        ready = bool(self.described) and not self.sent
        self.looked.setEnabled(ready and not busy)
        self.send_button.setEnabled(ready and not busy and self.looked.isChecked())
        self.send_button.setToolTip(
            "They left already." if self.sent else f"Send them to the archive; tick “{_LOOK}” first."
        )
        for box in self.kinds.values():
            box.setEnabled(not busy and not self.sent)

    def _clean(self) -> None:
        self.making.close()
        self._stage.close()


def _lines(one: Described) -> list[str]:
    who = f"Patient {one.patient_id or 'without ID'}  {one.patient_name or 'without name'}"
    study = f"Study of {one.study_date or 'no date'}  {one.study_uid}"
    return [who, study, *(f"Refers to {uid}" for uid in one.refers_to), *one.says]
