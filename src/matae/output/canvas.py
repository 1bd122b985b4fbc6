"""Pictures of a video, drawn as the codec wants them: a plane of light, two of colour at half the size.

A cine is grey, so a frame is its plane of light alone; colour is touched only where an outline runs. Drawing in RGB and
converting each picture costs several times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.output.draw import CAPTION, COLOURS, font, outline_stencils

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["Canvas", "to_yuv"]

_BLACK, _NEUTRAL = 16, 128
_CAPTION_GREY = 174
_LIGHT = np.rint(_BLACK + np.arange(256) * 219 / 255).astype(int).tolist()  # video range: black is 16, white 235


def to_yuv(colour: Sequence[int]) -> tuple[float, float, float]:
    """Return a colour in the video range of ITU-R BT.601, the matrix players assume for small pictures.

    Parameters
    ----------
    colour
        Red, green and blue, 0 to 255.

    Returns
    -------
    tuple of float
        Luma (16 to 235) and the two colour differences (16 to 240, 128 is grey).
    """
    red, green, blue = (value / 255 for value in colour)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return 16 + 219 * light, 128 + 224 * (blue - light) / 1.772, 128 + 224 * (red - light) / 1.402


class Canvas:
    """Draws every frame of a cine into the planes of a YUV 4:2:0 picture.

    Parameters
    ----------
    picture
        (width, height) of a frame in the video.

    Attributes
    ----------
    size
        (width, height) of the whole with the caption below; both even, since colour has half the size.
    """

    def __init__(self, picture: tuple[int, int]) -> None:
        self._picture = picture
        whole = (picture[0], picture[1] + 2 * _caption_points(picture))
        self.size = (whole[0] + whole[0] % 2, whole[1] + whole[1] % 2)
        self._same: dict[bool, Image.Image] = {}

    def draw(self, frame: NDArray[np.uint8], mask: NDArray[np.uint8], caption: str) -> NDArray[np.uint8]:
        """Return a frame with its outlines and caption.

        Parameters
        ----------
        frame
            (Y, X) grey values.
        mask
            (Y, X) classes; 0 is background.
        caption
            What the strip below says at its left.

        Returns
        -------
        numpy.ndarray
            (3/2 height, width) bytes: the planes one below the other, as PyAV takes ``yuv420p``.
        """
        from PIL import Image

        width, height = self.size
        grey = Image.fromarray(np.ascontiguousarray(frame))
        if grey.size != self._picture:
            grey = grey.resize(self._picture, Image.Resampling.BICUBIC)
        whole = self._strip(caption)
        whole.paste(grey, (0, 0))
        planes = np.empty((height * 3 // 2, width), np.uint8)
        planes[:height] = np.asarray(whole.point(_LIGHT))
        planes[height:] = _NEUTRAL
        self._outline(planes, mask)
        return planes

    def _outline(self, planes: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        width, height = self.size
        # The planes of colour follow the light; each has a quarter of its bytes.
        colours = planes[height:].reshape(2, height // 2, width // 2)
        for value, stencil, (y, x) in outline_stencils(mask, self._picture, even=True):
            luma, *chroma = to_yuv(COLOURS[(value - 1) % len(COLOURS)])
            rows, columns = stencil.shape
            _blend(planes[y : y + rows, x : x + columns], [luma], stencil)
            # Four pixels share their colour; four of them do not fit into eight bits.
            four = stencil.reshape(rows // 2, 2, columns // 2, 2)
            two = four[:, 0].astype(np.uint16) + four[:, 1]
            quarter = (two[..., 0] + two[..., 1] + 2) // 4
            _blend(colours[:, y // 2 : (y + rows) // 2, x // 2 : (x + columns) // 2], chroma, quarter)

    def _strip(self, text: str) -> Image.Image:
        """Return a black picture of the whole size with the caption: below the frame, where it covers nothing of it."""
        from PIL import ImageDraw

        width, points = self._picture[0], _caption_points(self._picture)
        letters = font(points)
        is_room = letters.getlength(text + CAPTION) < width - 3 * points
        whole = self._empty(with_use=is_room).copy()
        line = self._picture[1] + points
        ImageDraw.Draw(whole).text((points // 2, line), text, fill=_CAPTION_GREY, font=letters, anchor="lm")
        return whole

    def _empty(self, *, with_use: bool) -> Image.Image:
        """Return what is the same in every picture, made once."""
        from PIL import Image, ImageDraw

        if with_use not in self._same:
            width, points = self._picture[0], _caption_points(self._picture)
            whole = self._same[with_use] = Image.new("L", self.size)
            if with_use:
                place = (width - points // 2, self._picture[1] + points)
                ImageDraw.Draw(whole).text(place, CAPTION, fill=_CAPTION_GREY, font=font(points), anchor="rm")
        return self._same[with_use]


def _caption_points(picture: tuple[int, int]) -> int:
    return max(10, round(min(picture) / 40))


def _blend(planes: NDArray[np.uint8], levels: Sequence[float], stencil: NDArray[np.integer[Any]]) -> None:
    """Blend levels into planes (Y, X) or (levels, Y, X) by a stencil, 255 where nothing of them stays."""
    # A line is thin: nearly nothing of its rectangle is touched. One index is found several times sooner than two.
    stencil = stencil.reshape(-1)
    at = np.flatnonzero(stencil != 0)
    place = np.divmod(at, planes.shape[-1])
    alpha = stencil[at] * np.float32(1 / 255)
    for plane, level in zip(planes if planes.ndim == 3 else planes[None], levels, strict=True):
        under = plane[place]
        plane[place] = np.rint(under + (np.float32(level) - under) * alpha)
