"""What a scanner draws on the screen besides the image: text, scales, a grey wedge, buttons, the ECG.

The marks are text-like patterns, never readable text, so that no synthetic clip can be mistaken for a patient's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.config import Screen

__all__ = ["Furniture", "draw_screen"]


@dataclass(frozen=True, eq=False)
class Furniture:
    """Marks drawn over the frames.

    Parameters
    ----------
    marks
        Fixed marks, (Y, X), 0 where there is none.
    trace
        ECG as one row of the image for each column, or None.
    level
        Grey level of the ECG.
    """

    marks: NDArray[np.uint8]
    trace: NDArray[np.int64] | None
    level: int

    def draw(self, frame: NDArray[np.uint8], allowed: NDArray[np.bool_], progress: float) -> None:
        """Draw into a frame (Y, X) where `allowed`; `progress` from 0 to 1 places the ECG cursor."""
        marks = self.marks
        if self.trace is not None:
            marks = marks.copy()
            columns = np.arange(self.trace.size)
            marks[self.trace, columns] = self.level
            cursor = min(int(progress * self.trace.size), self.trace.size - 1)
            marks[self.trace.min() : self.trace.max() + 1, cursor] = 255
        shown = (marks > 0) & allowed
        frame[shown] = marks[shown]


def _text(rng: np.random.Generator, letters: int, size: int) -> NDArray[np.bool_]:
    """Text-like marks: random 5 x 3 glyphs, one blank column between them."""
    line = np.zeros((5, 4 * letters), bool)
    for letter in range(letters):
        if rng.random() > 0.15:
            glyph = rng.random((5, 3)) < 0.6
            glyph[:, 0] |= rng.random() < 0.6
            line[:, 4 * letter : 4 * letter + 3] = glyph
    return np.kron(line, np.ones((size, size), bool))


def _stamp(marks: NDArray[np.uint8], mark: NDArray[np.bool_], row: int, column: int, level: int) -> None:
    row, column = max(row, 0), max(column, 0)
    part = marks[row : row + mark.shape[0], column : column + mark.shape[1]]
    part[mark[: part.shape[0], : part.shape[1]]] = level


def _ecg(columns: int, rows: int, beats: float, start: float) -> NDArray[np.int64]:
    """Rows of an ECG-like trace at the bottom of the image."""
    phase = (np.arange(columns) / columns * beats + start) % 1.0
    waves = ((0.0, 0.012, 1.0), (1.0, 0.012, 1.0), (0.03, 0.012, -0.3), (0.32, 0.05, 0.25), (0.86, 0.03, 0.13))
    height = sum(size * np.exp(-0.5 * ((phase - at) / width) ** 2) for at, width, size in waves)
    strip = max(6, rows // 10)
    trace = rows - 3 - np.round((np.asarray(height) + 0.3) / 1.4 * (strip - 4))
    return np.clip(trace, 0, rows - 1).astype(np.int64)


def draw_screen(
    screen: Screen, shape: tuple[int, int], beats: float, start: float, rng: np.random.Generator
) -> Furniture:
    """Draw the fixed marks.

    Parameters
    ----------
    screen
        Which marks.
    shape
        Rows and columns of the image.
    beats, start
        Beats that the ECG strip shows, and the phase it starts with.
    rng
        Places the marks.
    """
    rows, columns = shape
    marks = np.zeros(shape, np.uint8)
    size = max(1, round(min(shape) / 220))
    level = int(np.clip(screen.level, 1, 255))
    for line in range(screen.text_lines):
        text = _text(rng, int(rng.integers(3, 10)), size)
        corner_x = 2 * size if line % 2 == 0 else columns - text.shape[1] - 2 * size
        _stamp(marks, text, 2 * size + 7 * size * (line // 2), corner_x, level)
    if screen.depth_scale:
        column = columns - 3 * size
        for number, row in enumerate(np.linspace(0.04 * rows, 0.94 * rows, 17).astype(int)):
            length = 3 * size if number % 5 == 0 else size
            marks[row : row + size, max(column - length, 0) : column] = level
    if screen.grey_bar:
        top, bottom = int(0.1 * rows), int(0.4 * rows)
        marks[top:bottom, size : 4 * size] = np.linspace(255, 1, bottom - top).astype(np.uint8)[:, None]
    if screen.marker:
        y, x = np.ogrid[:rows, :columns]
        at = (int(0.05 * rows), int(columns * rng.uniform(0.55, 0.65)))
        marks[(y - at[0]) ** 2 + (x - at[1]) ** 2 <= (1.8 * size) ** 2] = level
    if screen.buttons:
        height = 8 * size
        marks[rows - height :] = max(1, level // 6)
        for left in np.linspace(2 * size, columns, 6)[:-1].astype(int):
            _stamp(marks, _text(rng, 4, size), rows - height + size, int(left), level)
    trace = _ecg(columns, rows, beats, start) if screen.ecg else None
    return Furniture(marks, trace, level)
