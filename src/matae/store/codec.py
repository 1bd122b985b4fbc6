"""A mask as compressed PNG and back, and its digest."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import StoreError

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["as_class_map", "decode_mask", "digest_of", "encode_mask"]

_RUNS = 3  # zlib's Z_RLE: a mask is runs of equal pixels; as quick as level 1 and half the bytes of level 3
_END = b"IEND\xaeB`\x82"


def as_class_map(mask: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mask as (Y, X) uint8.

    Raises
    ------
    StoreError
        If it is not a class map of `shape`.
    """
    array = np.asarray(mask)
    if array.shape != shape:
        raise StoreError(
            f"A mask of {' x '.join(map(str, array.shape)) or 'no'} pixels does not belong to frames of "
            f"{shape[0]} x {shape[1]}; masks are stored in the cine's own pixels."
        )
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype != np.bool_ and not np.issubdtype(array.dtype, np.integer):
        raise StoreError(f"A mask holds whole class numbers, not {array.dtype}; round it or compare it first.")
    if array.size and (int(array.min()) < 0 or int(array.max()) > 255):
        raise StoreError("A mask holds class numbers from 0 to 255; others cannot be stored.")
    return np.ascontiguousarray(array, dtype=np.uint8)


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """Return the mask, (Y, X) uint8, as PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG", compress_type=_RUNS)
    return buffer.getvalue()


def decode_mask(png: bytes, digest: str | None = None) -> NDArray[np.uint8]:
    """Return the mask in a PNG, (Y, X) uint8.

    Parameters
    ----------
    png
        As `encode_mask` makes it.
    digest
        What `digest_of` said of the mask when it was stored; checked if given.

    Raises
    ------
    StoreError
        If the bytes are damaged.
    """
    from PIL import Image

    damaged = StoreError(
        "A stored mask is damaged; run 'napari-matae study check', and go back to a backup of the study."
    )
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            mask = np.asarray(image, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError) as error:
        raise damaged from error
    if not png.endswith(_END) or mask.ndim != 2 or (digest is not None and digest_of(mask) != digest):
        raise damaged
    return mask


def digest_of(mask: NDArray[np.uint8]) -> str:
    """Return the sha256 of the mask's pixels and shape: equal masks are stored once."""
    digest = hashlib.sha256(np.array(mask.shape, "<i8").tobytes())
    digest.update(mask.data)
    return digest.hexdigest()
