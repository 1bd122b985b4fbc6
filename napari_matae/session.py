"""The one place that ties napari's layers to a cine.

The session knows which cine is open, which layers show it, what the machine proposed for each frame and which
frames a person has edited since. It has no Qt in it: panels listen to its signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from matae.stack import new_stack
from napari_matae.layers import CINE_KEY, cine_of, image_of, make_labels, make_sector_layer, sector_polygon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer, Shapes
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment import FrameMask, Sector

__all__ = ["OpenCine", "Session"]


class OpenCine:
    """A cine on screen with all that belongs to it.

    Parameters
    ----------
    cine
        The cine.
    image
        Layer that shows it.
    """

    def __init__(self, cine: Cine, image: Image) -> None:
        self.cine = cine
        self.image = image
        self.sector: Sector | None = None
        self.sector_layer: Shapes | None = None
        self.labels: Labels | None = None
        self.machine: NDArray[np.uint8] | None = None
        """What the model proposed, frame by frame: a frame that differs from it is a person's work."""
        self.area_px = np.full(cine.n_frames, np.nan)
        """Cavity area of each frame as shown, (T,); NaN where there is no mask yet."""
        self.drawn: set[int] = set()
        """Frames a person drew in; an undo may change any of them, shown or not."""
        self.run: dict[str, Any] = {}
        """Model, width and device of the last run."""

    def is_edited(self, frame: int) -> bool:
        """Return whether a person changed this frame's mask."""
        if self.labels is None or self.machine is None:
            return False
        return not np.array_equal(self.labels.data[frame], self.machine[frame])

    def edited_frames(self) -> list[int]:
        """Return the frames a person changed."""
        return [t for t in range(self.cine.n_frames) if self.is_edited(t)]

    def measure(self, frame: int) -> bool:
        """Bring the area of one frame up to date with its mask; return whether it changed."""
        before = self.area_px[frame]
        if self.labels is None or (np.isnan(before) and not self.is_edited(frame)):
            return False  # not segmented and nothing drawn: no area, which is not an area of zero
        self.area_px[frame] = np.count_nonzero(self.labels.data[frame] == 1)
        return bool(self.area_px[frame] != before)

    @property
    def area_mm2(self) -> NDArray[np.float64] | None:
        """Cavity area in mm2, (T,), or None without calibration."""
        spacing = self.cine.spacing
        return None if spacing is None else self.area_px * (spacing.y * spacing.x)


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

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.current: OpenCine | None = None
        self._busy = False
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.current_step.connect(self._on_step)
        for layer in list(viewer.layers):
            self._adopt(layer)

    def close(self) -> None:
        """Stop following the viewer."""
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
                    layer.metadata = {CINE_KEY: cine}
            self.opened.emit(self.current)

    # -- the sector ---------------------------------------------------------------------------------------

    def find_sector(self) -> None:
        """Find the sector anew and show it, dropping what was drawn."""
        from matae.segment import find_sector

        if (current := self.current) is None:
            return
        current.sector = find_sector(current.cine)
        self._busy = True
        try:
            if current.sector_layer is not None and current.sector_layer in self.viewer.layers:
                self.viewer.layers.remove(current.sector_layer)
            current.sector_layer = self._add_above(make_sector_layer(current.cine, current.sector))
            current.sector_layer.events.data.connect(self._on_sector_drawn)
        finally:
            self._busy = False
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

    def begin_run(self) -> None:
        """Make the labels layer ready for new proposals; frames that a run does not reach keep their masks.

        A layer somebody drew in is replaced by one with the same masks: napari's undo would otherwise write pixels
        of the old proposal into the new.
        """
        current = self.current
        if current is None or (current.labels is not None and not current.drawn):
            return
        masks: Any = new_stack(current.cine.frames.shape)
        machine: Any = new_stack(current.cine.frames.shape)
        labels = make_labels(current.cine, masks)
        old = current.labels
        self._busy = True
        try:
            if old is not None and current.machine is not None:
                np.copyto(masks, old.data)
                np.copyto(machine, current.machine)
                labels.visible, labels.contour, labels.opacity = old.visible, old.contour, old.opacity
                self.viewer.layers.remove(old)
            current.labels, current.machine = self._add_above(labels), machine
        finally:
            self._busy = False
        current.drawn.clear()  # what can be undone; what was edited still differs from the proposal
        self._follow(current.labels)
        self.labels_changed.emit()

    def receive(self, result: FrameMask) -> bool:
        """Write one frame's result, unless a person has drawn in that frame meanwhile.

        Returns
        -------
        bool
            Whether the frame was written.
        """
        current = self.current
        if current is None or current.labels is None or current.machine is None or current.is_edited(result.index):
            return False
        current.machine[result.index] = result.mask
        current.labels.data[result.index] = result.mask
        current.area_px[result.index] = result.area_px
        if result.index == self.frame:
            # Only the frame on screen needs drawing; anything more costs the GUI its smoothness.
            current.labels.refresh(extent=False, thumbnail=False, highlight=False)
        self.area_changed.emit()
        return True

    def _follow(self, labels: Labels) -> None:
        # A stroke emits labels_update, undo emits set_data; `paint` comes before the pixels have changed.
        labels.events.labels_update.connect(self._on_drawn)
        labels.events.set_data.connect(self._on_labels)

    def _on_drawn(self) -> None:
        if self.current is not None:
            self.current.drawn.add(self.frame)
        self._on_labels()

    def _on_labels(self) -> None:
        """Measure what may have changed, and show the frame that an undo changed out of sight."""
        current, shown = self.current, self.frame
        if current is None or current.labels is None:
            return
        changed = [t for t in sorted(current.drawn) if current.measure(t)]
        if changed:
            self.area_changed.emit()
            if shown not in changed:
                self.seek(changed[0])

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
        self.current = OpenCine(cine, layer)
        if self.viewer.dims.ndim == 3:
            self.viewer.dims.axis_labels = ("frame", "y", "x")
        self.seek(0)
        self.find_sector()
        self.viewer.layers.selection.active = layer
        self.viewer.reset_view()
        self.opened.emit(self.current)

    def _put_away(self) -> None:
        """Hide the layers of the cine shown so far; a person's edits stay in the layer list."""
        if (old := self.current) is None:
            return
        keep = bool(old.edited_frames())
        self._busy = True
        try:
            for layer in self._layers_of(old):
                if keep and layer is not old.sector_layer:
                    layer.visible = False
                elif layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)
        finally:
            self._busy = False

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
            self.current = None
            self.opened.emit(None)
        elif layer is current.labels:
            current.labels = current.machine = None
            current.drawn.clear()
            current.area_px[:] = np.nan
            self.labels_changed.emit()
            self.area_changed.emit()
        elif layer is current.sector_layer:
            current.sector_layer = None

    def _on_step(self) -> None:
        if self.current is not None:
            self.frame_changed.emit(self.frame)


def _same_outline(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    # Shapes layers keep float32.
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-2))
