"""Pictures as arrays, turned into what Qt draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPixmap

from napari_matae.widgets.colours import DOT_RIM

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dot", "fitted", "rgb_pixmap"]


def rgb_pixmap(colour: NDArray[np.uint8]) -> QPixmap:
    """Return a picture (Y, X, 3), uint8 RGB, as a pixmap of the same size."""
    rows, columns = colour.shape[:2]
    pixels = np.ascontiguousarray(colour)
    # Copied, because QImage only points at the array, which may be gone when Qt draws.
    image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
    return QPixmap.fromImage(image)


def fitted(pixmap: QPixmap, side: int, aspect: tuple[float, float] = (1.0, 1.0)) -> QPixmap:
    """Return a pixmap as large as fits a square.

    Parameters
    ----------
    pixmap
        What to scale.
    side
        Of the square, in screen pixels.
    aspect
        Height and width of one pixel of the picture, in any one unit: pixels that are not square are drawn at
        their true shape.
    """
    height, width = pixmap.height() * aspect[0], pixmap.width() * aspect[1]
    scale = side / max(height, width)
    return pixmap.scaled(
        max(1, round(width * scale)),
        max(1, round(height * scale)),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )


def dot(colour: str, side: int = 12) -> QPixmap:
    """Return a filled circle on nothing, to stand before a word.

    Parameters
    ----------
    colour
        As Qt names it.
    side
        Of its square, in screen pixels.
    """
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(DOT_RIM))
    painter.setBrush(QColor(colour))
    painter.drawEllipse(1, 1, side - 3, side - 3)
    painter.end()
    return pixmap
