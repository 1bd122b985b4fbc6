"""Single pictures of frames and masks as PNG, and masks read back with bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_mask", "write_png"]


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write an 8-bit grey PNG (Y, X); it holds pixels and nothing else."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG")


def read_mask(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Read a mask picture: class numbers, or 0 and 255 for one class; where it has transparency, what is seen of it.

    Parameters
    ----------
    path
        A PNG, BMP or TIFF.
    shape
        Rows and columns of its picture; another size is refused before a pixel is unpacked.

    Raises
    ------
    ExchangeError
        If it is missing, damaged, of another size, or holds no classes.
    """
    from matae.maskfile import MaskFileError, read_mask_file

    try:
        return read_mask_file(path, shape)
    except MaskFileError as error:
        raise ExchangeError(str(error)) from error
