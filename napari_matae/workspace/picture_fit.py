"""The picture fills the canvas: fitted to each clip of another size and to the window, unless a person zoomed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QObject
from superqt.utils import qdebounced

from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from qtpy.QtWidgets import QMainWindow, QWidget

    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.session import Session

__all__ = ["PictureFit"]

_SETTLED_MS = 60
"""A window that is dragged larger is fitted when it has come to rest."""


class PictureFit(QObject):  # type: ignore[misc]
    """Fits the picture to the canvas.

    A camera that stands where the last fit left it was moved by nobody. napari's Home button leaves it there too.

    Parameters
    ----------
    session
        Whose picture.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._left: tuple[float, ...] | None = None
        self._shown: tuple[OpenCine, tuple[float, ...]] | None = None
        self._canvas: QWidget | None = None
        self._fit_soon = qdebounced(self._on_resized, timeout=_SETTLED_MS, parent=self)
        connections = connections_of(self)
        connections.connect(session.opened, self._on_opened)
        connections.when_closed(self._fit_soon.cancel)
        connections.when_closed(lambda: self.watch(None))

    def watch(self, window: QMainWindow | None) -> None:
        """Follow the size of what is in the middle of a window, where napari has its canvas."""
        canvas = None if window is None else window.centralWidget()
        if canvas is self._canvas:
            return
        if self._canvas is not None:
            self._canvas.removeEventFilter(self)
        self._canvas = canvas
        if canvas is not None:
            canvas.installEventFilter(self)
            self._fit_soon()

    @property
    def is_by_hand(self) -> bool:
        """Whether the camera is where a person put it."""
        return self._left is not None and not np.allclose(self._left, self._where(), rtol=1e-6)

    def fit(self) -> None:
        """Fit the picture to the canvas now."""
        viewer = self._session.viewer
        if self._session.current is not None and viewer.dims.ndisplay == 2:
            viewer.reset_view(layers=[self._session.current.image])  # one that is hidden may be larger
            self._left = self._where()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hear that the canvas has another size."""
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self._fit_soon()
        return False

    def _where(self) -> tuple[float, ...]:
        camera = self._session.viewer.camera
        return (float(camera.zoom), *(float(value) for value in camera.center))

    def _on_resized(self) -> None:
        if not self.is_by_hand:
            self.fit()
            return
        camera = self._session.viewer.camera
        zoom, centre = camera.zoom, camera.center
        self.fit()  # to know where Home would put it in this window; nothing is drawn before it is put back
        camera.zoom, camera.center = zoom, centre

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is None:
            return
        extent = tuple(n * step for n, step in zip(current.cine.shape, current.cine.pixel_aspect, strict=True))
        before, self._shown = self._shown, (current, extent)
        if before is None or before[0] is not current or before[1] != extent:  # or it was given another pixel size
            self.fit()
