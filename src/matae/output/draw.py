"""Frames as people look at them: square pixels, large enough, the outline in a colour everyone can tell.

Pillow only, so that a server without a display draws the same pictures as a desktop.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import ATRIUM_COLOUR, WALL_COLOUR
from matae.output.contour import contours

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
    "outline_keys",
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

_SPACING = 0.75  # pixels between the points that a line is drawn by, at most
_LEVELS = 4096  # of squared distances that are told apart


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
    mask: NDArray[np.uint8], size: tuple[int, int], thickness: float = 2.0
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

    Yields
    ------
    value : int
        The class.
    stencil : numpy.ndarray
        (rows, columns) uint8: how much of a pixel the line covers, 0 to 255.
    corner : tuple of int
        (y, x) of the stencil's first pixel.
    """
    for value, points in _rings(mask, size):
        low, high = _around(points, size, thickness)
        keys = _lines([(0, points - low)], high - low, thickness)
        yield value, (keys >> 8).astype(np.uint8), (int(low[0]), int(low[1]))


def outline_keys(
    mask: NDArray[np.uint8], size: tuple[int, int], thickness: float = 2.0
) -> tuple[NDArray[np.uint16], tuple[int, int]] | None:
    """Return the outlines of all classes of a native-size mask for a picture of the whole frame, in one.

    A video has several in every frame; together they take half the time. Where two lines touch, the one that covers
    more of a pixel has it.

    Parameters
    ----------
    mask, size, thickness
        As for `outline_stencils`.

    Returns
    -------
    tuple, or None
        (rows, columns) uint16: how much of a pixel the line covers, 0 to 255, times 256, and the class, which means
        nothing where nothing is covered; and (y, x) of the first pixel. All four are even, as planes of half the size
        need them: a picture of odd sides loses its last row or column. None where there is nothing.
    """
    rings = list(_rings(mask, size))
    if not rings:
        return None
    bounds = [_around(points, size, thickness) for _, points in rings]
    low = np.min([each[0] for each in bounds], axis=0)
    high = np.max([each[1] for each in bounds], axis=0)
    low -= low % 2
    high = np.minimum(high + high % 2, (size[1] - size[1] % 2, size[0] - size[0] % 2))
    keys = _lines([(value, points - low) for value, points in rings], high - low, thickness)
    return keys, (int(low[0]), int(low[1]))


def _rings(mask: NDArray[np.uint8], size: tuple[int, int]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield each class and its outline, closed points (N, 2) as (y, x) from the corner of the picture."""
    scale = np.array([size[1] / mask.shape[0], size[0] / mask.shape[1]])
    window = 2 * math.ceil(2 * max(1.0, 1 / scale.min())) + 1
    for value, points in contours(mask):
        # Pixel centres are integers in the mask; in the picture the frame begins at its corner.
        yield value, _smoothed((points + 0.5) * scale, window)


def _around(
    points: NDArray[np.float64], size: tuple[int, int], thickness: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the corners of the rectangle of a picture that a line through points may touch, half open."""
    margin = int(thickness) + 2
    low = np.maximum(np.floor(points.min(0)).astype(np.int64) - margin, 0)
    return low, np.minimum(np.ceil(points.max(0)).astype(np.int64) + margin, (size[1], size[0]))


def _smoothed(points: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    # The contour of a binary mask turns at every pixel; a short moving average takes only those steps out.
    if len(points) < 3 * window:
        return points
    ring = points[:-1]  # the contour is closed: its last point is its first
    half = window // 2
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), ring[-half:], ring, ring[:half]]), axis=0)
    rounded = (sums[window:] - sums[:-window]) / window
    return np.concatenate([rounded, rounded[:1]])


def _lines(
    lines: Sequence[tuple[int, NDArray[np.float64]]], shape: NDArray[np.int64], thickness: float
) -> NDArray[np.uint16]:
    """Return lines through points (N, 2), each with a number, as the share of each pixel that they cover.

    A pixel is covered by how much nearer to the line it lies than half its thickness; joints are round. Points along
    the line are near enough to one another that the nearest of them is as far as the line, to an eighth of a pixel.
    As for `outline_keys`: the share times 256, and the number; below 256 nothing is covered.
    """
    height, width = (int(side) for side in shape)
    reach = thickness / 2 + 0.5
    around = math.ceil(thickness / 2)  # pixels beside the one a point lies in; those further away are not covered
    side = 2 * around + 1
    dense = [_dense(points) for _, points in lines]
    numbers = np.repeat(np.array([number for number, _ in lines], np.uint16), [each.shape[1] for each in dense])
    # Pixel centres lie half a pixel from the corner that the points are counted from.
    centres = np.concatenate(dense, axis=1) - np.float32(0.5)
    # Points come last in all that follows: whole rows of them are computed at once.
    corner = np.rint(centres) - np.float32(around)
    first, near = corner.astype(np.intp), np.arange(side)[:, None]
    squares = ((corner - centres)[:, None] + near.astype(np.float32)) ** 2 * np.float32(_LEVELS / (2 * side**2))
    # With a border that takes what lies beside the picture.
    picture = np.zeros((height + 2 * side, width + 2 * side), np.uint16)
    rows, columns = first[:, None] + (side + near)
    place = (rows * picture.shape[1])[:, None] + columns
    level = (squares[0, :, None] + squares[1]).astype(np.intp)
    keys = _coverage(reach, side).take(level)
    keys += numbers
    np.maximum.at(picture.reshape(-1), place.reshape(-1), keys.reshape(-1))
    return picture[side : side + height, side : side + width]


def _dense(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return points (2, N) along a line through points (N, 2), `_SPACING` apart at most."""
    steps = np.diff(points, axis=0)
    pieces = math.ceil(math.sqrt((steps**2).sum(1).max(initial=0.0)) / _SPACING)
    if pieces < 2:
        return points.T.astype(np.float32)
    between = np.arange(pieces, dtype=np.float32) / np.float32(pieces)
    start, step = points[:-1].T.astype(np.float32), steps.T.astype(np.float32)
    return (start[..., None] + step[..., None] * between).reshape(2, -1)


@lru_cache(maxsize=8)
def _coverage(reach: float, side: int) -> NDArray[np.uint16]:
    """Return how much of a pixel a line covers by the square of its distance, in steps of 2 side^2 / `_LEVELS`.

    Times 256: below it there is room for the number of the line.
    """
    distance = np.sqrt((np.arange(_LEVELS + 1) + 0.5) * (2 * side**2 / _LEVELS))
    covered: NDArray[np.uint16] = np.rint(255 * np.clip(reach - distance, 0, 1)).astype(np.uint16) << 8
    return covered


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
