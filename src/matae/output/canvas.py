"""Pictures of a video, drawn as the codec wants them: a plane of light, two of colour at half the size.

A cine is grey, so a frame is its plane of light alone; colour is touched only where an outline runs. Drawing in RGB and
converting each picture costs several times as much. FFmpeg's scaler enlarges a frame and brings it to the range of
video in one go, in a seventh of Pillow's time; the planes that are drawn on are those that go to the encoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.output.draw import CAPTION, COLOURS, font, outline_stencils

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av import VideoFrame
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["Canvas", "to_yuv"]

_NEUTRAL = 128
_CAPTION_GREY = 174
_LIGHT = np.rint(16 + np.arange(256) * 219 / 255).astype(np.uint8)  # video range: black is 16, white 235


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
        from av.video.reformatter import VideoReformatter

        self._picture = picture
        whole = (picture[0], picture[1] + 2 * _caption_points(picture))
        self.size = (whole[0] + whole[0] % 2, whole[1] + whole[1] % 2)
        self._scaled = VideoReformatter().reformat  # kept: setting one up costs more than a frame
        self._has_use: dict[int, bool] = {}
        self._same: dict[bool, Image.Image] = {}

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
        for value, stencil, (y, x) in outline_stencils(mask, self._picture, even=True):
            luma, *chroma = to_yuv(COLOURS[(value - 1) % len(COLOURS)])
            rows, columns = stencil.shape
            _blend([light[y : y + rows, x : x + columns]], [luma], stencil)
            # The planes of colour have half the sides; four pixels share theirs, and do not fit into eight bits.
            four = stencil.reshape(rows // 2, 2, columns // 2, 2)
            two = four[:, 0].astype(np.uint16) + four[:, 1]
            quarter = (two[..., 0] + two[..., 1] + 2) // 4
            at = slice(y // 2, (y + rows) // 2), slice(x // 2, (x + columns) // 2)
            _blend([plane[at] for plane in colours], chroma, quarter)

    def _strip(self, text: str) -> NDArray[np.uint8]:
        """Return the light of the strip with the caption: below the frame, where it covers nothing of it."""
        from PIL import ImageDraw

        points = _caption_points(self._picture)
        letters = font(points)
        if len(text) not in self._has_use:  # captions of one length are as long as one another, to a few pixels
            room = self._picture[0] - 3 * points
            self._has_use[len(text)] = letters.getlength(text + CAPTION) < room
        strip = self._empty(with_use=self._has_use[len(text)]).copy()
        ImageDraw.Draw(strip).text((points // 2, points), text, fill=_CAPTION_GREY, font=letters, anchor="lm")
        light: NDArray[np.uint8] = _LIGHT[np.asarray(strip)]
        return light

    def _empty(self, *, with_use: bool) -> Image.Image:
        """Return what is the same in every strip, made once."""
        from PIL import Image, ImageDraw

        if with_use not in self._same:
            width, points = self._picture[0], _caption_points(self._picture)
            strip = self._same[with_use] = Image.new("L", (self.size[0], self.size[1] - self._picture[1]))
            if with_use:
                place = (width - points // 2, points)
                ImageDraw.Draw(strip).text(place, CAPTION, fill=_CAPTION_GREY, font=font(points), anchor="rm")
        return self._same[with_use]


def _plane(picture: VideoFrame, number: int) -> NDArray[np.uint8]:
    """Return a plane of a picture, (rows, columns), to be written to; it lives as long as the picture."""
    plane = picture.planes[number]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _caption_points(picture: tuple[int, int]) -> int:
    return max(10, round(min(picture) / 40))


def _blend(planes: Sequence[NDArray[np.uint8]], levels: Sequence[float], stencil: NDArray[np.integer[Any]]) -> None:
    """Blend a level into each plane (Y, X) by a stencil, 255 where nothing of the plane stays."""
    # A line is thin: nearly nothing of its rectangle is touched. One index is found several times sooner than two.
    columns = stencil.shape[1]
    stencil = stencil.reshape(-1)
    at = np.flatnonzero(stencil != 0)
    place = np.divmod(at, columns)
    alpha = stencil[at] * np.float32(1 / 255)
    for plane, level in zip(planes, levels, strict=True):
        under = plane[place]
        plane[place] = np.rint(under + (np.float32(level) - under) * alpha)
