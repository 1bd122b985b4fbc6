"""Masks from files, read in one place and with bounds.

Nothing is unpacked before its header was held against the picture it belongs to and against the size of the file.
NIfTI, MetaImage and NRRD lie where they say they lie: a mask that was turned by another tool is turned back onto its
picture, and one that lies elsewhere is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.maskfile._values import (
    MOST_CLASSES,
    MaskFileError,
    MaskSizeError,
    as_classes,
    called,
    other_size,
    trimmed,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Geometry

__all__ = [
    "MOST_CLASSES",
    "PICTURES",
    "VOLUMES",
    "MaskFileError",
    "MaskSizeError",
    "as_classes",
    "check_header",
    "read_mask_file",
]

VOLUMES = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr", ".seg.nrrd")
PICTURES = (".png", ".bmp", ".tif", ".tiff")


def read_mask_file(
    path: Path, shape: tuple[int, ...], geometry: Geometry | None = None, *, most: int = MOST_CLASSES
) -> NDArray[np.uint8]:
    """Read the mask of a picture or clip.

    Parameters
    ----------
    path
        NIfTI, MetaImage or NRRD; a NumPy array (``.npy``); a PNG, BMP or TIFF of a single frame.
    shape
        (T, Y, X) or (Y, X) of what it belongs to.
    geometry
        Where that lies, if its file says so.
    most
        Largest class.

    Returns
    -------
    numpy.ndarray
        Classes, of `shape`. A mask of 0 and 255 is one of 0 and 1.

    Raises
    ------
    MaskFileError
        If it is missing, damaged, of another size, lies elsewhere, claims more than it holds, or holds no classes.
    """
    name = path.name.lower()
    if not path.is_file():
        raise MaskFileError(f"{called(path)} is missing; copy the data again.")
    if name.endswith(VOLUMES):
        from matae.maskfile._volume import read_volume

        values = read_volume(path, shape, geometry)
    elif name.endswith(".npy"):
        values = _array(path, shape)
    elif name.endswith(PICTURES):
        if len(shape) == 3 and shape[0] != 1:
            raise MaskFileError(f"{path.name} is one picture, its clip has {shape[0]}; choose the mask of the clip.")
        from matae.maskfile._picture import read_picture

        values = read_picture(path, (shape[-2], shape[-1])).reshape(shape)
    else:
        raise MaskFileError(
            f"{path.name} cannot be read as a mask; give NIfTI, MetaImage, NRRD, NumPy (.npy), PNG, BMP or TIFF."
        )
    return as_classes(values, called(path) if name.endswith(PICTURES) else path.name, most=most)


def _array(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError, OverflowError) as error:
        raise MaskFileError(f"{path.name} cannot be read as a NumPy array; save the mask again.") from error
    there = tuple(values.shape)
    if trimmed(there) != trimmed(shape) or len(there) < 2:
        raise other_size(path, there, shape)
    return np.asarray(values.reshape(shape))


def check_header(path: Path) -> None:
    """Refuse a volume whose header ITK must not see; for those who read no more than the header themselves.

    Raises
    ------
    MaskFileError
        If it names files elsewhere, or more axes than ITK has room for.
    """
    from matae.maskfile import _volume

    _volume.check_header(path)
