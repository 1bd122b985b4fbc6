"""Outline by clicks: apex and hinge points, a box, or clicks inside and outside, read by the network's prompt head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from matae.errors import MataeError
from napari_matae.background.connections import connections_of
from napari_matae.background.events import Failed, Notice
from napari_matae.background.worker import EventWorker
from napari_matae.edit.prompt_marks import PromptMarks
from napari_matae.edit.prompt_reader import FrameToRead, MadeMask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from matae.prompt import Prompts
    from napari_matae.edit.prompt_reader import PromptReader
    from napari_matae.edit.structure_choice import StructureChoice
    from napari_matae.session.session import OpenCine, Session

__all__ = ["HINTS", "Prompting"]

HINTS = (
    "Click the apex (1 of 3), or drag a box. Mend a mask: Ctrl-click what it lacks, Shift-click what is too much.",
    "Click one hinge point of the mitral valve (2 of 3).",
    "Click the other hinge point (3 of 3).",
)
"""What to point at next."""
_MEND = "Click what it lacks, Shift-click or right-click what is too much."
_DRAG = 1 / 40  # of the picture's shorter side: what is shorter is a click


class Prompting(QObject):  # type: ignore[misc]
    """Turns clicks into masks.

    Parameters
    ----------
    session
        Whose frame on screen is worked on.
    structures
        What is outlined.
    reader
        Reads the clicks.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""
    made = Signal(int)
    """A frame got a mask."""

    def __init__(
        self, session: Session, structures: StructureChoice, reader: PromptReader, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._structures, self._reader = session, structures, reader
        self.active = False
        """Whether clicks mean anything to this tool."""
        self.marks = PromptMarks(session)
        """Where was clicked, on the picture."""
        self._layer: Labels | None = None
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._of: tuple[OpenCine, int, int] | None = None
        self._points: list[tuple[float, float]] = []
        self._prompts: Prompts | None = None
        self._base: NDArray[np.uint8] | None = None  # the mask that the prompts were given for, or made
        connections = connections_of(self)
        connections.connect(session.frame_changed, self._on_place)
        connections.connect(session.area_changed, self._on_masks)
        connections.connect(structures.changed, self._on_place)
        connections.when_closed(self._worker.drop)
        connections.when_closed(self.marks.remove)
        connections.when_closed(lambda: self.listen(None))

    # -- the tool in the hand -----------------------------------------------------------------------------

    def listen(self, layer: Labels | None) -> None:
        """Hear clicks over the labels layer."""
        if self._layer is not None and self._on_press in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._on_press)
        self._layer = layer
        if layer is not None:
            layer.mouse_drag_callbacks.append(self._on_press)

    def show(self, *, on: bool) -> None:
        """Take the tool, or put it down."""
        self.active = on
        self._begin()
        if on:
            self.said.emit(HINTS[0])
            self._look()
        else:
            self._worker.drop()

    def _begin(self) -> None:
        """Forget what was pointed at."""
        self._points, self._prompts, self._base = [], None, None
        current = self._session.current
        self._of = None if current is None else (current, self._session.frame, self._structures.value)
        self._show_points()

    def _on_place(self, _: object = None) -> None:
        """Begin anew on another frame, or with another structure."""
        current = self._session.current
        if not self.active or current is None:
            return
        if self._of != (current, self._session.frame, self._structures.value):
            self._worker.drop()
            self._begin()
            self._look()

    def _on_masks(self) -> None:
        """Begin anew where the mask is no longer the one that the clicks are about: it was undone, or drawn in."""
        current, frame = self._session.current, self._session.frame
        if self._base is None or current is None or current.labels is None or self._of is None:
            return
        if self._of[:2] == (current, frame) and not np.array_equal(current.mask(frame), self._base):
            self._worker.drop()
            self._begin()
            self.said.emit(HINTS[0])

    def _look(self) -> None:
        if (at := FrameToRead.of(self._session)) is not None:
            self._worker.start(self._reader.look, at)

    # -- what is pointed at -------------------------------------------------------------------------------

    def _on_press(self, layer: Layer, event: Any) -> Iterator[None]:
        if not self.active or event.button not in (1, 2):
            return
        start = self._place(layer, event)
        keys = {str(getattr(key, "name", key)) for key in event.modifiers}
        yield
        while event.type == "mouse_move":
            yield
        end, current = self._place(layer, event), self._session.current
        if current is None:
            return
        scale = np.asarray(current.cine.pixel_aspect)
        far = np.hypot(*((np.subtract(end, start)) * scale)) > _DRAG * min(np.asarray(current.cine.shape) * scale)
        try:
            if far and event.button == 1:
                self.box(start, end)
            elif not far:
                self.click(start, outside=event.button == 2 or "Shift" in keys, inside="Control" in keys)
        except MataeError as error:
            self.said.emit(str(error))

    @staticmethod
    def _place(layer: Layer, event: Any) -> tuple[float, float]:
        y, x = np.asarray(layer.world_to_data(event.position), dtype=np.float64)[-2:]
        return float(y), float(x)

    def click(self, at: tuple[float, float], *, inside: bool = False, outside: bool = False) -> None:
        """Point at something in the frame on screen.

        Parameters
        ----------
        at
            (y, x) in pixels.
        inside, outside
            The structure is there, or is not; if neither, it is the next landmark, and inside once there are three.

        Raises
        ------
        MataeError
            If two landmarks are the same point.
        """
        from matae.prompt import Prompts

        if not self._ready():
            return
        if inside or outside or self._prompts is not None:
            self._prompts = (self._prompts or Prompts()).clicked(at, inside=not outside)
        else:
            points = [*self._points, at]
            if len(points) < 3:
                self._points = points
                self._show_points()
                self.said.emit(HINTS[len(points)])
                return
            self._prompts, self._points = Prompts.three(points[0], points[1], points[2]), []
        self._run()

    def box(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a box around the structure, from corner to corner."""
        from matae.prompt import Prompts

        if not self._ready():
            return
        (top, bottom), (left, right) = (sorted(pair) for pair in zip(start, end, strict=True))
        self._prompts, self._points = Prompts(box=(top, left, bottom, right)), []
        self._run()

    def _ready(self) -> bool:
        """Record what was drawn; say whether there is a mask to change."""
        session = self._session
        if session.current is None or not session.current.ready or session.current.labels is None:
            return False
        session.settle()
        self._on_masks()
        return True

    def _run(self) -> None:
        current, at = self._session.current, FrameToRead.of(self._session)
        self._show_points()
        if current is None or self._prompts is None:
            return
        if at is None:
            self._begin()
            self.said.emit("The sector of this clip is not known yet; click again once it is found.")
            return
        self._base = current.mask(self._session.frame).copy()
        self._worker.start(self._reader.outline, at, self._prompts, self._structures.value, self._base)

    def _on_event(self, event: object) -> None:
        if isinstance(event, Notice):
            self.said.emit(event.text)
        elif isinstance(event, Failed):
            self._begin()
            self.said.emit(event.text)
        elif isinstance(event, MadeMask):
            self._take(event)

    def _take(self, made: MadeMask) -> None:
        self._on_masks()
        if self._base is None:
            return  # somebody drew in it meanwhile
        self._base = made.mask
        done = self._session.masks.change(self._structures.named("outlined by clicks"), {made.frame: made.mask})
        begun = "Outlined" if done else "Nothing changed"
        self.said.emit(f"{begun}; {made.model} guesses a Dice of {made.confidence:.2f}. {_MEND}")
        self.made.emit(made.frame)

    def _show_points(self) -> None:
        if self.active:
            self.marks.show(self._points, self._prompts)
        else:
            self.marks.remove()
