"""Outline by clicks: apex and hinge points, a box, or clicks inside and outside, read by the network's prompt head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from matae.errors import MataeError
from napari_matae.background.connections import connections_of
from napari_matae.background.events import Failed, Notice
from napari_matae.background.worker import EventWorker
from napari_matae.edit.prompt_reader import FrameToRead, MadeMask, PromptReader
from napari_matae.session.layers import make_prompts, show_prompts
from napari_matae.widgets.words import frames_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from napari.layers import Labels, Layer, Points
    from numpy.typing import NDArray

    from matae.prompt import Prompts
    from napari_matae.edit.preview import Preview
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
    """Turns clicks into masks, and takes a mask through the beat.

    Parameters
    ----------
    session
        Whose frame on screen is worked on.
    structures
        What is outlined.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""
    made = Signal(int)
    """A frame got a mask."""

    def __init__(self, session: Session, structures: StructureChoice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._structures = session, structures
        self.active = False
        """Whether clicks mean anything to this tool."""
        self.placing = False
        """Whether the layer that shows the clicks is being added."""
        self._layer: Labels | None = None
        self._shown: Points | None = None
        self._reader = PromptReader()
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._of: tuple[OpenCine, int, int] | None = None
        self._points: list[tuple[float, float]] = []
        self._prompts: Prompts | None = None
        self._base: NDArray[np.uint8] | None = None
        self._made: NDArray[np.uint8] | None = None
        connections = connections_of(self)
        connections.connect(session.frame_changed, self._on_place)
        connections.connect(structures.changed, self._on_place)
        connections.when_closed(self._worker.drop)
        connections.when_closed(self._remove)
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
        self._points, self._prompts, self._base, self._made = [], None, None, None
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

    def _look(self) -> None:
        if (at := self._frame()) is not None:
            self._worker.start(self._reader.look, at)

    def _frame(self) -> FrameToRead | None:
        from matae.models import current_model

        current = self._session.current
        if current is None or current.sector is None:
            return None
        model, width = str(current.run.get("model", "")), str(current.run.get("width", "auto"))
        return FrameToRead(current.cine, current.sector, self._session.frame, model or current_model(), width)

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
        """Record what was drawn, and begin anew where the mask is not the one that the clicks made."""
        session = self._session
        if session.current is None or not session.current.ready or session.current.labels is None:
            return False
        session.settle()
        mask = session.current.mask(session.frame)
        if self._made is not None and not np.array_equal(mask, self._made) and not self._worker.is_running:
            self._begin()  # it was undone, or drawn in
        return True

    def _run(self) -> None:
        session, current, at = self._session, self._session.current, self._frame()
        self._show_points()
        if current is None or self._prompts is None:
            return
        if at is None:
            self.said.emit("The sector of this clip is not known yet; wait until it is found.")
            return
        mask = current.mask(session.frame).copy()
        self._base = mask
        self._worker.start(self._reader.outline, at, self._prompts, self._structures.value, mask)

    def _on_event(self, event: object) -> None:
        if isinstance(event, Notice):
            self.said.emit(event.text)
        elif isinstance(event, Failed):
            self._begin()
            self.said.emit(event.text)
        elif isinstance(event, MadeMask):
            self._take(event)

    def _take(self, made: MadeMask) -> None:
        session = self._session
        current = session.current
        if current is None or self._of is None or self._of[:2] != (current, made.frame):
            return
        if self._base is None or not np.array_equal(current.mask(made.frame), self._base):
            return  # somebody drew in it meanwhile
        self._made = made.mask
        done = session.masks.change(self._structures.named("outlined by clicks"), {made.frame: made.mask})
        sure = f"expected Dice {made.confidence:.2f}"
        self.said.emit(f"Outlined, {sure}. {_MEND}" if done else f"Nothing changed, {sure}. {_MEND}")
        self.made.emit(made.frame)

    # -- through the beat ---------------------------------------------------------------------------------

    def through(self, preview: Preview) -> None:
        """Offer this frame's outline, taken through the beat, to the predicted frames on both sides.

        Each direction ends before a frame that a person has taken, and where the outline can no longer be trusted.
        """
        session = self._session
        if session.current is None or not session.current.ready:
            return
        session.settle()
        current, here, at = session.current, session.frame, self._frame()
        if here not in current.status or at is None:
            self.said.emit("There is no mask on this frame to take through the beat.")
            return
        frames = [*self._free(current, here, -1), *self._free(current, here, 1)]
        if not frames:
            self.said.emit("The frames beside this one are corrected already: nothing to outline.")
            return
        mask, onto = current.mask(here).copy(), {t: current.mask(t).copy() for t in sorted(frames)}
        label, confidence, ended = self._structures.value, dict[int, float](), dict[int, float]()

        def work() -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.bool_]]]:
            yield from self._reader.follow(at, mask, label, onto, confidence, ended)

        text = self._structures.named("Outlining through the beat")
        preview.start(text, len(frames), work, made_from=(here,), note=lambda: _noted(confidence, ended))

    @staticmethod
    def _free(current: OpenCine, here: int, step: int) -> list[int]:
        frames = []
        t = here + step
        while 0 <= t < current.cine.n_frames and not current.is_manual(t):
            frames.append(t)
            t += step
        return frames

    # -- what is shown ------------------------------------------------------------------------------------

    def _show_points(self) -> None:
        """Show where was pointed, in colours for what it means."""
        current, given = self._session.current, self._prompts
        places: list[tuple[tuple[float, float], str]] = [
            (at, "apex" if n == 0 else "hinge") for n, at in enumerate(self._points)
        ]
        if given is not None:
            marks = given.landmarks
            if marks is not None:
                places += [(marks.apex, "apex"), (marks.left, "hinge"), (marks.right, "hinge")]
            if given.box is not None:
                places += [(given.box[:2], "hinge"), (given.box[2:], "hinge")]
            places += [(at, "inside") for at in given.positive] + [(at, "outside") for at in given.negative]
        if current is None or not self.active or not places:
            self._remove()
            return
        points, kinds = [at for at, _ in places], [kind for _, kind in places]
        viewer = self._session.viewer
        if self._shown is not None and self._shown in viewer.layers:
            show_prompts(self._shown, points, kinds)
            return
        active, self.placing = viewer.layers.selection.active, True
        try:
            self._shown = make_prompts(current.cine, points, kinds)
            viewer.add_layer(self._shown)
            viewer.layers.selection.active = active
        finally:
            self.placing = False

    def _remove(self) -> None:
        layer, self._shown = self._shown, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)


def _noted(confidence: dict[int, float], ended: dict[int, float]) -> str:
    words = []
    if confidence:
        low = min(confidence, key=confidence.__getitem__)
        words.append(f"Confidence {confidence[low]:.2f} (frame {low + 1}) to {max(confidence.values()):.2f}.")
    if ended:
        least = ", ".join(f"{value:.2f}" for _, value in sorted(ended.items()))
        words.append(f"Not taken to {frames_in_words(sorted(ended))} and beyond: {least}.")
    return " ".join(words)
