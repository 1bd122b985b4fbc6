"""Masks from NIfTI files, with the errors of an exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Geometry

__all__ = ["as_classes", "read_labels"]


def read_labels(path: Path, shape: tuple[int, ...], geometry: Geometry | None = None) -> NDArray[np.uint8]:
    """Read a mask file whose picture has `shape`, (Y, X) or (T, Y, X).

    Parameters
    ----------
    path
        The mask.
    shape
        Of its picture.
    geometry
        Where its picture lies.

    Raises
    ------
    ExchangeError
        If it cannot be read, is of another size, lies elsewhere, claims more than it holds, or holds no classes.
    """
    from matae.maskfile import MaskFileError, read_mask_file

    try:
        return read_mask_file(path, shape, geometry)
    except MaskFileError as error:
        raise ExchangeError(str(error)) from error


def as_classes(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return values as classes, (…) uint8.

    Raises
    ------
    ExchangeError
        If one is no class.
    """
    from matae import maskfile

    try:
        return maskfile.as_classes(values, name)
    except maskfile.MaskFileError as error:
        raise ExchangeError(str(error)) from error
