"""The tools in the hand: move, brush, eraser, push, handles, clicks. One is in use at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from matae.anatomy import CAVITY
from napari_matae.background.connections import connections_of
from napari_matae.edit.dragging import Dragging
from napari_matae.edit.handles import Handles
from napari_matae.edit.prompt_reader import PromptReader
from napari_matae.edit.prompting import Prompting
from napari_matae.edit.through_beat import ThroughBeat

if TYPE_CHECKING:
    from typing import Any

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_matae.edit.structure_choice import StructureChoice
    from napari_matae.session.player import Player
    from napari_matae.session.session import Session

__all__ = ["TOOLS", "Tools"]

TOOLS = {
    "move": ("Move", "Drag the picture, zoom with the wheel."),
    "brush": ("Brush", "Paint the cavity; right-drag draws round an area and fills it."),
    "eraser": ("Eraser", "Rub the cavity out."),
    "push": ("Push", "Drag the contour: it follows as if pushed by a thumb of this size."),
    "handles": ("Handles", "Drag the apex (round) or a mitral hinge point (square): the contour follows smoothly."),
    "prompt": (
        "Click",
        "Outline the cavity by clicks on apex and hinge points, or a box; click what it lacks, Shift-click the rest.",
    ),
}
"""Name, title and explanation of each tool."""

_PAINTING = {"brush": "paint", "eraser": "erase"}
_SIZES = {"brush": 1 / 40, "eraser": 1 / 40, "push": 1 / 6}
"""Diameter of a new cine's tool, as a share of the picture's shorter side."""
_ON_MASKS = {*_SIZES, "prompt"}  # they listen to the layer of the masks


class Tools(QObject):  # type: ignore[misc]
    """Which tool is in use, and how large it is.

    Parameters
    ----------
    session
        Whose masks are worked on.
    player
        Paused when a tool is taken: nobody draws on a moving picture.
    structures
        What of the masks the tools act on.
    parent
        Qt parent.
    """

    changed = Signal()
    """Another tool is in use, or it has another size."""
    said = Signal(str)
    """A sentence for the user."""

    def __init__(
        self, session: Session, player: Player, structures: StructureChoice, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._player, self._structures = session, player, structures
        self._tool = "move"
        self._size: dict[str, int] = {}
        self._labels: Labels | None = None
        self._push = Dragging(session, self._start_push, self)
        self.handles = Handles(session, self)
        self.handles.said.connect(self.said)
        reader = PromptReader()
        self.prompting = Prompting(session, structures, reader, self)
        self.prompting.said.connect(self.said)
        self.through_beat = ThroughBeat(session, structures, reader, self.said.emit)
        self._labels_connections = connections_of(self)
        connections = connections_of(self)
        connections.connect(session.opened, self._on_opened)
        connections.connect(session.labels_changed, self._on_labels)
        connections.connect(structures.changed, self._on_structure)
        connections.connect(session.viewer.layers.selection.events.active, self._on_active)
        connections.when_closed(self._let_go)
        connections.when_closed(lambda: self.choose("move"))
        self._on_labels()

    @property
    def tool(self) -> str:
        """Name of the tool in use."""
        return self._tool

    @property
    def size(self) -> int | None:
        """Diameter of the tool in use in pixels; None for a tool without one."""
        current = self._session.current
        if current is None or self._tool not in _SIZES:
            return None
        return self._size.get(self._tool, max(3, round(min(current.cine.shape) * _SIZES[self._tool])))

    def resize(self, size: int) -> None:
        """Give the tool in use another diameter in pixels."""
        if self._tool in _SIZES and size != self.size:
            self._size[self._tool] = max(1, size)
            self._show_size()
            self.changed.emit()

    def scale(self, factor: float) -> None:
        """Make the tool in use larger or smaller, by at least a pixel."""
        if (size := self.size) is not None:
            wanted = round(size * factor)
            self.resize(wanted if wanted != size else size + (1 if factor > 1 else -1))

    def choose(self, tool: str) -> None:
        """Take a tool; taking the one in use puts it down."""
        session = self._session
        if session.current is None or (tool != "move" and not session.current.ready):
            self._tool = "move"
            self.changed.emit()
            return
        tool = "move" if tool == self._tool else tool
        if tool != "move":
            self._player.pause()
            session.masks.ensure_labels()
        session.settle()
        if tool == "handles":
            self._structures.choose(CAVITY)  # they are the landmarks of the cavity
        self._tool = tool
        session.layers_wanted.emit()
        labels = session.current.labels
        self._push.active = tool == "push"
        if labels is not None:
            labels.visible = labels.visible or tool != "move"
            labels.mode = _PAINTING.get(tool, "pan_zoom")
            labels.mouse_pan = tool == "move"
            self._prepare_painting()
            if tool in _ON_MASKS:
                session.viewer.layers.selection.active = labels
        self.handles.show(on=tool == "handles")
        self.prompting.show(on=tool == "prompt")
        self._show_size()
        self.changed.emit()

    def _prepare_painting(self) -> None:
        """Name the strokes of the tool in use, and let the layer protect what its brush or eraser may not touch."""
        painting = self._tool if self._tool in _PAINTING else "drawing"
        self._session.masks.tool = self._structures.named(painting)
        if self._labels is not None and self._structures.several:
            # What the layer cannot tell apart (the atrium takes wall, not cavity) is put back when the stroke ends.
            self._labels.preserve_labels = self._tool == "eraser" or not self._structures.takes_all

    def _on_structure(self) -> None:
        self._prepare_painting()
        if self._tool == "handles" and self._structures.value != CAVITY:
            self.choose("move")

    # -- keeping napari's own controls and ours in step ---------------------------------------------------

    def _on_active(self, _: object = None) -> None:
        """Put down what draws on the masks once another layer is chosen: a drag there draws nothing."""
        active = self._session.viewer.layers.selection.active
        if self.prompting.marks.placing:
            return  # napari chooses the layer that shows the clicks, for a moment
        if self._tool in _ON_MASKS and active is not None and active != self._labels:  # napari wraps one of them
            self.choose("move")

    def _show_size(self) -> None:
        labels, size = self._labels, self.size
        if labels is None:
            return
        if size is None:
            labels.cursor = "cross" if self._tool == "prompt" else "standard"
        elif self._tool == "push":
            labels.cursor = "circle"
            scale = self._session.current.cine.pixel_aspect if self._session.current is not None else (1.0, 1.0)
            labels.cursor_size = size * float(np.mean(scale))
        elif labels.brush_size != size:
            labels.brush_size = size

    def _on_labels(self) -> None:
        current = self._session.current
        labels = None if current is None else current.labels
        if labels is self._labels:
            return
        self._let_go()
        self._labels = labels
        if labels is None:
            self._tool = "move"
            self.handles.show(on=False)
            self.prompting.show(on=False)
            self.changed.emit()
            return
        self._push.follow(labels)
        self.prompting.listen(labels)
        self._labels_connections.connect(labels.events.mode, self._on_mode)
        self._labels_connections.connect(labels.events.brush_size, self._on_brush_size)

    def _let_go(self) -> None:
        self._labels = None
        self._push.follow(None)
        self.prompting.listen(None)
        self._labels_connections.close()

    def _on_opened(self, _: object) -> None:
        self._tool = "move"
        self._size.clear()
        self._push.active = False
        self.handles.show(on=False)
        self.prompting.show(on=False)
        self._on_labels()
        self.changed.emit()

    def _on_mode(self) -> None:
        """Follow a tool chosen in napari's own controls."""
        if self._labels is None:
            return
        mode = str(self._labels.mode)
        shown = {value: key for key, value in _PAINTING.items()}.get(mode)
        if shown is not None and shown != self._tool:
            self._tool = shown
            self._prepare_painting()
            self._push.active = False
            self._labels.mouse_pan = False
            self.handles.show(on=False)
            self.prompting.show(on=False)
            self.changed.emit()

    def _on_brush_size(self) -> None:
        if self._labels is not None and self._tool in _PAINTING:
            self._size[self._tool] = int(self._labels.brush_size)
            self.changed.emit()

    # -- push ---------------------------------------------------------------------------------------------

    def _start_push(self, start: NDArray[np.float64]) -> Any:
        """Return what turns a position into a mask, for a push that begins here."""
        from matae.edit import nudge

        current = self._session.current
        if current is None or current.labels is None:
            return None
        label = self._structures.value
        self._session.masks.tool = self._structures.named("push")
        base, reach = current.mask(self._session.frame).copy(), (self.size or 2) / 2
        spacing = current.cine.pixel_size
        return lambda end: nudge(base, start, end, reach, label, spacing=spacing)
