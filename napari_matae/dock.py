"""The dock: the steps in the order of work, and under them the beating heart's controls and its area curve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QSplitter, QVBoxLayout, QWidget

from matae.errors import MataeError
from napari_matae.background.connections import connections_of, end_owned
from napari_matae.background.events import Finished
from napari_matae.background.worker import EventWorker
from napari_matae.measure.panel import MeasurePanel
from napari_matae.open.file_warnings import FileWarnings
from napari_matae.open.panel import OpenPanel
from napari_matae.open.study_picker import default_study
from napari_matae.review.panel import ReviewPanel
from napari_matae.segment.events import probe
from napari_matae.segment.panel import SegmentPanel
from napari_matae.segment.warm_up import WarmUp
from napari_matae.timeline.area_plot import AreaPlot
from napari_matae.timeline.status_strip import StatusStrip
from napari_matae.timeline.transport_bar import Transport
from napari_matae.widgets.layout import DOCK_HEIGHT, DOCK_WIDTH
from napari_matae.widgets.step_tabs import StepTabs
from napari_matae.widgets.wheel_guard import WheelGuard
from napari_matae.worklist.window import WorklistWindow
from napari_matae.workspace.calm_list import CalmList
from napari_matae.workspace.conflict_dialog import ConflictDialog
from napari_matae.workspace.more_room import MoreRoom, main_window
from napari_matae.workspace.picture_fit import PictureFit
from napari_matae.workspace.save_status import SavedBar
from napari_matae.workspace.shortcut_help import KeyHelp
from napari_matae.workspace.shortcuts import Keys
from napari_matae.workspace.workspace import Workspace

if TYPE_CHECKING:
    from typing import Any

    import napari
    from qtpy.QtCore import QObject
    from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from matae.store import WorklistRow
    from napari_matae.learn.panel import LearnPanel
    from napari_matae.study.conflicts import Conflict

__all__ = ["MataeDock"]

_OPEN, _SEGMENT, _REVIEW, _MEASURE, _LEARN = range(5)
"""Places of these steps among the tabs."""
_CLOSE_S = 10.0
"""How long a window that closes waits for the study before what is missing goes into a rescue study."""


class MataeDock(QWidget):  # type: ignore[misc]
    """The MatAE dock widget.

    Parameters
    ----------
    napari_viewer
        The viewer it works in (napari passes it by this name).
    parent
        Qt parent.
    """

    # Of the class too: Python's collector empties a dock that nobody closed while its window still sends it events.
    _window: QWidget | None = None

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = napari_viewer
        self.workspace = Workspace(napari_viewer, self)
        self.session, self.player = self.workspace.session, self.workspace.player
        self.keys = Keys(self.workspace, self)
        self.open_panel = OpenPanel(self.session, self.workspace.link, self)
        self.segment_panel = SegmentPanel(self.session, self)
        self.review_panel = ReviewPanel(self.workspace, self.keys, self)
        self.transport = Transport(self.session, self.player, self)
        self.area_plot = AreaPlot(self.session, self)
        self.measure_panel = MeasurePanel(self.workspace, self.keys, self.area_plot, self)
        self.strip = StatusStrip(
            self.session, self.workspace.actions, self.workspace.phase_finder, self.area_plot, self
        )
        self.saved = SavedBar(self.workspace.link, self)
        self.key_help: KeyHelp | None = None
        self.conflicts: list[ConflictDialog] = []
        self.more_room, self.picture_fit = MoreRoom(self), PictureFit(self.session, self)
        self.calm_list = CalmList(self.player, self.workspace.stand_in, self)
        self.warnings = FileWarnings(self.session, self)
        self.worklist: WorklistWindow | None = None

        # The steps in the order of work: a panel is one line here.
        # Learn has as many widgets as all others together, and most days nobody looks: it is made when somebody does.
        panels: list[tuple[Any, str]] = [
            (self.open_panel, "Open"),
            (self.segment_panel, "Segment"),
            (self.review_panel, "Review"),
            (self.measure_panel, "Measure"),
            (self._make_learn, "Learn"),
        ]
        self.steps = StepTabs(self)
        for panel, title in panels:
            self.steps.add_step(panel, title)
        watch = self._build_watch()
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(self.steps)
        splitter.addWidget(watch)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.warnings)
        column.addWidget(splitter)
        self.setMinimumSize(DOCK_WIDTH, DOCK_HEIGHT)
        # Dropped on the canvas, napari asks which of its readers to use; dropped here there is nothing to ask.
        self.setAcceptDrops(True)

        self._is_open = True
        self._window = None
        self._is_saving = False
        self._shown: object = None
        WheelGuard(self)
        self._listen()

    def _listen(self) -> None:
        connections = connections_of(self)
        connections.connect(self.session.opened, self._on_opened)
        self.steps.currentChanged.connect(self._on_step)
        self.workspace.help_wanted.connect(self.toggle_keys)
        self.workspace.wanted.connect(self._on_wanted)
        self.transport.room_button.clicked.connect(self.more_room.toggle)
        self.more_room.changed.connect(self.transport.show_room)
        self.keys.changed.connect(self._show_keys)
        self._show_keys()
        self.workspace.link.conflicted.connect(self._on_conflict)
        self.measure_panel.measuring.changed.connect(self._on_measured)
        self.workspace.model_changed.connect(self.segment_panel.list_models)
        self.workspace.next_cine.wanted.connect(lambda waiting: self.open_panel.read(waiting.open, waiting.path.name))
        self.workspace.worklist_wanted.connect(self.show_worklist)
        self.open_panel.worklist_wanted.connect(self.show_worklist)
        one_click = self.segment_panel.one_click
        self.workspace.one_click_wanted.connect(one_click.go)
        one_click.measure_wanted.connect(lambda: self.steps.setCurrentIndex(_MEASURE))
        self.workspace.next_cine.arrived.connect(lambda: self.steps.setCurrentIndex(_REVIEW))
        application = QApplication.instance()
        if application is not None:
            connections.connect(application.aboutToQuit, self.close_down)
        self.workspace.link.open(default_study())
        self._probe()
        self.warm_up = WarmUp(self.session, self)
        if self.session.current is not None:
            self._on_opened(self.session.current)

    @property
    def learn_panel(self) -> LearnPanel:
        """The panel of Learn, made when it is first asked for."""
        return cast("LearnPanel", self.steps.panel(_LEARN))

    def _make_learn(self) -> LearnPanel:
        from napari_matae.learn.panel import LearnPanel

        return LearnPanel(self.workspace)

    def _build_watch(self) -> QWidget:
        """Return what stays under every step: the transport, the statuses, the curve, and whether work is saved."""
        watch = QWidget(self)
        below = QVBoxLayout(watch)
        below.setContentsMargins(0, 0, 0, 0)
        below.addWidget(self.transport)
        below.addWidget(self.strip)
        below.addWidget(self.area_plot, stretch=1)
        below.addWidget(self.saved)
        return watch

    def _probe(self) -> None:
        """Find out in the background whether there is a GPU."""
        self._probe_worker = EventWorker(self)
        self._probe_worker.came.connect(self._on_probed)
        self._probe_worker.call(probe)

    @property
    def is_probing(self) -> bool:
        """Whether that is still being found out."""
        return self._probe_worker.is_running

    def _on_probed(self, event: object) -> None:
        if isinstance(event, Finished):
            self.segment_panel.no_gpu.setVisible(not event.value)

    def _on_opened(self, current: object) -> None:
        self.player.pause()
        self.player.loop = None
        another, self._shown = current is not self._shown, current
        if current is not None and another:  # not the one that was open, with a scale or frame rate given by hand
            self.steps.setCurrentIndex(_SEGMENT)

    def _on_step(self, step: int) -> None:
        if step == _REVIEW:
            self.segment_panel.sector.leave()

    def _on_wanted(self, what: str) -> None:
        """Do what a key asks of a step or of the window."""
        if what == "more_room":
            self.more_room.toggle()
        elif what in {"next_step", "previous_step"}:
            step = self.steps.currentIndex() + (1 if what == "next_step" else -1)
            self.steps.setCurrentIndex(min(max(step, 0), self.steps.count() - 1))
        elif what == "open":
            self.steps.setCurrentIndex(_OPEN)
            self.open_panel.ask_file()
        elif self.session.current is None:
            self.workspace.show_message("Open a cine first.")
        elif what == "segment":
            self.steps.setCurrentIndex(_SEGMENT)
            self.segment_panel.run()
        else:
            self.steps.setCurrentIndex(_MEASURE)
            if what == "report":
                self.measure_panel.save_report()

    def _show_keys(self) -> None:
        """Name the keys in the tooltips of what they do."""
        hint = self.keys.hint
        self.steps.set_hints("." if not hint("next_step") else f". Next step{hint('next_step')}.")
        self.open_panel.set_hint(hint("open"))
        self.segment_panel.set_hint(hint("segment"))
        self.measure_panel.report_button.set_hint(hint("report"))
        self.transport.set_hints(play=hint("play"), room=hint("more_room"))

    def _on_measured(self) -> None:
        before = self.workspace.phase_finder.phases
        self.workspace.phase_finder.set_measurement(self.measure_panel.measuring.measurement)
        if self.workspace.phase_finder.phases != before:
            self.strip.redraw()

    def toggle_keys(self) -> None:
        """Show the keys over the picture, or hide them."""
        if self.key_help is None:
            window = main_window(self)
            self.key_help = KeyHelp(self.keys, window or self)
        self.key_help.toggle()

    def show_worklist(self) -> None:
        """Show the clips of the study in a window of their own."""
        if self.worklist is None:
            self.worklist = WorklistWindow(self.workspace, lambda: self.segment_panel.options, self)
            self.worklist.open_wanted.connect(self._on_clip_wanted)
        self.worklist.show()
        self.worklist.raise_()
        self.worklist.activateWindow()

    def _on_clip_wanted(self, row: WorklistRow) -> None:
        """Open a clip of the worklist: where one left off, or for the first time."""
        if row.content_id:
            self.workspace.next_cine.show_clip(row.content_id)
        else:
            self.steps.setCurrentIndex(0)
            self.open_panel.open(row.path)

    def _on_conflict(self, conflict: Conflict) -> None:
        """Ask which of two versions is to be the frame's, without standing in the way of work."""
        for dialog in self.conflicts:
            if dialog.conflict.current is conflict.current and dialog.conflict.frame == conflict.frame:
                dialog.close()  # the newer question takes the older one's place
        dialog = ConflictDialog(conflict, self)
        settle = self.workspace.link.conflicts
        dialog.decided.connect(lambda mine: (settle.keep_mine if mine else settle.take_theirs)(conflict))
        dialog.finished.connect(lambda _: self.conflicts.remove(dialog))
        self.conflicts.append(dialog)
        self.workspace.show_message(
            f"Frame {conflict.frame + 1} was changed in another window too: both versions are kept."
        )
        dialog.show()

    def close_down(self) -> None:
        """Save everything, stop the player, end runs and let go of the viewer."""
        if not self._is_open:
            return
        self._is_open = False
        self.player.pause()
        self._watch_window(None)
        for dialog in list(self.conflicts):
            dialog.close()
        if self.worklist is not None:
            self.worklist.close()
        if self.key_help is not None:
            self.key_help.hide()
            self.key_help.deleteLater()  # it lies over the viewer's window, which stays
            self.key_help = None
        for part in self.children():
            if part is not self.workspace:
                end_owned(part)  # runs first: what they have done goes into the study
        self.workspace.close_down()
        end_owned(self)

    # -- the window round it ------------------------------------------------------------------------------

    def _watch_window(self, window: QWidget | None) -> None:
        """Hear when the viewer is closed: napari tells its widgets nothing."""
        if window is self._window:
            return
        if self._window is not None:
            self._window.removeEventFilter(self)
        self._window = window
        if window is not None:
            window.installEventFilter(self)

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Find the window it was put in."""
        super().showEvent(event)
        if self._is_open:
            self._watch_window(main_window(self))
            self.picture_fit.watch(main_window(self))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Save everything when the viewer's window is about to close; it may still be told not to.

        The window is drawn meanwhile, and says what it waits for; then the very same event goes on to napari, which may
        ask whether to close. Asked a second time while it is saving, the window goes on saving.
        """
        if watched is self._window and event.type() == QEvent.Type.Close:
            if self._is_saving:
                event.ignore()
                return True
            self._save_or_rescue()
        return bool(super().eventFilter(watched, event))

    def _save_or_rescue(self) -> None:
        """Save everything; what the study will not take goes into a file of its own."""
        from napari.utils.notifications import show_warning

        self._is_saving = True
        try:
            self.player.pause()
            self.workspace.show_message("Saving; the window closes when everything is in the study…")
            if self.workspace.link.flush(_CLOSE_S) and self.workspace.link.state != "unsaved":
                self.workspace.show_message("")
                return
            target = self.workspace.link.rescue()
        except MataeError as error:
            show_warning(f"Nothing could be saved: {error}")
            return
        finally:
            self._is_saving = False
        if target is not None:
            problem = self.workspace.link.connection.problem or "it is still being written."
            show_warning(f"The study did not take everything ({problem}) What it lacks is in {target}.")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take files and folders."""
        if _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Open the file or folder that was dropped."""
        path = _dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self.steps.setCurrentIndex(_OPEN)
            self.open_panel.open(path)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Let go of the viewer when napari takes the widget out of its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.close_down()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go of the viewer when the dock is closed."""
        self.close_down()
        super().closeEvent(event)


def _dropped(event: QDropEvent) -> Path | None:
    """Return the one file or folder that is being dropped, or None if it is something else."""
    urls = event.mimeData().urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
