"""Masks of a clip from a file: what `segment` writes, and what other tools write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import MeasureError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine

__all__ = ["read_masks"]

_MOST = 255


def read_masks(path: Path, cine: Cine) -> NDArray[np.uint8]:
    """Read the masks of a clip.

    Parameters
    ----------
    path
        NIfTI, MetaImage, NRRD; a NumPy array (``.npy``) of (T, Y, X) or (Y, X); or a PNG, BMP or TIFF of a single
        frame. Values are classes; a mask of 0 and 255 counts as 0 and 1. What was turned by another tool is turned
        back onto the picture.
    cine
        The clip they belong to.

    Returns
    -------
    numpy.ndarray
        (T, Y, X) classes.

    Raises
    ------
    MeasureError
        If the file cannot be read, holds no classes, is of another size than the clip, or lies elsewhere.
    """
    from matae.maskfile import MaskFileError, MaskSizeError, read_mask_file

    if path.is_dir():
        raise MeasureError(f"{path} is a folder; give the file in it that holds the masks of this clip.")
    if not path.is_file():
        raise MeasureError(f"{path} does not exist; check the path of the mask.")
    try:
        return read_mask_file(path, cine.frames.shape, cine.geometry, most=_MOST)
    except MaskSizeError as error:
        there = " x ".join(map(str, error.there)) or "one number"
        wanted = " x ".join(map(str, cine.frames.shape))
        raise MeasureError(
            f"{path.name} is {there}, {cine.source.name} is {wanted} (frames, rows, columns); choose the mask of this "
            "clip."
        ) from error
    except MaskFileError as error:
        raise MeasureError(str(error)) from error
