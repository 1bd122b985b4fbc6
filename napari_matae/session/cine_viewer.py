"""A viewer as a session sees it: the cine it shows, the frame, and whether it is the user who changes something."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from napari_matae.session.layers import forget_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_matae.session.open_cine import OpenCine

__all__ = ["CineViewer", "name_axes"]


class CineViewer:
    """One viewer and the cine in it.

    Parameters
    ----------
    viewer
        The viewer (or its model).
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.current: OpenCine | None = None
        """The cine that is shown."""
        self.shown = 0
        """Frame that a stroke belongs to: the one on screen until everybody knows of the next."""
        self.is_ours = False
        """Whether what changes just now is our own doing."""

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Do not take our own doings for the user's."""
        before, self.is_ours = self.is_ours, True
        try:
            yield
        finally:
            self.is_ours = before

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

    def add_above(self, layer: Any, *, below: Any = None) -> Any:
        """Add a layer on top, or right below another one, and leave the one chosen that was; return the new layer."""
        layers = self.viewer.layers
        active = layers.selection.active
        with self.quiet():
            layers.insert(layers.index(below) if below in layers else len(layers), layer)
            if active is not None and active in layers:
                layers.selection.active = active
        return layer

    def remove(self, layer: Any) -> None:
        """Take a layer away, unless somebody has."""
        with self.quiet():
            if layer is not None and layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def refresh(self) -> None:
        """Draw the frame on screen anew: that layer and no more, which is what keeps the viewer quick."""
        if self.current is not None and self.current.labels is not None:
            with self.quiet():
                self.current.labels.refresh(extent=False, thumbnail=False, highlight=False)

    def put_on_screen(self, mask: NDArray[np.uint8]) -> None:
        """Put a mask (Y, X) in place of the one on screen, drawing anew only the part of the picture that changes.

        For the outline alone napari goes over the whole picture otherwise, 14 of the 20 ms that `refresh` takes for
        600 x 800. A layer that is hidden has no picture of which a part could change; napari makes it when it is shown.
        """
        current, frame = self.current, self.frame
        if current is None or current.labels is None:
            return
        labels = current.labels
        if not labels.visible:
            labels.data[frame] = mask
            return
        changed = np.nonzero(labels.data[frame] != mask)
        if changed[0].size:
            with self.quiet():
                labels.data_setitem((np.full(changed[0].size, frame), *changed), mask[changed])
            current.in_layer_history.add(frame)  # where napari notes it, for an undo that is not ours
            self.forget_layer_history()

    def forget_layer_history(self) -> None:
        """Empty the labels layer's own history: what lies in it no longer fits the masks."""
        current = self.current
        if current is not None and current.labels is not None and current.in_layer_history:
            current.in_layer_history.clear()
            with self.quiet():
                forget_history(current.labels)


def name_axes(viewer: ViewerModel) -> None:
    """Name the axes of a viewer that shows a cine."""
    if viewer.dims.ndim == 3:
        viewer.dims.axis_labels = ("frame", "y", "x")
