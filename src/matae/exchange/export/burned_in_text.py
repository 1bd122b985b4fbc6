"""Text burned into the picture where it cannot simply be blanked: looked for, and shown to a person.

Letters are what tissue is not: small, bright, sharp against their surroundings, the same in every frame, several
side by side on one line. This finds what a scanner or a grabber writes; it cannot prove that nothing is there,
so the preview shows the pictures as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.cine import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["find_text"]

_SAMPLED = 24
_FEWEST_MOVING = 4  # frames from which what stands still can be told from what moves
_STEADY = 24  # grey levels that lossy video moves a still pixel by


class _Rule(NamedTuple):
    """How sure one must be: with a cine, standing still says much; in a single frame, only the shape does."""

    level: int
    contrast: int
    letters: int
    alike: float
    clear: float


_MOVING = _Rule(level=70, contrast=45, letters=3, alike=0.6, clear=0.75)
_STILL = _Rule(level=120, contrast=70, letters=3, alike=0.5, clear=0.65)


class _Blob(NamedTuple):
    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        return self.x1 - self.x0


def find_text(frames: NDArray[np.uint8], allowed: NDArray[np.bool_]) -> list[Box]:
    """Return where text seems to stand, a box a line.

    Parameters
    ----------
    frames
        (T, Y, X) uint8.
    allowed
        (Y, X): the pixels that leave; text elsewhere is blanked anyway.
    """
    from scipy import ndimage

    chosen = np.unique(np.linspace(0, len(frames) - 1, _SAMPLED).astype(int))
    low = np.full(frames.shape[1:], 255, np.uint8)
    high = np.zeros(frames.shape[1:], np.uint8)
    for t in chosen:
        np.minimum(low, frames[t], out=low)
        np.maximum(high, frames[t], out=high)
    moving = len(chosen) >= _FEWEST_MOVING
    rule = _MOVING if moving else _STILL
    tallest = max(12, round(0.07 * min(low.shape)))
    # What is left of the brightness when everything wider than a stroke of a letter is taken away.
    stroke = max(5, 2 * (tallest // 6) + 1)
    sharp = low.astype(np.int16) - ndimage.grey_opening(low, size=(stroke, stroke))
    marks = (low >= rule.level) & (sharp >= rule.contrast) & allowed
    if moving:
        marks &= high.astype(np.int16) - low <= _STEADY
    labels, count = ndimage.label(marks, np.ones((3, 3)))
    if not count:
        return []
    blobs = []
    for value, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        blob = _Blob(rows.start, columns.start, rows.stop, columns.stop)
        of_letters = 4 <= blob.height <= tallest and blob.width <= 12 * blob.height
        if of_letters and _stands_clear(low, labels, value, blob, rule):
            blobs.append(blob)
    return _lines(blobs, rule)


def _stands_clear(low: NDArray[np.uint8], labels: NDArray[np.generic], value: int, blob: _Blob, rule: _Rule) -> bool:
    """Say whether a mark is evenly bright and its surroundings are clearly darker."""
    y0, x0 = max(blob.y0 - 2, 0), max(blob.x0 - 2, 0)
    part = low[y0 : blob.y1 + 2, x0 : blob.x1 + 2]
    own = labels[y0 : blob.y1 + 2, x0 : blob.x1 + 2] == value
    around = part[~own]
    inside = part[own]
    return bool(around.size and np.median(around) <= rule.clear * inside.mean())


def _lines(blobs: list[_Blob], rule: _Rule) -> list[Box]:
    """Join marks that stand side by side and are of one height."""
    found = []
    left = sorted(blobs, key=lambda blob: (blob.x0, blob.y0))
    while left:
        line = [left.pop(0)]
        for blob in list(left):
            last = line[-1]
            height = max(last.height, blob.height)
            overlap = min(last.y1, blob.y1) - max(last.y0, blob.y0)
            near = blob.x0 - last.x1 <= 2.0 * height
            alike = min(last.height, blob.height) >= (1 - rule.alike) * height
            if near and alike and overlap >= 0.6 * min(last.height, blob.height):
                line.append(blob)
                left.remove(blob)
        letters = sum(max(1, round(blob.width / (1.2 * blob.height))) for blob in line)
        y0, y1 = min(blob.y0 for blob in line), max(blob.y1 for blob in line)
        tall = max(blob.height for blob in line)
        straight = y1 - y0 <= 1.6 * tall
        if letters >= rule.letters and len(line) >= 2 and straight:
            found.append(Box(y0, min(blob.x0 for blob in line), y1, max(blob.x1 for blob in line)))
    return sorted(found)
