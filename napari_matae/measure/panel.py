"""Step 4, Measure: from masks to volumes, ejection fraction and motion, with how far to trust them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from matae.measure.motion import SEGMENTS
from matae.measure.seen_view import RECOGNISED
from napari_matae.archive.sending import SendDialog
from napari_matae.edit.phase_pair import PhasePair
from napari_matae.measure.biplane import BiplaneMeasurement
from napari_matae.measure.bullseye_plot import BullseyePlot
from napari_matae.measure.depth_scale import DepthScale
from napari_matae.measure.ef_card import EfCard
from napari_matae.measure.flag_list import FlagList
from napari_matae.measure.live_measurement import LiveMeasurement
from napari_matae.measure.m_mode import MMode
from napari_matae.measure.number_tables import BeatTable, NumberTable, NumberTiles
from napari_matae.measure.phase_overlay import PhaseOverlay
from napari_matae.measure.report_button import ReportButton
from napari_matae.measure.volume_curve import VolumeCurve
from napari_matae.open.body_size import BodySize
from napari_matae.readers.earlier import EarlierExaminations
from napari_matae.study.measurements import StudyMeasurements
from napari_matae.widgets.collapsible import Section
from napari_matae.widgets.layout import combo_box, heading, row, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from matae.measure import Measurement
    from napari_matae.timeline.area_plot import AreaPlot
    from napari_matae.workspace.shortcuts import Keys
    from napari_matae.workspace.workspace import Workspace

__all__ = ["MeasurePanel"]

_RESEARCH = "Research use only. Not for diagnosis. Unvalidated on your equipment."
_NOTHING_OPEN = "Open a cine first, and segment it: the numbers come from its masks."
_NO_MASKS = (
    "There are no masks yet. Segment the cine in step 2, or draw the cavity in step 3: the numbers come from them."
)
_MEASURING = "Measuring…"
_LONG_MS = 400
"""So long measuring takes before a bar moves: with every step of it the whole window is drawn anew."""


class MeasurePanel(QWidget):  # type: ignore[misc]
    """The Measure step.

    Parameters
    ----------
    workspace
        What is worked with.
    keys
        The keys, for the tooltips.
    plot
        The dock's curve, on which beats are drawn.
    parent
        Qt parent.
    """

    def __init__(self, workspace: Workspace, keys: Keys, plot: AreaPlot, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace, self._keys = workspace, keys
        session = workspace.session
        self._of: object = session.current
        self.sending: list[SendDialog] = []
        """Windows in which something is about to be sent to an archive."""
        self.measuring = LiveMeasurement(session, self)
        self.overlay = PhaseOverlay(session, self.measuring, self)
        self.curve = VolumeCurve(plot, self.measuring, self)
        self.stored = StudyMeasurements(workspace.link, self)
        self._long = QTimer(self)
        self._long.setSingleShot(True)
        self._long.setInterval(_LONG_MS)
        self._long.timeout.connect(self._show_progress)
        self._build()
        self._lay_out()
        self.measuring.changed.connect(self._update)
        self.measuring.outdated.connect(lambda: self.stored.note(None))
        session.frame_changed.connect(self._update_frame)
        session.opened.connect(self._on_opened)
        session.status_changed.connect(self._update)
        workspace.link.entry_changed.connect(self._on_entry)
        keys.changed.connect(self._update_tips)
        self._update_tips()
        self._update()

    # -- layout -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        workspace, session, measuring = self._workspace, self._workspace.session, self.measuring
        self.message = wrapped("", self)
        self.progress = QProgressBar(self)
        self.progress.setAccessibleName("Measuring")
        self.progress.setToolTip("The masks are being measured.")
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.hide()

        self.ef = EfCard(session, measuring, self)
        self.view = combo_box(self, letters=5)
        self.view.setAccessibleName("Standard view")
        self.view.setToolTip("Standard view: it names the segments of the wall.")
        for text, data in (("", None), *((name, name) for name in SEGMENTS if name)):
            self.view.addItem(text, data)
        self.view.activated.connect(lambda _: measuring.choose_view(self.view.currentData()))
        self.report_button = ReportButton(measuring, self, link=workspace.link)
        self.send_button = self._button("Send to archive…", self._send)
        self.send_button.setToolTip(
            "Send report and masks of a DICOM clip back into its archive (PACS); you see first what would leave."
        )
        self.words = wrapped("", self)
        self.words.hide()
        self.scale = DepthScale(session, self)
        self.body_size = BodySize(session, self)
        for part in (self.scale, self.report_button):
            part.said.connect(self._say)

        self.ed_button = self._button("Show ED", lambda: self._open_phase(0))
        self.ed_button.setToolTip("Show the frame of end-diastole that the numbers come from.")
        self.es_button = self._button("Show ES", lambda: self._open_phase(1))
        self.es_button.setToolTip("Show the frame of end-systole that the numbers come from.")
        self.mark_ed = self._button("This is ED", lambda: workspace.actions.mark("ed"))
        self.mark_es = self._button("This is ES", lambda: workspace.actions.mark("es"))
        self.clear_button = self._button("Clear marks", measuring.clear_marks)
        self.clear_button.setToolTip("Take your marks away: the file's frames, or the curve's, are used again.")

        self.pair = PhasePair(session, self)
        self.tiles = NumberTiles(self)
        self.outlines = QCheckBox("ED and ES outlines", self)
        self.outlines.setToolTip("Both outlines of the beat on every frame: end-diastole orange, end-systole blue.")
        self.outlines.toggled.connect(lambda on: setattr(self.overlay, "outlines", on))
        self.disks = QCheckBox("Axis and disks", self)
        self.disks.setToolTip("The long axis and the twenty disks of the frame on screen.")
        self.disks.toggled.connect(lambda on: setattr(self.overlay, "disks", on))
        self.flags = FlagList(self)
        self.bullseye = BullseyePlot(self)
        self.bullseye.clicked.connect(lambda _: self._open_primary())
        self.beats = BeatTable(self)
        self.table = NumberTable(self)
        self.mmode = MMode(session, measuring, self)
        self.biplane = BiplaneMeasurement(workspace.link, measuring, self)
        self.earlier = EarlierExaminations(workspace.link, self)
        self.stored.kept.connect(self._refresh_earlier)
        for part in (self.ef, self.pair, self.tiles, self.table, self.beats, self.flags):
            part.seek_wanted.connect(self.open)

    def _lay_out(self) -> None:
        self.content = QWidget(self)
        column = QVBoxLayout(self.content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.ef)
        column.addWidget(self.pair)
        column.addWidget(self.scale)
        column.addWidget(self.tiles)
        column.addWidget(heading("Before a number is believed", self))
        column.addWidget(self.flags)
        column.addLayout(row(self.ed_button, self.es_button, self.clear_button))
        column.addLayout(row(self.mark_ed, self.mark_es))
        column.addLayout(row(self.outlines, self.disks))
        view = QHBoxLayout()
        view.addWidget(QLabel("View", self))
        view.addWidget(self.view, stretch=1)
        view.addWidget(self.report_button, stretch=1)
        column.addLayout(view)
        column.addWidget(self.send_button)
        column.addWidget(self.body_size)
        column.addWidget(self.words)
        self.sections: dict[str, Section] = {}
        for name, title, widget, opened in (
            ("wall", "Wall motion", self.bullseye, True),
            ("beats", "Beats", self.beats, True),
            ("numbers", "All numbers", self.table, False),
            ("mmode", "M-mode", self.mmode, False),
            ("biplane", "Biplane", self.biplane, False),
            ("earlier", "Earlier examinations", self.earlier, False),
        ):
            section = Section(f"measure-{name}", title, widget, opened=opened, parent=self)
            section.toggled.connect(self._show_details)
            column.addWidget(section)
            self.sections[name] = section
        self.sections["earlier"].toggled.connect(lambda _: self._refresh_earlier())
        outer = QVBoxLayout(self)
        outer.setContentsMargins(6, 6, 6, 6)
        outer.addWidget(self.message)
        outer.addWidget(self.progress)
        outer.addWidget(self.content)
        outer.addWidget(wrapped(_RESEARCH, self))
        outer.addStretch(1)

    def _button(self, text: str, action: Callable[[], object]) -> QPushButton:
        button = QPushButton(text, self)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda _=False: action())
        return button

    def save_report(self) -> None:
        """Ask where to, and save what is measured; at once, or when it has been measured."""
        if self.measuring.measurement is not None:
            self.report_button.ask()
        else:
            self._say(self.message.text() or _MEASURING)

    def _send(self) -> None:
        """Show what would go back to an archive."""
        measured = self.measuring.measurement
        if measured is None:
            return
        dialog = SendDialog(measured, self)
        dialog.finished.connect(lambda _: self._on_send_closed(dialog))
        self.sending.append(dialog)
        dialog.show()

    def _on_send_closed(self, dialog: SendDialog) -> None:
        self.sending.remove(dialog)
        if dialog.sent:
            self._say(dialog.words.text())
        dialog.deleteLater()

    # -- opening frames -----------------------------------------------------------------------------------

    def open(self, frames: tuple[int, ...]) -> None:
        """Show the frames behind a number, one after the other with each click."""
        session = self._workspace.session
        if session.current is None or not frames:
            return
        self._workspace.player.pause()
        here = session.frame
        session.seek(frames[(frames.index(here) + 1) % len(frames)] if here in frames else frames[0])

    def _open_phase(self, place: int) -> None:
        measured = self.measuring.measurement
        if measured is not None and measured.primary is not None:
            self.open((measured.primary.frames[place],))

    def _open_primary(self) -> None:
        measured = self.measuring.measurement
        if measured is not None and measured.primary is not None:
            self.open(measured.primary.frames)

    # -- keeping in step ----------------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Measure while somebody looks."""
        super().showEvent(event)
        self.measuring.active = True
        self.biplane.refresh()

    def hideEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Leave the processor to others while nobody looks."""
        super().hideEvent(event)
        self.measuring.active = False

    def _on_entry(self, entry: object) -> None:
        if entry is not None and self.measuring.active:
            self.biplane.refresh()
            self._refresh_earlier()

    def _refresh_earlier(self) -> None:
        if self.measuring.active and self.sections["earlier"].is_open:
            self.earlier.refresh()

    def _on_opened(self, current: object) -> None:
        if current is not self._of:  # what was said of another clip ends with it
            self._of = current
            self.words.hide()
        self._update()

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.words.show()
        self._workspace.show_message(sentence)

    def _update(self, _: object = None) -> None:
        measuring, current = self.measuring, self._workspace.session.current
        measured = measuring.measurement
        self.stored.note(measured if measuring.active and not measuring.is_running else None)
        self.content.setVisible(measured is not None)
        if not measuring.is_running:
            self._long.stop()
            self.progress.hide()
        elif not self._long.isActive() and self.progress.isHidden():
            self._long.start()
        text = ""
        if current is None:
            text = _NOTHING_OPEN
        elif measuring.problem:
            text = measuring.problem
        elif measured is None:
            text = _MEASURING if measuring.is_running or measuring.has_masks else _NO_MASKS
        self.message.setText(text)
        self.message.setVisible(bool(text))
        if measured is None:
            return
        self.ef.show_measurement()
        self.pair.show_measurement(measured)
        self.tiles.show_values(measured.table())
        # What the scale's own box says need not be said twice.
        self.flags.show_flags([flag for flag in measured.flags if flag.code != "uncalibrated"])
        self.scale.setVisible(self.scale.is_wanted)
        self._show_view(measured)
        self._show_details()
        self._update_phases()

    def _show_progress(self) -> None:
        self.progress.setVisible(self.measuring.is_running)

    def _show_view(self, measured: Measurement) -> None:
        current = self._workspace.session.current
        stated = measured.inputs.cine.view if current is None else current.stated.view
        text = f"{stated}, as the file says" if stated else "not stated"
        if not stated and any(flag.code == RECOGNISED for flag in measured.flags):
            text = f"{measured.inputs.cine.view}, as it looks"
        if self.view.itemText(0) != text:
            self.view.setItemText(0, text)
        chosen = self.measuring.view
        if chosen is not None and self.view.findData(chosen) < 0:
            self.view.addItem(chosen, chosen)  # another program may have stored a view that has no segments here
        place = max(0, self.view.findData(chosen))
        if self.view.currentIndex() != place:
            self.view.setCurrentIndex(place)

    def _show_details(self, _: object = None) -> None:
        """Fill the sections that are open."""
        measured = self.measuring.measurement
        if measured is None:
            return
        if self.sections["wall"].is_open:
            self.bullseye.show_segments(() if measured.primary is None else measured.primary.segments)
        if self.sections["beats"].is_open:
            self.beats.show_measurement(measured)
        if self.sections["numbers"].is_open:
            self.table.show_values(measured.table())

    def _update_frame(self, _: int = 0) -> None:
        if self.isVisible():
            self._update_phases()

    def _update_phases(self) -> None:
        session, measured = self._workspace.session, self.measuring.measurement
        current, frame = session.current, session.frame
        primary = None if measured is None else measured.primary
        for button, place, name in ((self.ed_button, 0, "ED"), (self.es_button, 1, "ES")):
            at = None if primary is None else primary.frames[place]
            button.setEnabled(at is not None)
            button.setText(f"Show {name}" if at is None else f"Show {name} ({at + 1})")
        for button, phase, name in ((self.mark_ed, "ed", "ED"), (self.mark_es, "es", "ES")):
            marked = current is not None and getattr(current, phase) == frame
            button.setEnabled(current is not None)
            button.setText(f"✓ {name} is marked here" if marked else f"This frame is {name}")
        self.clear_button.setEnabled(self.measuring.is_marked)

    def _update_tips(self) -> None:
        for button, name, words in (
            (self.mark_ed, "mark_ed", "end-diastole"), (self.mark_es, "mark_es", "end-systole")
        ):  # fmt: skip
            button.setToolTip(
                f"Mark the frame on screen as {words}; your mark always wins. Again takes it away"
                f"{self._keys.hint(name)}."
            )
