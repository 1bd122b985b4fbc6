"""Frames as people look at them: square pixels, large enough, the outline in a colour everyone can tell.

Pillow only, so that a server without a display draws the same pictures as a desktop.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import ATRIUM_COLOUR, WALL_COLOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from PIL import Image, ImageDraw, ImageFont

    from matae.cine import Cine

__all__ = [
    "CAPTION",
    "COLOURS",
    "draw_outlines",
    "draw_text",
    "font",
    "outline_stencils",
    "picture_size",
    "to_picture",
]


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


COLOURS = ((230, 159, 0), *(_rgb(colour) for colour in (WALL_COLOUR, ATRIUM_COLOUR)))
"""Outline of each class, in order: from the Okabe-Ito palette, distinct under every colour blindness."""

CAPTION = "Research use only"

_SMOOTH = 3  # lines are drawn this many times larger and reduced: Pillow's own have steps


def picture_size(cine: Cine, longest: int) -> tuple[int, int]:
    """Return (width, height) of a frame shown with square pixels.

    Parameters
    ----------
    cine
        Whose calibration gives the shape of a pixel.
    longest
        Smaller frames are enlarged until their longer side has this many pixels; larger ones stay.
    """
    height, width = cine.shape
    size_y, size_x = cine.pixel_aspect
    # The finer direction keeps its pixels, so nothing that was recorded is lost.
    finer = min(size_y, size_x)
    tall, wide = height * size_y / finer, width * size_x / finer
    factor = max(1.0, longest / max(tall, wide))
    return max(1, round(wide * factor)), max(1, round(tall * factor))


def to_picture(frame: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Return a grey frame as an RGB picture of `size` (width, height)."""
    from PIL import Image

    grey = Image.fromarray(np.ascontiguousarray(frame))
    if grey.size != size:
        grey = grey.resize(size, Image.Resampling.BICUBIC)
    return grey.convert("RGB")


def draw_outlines(
    picture: Image.Image,
    mask: NDArray[np.uint8],
    thickness: float = 2.0,
    colours: Sequence[tuple[int, int, int]] = COLOURS,
) -> None:
    """Draw the outline of every class of a native-size mask onto a picture of the whole frame, in place.

    Parameters
    ----------
    picture
        The frame, at any size.
    mask
        (Y, X) classes in native pixels; 0 is background.
    thickness
        Of the line, in pixels of the picture.
    colours
        Of each class, in order.
    """
    from PIL import Image

    for value, stencil, (y, x) in outline_stencils(mask, picture.size, thickness):
        picture.paste(colours[(value - 1) % len(colours)], (x, y), Image.fromarray(stencil))


def outline_stencils(
    mask: NDArray[np.uint8], size: tuple[int, int], thickness: float = 2.0, *, even: bool = False
) -> Iterator[tuple[int, NDArray[np.uint8], tuple[int, int]]]:
    """Yield the outline of every class of a native-size mask as a stencil for a picture of the whole frame.

    Parameters
    ----------
    mask
        (Y, X) classes in native pixels; 0 is background.
    size
        (width, height) of the picture.
    thickness
        Of the line, in pixels of the picture.
    even
        Whether a stencil begins at even pixels and has even sides, as planes of half the size need it. A picture of
        odd sides loses its last row or column to it.

    Yields
    ------
    value : int
        The class.
    stencil : numpy.ndarray
        (rows, columns) uint8: how much of a pixel the line covers, 0 to 255.
    corner : tuple of int
        (y, x) of the stencil's first pixel.
    """
    width, height = size
    scale = np.array([height / mask.shape[0], width / mask.shape[1]])
    for value in np.unique(mask[mask > 0]):
        # Pixel centres are integers in the mask; in the picture the frame begins at its corner.
        points = (_contour(mask == value) + 0.5) * scale
        points = _smoothed(points, 2 * math.ceil(2 * max(1.0, 1 / scale.min())) + 1)
        margin = int(thickness) + 2
        low = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
        high = np.minimum(np.ceil(points.max(0)).astype(int) + margin, (height, width))
        if even:
            low -= low % 2
            high = np.minimum(high + high % 2, (height - height % 2, width - width % 2))
        yield int(value), _line(points - low, high - low, thickness), (int(low[0]), int(low[1]))


def _contour(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the longest contour of a mask as closed (N, 2) points (y, x), half-way between pixels.

    The same points as those of `matae.segment.outline.outline`, by a library in C++: a video has one in every frame.
    """
    from contourpy import contour_generator

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    padded = np.pad(part, 1).astype(np.float64)
    lines = contour_generator(z=padded, name="serial", line_type="Separate").lines(0.5)
    longest: NDArray[np.float64] = max(lines, key=len)
    return longest[:, ::-1] + (top - 1.0, left - 1.0)


def _smoothed(points: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    # The contour of a binary mask turns at every pixel; a short moving average takes only those steps out.
    if len(points) < 3 * window:
        return points
    ring = points[:-1]  # the contour is closed: its last point is its first
    half = window // 2
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), ring[-half:], ring, ring[:half]]), axis=0)
    rounded = (sums[window:] - sums[:-window]) / window
    return np.concatenate([rounded, rounded[:1]])


def _line(points: NDArray[np.float64], shape: NDArray[np.int64], thickness: float) -> NDArray[np.uint8]:
    """Return a line through points (N, 2) as the share of each pixel that it covers, with round joints."""
    from PIL import Image, ImageDraw

    height, width = (int(side) for side in shape)
    large = Image.new("L", (width * _SMOOTH, height * _SMOOTH))
    across = max(1, round(thickness * _SMOOTH))
    path = points[:, ::-1] * _SMOOTH
    ImageDraw.Draw(large).line(path.ravel().tolist(), fill=255, width=across)
    if across > 2:
        # Pillow's own joints are computed one by one in Python, and take longer than the line.
        large = _dotted(large, path, across / 2 - 1)
    return np.asarray(large.reduce(_SMOOTH))


def _dotted(picture: Image.Image, places: NDArray[np.float64], radius: float) -> Image.Image:
    """Return a grey picture with a white disc at each of some places (x, y)."""
    from PIL import Image

    reach = int(radius)
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = dx**2 + dy**2 <= radius**2
    columns, rows = np.floor(places).astype(int).T
    pixels = np.array(picture)
    height, width = pixels.shape
    y, x = (rows[:, None] + dy[disc]).ravel(), (columns[:, None] + dx[disc]).ravel()
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    pixels[y[inside], x[inside]] = 255
    return Image.fromarray(pixels)


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font; no font of the machine is relied on."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def draw_text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, fill: tuple[int, int, int], size: int
) -> None:
    """Write text from its top left; Pillow's own font has no raised 2, so one is made."""
    x, y = place
    for number, piece in enumerate(text.split("\N{SUPERSCRIPT TWO}")):
        if number:
            small = max(6, round(size * 0.65))
            draw.text((x, y), "2", fill=fill, font=font(small))
            x += draw.textlength("2", font=font(small))
        draw.text((x, y), piece, fill=fill, font=font(size))
        x += draw.textlength(piece, font=font(size))
