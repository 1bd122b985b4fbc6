"""Brings the picture of a cine on screen before there is a dock, which takes longer to make than the picture to draw.

Only the picture: the dock opens the cine when it is there, in the way it opens any, and goes on with that layer. The
picture lies where it will lie beside the dock, for whose place something stands in.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from qtpy.QtWidgets import QWidget

    from matae.cine import Cine
    from napari_matae.open.panel import OpenPanel

__all__ = ["FirstPicture", "show_first_picture"]

_PATIENCE_S = 0.5
"""For a cine that is not decoded when the window is there; then the dock comes first, and says what is being read."""
_DRAWN_S = 2.0
"""At most, for a window that is not drawn at all: one that is minimised, or on a screen without OpenGL."""

_DOCK = "MatAE (napari-matae)"
"""The dock, as napari calls it where it remembers the side of the window that a person moved it to."""
_SHARE = 0.95
"""Of the canvas, as napari fits a picture."""


class FirstPicture:
    """The picture of a cine in a window whose dock is still to come.

    Parameters
    ----------
    viewer
        The viewer.
    cine
        The cine.
    """

    def __init__(self, viewer: napari.viewer.Viewer, cine: Cine) -> None:
        from napari.settings import get_settings
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QLabel

        from napari_matae.session.cine_viewer import name_axes
        from napari_matae.session.layers import picture_of
        from napari_matae.widgets.layout import DOCK_HEIGHT, DOCK_WIDTH

        self._viewer = viewer
        self._text = QLabel("The dock comes in a moment…")
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setMinimumSize(DOCK_WIDTH, DOCK_HEIGHT)
        side = get_settings().application.plugin_widget_positions.get(_DOCK, "right")
        self._room = viewer.window.add_dock_widget(self._text, name="MatAE", area=side, add_vertical_stretch=False)
        self.layer = picture_of(cine)
        viewer.add_layer(self.layer)
        name_axes(viewer)
        viewer.dims.set_current_step(0, 0)  # napari begins in the middle

    def _fit(self, canvas: QWidget) -> None:
        """Fit the picture to the canvas, which has its size now: napari hears of it when it has drawn once."""
        (rows, columns), (y, x) = self.layer.data.shape[1:], self.layer.scale[1:]
        self._viewer.camera.zoom = _SHARE * min(canvas.height() / (rows * y), canvas.width() / (columns * x))

    def wait_until_drawn(self) -> None:
        """Wait until it is on screen.

        No key or click gets in between: nobody closes the window, or works with the layer, before the dock is there.
        """
        from qtpy.QtWidgets import QOpenGLWidget

        from napari_matae.background.connections import Connections
        from napari_matae.background.patient_wait import wait_until

        canvases = self._text.window().findChildren(QOpenGLWidget)  # another viewer's says nothing of this one
        drawn: list[bool] = []
        connections = Connections()
        for canvas in canvases:
            connections.connect(canvas.resized, partial(self._fit, canvas))
            connections.connect(canvas.frameSwapped, lambda: drawn.append(True))
        wait_until(lambda: bool(drawn) or not canvases, _DRAWN_S)
        connections.close()

    def leave_room(self) -> None:
        """Take away what stands in the place of the dock, as soon as that is shown: the picture stays where it is."""
        from qtpy.QtCore import QTimer

        def go() -> None:
            self._viewer.window.remove_dock_widget(self._room)
            self._text.deleteLater()  # with its timer, which keeps all of this, the pixels too

        timer = QTimer(self._text)  # which ends with the window
        timer.setSingleShot(True)
        timer.timeout.connect(go)
        timer.start(0)

    def give_up_unless_opened(self, panel: OpenPanel) -> None:
        """Take the picture away when reading ends without its cine: it failed after all, or another one was opened.

        Closing the dock before the end leaves a picture of nothing, too.
        """
        from napari_matae.background.connections import connections_of

        connections = connections_of(panel)
        connections.connect(panel.finished, lambda _: connections.close())
        connections.when_closed(self._give_up)

    def _give_up(self) -> None:
        from napari_matae.session.layers import cine_of

        if self.layer in self._viewer.layers and cine_of(self.layer) is None:
            self._viewer.layers.remove(self.layer)


def show_first_picture(viewer: napari.viewer.Viewer, path: Path) -> FirstPicture | None:
    """Show the picture of the cine that is being read early, and wait until it is on screen.

    Nothing is shown where the path holds no cine or several, cannot be read, or takes long to: the dock says so.

    Parameters
    ----------
    viewer
        A viewer without a dock, in its window.
    path
        As it was given to `napari_matae.open.early.read_early`.
    """
    from napari_matae.open.early import early_cine

    cine = early_cine(path, _PATIENCE_S)
    if cine is None:
        return None
    first = FirstPicture(viewer, cine)
    first.wait_until_drawn()
    return first
