"""The training data of a study: how much there is, out as a release, in from others, and what was released."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_matae.background.connections import connections_of
from napari_matae.background.job import Job
from napari_matae.exchange.class_question import ClassQuestion
from napari_matae.exchange.export_dialog import ExportDialog
from napari_matae.exchange.export_form import ExportForm
from napari_matae.exchange.import_dialog import ImportDialog
from napari_matae.exchange.release_list import ReleaseList
from napari_matae.exchange.tasks import Overview, UnknownClasses, overview, prepare_export, prepare_import
from napari_matae.exchange.unknown_patients import UnknownPatients
from napari_matae.widgets.collapsible import Section
from napari_matae.widgets.job_bar import JobBar
from napari_matae.widgets.layout import row, wrapped
from napari_matae.widgets.words import plural
from napari_matae.workspace.study_ready import why_not_open, why_not_ready

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from napari_matae.exchange.tasks import PreparedExport, PreparedImport
    from napari_matae.workspace.workspace import Workspace

__all__ = ["ExchangePanel"]

_PURPOSE = "What you correct there becomes training data."
_EMPTY = "Nothing is accepted yet. Segment a cine in step 2, then accept its good frames in step 3: those can leave."
_UNKNOWN = "Nothing can leave or be learnt from yet: say below which patients the clips show."
_COUNT_MS = 400


class ExchangePanel(QWidget):  # type: ignore[misc]
    """Export, import and releases of the open study.

    Parameters
    ----------
    workspace
        What is worked with.
    parent
        Qt parent.
    """

    counted = Signal(object)
    """The study was counted (`Overview`)."""
    opened = Signal(object)
    """A dialog was opened: `ExportDialog`, `ImportDialog`, or `ClassQuestion` before it."""
    failed = Signal(str)
    """Something did not work; a sentence."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.overview: Overview | None = None
        self.dialogs: list[Any] = []
        self._counting = Job(self)
        self._again = False
        self.planning = Job(self)
        self._then: Callable[[Any], None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_COUNT_MS)
        self._timer.timeout.connect(self.count)
        self._build()
        self._lay_out()
        self._counting.finished.connect(self._on_counted)
        self._counting.failed.connect(self.message.setText)
        self._counting.ended.connect(self._count_again)
        self.planning.finished.connect(self._on_planned)
        self.planning.failed.connect(self.complain)
        self.planning.stopped.connect(self._say)
        self.planning.ended.connect(self._update)
        self.form.changed.connect(self._update)
        workspace.link.state_changed.connect(self._on_state)
        workspace.link.statistics_changed.connect(self._on_state)
        connections_of(self).when_closed(self._close_dialogs)
        self._update()

    def _close_dialogs(self) -> None:
        for dialog in list(self.dialogs):
            dialog.close()

    # -- layout -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.message, self.counts = wrapped("", self), wrapped("", self)
        self.counts.setToolTip(
            "Patients are drawn to a side once and stay there: no heart is in training and in testing."
        )
        self.unknown = UnknownPatients(self._workspace.link, self)
        self.unknown.named.connect(self._on_changed)
        self.form = ExportForm(self)
        self.preview_button = QPushButton("Preview…", self)
        self.preview_button.setToolTip("See every picture and field that would leave. Nothing is written yet.")
        self.preview_button.clicked.connect(self.preview)
        self.bar = JobBar(self.planning, self)
        self.words = wrapped("", self)
        self.words.hide()
        self.folder_button = QPushButton("Folder…", self)
        self.folder_button.setToolTip("Import the masks of a folder: another program's, or an export of ours.")
        self.folder_button.clicked.connect(self._ask_folder)
        self.file_button = QPushButton("File or .zip…", self)
        self.file_button.setToolTip("Import the masks of one file or archive.")
        self.file_button.clicked.connect(self._ask_file)
        self.releases = ReleaseList(self)

    def _lay_out(self) -> None:
        out, into = QWidget(self), QWidget(self)
        column = QVBoxLayout(out)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        column.addWidget(self.preview_button)
        column = QVBoxLayout(into)
        column.setContentsMargins(0, 0, 0, 0)
        words = wrapped(
            "Labels from EchoNet-Dynamic, CAMUS, COCO, PNG, NumPy, DICOM segmentations, LabelMe, or an export of ours. "
            "You see first what would change; a manual label is never overwritten.",
            into,
        )
        column.addWidget(words)
        column.addLayout(row(self.folder_button, self.file_button))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(6)
        whole.addWidget(self.message)
        whole.addWidget(self.counts)
        whole.addWidget(self.unknown)
        whole.addWidget(self.bar)
        whole.addWidget(self.words)
        self.sections: dict[str, Section] = {}
        for name, title, widget, opened in (
            ("export", "Export", out, False), ("import", "Import", into, False),
            ("releases", "Releases", self.releases, False),
        ):  # fmt: skip
            self.sections[name] = Section(f"learn-{name}", title, widget, opened=opened, parent=self)
            whole.addWidget(self.sections[name])

    # -- counting -----------------------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Count when somebody looks."""
        super().showEvent(event)
        self.count()

    def _on_state(self, _: object = None) -> None:
        self._update()
        if self.isVisible():
            self._timer.start()

    @property
    def _target(self) -> str:
        """The study, once it is open; else empty."""
        return self._workspace.link.connection.opened_target

    def count(self) -> None:
        """Count the study anew, off the GUI thread."""
        target = self._target
        if not target:
            self.overview = None
            self._update()
        elif self._counting.is_running:
            self._again = True
        else:
            self._counting.start(lambda _tick, _stop: (target, overview(target)))

    def _count_again(self) -> None:
        if self._again:
            self._again = False
            self.count()

    def _on_counted(self, found: tuple[str, Overview]) -> None:
        if found[0] != self._target:
            self._again = True
            return
        self.overview = found[1]
        self._update()
        self.counted.emit(self.overview)

    # -- export -------------------------------------------------------------------------------------------

    def preview(self) -> None:
        """Plan the export, and show what would leave."""
        problem = self.form.problem or why_not_ready(self._workspace, _PURPOSE)
        if problem:
            self.complain(problem)
            return
        self.form.remember()
        rater = self._workspace.link.connection.rater
        self._plan(partial(prepare_export, self._target, self.form.choice, rater=rater), self._show_export)

    def _plan(self, work: Any, then: Callable[[Any], None]) -> None:
        self._then = then
        self.words.hide()
        self.planning.start(work)
        self._update()

    def _on_planned(self, prepared: object) -> None:
        if self._then is not None:
            self._then(prepared)

    def _show_export(self, prepared: PreparedExport) -> None:
        dialog = ExportDialog(prepared, self)
        dialog.exported.connect(lambda _: self._say(dialog.result.text()))
        self._show_dialog(dialog)

    def _show_dialog(self, dialog: Any) -> None:
        dialog.failed.connect(self.complain)
        dialog.job.ended.connect(self._on_changed)
        dialog.job.stopped.connect(self._say)
        dialog.finished.connect(lambda _: self._on_closed(dialog))
        self.dialogs.append(dialog)
        dialog.show()
        self.opened.emit(dialog)

    def _on_closed(self, dialog: Any) -> None:
        self.dialogs.remove(dialog)
        if dialog.job.is_running:  # it is stopping
            dialog.job.ended.connect(dialog.deleteLater)
        else:
            dialog.deleteLater()

    def _on_changed(self) -> None:
        self.form.refresh()
        self._workspace.link.connection.count()
        self.count()

    # -- import -------------------------------------------------------------------------------------------

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder with labels", self.form.folder.text())
        if name:
            self.look_at(Path(name))

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "File with labels", self.form.folder.text(), "Labels (*.zip *.json *.npz);;All files (*)"
        )
        if name:
            self.look_at(Path(name))

    def look_at(self, path: Path, classes: dict[str, str] | None = None) -> None:
        """Plan an import, and show what would come in; ask first for classes that are not known.

        Parameters
        ----------
        path
            Folder or file.
        classes
            What a person said of some of its classes.
        """
        problem = why_not_ready(self._workspace, _PURPOSE)
        if problem:
            self.complain(problem)
            return
        self._plan(partial(prepare_import, self._target, path, answers=classes), self._show_import)

    def _show_import(self, prepared: PreparedImport | UnknownClasses) -> None:
        if isinstance(prepared, UnknownClasses):
            question = ClassQuestion(prepared, self)
            question.answered.connect(self.look_at)
            question.finished.connect(question.deleteLater)
            question.show()
            self.opened.emit(question)
            return
        dialog = ImportDialog(prepared, self)
        dialog.imported.connect(lambda _: self._say(dialog.result.text()))
        self._show_dialog(dialog)

    # -- keeping in step ----------------------------------------------------------------------------------

    def complain(self, sentence: str) -> None:
        """Tell what did not work, and what to do next."""
        from napari.utils.notifications import show_warning

        self._show_words(sentence)
        show_warning(sentence)
        self.failed.emit(sentence)

    def _say(self, sentence: str) -> None:
        self._show_words(sentence)
        self._workspace.show_message(sentence)

    def _show_words(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.words.show()

    def _update(self, _: object = None) -> None:
        target, found = self._target, self.overview
        shown = found if target else None
        self.form.show_readers({} if shown is None else shown.readers)
        if not target:
            self.message.setText(why_not_open(self._workspace, _PURPOSE))
        elif found is not None:
            exportable = self._may_export(found)
            self.message.setText("" if exportable else _UNKNOWN if found.unknown else _EMPTY)
        else:
            self.message.setText("Counting…")
        self.message.setVisible(bool(self.message.text()))
        self.counts.setVisible(shown is not None and bool(shown.accepted or shown.edited))
        if shown is not None:
            self.counts.setText(_counts(shown))
        self.unknown.show_cines(() if shown is None else shown.unknown)
        self.releases.show_overview(shown)
        some = shown is not None and self._may_export(shown)
        running = self.planning.is_running
        self.preview_button.setEnabled(some and not running)
        for button in (self.folder_button, self.file_button):
            button.setEnabled(bool(target) and not running)

    def _may_export(self, found: Overview) -> bool:
        """Return whether there may be something to export; a reading beside what counts is not counted."""
        edited = self.form.edited.isChecked() and found.edited
        return bool(found.accepted or edited or self.form.options.reading is not None)


def _counts(found: Overview) -> str:
    where = f"in {plural(found.clips, 'clip')} of {plural(found.patients, 'patient')}"
    lines = [f"<b>{plural(found.accepted, 'accepted frame')}</b> {where}; {found.edited:,} edited, not accepted yet."]
    sides = [
        f"{side or 'not drawn yet'} {patients:,}" + (f" ({plural(frames, 'frame')})" if frames else "")
        for side, (patients, frames) in found.sides.items()
        if patients or side in {"train", "val", "test"}
    ]
    if found.patients:
        lines.append("Patients on each side: " + ", ".join(sides) + ".")
    if found.new_patients is not None:
        last = found.releases[-1]
        new = plural(found.new_patients, "new patient") if found.new_patients else "No new patient"
        lines.append(f"{new} since the last release, {last.name} {last.number}.")
    return "<br>".join(lines)
