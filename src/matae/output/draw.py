"""Frames as people look at them: square pixels, large enough, the outline in a colour everyone can tell.

Pillow only, so that a server without a display draws the same pictures as a desktop.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from matae.segment.outline import outline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image, ImageDraw, ImageFont

    from matae.cine import Cine

__all__ = [
    "CAPTION",
    "COLOURS",
    "draw_footer",
    "draw_outlines",
    "draw_text",
    "font",
    "footer_height",
    "picture_size",
    "to_picture",
]

COLOURS = ((230, 159, 0), (86, 180, 233), (240, 228, 66))
"""Outline of each class, in order: from the Okabe-Ito palette, distinct under every colour blindness."""

CAPTION = "Research use only"

_FAINT = (170, 174, 180)
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
    for value in np.unique(mask[mask > 0]):
        contour = outline(mask == value)
        scale = np.array([picture.height / mask.shape[0], picture.width / mask.shape[1]])
        # Pixel centres are integers in the mask; in the picture the frame begins at its corner.
        points = _smoothed((contour + 0.5) * scale, 2 * math.ceil(2 * max(1.0, 1 / scale.min())) + 1)
        colour = colours[(int(value) - 1) % len(colours)]
        _draw_line(picture, points, colour, thickness)


def _smoothed(points: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    # The contour of a binary mask turns at every pixel; a short moving average takes only those steps out.
    if len(points) < 3 * window:
        return points
    ring = points[:-1]  # the contour is closed: its last point is its first
    half = window // 2
    rounded: NDArray[np.float64] = np.mean([np.roll(ring, shift, axis=0) for shift in range(-half, half + 1)], axis=0)
    return np.concatenate([rounded, rounded[:1]])


def _draw_line(
    picture: Image.Image, points: NDArray[np.float64], colour: tuple[int, int, int], thickness: float
) -> None:
    from PIL import Image, ImageDraw

    margin = int(thickness) + 2
    low = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + margin, (picture.height, picture.width))
    height, width = (int(v) for v in high - low)
    stencil = Image.new("L", (width * _SMOOTH, height * _SMOOTH))
    path = [(float(x), float(y)) for y, x in (points - low) * _SMOOTH]
    ImageDraw.Draw(stencil).line(path, fill=255, width=max(1, round(thickness * _SMOOTH)), joint="curve")
    alpha = stencil.resize((width, height), Image.Resampling.BOX)
    picture.paste(colour, (int(low[1]), int(low[0])), alpha)


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font; no font of the machine is relied on."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def footer_height(size: tuple[int, int]) -> int:
    """Return the height of the strip below a picture of `size` (width, height) that holds its caption."""
    return 2 * _caption_points(size)


def draw_footer(picture: Image.Image, size: tuple[int, int], left: str) -> Image.Image:
    """Return a picture with a strip below it: `left`, and that it is for research only.

    Below and not on the picture, where it would cover what the scanner wrote.

    Parameters
    ----------
    picture
        The frame.
    size
        (width, height) of the whole, at least the picture's.
    left
        What the strip says at its left.
    """
    from PIL import Image, ImageDraw

    page = Image.new("RGB", size)
    page.paste(picture)
    draw = ImageDraw.Draw(page)
    points = _caption_points(picture.size)
    y = picture.height + points
    draw.text((points // 2, y), left, fill=_FAINT, font=font(points), anchor="lm")
    if draw.textlength(left + CAPTION, font=font(points)) < picture.width - 3 * points:
        draw.text((picture.width - points // 2, y), CAPTION, fill=_FAINT, font=font(points), anchor="rm")
    return page


def _caption_points(size: tuple[int, int]) -> int:
    return max(10, round(min(size) / 40))


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
