"""One picture of what several layers show: the image, masks over it, the sector; composed as napari draws them.

Without a graphics card napari takes longer to bring a frame of each of these layers to the screen than the frame lasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from napari.layers import Image, Labels, Shapes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_matae.session.open_cine import OpenCine

__all__ = ["OnePicture", "composable", "outline_of"]

_LIKE_TRANSLUCENT = {"translucent", "translucent_no_depth"}


def composable(layers: Iterable[Layer], current: OpenCine, left_out: Collection[Layer] = ()) -> list[Layer]:
    """Return the visible layers, from the lowest up, that one picture of a cine can stand for.

    Parameters
    ----------
    layers
        Of the viewer, the lowest first.
    current
        The cine: its image must be the lowest that is visible.
    left_out
        Layers that nothing over them is composed with, hidden as they may be: they come and go.

    Returns
    -------
    list of Layer
        The image and what lies right over it; empty where the picture would not look the same.
    """
    found: list[Layer] = []
    for layer in layers:
        if layer in left_out:
            break
        if not layer.visible:
            continue
        if not (_fits_image(layer, current) if not found else _fits_over(layer, current)):
            break
        found.append(layer)
    return found


def _fits_image(layer: Layer, current: OpenCine) -> bool:
    return (
        layer is current.image
        and layer.data is current.cine.frames
        and layer.data.dtype == np.uint8
        and layer.opacity == 1
        and str(layer.blending) in {*_LIKE_TRANSLUCENT, "opaque"}
        and _lies_plainly(layer)
    )


def _fits_over(layer: Layer, current: OpenCine) -> bool:
    image = current.image
    if str(layer.blending) not in _LIKE_TRANSLUCENT or not _lies_plainly(layer):
        return False
    if not np.allclose(layer.scale[-2:], image.scale[-2:]) or not np.allclose(
        layer.translate[-2:], image.translate[-2:]
    ):
        return False
    if type(layer) is Labels:
        data = layer.data
        return (
            isinstance(data, np.ndarray)
            and data.dtype == np.uint8
            and data.shape == current.cine.frames.shape
            and not layer.show_selected_label
        )
    return layer is current.sector_layer and isinstance(layer, Shapes) and _is_bare_outline(layer)


def _lies_plainly(layer: Layer) -> bool:
    still = np.allclose(np.asarray(layer.affine), np.eye(layer.ndim + 1))
    still = still and np.allclose(layer.rotate, np.eye(layer.ndim)) and not np.any(layer.shear)
    shown = (layer.bounding_box, layer.name_overlay)
    return bool(still) and not any(overlay.visible for overlay in shown) and not len(layer.experimental_clipping_planes)


def _is_bare_outline(layer: Shapes) -> bool:
    polygons = all(kind == "polygon" for kind in layer.shape_type)
    empty = not np.any(np.asarray(layer.face_color)[:, 3]) if len(layer.data) else True
    return layer.ndim == 2 and polygons and empty and not layer.selected_data


def outline_of(mask: NDArray[np.uint8], thickness: int) -> NDArray[np.uint8]:
    """Return a mask without its inside, as napari draws the contour of labels.

    Parameters
    ----------
    mask
        Classes, (Y, X) uint8, 0 the background.
    thickness
        Of the outline in pixels, inside the border.

    Returns
    -------
    ndarray
        (Y, X) uint8: the class where a pixel with another value is next to it, or one with a smaller value no further
        away than the thickness in steps along rows and columns; else 0.
    """
    least = mask
    for _ in range(thickness):
        least = _among_neighbours(least, np.minimum)
    outline: NDArray[np.uint8] = np.where(_among_neighbours(mask, np.maximum) == least, np.uint8(0), mask)
    return outline


def _among_neighbours(mask: NDArray[np.uint8], pick: Any) -> NDArray[np.uint8]:
    found = mask.copy()
    for to, of in (
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        pick(found[to], mask[of], out=found[to])
    return found


class _Over(NamedTuple):
    """What is laid over the picture: where, (N,) rows and columns, and the colour (N, 4) in 0-1 with its opacity."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    colours: NDArray[np.float32]


