"""The one place that ties napari's layers to a cine.

The session knows which cine is open, which layers show it and what is drawn in them. Whatever changes a mask goes
through it: a stroke, a tool, a model's proposal, an undo, another viewer's work. It has no Qt in it: the undo stack,
the link to the study and the panels listen to its signals.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from matae.stack import new_stack
from matae.store.types import FrameStatus
from napari_matae.layers import (
    CINE_KEY,
    STATE_KEY,
    cine_of,
    forget_history,
    image_of,
    make_labels,
    make_sector_layer,
    sector_polygon,
)
from napari_matae.open_cine import OpenCine
from napari_matae.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment import FrameMask
    from napari_matae.steps import FrameChange

__all__ = ["OpenCine", "Session"]


class Session:
    """What is open in one viewer.

    Parameters
    ----------
    viewer
        The viewer (or its model) whose layers are followed.
    """

    opened = Signal(object)
    """A cine was opened (OpenCine), or none is open any more (None)."""
    frame_changed = Signal(int)
    """Another frame is shown."""
    area_changed = Signal()
    """At least one frame's mask changed."""
    sector_changed = Signal()
    """The sector was found, dragged or reset."""
    labels_changed = Signal()
    """The labels layer is another one, or gone."""
    touched = Signal()
    """Somebody draws; what is drawn is not recorded yet."""
    stepped = Signal(object)
    """A deed that can be taken back was recorded (Step)."""
    written = Signal(object, str)
    """Frames (list of int) were changed by a person and want to be saved; the tool's name."""
    proposed = Signal(int)
    """A frame has a new proposal that wants to be saved."""
    status_changed = Signal()
    """The status of at least one frame changed."""
    restored = Signal()
    """The study's masks of the current cine are on screen: it may be worked on."""
    placed = Signal(int)
    """A person let go of a landmark of a frame."""
    marks_changed = Signal()
    """End-diastole or end-systole was marked, or the frames to look at changed."""

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.current: OpenCine | None = None
        self.tool = "drawing"
        """What a stroke is called in the history."""
        self.stroking = False
        """A stroke is under way: it is recorded as one step when it ends."""
        self.fetches = False
        """A study is there: a cine just opened is not ready before its masks have been fetched."""
        self.is_safe: Callable[[OpenCine], bool] = lambda _: False
        """Whether a cine's work is kept elsewhere, so that its layers may go."""
        self._replaced: list[FrameChange] = []
        self._shown = 0
        self._busy = False
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.current_step.connect(self._on_step)
        for layer in list(viewer.layers):
            self._adopt(layer)

    def close(self) -> None:
        """Record what is drawn and stop following the viewer. The layers stay: another session can go on with them."""
        self.settle()
        if self.current is not None:
            self._unfollow(self.current)
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.viewer.dims.events.current_step.disconnect(self._on_step)

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def frame(self) -> int:
        """0-based frame on screen; the last frame of the cine where the slider is beyond it."""
        if self.current is None:
            return 0
        step = self.viewer.dims.current_step
        axis = self.viewer.dims.ndim - self.current.image.ndim
        return int(min(step[axis], self.current.cine.n_frames - 1)) if axis >= 0 else 0

    def seek(self, frame: int) -> None:
        """Show a frame."""
        if self.current is not None:
            axis = self.viewer.dims.ndim - self.current.image.ndim
            self.viewer.dims.set_current_step(axis, int(np.clip(frame, 0, self.current.cine.n_frames - 1)))

    def open(self, cine: Cine) -> OpenCine:
        """Show a cine and make it the current one."""
        self.viewer.add_layer(image_of(cine))
        if self.current is None or self.current.cine is not cine:
            raise RuntimeError("the viewer did not take the cine's layer")
        return self.current

    def replace_cine(self, cine: Cine) -> None:
        """Put a corrected description (frame rate) of the very same pixels in place of the current one."""
        if self.current is not None and self.current.cine.frames is cine.frames:
            self.current.cine = cine
            for layer in (self.current.image, self.current.labels):
                if layer is not None:
                    layer.metadata = {**layer.metadata, CINE_KEY: cine}
            self.opened.emit(self.current)

    # -- the sector ---------------------------------------------------------------------------------------

    def find_sector(self) -> None:
        """Find the sector anew and show it, dropping what was drawn."""
        from matae.segment import find_sector

        if (current := self.current) is None:
            return
        current.sector = find_sector(current.cine)
        with self._quiet():
            if current.sector_layer is not None and current.sector_layer in self.viewer.layers:
                self.viewer.layers.remove(current.sector_layer)
            current.sector_layer = self._add_above(make_sector_layer(current.cine, current.sector))
            current.sector_layer.events.data.connect(self._on_sector_drawn)
        self.sector_changed.emit()

    def flip_sector(self, *, apex_down: bool) -> None:
        """State whether the display has the apex at the bottom."""
        from dataclasses import replace

        if self.current is not None and self.current.sector is not None:
            self.current.sector = replace(self.current.sector, apex_down=apex_down)
            self.sector_changed.emit()

    def _on_sector_drawn(self) -> None:
        from matae.errors import SegmentError
        from matae.segment import sector_from_polygon

        current = self.current
        if self._busy or current is None or current.sector is None or current.sector_layer is None:
            return
        polygon = sector_polygon(current.sector_layer)
        if polygon is None or _same_outline(polygon, current.sector.polygon):
            return  # napari also announces changes about to come, with the data as they were
        try:
            current.sector = sector_from_polygon(polygon, apex_down=current.sector.apex_down)
        except SegmentError:
            return  # a drag passes through odd shapes; the last sound outline stands
        self.sector_changed.emit()

    # -- masks --------------------------------------------------------------------------------------------

    def ensure_labels(self) -> None:
        """Make the layer that holds the masks, if there is none yet."""
        current = self.current
        if current is None or current.labels is not None:
            return
        labels = make_labels(current.cine, new_stack(current.cine.frames.shape))
        with self._quiet():
            current.take_labels(self._add_above(labels))
        self._follow(current)
        self.labels_changed.emit()

    def begin_run(self) -> None:
        """Make ready for new proposals; frames that a run does not reach keep their masks."""
        self.settle()
        self.ensure_labels()
        self._forget()

    def receive(self, result: FrameMask) -> bool:
        """Show one frame's result, unless a person has taken that frame.

        Returns
        -------
        bool
            Whether it is shown.
        """
        current, frame = self.current, result.index
        if current is None or current.labels is None:
            return False
        if current.is_persons(frame):
            if current.is_unrecorded(frame):
                current.drawn.add(frame)
                self.settle()
            return False
        change = current.take_proposal(frame, result.mask)
        if change is not None:
            self._replaced.append(change)
        if frame == self.frame:
            self.refresh()
        self.proposed.emit(frame)
        self.area_changed.emit()
        return True

    def end_run(self) -> None:
        """Record the proposals that were replaced since `begin_run` as one step."""
        changes, self._replaced = self._replaced, []
        if changes and self.current is not None:
            self.stepped.emit(Step("new proposals", tuple(changes), self.frame))
        self.status_changed.emit()

    def settle(self) -> None:
        """Record what was drawn since the last time, as one step."""
        current = self.current
        if current is None or current.labels is None or not current.drawn:
            return
        self._record(current.settle(self.tool, self._shown))

    def change(
        self, text: str, masks: Mapping[int, NDArray[np.uint8]], status: FrameStatus = FrameStatus.EDITED
    ) -> list[int]:
        """Give frames other masks, as one step; return the frames that changed."""
        if self.current is None:
            return []
        self.settle()
        self.ensure_labels()
        step = self.current.change(text, masks, self.frame, status)
        self.refresh()
        self._record(step)
        return [] if step is None else step.frames

    def judge(self, text: str, frames: Iterable[int], status: FrameStatus) -> list[int]:
        """Give frames another status, as one step; return the frames that changed."""
        if self.current is None:
            return []
        self.settle()
        step = self.current.judge(text, frames, status, self.frame)
        self._record(step)
        return [] if step is None else step.frames

    def apply(self, step: Step, *, forward: bool) -> bool:
        """Do a step again or take it back, and show the frame it changes.

        Returns
        -------
        bool
            False, and nothing is changed, where a frame is not as the step left it: another viewer changed it since.
        """
        current = self.current
        if current is None or current.labels is None:
            return False
        self.settle()
        if not current.fits(step, forward=forward):
            return False
        current.apply(step, forward=forward)
        self._forget()
        self.seek(step.shows)
        self.refresh()
        self._announce()
        self.written.emit(step.frames, "redo" if forward else "undo")
        return True

    def show_stored(self, frames: Mapping[int, tuple[NDArray[np.uint8], FrameStatus | None]]) -> None:
        """Show what the study holds for some frames; nothing of it needs saving."""
        if self.current is None or not frames:
            return
        self.ensure_labels()
        for frame, (mask, status) in frames.items():
            self.current.put(frame, mask, status)
        self._forget()
        self.refresh()
        self._announce()

    def draw(self, frame: int, mask: NDArray[np.uint8]) -> None:
        """Show a mask while it is being shaped; it is recorded when the stroke ends."""
        current = self.current
        if current is None or current.labels is None:
            return
        current.labels.data[frame] = mask
        current.drawn.add(frame)
        self.refresh()
        if current.measure(frame):
            self.area_changed.emit()

    def refresh(self) -> None:
        """Draw the frame on screen anew: that layer and no more, which is what keeps the viewer quick."""
        if self.current is not None and self.current.labels is not None:
            with self._quiet():
                self.current.labels.refresh(extent=False, thumbnail=False, highlight=False)

    def _record(self, step: Step | None) -> None:
        if step is None:
            return
        if any(change.frame in step.frames for change in self._replaced):
            self.end_run()  # what a stroke was drawn on must be taken back after it
        self.stepped.emit(step)
        self._announce()
        self.written.emit(step.frames, step.text)

    def _forget(self) -> None:
        """Empty the layer's own history: what lies in it no longer fits the masks."""
        current = self.current
        if current is not None and current.labels is not None and current.in_layer_history:
            current.in_layer_history.clear()
            with self._quiet():
                forget_history(current.labels)

    def _announce(self) -> None:
        self.area_changed.emit()
        self.status_changed.emit()

    def _follow(self, current: OpenCine) -> None:
        # A stroke emits labels_update; napari's own undo emits set_data, as does every change of frame; `paint` comes
        # before the pixels have changed.
        if current.labels is not None:
            current.labels.events.labels_update.connect(self._on_drawn)
            current.labels.events.set_data.connect(self._on_set_data)

    def _unfollow(self, current: OpenCine) -> None:
        if current.labels is not None:
            current.labels.events.labels_update.disconnect(self._on_drawn)
            current.labels.events.set_data.disconnect(self._on_set_data)
        if current.sector_layer is not None:
            current.sector_layer.events.data.disconnect(self._on_sector_drawn)

    def _on_drawn(self) -> None:
        current = self.current
        if self._busy or current is None:
            return
        current.drawn.add(self.frame)
        current.in_layer_history.add(self.frame)
        if current.measure(self.frame):
            self.area_changed.emit()
        self.touched.emit()

    def _on_set_data(self) -> None:
        current = self.current
        if self._busy or current is None or self.stroking or self.frame != self._shown:
            return
        # The layer's own undo, called by a script: the keyboard cannot.
        changed = {t for t in current.in_layer_history if current.is_unrecorded(t)} - current.drawn
        if changed or self._shown in current.drawn:
            current.drawn |= changed
            current.measure(self._shown)
            self.area_changed.emit()
            self.touched.emit()

    # -- following the viewer -----------------------------------------------------------------------------

    def _add_above(self, layer: Any) -> Any:
        active = self.viewer.layers.selection.active
        self.viewer.add_layer(layer)
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active
        return layer

    def _on_inserted(self, event: Any) -> None:
        self._adopt(event.value)

    def _adopt(self, layer: Layer) -> None:
        cine = cine_of(layer)
        if self._busy or cine is None or layer.data is not cine.frames:
            return
        self._put_away()
        known = layer.metadata.get(STATE_KEY)
        self.current = current = known if isinstance(known, OpenCine) else OpenCine(cine, layer)
        layer.metadata[STATE_KEY] = current
        current.ready = not self.fetches
        if self.viewer.dims.ndim == 3:
            self.viewer.dims.axis_labels = ("frame", "y", "x")
        if known is not current:
            self.seek(0)
            self.find_sector()
            self.viewer.layers.selection.active = layer
            self.viewer.reset_view()
        else:
            self._take_up(current)
        self._shown = self.frame
        self.opened.emit(current)
        if current.drawn:
            self.touched.emit()  # somebody drew while no dock was there to see it

    def _take_up(self, current: OpenCine) -> None:
        """Go on where another session left off."""
        if current.labels is not None and current.labels not in self.viewer.layers:
            current.drop_labels()
        if current.sector_layer is not None and current.sector_layer not in self.viewer.layers:
            current.sector_layer = None
        if current.labels is not None:
            current.drawn.update(t for t in range(current.cine.n_frames) if current.is_unrecorded(t))
        if current.sector_layer is not None:
            current.sector_layer.events.data.connect(self._on_sector_drawn)
        self._follow(current)

    def _put_away(self) -> None:
        """Take the layers of the cine shown so far away; what is kept nowhere else stays in the layer list, hidden."""
        if (old := self.current) is None:
            return
        self.settle()
        self._replaced.clear()
        self._unfollow(old)
        keep = bool(old.edited_frames()) and not self.is_safe(old)
        with self._quiet():
            for layer in self._layers_of(old):
                if keep and layer is not old.sector_layer:
                    layer.visible = False
                elif layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Do not take our own doings for the user's."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    @staticmethod
    def _layers_of(item: OpenCine) -> Iterator[Layer]:
        for layer in (item.image, item.labels, item.sector_layer):
            if layer is not None:
                yield layer

    def _on_removed(self, event: Any) -> None:
        current, layer = self.current, event.value
        if self._busy or current is None:
            return
        if layer is current.image:
            self.settle()
            self._unfollow(current)
            self.current = None
            self.opened.emit(None)
        elif layer is current.labels:
            # What is in the study stays there; without one, this is the user's own decision to forget.
            self.settle()
            self._unfollow(current)
            current.drop_labels()
            self.labels_changed.emit()
            self._announce()
        elif layer is current.sector_layer:
            current.sector_layer = None

    def _on_step(self) -> None:
        if self.current is not None and self.frame != self._shown:
            self.settle()  # a stroke belongs to the frame it was drawn in
            self._shown = self.frame
            self.frame_changed.emit(self.frame)


def _same_outline(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    # Shapes layers keep float32.
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-2))
