"""Pictures of a video, drawn as the codec wants them: a plane of light, two of colour at half the size.

A cine is grey, so a frame is its plane of light alone; colour is touched only where an outline runs. Drawing in RGB and
converting each picture costs several times as much. FFmpeg's scaler enlarges a frame and brings it to the range of
video in one go, in a seventh of Pillow's time; the planes that are drawn on are those that go to the encoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.output.caption import Letters
from matae.output.draw import CAPTION, COLOURS, font, outline_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av import VideoFrame
    from numpy.typing import NDArray

__all__ = ["Canvas", "to_yuv"]

_NEUTRAL = 128
_CAPTION_GREY = 174
_LIGHT = np.rint(16 + np.arange(256) * 219 / 255).astype(np.uint8)  # video range: black is 16, white 235
_CAPTION_LIGHT = _LIGHT[np.rint(np.arange(256) * (_CAPTION_GREY / 255)).astype(np.uint8)]  # by what letters cover


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


# Of each class: the light and both differences of colour of its outline.
_TONES = np.array([to_yuv(COLOURS[(value - 1) % len(COLOURS)]) for value in range(256)], np.float32).T


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
        from av.video.reformatter import VideoReformatter

        self._picture = picture
        whole = (picture[0], picture[1] + 2 * _caption_points(picture))
        self.size = (whole[0] + whole[0] % 2, whole[1] + whole[1] % 2)
        self._scaled = VideoReformatter().reformat  # kept: setting one up costs more than a frame
        self._has_use: dict[int, bool] = {}
        self._same: dict[bool, NDArray[np.uint8]] = {}
        self._letters = Letters(_caption_points(picture))

    def draw(self, frame: NDArray[np.uint8], mask: NDArray[np.uint8], caption: str) -> VideoFrame:
        """Return a frame with its outlines and caption, as the encoder takes it.

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
        av.VideoFrame
            In ``yuv420p``.
        """
        import av

        wide, high = self._picture
        grey = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray")
        scaled = self._scaled(grey, wide, high, format="yuv420p", interpolation="BICUBIC")
        drawn = av.VideoFrame(*self.size, "yuv420p")
        light, *colours = (_plane(drawn, number) for number in range(3))
        light[:high, :wide] = _plane(scaled, 0)
        light[:high, wide:] = _LIGHT[0]
        light[high:] = self._strip(caption)
        for plane in colours:
            plane[:] = _NEUTRAL
        self._outline(light, colours, mask)
        return drawn

    def _outline(self, light: NDArray[np.uint8], colours: Sequence[NDArray[np.uint8]], mask: NDArray[np.uint8]) -> None:
        found = outline_keys(mask, self._picture)
        if found is None:
            return
        keys, (y, x) = found
        # A line is thin: nearly nothing of its rectangle is touched. One index is found several times sooner than two.
        at = np.flatnonzero(keys > 255)
        row, column = np.divmod(at, keys.shape[1])
        each = keys.reshape(-1)[at]
        _blend(light, (row + y, column + x), each & 255, each >> 8, _TONES[0])
        # The planes of colour have half the sides: four pixels share theirs, by what all of them are covered.
        half = keys.shape[1] // 2
        block = (row // 2) * half + column // 2
        strongest = np.zeros(keys.size // 4, np.uint16)
        np.maximum.at(strongest, block, each)
        at = np.flatnonzero(strongest != 0)
        covered = np.bincount(block, each >> 8)[at] / 4
        place = tuple(part + corner // 2 for part, corner in zip(np.divmod(at, half), (y, x), strict=True))
        for plane, tones in zip(colours, _TONES[1:], strict=True):
            _blend(plane, place, strongest[at] & 255, covered, tones)

    def _strip(self, text: str) -> NDArray[np.uint8]:
        """Return the light of the strip with the caption: below the frame, where it covers nothing of it."""
        line = self._letters.line(text)
        if len(text) not in self._has_use:  # captions of one length are as long as one another, to a few pixels
            points = _caption_points(self._picture)
            room = self._picture[0] - 3 * points
            self._has_use[len(text)] = font(points).getlength(text + CAPTION) < room
        strip = self._empty(with_use=self._has_use[len(text)]).copy()
        part = strip[: len(line), : line.shape[1]]
        part[:] = np.maximum(part, _CAPTION_LIGHT[line[: part.shape[0], : part.shape[1]]])
        return strip

    def _empty(self, *, with_use: bool) -> NDArray[np.uint8]:
        """Return the light of what is the same in every strip, made once."""
        from PIL import Image, ImageDraw

        if with_use not in self._same:
            width, points = self._picture[0], _caption_points(self._picture)
            strip = Image.new("L", (self.size[0], self.size[1] - self._picture[1]))
            if with_use:
                place = (width - points // 2, points)
                ImageDraw.Draw(strip).text(place, CAPTION, fill=_CAPTION_GREY, font=font(points), anchor="rm")
            self._same[with_use] = _LIGHT[np.asarray(strip)]
        return self._same[with_use]


def _plane(picture: VideoFrame, number: int) -> NDArray[np.uint8]:
    """Return a plane of a picture, (rows, columns), to be written to; it lives as long as the picture."""
    plane = picture.planes[number]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _caption_points(picture: tuple[int, int]) -> int:
    return max(10, round(min(picture) / 40))


def _blend(
    plane: NDArray[np.uint8],
    place: tuple[NDArray[np.intp], ...],
    values: NDArray[np.integer[Any]],
    covered: NDArray[Any],
    tones: NDArray[np.float32],
) -> None:
    """Blend the tone of each value into pixels of a plane, by how much of each is covered, 255 where nothing stays."""
    under = plane[place]
    plane[place] = np.rint(under + (tones[values] - under) * (covered * np.float32(1 / 255)))