class OnePicture:
    """Composes frames of a cine.

    Parameters
    ----------
    current
        The cine.
    layers
        What it shows, of `composable`.
    """

    def __init__(self, current: OpenCine, layers: list[Layer]) -> None:
        self._current, self.layers = current, layers
        self.pixels = np.zeros((*current.cine.shape, 4), np.uint8)
        """Red, green, blue and an opacity of one, (Y, X, 4); written anew by each `compose`."""
        self._greys: NDArray[np.uint32] | None = None
        self._colours: dict[Layer, NDArray[np.float32]] = {}
        self._outlines: dict[Layer, _Over] = {}

    @property
    def fits(self) -> bool:
        """Whether it still looks as its layers do, hidden as they may be meanwhile."""
        image, *over = self.layers
        return _fits_image(image, self._current) and all(_fits_over(layer, self._current) for layer in over)

    def forget(self) -> None:
        """Look at all layers again: one of them looks another way."""
        self._greys = None
        self._colours.clear()
        self._outlines.clear()

    def compose(self, frame: int) -> None:
        """Write a frame into `pixels`."""
        image, *over = self.layers
        if self._greys is None:
            self._greys = _greys_of(image)
        self.pixels.view(np.uint32)[..., 0] = self._greys[self._current.cine.frames[frame]]
        for layer in over:
            laid = self._mask(layer, frame) if isinstance(layer, Labels) else self._outline(layer)
            if laid is not None:
                _lay(self.pixels, laid)

    def _mask(self, layer: Labels, frame: int) -> _Over | None:
        if layer not in self._colours:
            colours = np.asarray(layer.colormap.map(np.arange(256, dtype=np.uint8)), np.float32)
            colours[layer.colormap.background_value] = 0
            colours[:, 3] *= layer.opacity
            self._colours[layer] = colours
        mask, contour = layer.data[frame], int(layer.contour)
        rows = np.flatnonzero(mask.any(axis=1))
        if not len(rows):
            return None
        columns = np.flatnonzero(mask.any(axis=0))
        top, left = max(0, rows[0] - contour - 1), max(0, columns[0] - contour - 1)
        part = mask[top : rows[-1] + contour + 2, left : columns[-1] + contour + 2]
        if contour:
            part = outline_of(part, contour)
        y, x = np.nonzero(part)
        return _Over(y + top, x + left, self._colours[layer][part[y, x]])

    def _outline(self, layer: Shapes) -> _Over:
        if layer not in self._outlines:
            self._outlines[layer] = _drawn_polygons(layer, self._current.cine.shape)
        return self._outlines[layer]


def _greys_of(image: Image) -> NDArray[np.uint32]:
    """Return the colour of each grey level in the four bytes of an integer, (256,)."""
    low, high = image.contrast_limits
    share = np.clip((np.arange(256) - low) / max(high - low, 1e-9), 0, 1) ** image.gamma
    colours = np.round(255 * np.asarray(image.colormap.map(share))).astype(np.uint8)
    colours[:, 3] = 255
    return np.ascontiguousarray(colours).view(np.uint32)[:, 0]


def _lay(pixels: NDArray[np.uint8], over: _Over) -> None:
    under = pixels[over.rows, over.columns, :3].astype(np.float32)
    opacity = over.colours[:, 3:]
    pixels[over.rows, over.columns, :3] = under + (255 * over.colours[:, :3] - under) * opacity + 0.5


def _drawn_polygons(layer: Shapes, shape: tuple[int, int]) -> _Over:
    """Return the edges of the polygons of a layer as Qt draws them on (Y, X) pixels."""
    from qtpy.QtCore import QPointF
    from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

    picture = QImage(shape[1], shape[0], QImage.Format.Format_RGBA8888)
    picture.fill(0)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for polygon, colour, width in zip(layer.data, layer.edge_color, layer.edge_width, strict=True):
        painter.setPen(QPen(QColor.fromRgbF(*(float(part) for part in colour)), float(width)))
        # A corner lies in the middle of its pixel.
        painter.drawPolygon(QPolygonF([QPointF(float(x) + 0.5, float(y) + 0.5) for y, x in np.asarray(polygon)]))
    painter.end()
    bits = picture.constBits()
    if hasattr(bits, "setsize"):  # PyQt knows no size of it
        bits.setsize(picture.sizeInBytes())
    drawn = np.frombuffer(bits, np.uint8).reshape(shape[0], -1, 4)
    rows, columns = np.nonzero(drawn[..., 3])
    colours = drawn[rows, columns].astype(np.float32) / np.float32(255)
    colours[:, 3] *= layer.opacity
    return _Over(rows, columns, colours)
