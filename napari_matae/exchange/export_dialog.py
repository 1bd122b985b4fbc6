"""What will leave, shown before anything is written; then the export itself."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from matae.exchange.registry import find_format
from napari_matae.exchange.export_pictures import ExportPictures
from napari_matae.exchange.job_dialog import JobDialog
from napari_matae.exchange.tasks import write_export
from napari_matae.widgets.layout import wrapped
from napari_matae.widgets.tables import reading_table
from napari_matae.widgets.words import megabytes, plural

if TYPE_CHECKING:
    from pathlib import Path

    from matae.exchange import ExportedRelease, ExportPlan
    from napari_matae.exchange.tasks import PreparedExport

__all__ = ["ExportDialog"]

_TICK = "I have looked at what leaves"
_TICK_WHEN = "Tick this once you have looked at every picture with a ⚠."
_TICK_FIRST = "Look at the pictures with a ⚠ first (More ▸), then tick that you did."
_MUST_TICK = "Something above asks for your eyes: look at the pictures with a ⚠, then tick that you did."


class ExportDialog(JobDialog):
    """Shows a planned export, and runs it; does not stand in the way of work.

    Parameters
    ----------
    prepared
        What would leave.
    parent
        Qt parent.
    """

    exported = Signal(object)
    """It is written (`matae.exchange.ExportedRelease`)."""

    def __init__(self, prepared: PreparedExport, parent: QWidget | None = None) -> None:
        super().__init__("What will leave", parent)
        self._prepared = prepared
        self.release: ExportedRelease | None = None
        self.resize(1060, 740)
        plan = prepared.plan
        self.summary = wrapped(_summary(prepared), self)
        self.pictures = ExportPictures(prepared, self)
        self.findings = wrapped(_findings(plan), self)
        self.findings.setTextFormat(Qt.TextFormat.RichText)  # one sentence alone has no tag that Qt would know it by
        self.splits = reading_table(("Side", "Patients", "Clips", "Frames"), _split_rows(plan), self)
        self.fields = reading_table(("What leaves beside the pictures", "For example"), plan.fields, self)
        for table, name, tip in (
            (self.splits, "Sides of the split", "Patients, clips and frames on each side of the split."),
            (self.fields, "Fields that leave", "Every field that leaves beside the pictures, with an example."),
        ):
            table.setAccessibleName(name)
            table.setToolTip(tip)
        self.looked = QCheckBox(_TICK, self)
        self.looked.setToolTip(_TICK_WHEN)
        self.looked.setVisible(plan.needs_look)
        self.looked.toggled.connect(self._update)
        self.pictures.page_changed.connect(self._update)
        self.export_button = QPushButton("Export", self)
        self.export_button.clicked.connect(self.export)
        self.open_button = QPushButton("Open folder", self)
        self.open_button.setToolTip("Show the folder in the file manager.")
        self.open_button.clicked.connect(self._open_folder)
        self.open_button.hide()
        self.job.finished.connect(self._on_finished)
        self.job.ended.connect(self._update)
        self._lay_out()
        self._update()

    def _lay_out(self) -> None:
        right = QVBoxLayout()
        right.addWidget(_heading("Before it leaves", self))
        right.addWidget(self.findings)
        right.addWidget(_heading("Sides of the split, by patient", self))
        right.addWidget(self.splits)
        right.addWidget(_heading("Fields (frames count from 0 in the files)", self))
        right.addWidget(self.fields, stretch=1)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self.pictures, stretch=1)
        middle.addLayout(right, stretch=1)
        column = QVBoxLayout(self)
        column.addWidget(self.summary)
        column.addLayout(middle, stretch=1)
        column.addWidget(self.result)
        column.addWidget(self.bar)
        column.addLayout(self._button_row([self.looked], [self.open_button, self.export_button]))

    def export(self) -> None:
        """Write it, off the GUI thread."""
        if self._must_look:
            self.result.setText(_MUST_TICK)
            return
        self.result.setText("")
        self.job.start(partial(write_export, self._prepared, self.looked.isChecked()))
        self._update()

    @property
    def _must_look(self) -> bool:
        return self._prepared.plan.needs_look and not self.looked.isChecked()

    def _update(self, _: object = None) -> None:
        running = self.job.is_running
        self.looked.setEnabled(self.pictures.all_seen and not running and self.release is None)
        self.export_button.setEnabled(not running and self.release is None and not self._must_look)
        self.close_button.setEnabled(not running)
        if self._must_look:
            self.looked.setToolTip(_TICK_WHEN if self.pictures.all_seen else _TICK_FIRST)
            self.export_button.setToolTip(_MUST_TICK)
        else:
            self.export_button.setToolTip("Write it into a new folder, whole or not at all.")

    def _on_finished(self, release: ExportedRelease) -> None:
        self.release = release
        plan = self._prepared.plan
        known = "" if release.is_new else " It holds just what that release held before, byte for byte."
        self.result.setText(
            f"Exported as {release.name} {release.number}: {plural(plan.n_frames, 'frame')} of "
            f"{plural(len(plan.clips), 'clip')}, in {release.folder}.{known}"
        )
        self.summary.setText(_summary(self._prepared, written=True))
        self.open_button.show()
        self.export_button.hide()
        self.exported.emit(release)

    def _open_folder(self) -> None:
        if self.release is not None:
            open_folder(self.release.folder)


def open_folder(folder: Path) -> None:
    """Show a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _summary(prepared: PreparedExport, *, written: bool = False) -> str:
    plan, out = prepared.plan, prepared.choice.folder
    patients = len({clip.patient for clip in plan.clips})
    size = "native pixels" if plan.size is None else f"{plan.size} x {plan.size} pixels"
    free = "" if prepared.free is None else f", {megabytes(prepared.free)} free there"
    title = escape(find_format(plan.format).title)
    verb, yet = ("left", "") if written else ("leave", "Nothing is written yet. ")
    return (
        f"<b>{plural(plan.n_frames, 'frame')} of {plural(len(plan.clips), 'clip')} from "
        f"{plural(patients, 'patient')}</b> {verb} as {title}; {size}, in {escape(str(out))} "
        f"(about {megabytes(plan.bytes_needed)}{free}). {yet}Names of patients, files and readers, dates and every "
        "field of the file's header stay here; what lies outside the sector is black."
    )


def _findings(plan: ExportPlan) -> str:
    if not plan.findings:
        return "✓ No text was found inside the sector, and nothing was left out. This is a help, no proof: look."
    first = sorted(plan.findings, key=lambda finding: not finding.needs_look)
    shown = [("⚠ " if finding.needs_look else "• ") + escape(finding.sentence) for finding in first[:12]]
    more = [f"and {len(first) - 12} more."] if len(first) > 12 else []
    return "<br>".join([*shown, *more])


def _split_rows(plan: ExportPlan) -> list[tuple[object, ...]]:
    return [(side, counts.patients, counts.clips, counts.frames) for side, counts in plan.splits.items()]


def _heading(text: str, parent: QWidget) -> QLabel:
    return QLabel(f"<b>{text}</b>", parent)
