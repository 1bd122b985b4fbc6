"""The one place that ties napari's layers to a cine.

The session knows which cine is open and which layers show it; whoever works with the cine asks the session. It has
no Qt in it: the undo stack, the link to the study and the panels listen to its signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.store.types import FrameStatus, OverrideName
from napari_matae.session.cine_viewer import CineViewer
from napari_matae.session.layers import CINE_KEY, SECTOR_KEY, STATE_KEY, cine_of, image_of
from napari_matae.session.mask_changes import MaskChanges
from napari_matae.session.open_cine import OpenCine
from napari_matae.session.overrides import CineOverrides
from napari_matae.session.paint_watcher import PaintWatcher
from napari_matae.session.sector_outline import SectorOutline
from napari_matae.session.signals import SessionSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    import numpy as np
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment import FrameMask, Sector
    from napari_matae.session.undo_step import UndoStep

__all__ = ["OpenCine", "Session"]


class Session(SessionSignals):
    """What is open in one viewer.

    Parameters
    ----------
    viewer
        The viewer (or its model) whose layers are followed.
    finds_sectors
        Whether the sector of a layer that comes without one is found here and now; else `take_sector` brings it.
    """

    def __init__(self, viewer: ViewerModel, *, finds_sectors: bool = True) -> None:
        self.viewer = viewer
        self.fetches = False
        """A study is there: a cine just opened is not ready before its masks have been fetched."""
        self._finds_sectors = finds_sectors
        self.is_safe: Callable[[OpenCine], bool] = lambda _: False
        """Whether a cine's work is kept elsewhere, so that its layers may go."""
        self._cine_viewer = CineViewer(viewer)
        self._sector = SectorOutline(
            self._cine_viewer, self, lambda outline: self.override(OverrideName.SECTOR, outline)
        )
        self._overrides = CineOverrides(self._cine_viewer, self._sector, self.replace_cine, self)
        self.sector_changed.connect(self._rescale)
        self._drawn = PaintWatcher(self._cine_viewer, self)
        self._masks = MaskChanges(self._cine_viewer, self, self._drawn)
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

    # -- which cine is open -------------------------------------------------------------------------------

    @property
    def current(self) -> OpenCine | None:
        """The cine that is open."""
        return self._cine_viewer.current

    def open(self, cine: Cine, sector: Sector | None = None) -> OpenCine:
        """Show a cine and make it the current one.

        Parameters
        ----------
        cine
            The cine.
        sector
            As it was found in its picture; found here and now, or brought by `take_sector`, if None.
        """
        self.viewer.add_layer(image_of(cine, sector))
        if self.current is None or self.current.cine.frames is not cine.frames:
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

    def _on_inserted(self, event: Any) -> None:
        self._adopt(event.value)

    def _adopt(self, layer: Layer) -> None:
        cine = cine_of(layer)
        if self._cine_viewer.is_ours or cine is None or layer.data is not cine.frames:
            return
        self._put_away()
        known = layer.metadata.get(STATE_KEY)
        self._cine_viewer.current = current = known if isinstance(known, OpenCine) else OpenCine(cine, layer)
        layer.metadata[STATE_KEY] = current
        current.ready = not self.fetches
        if self.viewer.dims.ndim == 3:
            self.viewer.dims.axis_labels = ("frame", "y", "x")
        if known is not current:
            self.seek(0)
            current.found = layer.metadata.get(SECTOR_KEY)
            self._show_sector(current)
            self.viewer.layers.selection.active = layer
            self.viewer.reset_view()
        else:
            self._take_up(current)
        self._cine_viewer.shown = self.frame
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
        self._sector.follow(current)
        self._drawn.follow(current)

    def _put_away(self) -> None:
        """Take the layers of the cine shown so far away; what is kept nowhere else stays in the layer list, hidden."""
        if (old := self.current) is None:
            return
        self._sector.settle()
        self._masks.finish()
        self._unfollow(old)
        keep = bool(old.edited_frames()) and not self.is_safe(old)
        for layer in (old.image, old.labels, old.sector_layer):
            if keep and layer is not None and layer is not old.sector_layer:
                with self._cine_viewer.quiet():
                    layer.visible = False
            else:
                self._cine_viewer.remove(layer)

    def _unfollow(self, current: OpenCine) -> None:
        self._drawn.unfollow(current)
        self._sector.unfollow(current)

    def _on_removed(self, event: Any) -> None:
        current, layer = self.current, event.value
        if self._cine_viewer.is_ours or current is None:
            return
        if layer is current.image:
            self.settle()
            self._unfollow(current)
            self._cine_viewer.current = None
            self.opened.emit(None)
        elif layer is current.labels:
            self._masks.drop_labels()
        elif layer is current.sector_layer:
            current.sector_layer = None

    # -- which frame is shown -----------------------------------------------------------------------------

    @property
    def frame(self) -> int:
        """0-based frame on screen; the last frame of the cine where the slider is beyond it."""
        return self._cine_viewer.frame

    def seek(self, frame: int) -> None:
        """Show a frame."""
        self._cine_viewer.seek(frame)

    def _on_step(self) -> None:
        if self.current is not None and self.frame != self._cine_viewer.shown:
            self.settle()  # a stroke belongs to the frame it was drawn in
            self._cine_viewer.shown = self.frame
            self.frame_changed.emit(self.frame)

    # -- the sector, and what else people set -------------------------------------------------------------

    def find_sector(self) -> None:
        """Drop the outline that a person drew and show the one that was found in the picture."""
        current = self.current
        if current is None:
            return
        if current.overrides.get(OverrideName.SECTOR) is None:
            self._show_sector(current)
        else:
            self.override(OverrideName.SECTOR, None)

    def choose_region(self, number: int) -> None:
        """Take one of several B-mode pictures of the frame, from 1: the sector in it is what the person sets."""
        if self.current is None:
            return
        part = self.current.stated.with_region(number)
        if self._finds_sectors:
            from matae.segment import find_sector

            self.take_region(find_sector(part))
        else:
            self.region_chosen.emit(part)

    def take_region(self, found: Sector) -> None:
        """Take the sector that was found in the picture a person chose, as what the person set."""
        self.override(OverrideName.SECTOR, tuple((float(y), float(x)) for y, x in found.polygon))

    def _rescale(self) -> None:
        """Take the pixel size of the picture the sector lies in, where the file shows several in one frame."""
        current = self.current
        if current is None or current.sector is None or len(current.stated.b_modes) < 2:
            return
        scaled = current.sector.scaled(current.stated)
        if scaled.spacing != current.stated.spacing:
            current.stated = scaled
            self._overrides.describe(current)

    def flip_sector(self, *, apex_down: bool) -> None:
        """State whether the display has the apex at the bottom."""
        self.override(OverrideName.APEX_DOWN, apex_down)

    def take_sector(self, found: Sector) -> None:
        """Take the sector that was found in the picture; what people set of it stands."""
        if self.current is not None:
            self.current.found = found
            self._show_sector(self.current)

    def _show_sector(self, current: OpenCine) -> None:
        if current.found is None and self._finds_sectors:
            from matae.segment import find_sector

            current.found = find_sector(current.cine)
        self._sector.show(current)

    def override(self, name: OverrideName, value: Any) -> None:
        """Set something of the cine in place of what was found or stated; None takes it away.

        Parameters
        ----------
        name
            What is set.
        value
            As the field of `matae.store.Overrides` of that name holds it.
        """
        self._overrides.apply(OverrideName(name), value)

    def show_overrides(self, values: Mapping[OverrideName, Any]) -> None:
        """Show what the study holds of what people set; nothing of it needs saving."""
        self._overrides.show(values)

    # -- the masks ----------------------------------------------------------------------------------------

    @property
    def tool(self) -> str:
        """What a stroke is called in the history."""
        return self._masks.tool

    @tool.setter
    def tool(self, name: str) -> None:
        self._masks.tool = name

    @property
    def stroking(self) -> bool:
        """Whether a stroke is under way: it is recorded as one step when it ends."""
        return self._drawn.stroking

    @stroking.setter
    def stroking(self, on: bool) -> None:
        self._drawn.stroking = on

    def ensure_labels(self) -> None:
        """Make the layer that holds the masks, if there is none yet."""
        self._masks.ensure_labels()

    def begin_run(self) -> None:
        """Make ready for new proposals; frames that a run does not reach keep their masks."""
        self._masks.begin_run()
        self.run_began.emit()

    def receive(self, result: FrameMask) -> bool:
        """Show one frame's result, unless a person has taken that frame.

        Returns
        -------
        bool
            Whether it is shown.
        """
        return self._masks.receive(result)

    def end_run(self) -> None:
        """Record the proposals that were replaced since `begin_run` as one step."""
        self._masks.end_run()
        self.run_ended.emit()

    def draw(self, frame: int, mask: NDArray[np.uint8]) -> None:
        """Show a mask while it is being shaped; it is recorded when the stroke ends."""
        self._masks.draw(frame, mask)

    def settle(self) -> None:
        """Record what was drawn since the last time: the mask as one step, the outline of the sector as it is now."""
        self._sector.settle()
        self._masks.settle()

    def change(
        self, text: str, masks: Mapping[int, NDArray[np.uint8]], status: FrameStatus = FrameStatus.EDITED
    ) -> list[int]:
        """Give frames other masks, as one step; return the frames that changed."""
        return self._masks.change(text, masks, status)

    def judge(self, text: str, frames: Iterable[int], status: FrameStatus) -> list[int]:
        """Give frames another status, as one step; return the frames that changed."""
        return self._masks.judge(text, frames, status)

    def apply(self, step: UndoStep, *, forward: bool) -> bool:
        """Do a step again or take it back, and show the frame it changes.

        Returns
        -------
        bool
            False, and nothing is changed, where a frame is not as the step left it: another viewer changed it since.
        """
        return self._masks.apply(step, forward=forward)

    def show_stored(self, frames: Mapping[int, tuple[NDArray[np.uint8], FrameStatus | None]]) -> None:
        """Show what the study holds for some frames; nothing of it needs saving."""
        self._masks.show_stored(frames)
