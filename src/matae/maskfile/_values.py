"""What a mask may hold, and how a file that is none is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MOST_CLASSES", "MaskFileError", "MaskSizeError", "as_classes", "called", "other_size", "trimmed"]

MOST_CLASSES = 20
"""Classes a mask may hold."""


class MaskFileError(ReadError):
    """A file cannot be read as the mask of a picture."""


class MaskSizeError(MaskFileError):
    """A mask has another size than its picture.

    Parameters
    ----------
    message
        The sentence.
    there
        Size of the mask, rows and columns last.
    """

    def __init__(self, message: str, there: Sequence[int]) -> None:
        super().__init__(message)
        self.there = tuple(there)


def as_classes(values: NDArray[Any], name: str, *, most: int = MOST_CLASSES) -> NDArray[np.uint8]:
    """Return values as classes, (…) uint8; where there is nothing but 0 and 255 (or 65535), these are 0 and 1.

    Raises
    ------
    MaskFileError
        If one is no whole number from 0 to `most`.
    """
    if values.dtype == bool:
        return np.asarray(values, np.uint8)
    if values.dtype.kind not in "uif":
        raise MaskFileError(f"{name} holds no numbers, so it is no mask; choose another file.")
    if not values.size:
        return np.asarray(values, np.uint8)
    low, high = values.min(), values.max()
    if high in (255, 65535) and low in (0, high) and not np.any((values != 0) & (values != high)):
        return np.asarray(values != 0, np.uint8)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and np.array_equal(values, np.rint(values))):
        raise MaskFileError(f"{name}: a mask holds whole numbers; this file holds fractions.")
    if low < 0 or high > most:
        raise MaskFileError(f"{name}: a mask holds classes from 0 to {most}; this file holds other values.")
    return np.asarray(values, np.uint8)


def called(path: Path) -> str:
    """Return a name that a person finds among many folders of pictures."""
    return f"{path.parent.name}/{path.name}"


def size_text(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def other_size(path: Path, there: Sequence[int], shape: Sequence[int]) -> MaskSizeError:
    return MaskSizeError(
        f"{path.name} is {size_text(there)}, its picture {size_text(shape)} (rows, columns last); a mask must have the "
        "size of its picture.",
        there,
    )
