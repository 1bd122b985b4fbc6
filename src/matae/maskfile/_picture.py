"""Masks as pictures: grey, black and white, palettes, and what is seen of a transparent one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.maskfile._values import MOST_CLASSES, MaskFileError, MaskSizeError, called

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_picture"]

_HALF = 128


def read_picture(path: Path, shape: tuple[int, int]) -> NDArray[Any]:
    from PIL import Image

    name = called(path)
    try:
        with Image.open(path, formats=("PNG", "BMP", "TIFF")) as picture:
            if picture.size != (shape[1], shape[0]):
                raise MaskSizeError(
                    f"{name} is {picture.size[0]} x {picture.size[1]} pixels, its picture {shape[1]} x {shape[0]}; "
                    "a mask must have the size of its picture.",
                    picture.size[::-1],
                )
            return _values(picture, name)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MaskFileError(f"{name} is a damaged picture; copy the data again.") from error


def _values(picture: Any, name: str) -> NDArray[Any]:
    """Return one number a pixel of an opened picture."""
    has_alpha = picture.mode in {"LA", "PA", "RGBA", "La", "RGBa"} or "transparency" in picture.info
    if has_alpha and not _background_is_clear(picture):
        return _out_of_alpha(np.asarray(picture.convert("RGBA")), name)
    if picture.mode in {"P", "PA"}:
        return _of_palette(picture)
    if picture.mode in {"1", "L", "I", "F"} or picture.mode.startswith("I;"):
        return np.asarray(picture)
    colours = np.asarray(picture.convert("RGB"))
    return _grey(colours, name)


def _background_is_clear(picture: Any) -> bool:
    """Say whether just the first entry of a palette (or grey 0) is see-through: then it is the background as it is."""
    clear = picture.info.get("transparency")
    if picture.mode not in {"P", "L", "1", "I", "I;16"}:
        return False
    if isinstance(clear, bytes):
        return all(alpha == 255 for alpha in clear[1:])
    return bool(clear == 0)


def _of_palette(picture: Any) -> NDArray[Any]:
    """Return the numbers of a palette picture, or its colours where these are black and white."""
    indices: NDArray[Any] = np.asarray(picture.convert("P") if picture.mode == "PA" else picture)
    entries = np.asarray(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    used = np.unique(indices)
    if used.size and used[-1] < len(entries):
        colours = entries[used]
        grey = colours[:, 0]
        # Two entries may stand in either order: what is white is the structure, not what has the number 1.
        if (colours == grey[:, None]).all() and (set(grey.tolist()) <= {0, 255} and len(used) > 1):
            indices = entries[indices, 0]
    return indices


def _grey(colours: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    if not (colours == colours[..., :1]).all():
        raise MaskFileError(f"{name} is a colour picture; a mask has one number a pixel, so save it in grey.")
    return colours[..., 0]


def _out_of_alpha(values: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Return the mask of a picture with transparency: what is seen of it is the structure.

    Editors leave any colour under what they make transparent, so a colour counts only where it is seen.
    """
    colours, alpha = values[..., :3], values[..., 3]
    if alpha.min() == alpha.max():
        return _grey(colours, name)
    seen = alpha >= _HALF
    if not seen.any():
        return seen.astype(np.uint8)
    first = colours[seen][0]
    if (colours[seen] == first).all():
        is_class = bool((first == first[0]).all()) and 1 <= first[0] <= MOST_CLASSES
        return seen.astype(np.uint8) * (first[0] if is_class else np.uint8(1))
    grey = _grey(np.where(seen[..., None], colours, np.uint8(0)), name)
    return np.where(seen, grey, np.uint8(0))
