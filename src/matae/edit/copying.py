"""A structure as it is in another frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.edit.region import EditError, checked_mask
from matae.edit.structure import outlines, put_outlines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["paste"]


def paste(source: ArrayLike, onto: ArrayLike, label: int = 1) -> NDArray[np.uint8]:
    """Return `onto` with one class as it is in `source`: how a mask is copied from another frame.

    Parameters
    ----------
    source
        Where the class is taken from, (Y, X) class map.
    onto
        The mask of the frame that is changed, (Y, X). Its other classes stay as far as anatomy lets them, see
        `matae.edit.structure`.
    label
        The class that changes.

    Raises
    ------
    EditError
        If one is not a mask, or they differ in size.
    """
    first, second = checked_mask(source, label), checked_mask(onto, label)
    if first.shape != second.shape:
        raise EditError(
            f"A mask of {first.shape[0]} x {first.shape[1]} does not fit a frame of "
            f"{second.shape[0]} x {second.shape[1]}; copy between frames of one cine."
        )
    return put_outlines(second, outlines(first, label), label)
