"""Masks of a clip from a file: what `segment` writes, and what other tools write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import MeasureError, ReadError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine

__all__ = ["read_masks"]

_VOLUMES = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr")


def read_masks(path: Path, cine: Cine) -> NDArray[np.uint8]:
    """Read the masks of a clip.

    Parameters
    ----------
    path
        NIfTI, MetaImage, NRRD; a NumPy array (``.npy``) of (T, Y, X) or (Y, X); or a PNG of a single frame. Values are
        classes; a mask of 0 and 255 counts as 0 and 1.
    cine
        The clip they belong to.

    Returns
    -------
    numpy.ndarray
        (T, Y, X) classes.

    Raises
    ------
    MeasureError
        If the file cannot be read, holds no classes, or is of another size than the clip.
    """
    if path.is_dir():
        raise MeasureError(f"{path} is a folder; give the file in it that holds the masks of this clip.")
    if not path.is_file():
        raise MeasureError(f"{path} does not exist; check the path of the mask.")
    values = _read(path)
    if values.ndim == 4 and values.shape[0] == 1:
        values = values[0]
    values = values[np.newaxis] if values.ndim == 2 else values
    if values.shape != cine.frames.shape:
        raise MeasureError(
            f"{path.name} is {_size(values.shape)}, {cine.source.name} is {_size(cine.frames.shape)} "
            "(frames, rows, columns); choose the mask of this clip."
        )
    if values.dtype.kind not in "bui" and not (
        values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.rint(values)).all()
    ):
        raise MeasureError(f"{path.name} holds no whole numbers, so it is no mask; choose the mask of this clip.")
    if values.size and (values.min() < 0 or values.max() > 255):
        raise MeasureError(f"{path.name} holds values outside 0 to 255, so it is no mask; choose another file.")
    masks = values.astype(np.uint8)
    if masks.max(initial=0) == 255 and np.isin(masks, (0, 255)).all():
        masks = (masks > 0).astype(np.uint8)
    return masks


def _too_many_pixels() -> type[Exception]:
    from PIL.Image import DecompressionBombError

    return DecompressionBombError


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _read_volume(path: Path) -> NDArray[Any]:
    """Read a volume whose header claims no more than the file holds; what it claims is allocated."""
    import SimpleITK

    from matae.read._volume_header import alone, check_extent, check_metaimage

    check_metaimage(path)
    with alone(path) as place:
        reader = SimpleITK.ImageFileReader()
        reader.SetFileName(str(place))
        reader.ReadImageInformation()
        check_extent(path, reader, tuple(int(extent) for extent in reader.GetSize()))
        return np.asarray(SimpleITK.GetArrayFromImage(reader.Execute()))


def _read(path: Path) -> NDArray[Any]:
    name = path.name.lower()
    unreadable = f"{path.name} cannot be read as a mask; give NIfTI, MetaImage, NRRD, NumPy (.npy) or PNG."
    try:
        if name.endswith(".npy"):
            return np.asarray(np.load(path, allow_pickle=False))
        if name.endswith(_VOLUMES):
            return _read_volume(path)
        if name.endswith(".png"):
            from PIL import Image

            with Image.open(path) as picture:
                return np.asarray(picture if picture.mode in ("L", "P", "1", "I", "I;16") else picture.convert("L"))
    except ReadError as error:
        raise MeasureError(str(error)) from error
    except (OSError, ValueError, RuntimeError, EOFError, SyntaxError, MemoryError, _too_many_pixels()) as error:
        raise MeasureError(unreadable) from error
    raise MeasureError(unreadable)
