"""Brings the picture of a cine on screen before there is a dock, which takes longer to make than the picture to draw.

Only the picture: the dock opens the cine when it is there, in the way it opens any, and goes on with that layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from napari.layers import Image

__all__ = ["show_first_picture"]

_PATIENCE_S = 0.5
"""For a cine that is not decoded when the window is there; then the dock comes first, and says what is being read."""
_DRAWN_S = 2.0
"""At most, for a window that is not drawn at all: one that is minimised, or on a screen without OpenGL."""


def show_first_picture(viewer: napari.viewer.Viewer, path: Path) -> Image | None:
    """Show the picture of the cine that is being read early, and wait until it is on screen.

    Nothing is shown where the path holds no cine or several, cannot be read, or takes long to: the dock says so.

    Parameters
    ----------
    viewer
        A viewer without a dock, in its window.
    path
        As it was given to `napari_matae.open.early.read_early`.

    Returns
    -------
    napari.layers.Image or None
        The layer, which belongs to nobody before a session opens the cine; whoever gives that up takes it away.
    """
    from qtpy.QtWidgets import QApplication, QOpenGLWidget

    from napari_matae.background.patient_wait import wait_until
    from napari_matae.open.early import early_cine
    from napari_matae.session.layers import picture_of

    cine = early_cine(path, _PATIENCE_S)
    if cine is None:
        return None
    picture = picture_of(cine)
    viewer.add_layer(picture)
    canvases = [widget for widget in QApplication.allWidgets() if isinstance(widget, QOpenGLWidget)]
    drawn: list[bool] = []
    for canvas in canvases:
        canvas.frameSwapped.connect(lambda: drawn.append(True))
    # Without keys and clicks: nobody closes the window, or works with the layer, before the dock is there.
    wait_until(lambda: bool(drawn) or not canvases, _DRAWN_S)
    return picture
