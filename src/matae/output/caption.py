"""The caption of a video's frames, letter by letter: each is drawn once, by Pillow, and put beside the others.

Of one frame and the next a digit or two differ. Having Pillow write the whole line anew took a quarter of the time in
which a frame is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.output.draw import font

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Letters"]


class Letters:
    """Writes lines as Pillow does, in white on black.

    Parameters
    ----------
    points
        Size of the letters; a line is twice as high, with the text in its middle.
    """

    def __init__(self, points: int) -> None:
        self._points, self._font = points, font(points)
        self._drawn: dict[str, tuple[NDArray[np.uint8], int, int]] = {}

    def line(self, text: str) -> NDArray[np.uint8]:
        """Return a line, (2 * points, columns) uint8; it begins half its points to the left of the text."""
        pen = self._points // 2
        placed = []
        width = pen
        for letter in text:
            drawn, before, step = self._letter(letter)
            placed.append((drawn, pen + before))
            width = max(width, pen + before + drawn.shape[1])
            pen += step
        line = np.zeros((2 * self._points, width), np.uint8)
        written = 0
        for drawn, start in placed:
            end = start + drawn.shape[1]
            shared = max(0, min(written, end) - start)  # letters may reach into one another
            line[:, start + shared : end] = drawn[:, shared:]
            if shared:
                part = line[:, start : start + shared]
                part[:] = _over(drawn[:, :shared], part)
            written = max(written, end)
        return line

    def _letter(self, letter: str) -> tuple[NDArray[np.uint8], int, int]:
        """Return a letter cut out, how far from the pen it begins, and how far the pen goes on."""
        if letter not in self._drawn:
            from PIL import Image, ImageDraw

            around = 4 * self._points  # further than a letter reaches on either side of the pen
            picture = Image.new("L", (2 * around, 2 * self._points))
            ImageDraw.Draw(picture).text((around, self._points), letter, fill=255, font=self._font, anchor="lm")
            whole = np.asarray(picture)
            columns = np.flatnonzero(whole.any(0))
            first, end = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (around, around)
            drawn = np.ascontiguousarray(whole[:, first:end])
            self._drawn[letter] = drawn, first - around, int(self._font.getlength(letter))
        return self._drawn[letter]


def _over(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what two letters cover of their pixels together, rounded as Pillow rounds."""
    product = below.astype(np.uint16) * (255 - above.astype(np.uint16)) + 128
    return above + (((product >> 8) + product) >> 8).astype(np.uint8)
