"""The one place that ties napari's layers to a cine.

The session knows which cine is open and which layers show it; whoever works with the cine asks the session. It has
no Qt in it: the undo stack, the link to the study and the panels listen to its signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_matae.background.connections import Connections
from napari_matae.session.cine_viewer import CineViewer, name_axes
from napari_matae.session.layers import (
    CINE_KEY,
    PICTURE_KEY,
    SECTOR_KEY,
    STATE_KEY,
    cine_of,
    image_metadata,
    image_of,
    is_picture_of,
)
from napari_matae.session.mask_changes import MaskChanges
from napari_matae.session.open_cine import OpenCine
from napari_matae.session.overrides import CineOverrides
from napari_matae.session.paint_watcher import PaintWatcher
from napari_matae.session.sector_outline import SectorOutline
from napari_matae.session.signals import SessionSignals

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from napari.components import ViewerModel
    from napari.layers import Layer

    from matae.cine import Cine
    from matae.segment import Sector

__all__ = ["OpenCine", "Session"]


class Session(SessionSignals):
    """What is open in one viewer.

    Parameters
    ----------
    viewer
        The viewer (or its model) whose layers are followed.
    finds_sectors
        Whether the sector of a layer that comes without one is found here and now; else `sector.take` brings it.
    """

    def __init__(self, viewer: ViewerModel, *, finds_sectors: bool = True) -> None:
        self.viewer = viewer
        self.fetches = False
        """A study is there: a cine just opened is not ready before its masks have been fetched."""
        self.is_safe: Callable[[OpenCine], bool] = lambda _: False
        """Whether a cine's work is kept elsewhere, so that its layers may go."""
        self._cine_viewer = CineViewer(viewer)
        self.overrides = CineOverrides(self._cine_viewer, self.replace_cine, self)
        """What people set of the cine."""
        self.sector = SectorOutline(self._cine_viewer, self, self.overrides, finds=finds_sectors)
        """The sector of the cine and the layer of its outline."""
        self.sector_changed.connect(self._rescale)
        self.paint = PaintWatcher(self._cine_viewer, self)
        """Which frames are drawn in, and whether a stroke is under way."""
        self.masks = MaskChanges(self._cine_viewer, self, self.paint)
        """Every change of a mask."""
        self._connections = Connections()
        self._connections.connect(viewer.layers.events.inserted, self._on_inserted)
        self._connections.connect(viewer.layers.events.removed, self._on_removed)
        self._connections.connect(viewer.dims.events.current_step, self._on_step)
        for layer in list(viewer.layers):
            self._adopt(layer)

    def close(self) -> None:
        """Record what is drawn and stop following the viewer. The layers stay: another session can go on with them."""
        self.settle()
        self._unfollow()
        self._connections.close()

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
            As it was found in its picture; found here and now, or brought by `sector.take`, if None.
        """
        shown = next((layer for layer in self.viewer.layers if is_picture_of(layer, cine)), None)
        if shown is None:
            self.viewer.add_layer(image_of(cine, sector))
        else:  # its picture came on screen before there was a session
            others = {key: value for key, value in shown.metadata.items() if key != PICTURE_KEY}
            shown.metadata = others | image_metadata(cine, sector)
            self._adopt(shown)
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
        name_axes(self.viewer)
        if known is not current:
            self.seek(0)
            current.found = layer.metadata.get(SECTOR_KEY)
            self.sector.show_found(current)
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
        self.sector.follow(current)
        self.paint.follow(current)

    def _put_away(self) -> None:
        """Take the layers of the cine shown so far away; what is kept nowhere else stays in the layer list, hidden."""
        if (old := self.current) is None:
            return
        self.sector.settle()
        self.masks.finish()
        self._unfollow()
        keep = bool(old.edited_frames()) and not self.is_safe(old)
        for layer in (old.image, old.labels, old.sector_layer):
            if keep and layer is not None and layer is not old.sector_layer:
                with self._cine_viewer.quiet():
                    layer.visible = False
            else:
                self._cine_viewer.remove(layer)

    def _unfollow(self) -> None:
        self.paint.unfollow()
        self.sector.unfollow()

    def _on_removed(self, event: Any) -> None:
        current, layer = self.current, event.value
        if self._cine_viewer.is_ours or current is None:
            return
        if layer is current.image:
            self.settle()
            self._unfollow()
            self._cine_viewer.current = None
            self.opened.emit(None)
        elif layer is current.labels:
            self.masks.drop_labels()
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

    def _rescale(self) -> None:
        """Take the pixel size of the picture the sector lies in, where the file shows several in one frame."""
        current = self.current
        if current is None or current.sector is None or len(current.stated.b_modes) < 2:
            return
        scaled = current.sector.scaled(current.stated)
        if scaled.spacing != current.stated.spacing:
            current.stated = scaled
            self.overrides.describe(current)

    def settle(self) -> None:
        """Record what was drawn since the last time: the mask as one step, the outline of the sector as it is now."""
        self.sector.settle()
        self.masks.settle()
