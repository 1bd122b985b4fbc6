"""Single pictures of frames and masks as PNG, and masks read back with bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.errors import ExchangeError
from matae.exchange.nifti import as_classes

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
    """Read a mask picture: class numbers, or 0 and 255 for one class.

    Parameters
    ----------
    path
        A PNG, BMP or TIFF; grey, palette or black and white.
    shape
        Rows and columns of its picture; another size is refused before a pixel is unpacked.

    Raises
    ------
    ExchangeError
        If it is missing, damaged, of another size, or holds no classes.
    """
    from PIL import Image

    if not path.is_file():
        raise ExchangeError(f"{path.parent.name}/{path.name} is missing; copy the data again.")
    name = f"{path.parent.name}/{path.name}"
    try:
        with Image.open(path, formats=("PNG", "BMP", "TIFF")) as picture:
            if picture.size != (shape[1], shape[0]):
                raise ExchangeError(
                    f"{name} is {picture.size[0]} x {picture.size[1]} pixels, its picture {shape[1]} x {shape[0]}; "
                    "a mask must have the size of its picture."
                )
            plain = picture.mode in {"1", "L", "P", "I;16", "I"}
            values = np.asarray(picture if plain else picture.convert("L"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ExchangeError(f"{name} is a damaged picture; copy the data again.") from error
    if values.dtype == bool or (values.size and values.max() > 1 and not (values % 255).any()):
        return (values > 0).astype(np.uint8)
    return as_classes(values, name)
