"""All the parts of the dock that know no widget, put together once and handed to the panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.background.connections import end_owned
from napari_matae.edit.actions import Actions
from napari_matae.edit.mask_style import MaskStyle
from napari_matae.edit.preview import Preview
from napari_matae.edit.stroke_recorder import StrokeRecorder
from napari_matae.edit.structure_choice import StructureChoice
from napari_matae.edit.tools import Tools
from napari_matae.open.sector_finder import SectorFinder
from napari_matae.playing.stand_in import StandIn
from napari_matae.segment.clip_widths import ClipWidths
from napari_matae.session.phases import PhaseFinder
from napari_matae.session.player import Player
from napari_matae.session.remembered_pixel_size import RememberedScale
from napari_matae.session.session import Session
from napari_matae.session.undo_stack import UndoStack
from napari_matae.study.link import StudyLink
from napari_matae.workspace.claim_keeper import ClaimKeeper
from napari_matae.workspace.flag_saver import FlagKeeper
from napari_matae.workspace.next_cine import NextCine
from napari_matae.workspace.time_tracker import TimeTracker

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Workspace"]

_NOT_SAVED = "Your last changes are not in the study yet; wait until the foot says that they are saved, then try again."


class Workspace(QObject):  # type: ignore[misc]
    """What a person works with in one viewer.

    Parameters
    ----------
    viewer
        The viewer.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user: what was done, where, or why not."""
    help_wanted = Signal()
    """The keys are to be shown, or hidden again."""
    wanted = Signal(str)
    """A key asks for what a step or the window does: ``open``, ``segment``, ``measure``, ``report``, ``next_step``,
    ``previous_step`` or ``more_room``."""
    worklist_wanted = Signal()
    """The clips of the study are to be listed."""
    one_click_wanted = Signal()
    """The open clip is to be segmented and measured."""
    model_changed = Signal()
    """Another model is in use, or the models on this machine are others."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.session = Session(viewer, finds_sectors=False)
        self.player = Player(self.session, parent=self)
        self.stand_in = StandIn(self.session, self.player, self)
        self.undo_stack = UndoStack(self.session, self)
        self.link = StudyLink(self.session, self.undo_stack, self)
        self.sector_finder = SectorFinder(self.session, self)
        self.scale = RememberedScale(self.session, self)
        self.time_tracker = TimeTracker(self.session, self.link, self.player, parent=self)
        self.strokes = StrokeRecorder(self.session, self)
        self.preview = Preview(self.session, self)
        self.structures = StructureChoice(self.session, self)
        self.tools = Tools(self.session, self.player, self.structures, self)
        self.phase_finder = PhaseFinder(self.session)
        self.clip_widths = ClipWidths(self.session, self.phase_finder, self)
        self.actions = Actions(self.session, self.preview, self.phase_finder, self.structures, self)
        self.flag_keeper = FlagKeeper(self.session, self.link, self.actions, self)
        self.claim_keeper = ClaimKeeper(self.session, self.link, self)
        self.next_cine = NextCine(self.session, self.link, self)
        self.actions.finished.connect(self.next_cine.go)
        self.mask_style = MaskStyle(self.session, self)
        for part in (
            self.undo_stack,
            self.link,
            self.sector_finder,
            self.preview,
            self.structures,
            self.tools,
            self.actions,
            self.next_cine,
            self.claim_keeper,
        ):
            part.said.connect(self.show_message)
        self._of: object = self.session.current
        self._said = ""
        self.session.opened.connect(self._on_opened)
        self.session.settle()  # what was drawn while no dock was there to see it

    def show_message(self, sentence: str) -> None:
        """Tell the user, in the panel and in the viewer's own status line."""
        self._said = sentence
        self.viewer.status = sentence
        self.said.emit(sentence)

    def _on_opened(self, current: object) -> None:
        """End what the viewer's status line says of another clip."""
        if current is not self._of:
            self._of = current
            if self._said and self.viewer.status == self._said:
                self.viewer.status = ""
            self._said = ""

    def unsaved(self) -> str:
        """Store what waits, and return nothing; or a sentence, where the study does not have everything yet."""
        return "" if self.link.flush() and not self.link.connection.problem else _NOT_SAVED

    def next_to_correct(self) -> None:
        """Go to the frame of the study to correct next, in whatever clip; what is drawn here is recorded first."""
        if self.preview.is_open:
            self.show_message("Apply or discard what is previewed first; it would be lost with this clip.")
            return
        self.session.settle()
        self.next_cine.go_to_correct()

    def toggle_loop(self) -> None:
        """Play the part from end-diastole to end-systole over and over, or the whole cine again."""
        if self.player.loop is not None:
            self.player.loop = None
            self.show_message("Playing the whole cine.")
            return
        phases = self.phase_finder.phases
        if phases.ed is None or phases.es is None or phases.ed == phases.es:
            self.show_message("End-diastole and end-systole are not known yet: segment the cine, or mark them.")
            return
        self.player.loop = (phases.ed, phases.es)
        self.player.play()
        self.show_message(
            f"Looping between end-diastole (frame {phases.ed + 1}) and end-systole (frame {phases.es + 1})."
        )

    def escape(self) -> None:
        """Throw a preview away, else put the tool down."""
        if self.preview.is_open:
            self.preview.discard()
            self.show_message("Preview discarded; nothing was changed.")
        elif self.tools.tool != "move":
            self.tools.choose("move")

    def close_down(self) -> None:
        """Record and save everything, and let go of the viewer."""
        self.player.pause()
        for part in self.children():
            if part not in (self.link, self.undo_stack):
                end_owned(part)  # what a part records or stores at its end, the study takes still
        self.link.leave()
        end_owned(self)
        self.session.close()
