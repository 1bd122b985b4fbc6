"""Masks from files, read in one place and with bounds.

Nothing is unpacked before its header was held against the picture it belongs to and against the size of the file.
NIfTI, MetaImage and NRRD lie where they say they lie: a mask that was turned by another tool is turned back onto its
picture, and one that lies elsewhere is refused.
"""

from __future__ import annotations

import gzip
import math
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matae.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Geometry

__all__ = ["MOST_CLASSES", "PICTURES", "VOLUMES", "MaskFileError", "MaskSizeError", "as_classes", "read_mask_file"]

MOST_CLASSES = 20
"""Classes a mask may hold."""

VOLUMES = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr", ".seg.nrrd")
PICTURES = (".png", ".bmp", ".tif", ".tiff")

_RATIO = 1100  # deflate packs no tighter than 1032 to 1
_ALIKE = 1e-3  # of a cosine
_NEAR = 0.5  # of a pixel
_HALF = 128
_HALFWAY = 0.5
_SPACE = 4


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
        raise MaskFileError(f"{_called(path)} is missing; copy the data again.")
    if name.endswith(VOLUMES):
        values = _volume(path, shape, geometry)
    elif name.endswith(".npy"):
        values = _array(path, shape)
    elif name.endswith(PICTURES):
        if len(shape) == 3 and shape[0] != 1:
            raise MaskSizeError(
                f"{path.name} is one picture, its clip has {shape[0]}; choose the mask of the clip.", ()
            )
        values = _picture(path, (shape[-2], shape[-1])).reshape(shape)
    else:
        raise MaskFileError(
            f"{path.name} cannot be read as a mask; give NIfTI, MetaImage, NRRD, NumPy (.npy), PNG, BMP or TIFF."
        )
    return as_classes(values, _called(path) if name.endswith(PICTURES) else path.name, most=most)


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


def _called(path: Path) -> str:
    """Return a name that a person finds among many folders of pictures."""
    return f"{path.parent.name}/{path.name}"


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"


# --- arrays -----------------------------------------------------------------------------------------------------


def _array(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError, OverflowError) as error:
        raise MaskFileError(f"{path.name} cannot be read as a NumPy array; save the mask again.") from error
    there = tuple(values.shape)
    if _trimmed(there) != _trimmed(shape) or len(there) < 2:
        raise _other_size(path, there, shape)
    return np.asarray(values.reshape(shape))


def _trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _other_size(path: Path, there: Sequence[int], shape: Sequence[int]) -> MaskSizeError:
    return MaskSizeError(
        f"{path.name} is {_size(there)}, its picture {_size(shape)} (rows, columns last); a mask must have the size of "
        "its picture.",
        there,
    )


# --- pictures ---------------------------------------------------------------------------------------------------


def _picture(path: Path, shape: tuple[int, int]) -> NDArray[Any]:
    from PIL import Image

    name = _called(path)
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


# --- volumes ----------------------------------------------------------------------------------------------------


class _Header(NamedTuple):
    """Extent and place of a volume, axes in the order of ITK: columns first."""

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: NDArray[np.float64]


def _volume(path: Path, shape: tuple[int, ...], geometry: Geometry | None) -> NDArray[Any]:
    import SimpleITK as sitk  # noqa: N813 - the name SimpleITK's own documentation uses

    damaged = f"{path.name} is damaged or no mask file, so it cannot be read; copy it again."
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        _check_names(path)
        reader.ReadImageInformation()
        size = tuple(int(extent) for extent in reader.GetSize())
        if sorted(n for n in size if n > 1) != sorted(n for n in shape if n > 1) or reader.GetNumberOfComponents() != 1:
            raise _other_size(path, size[::-1], shape)
        _check_bytes(path, reader)
        header = _Header(
            size, reader.GetSpacing(), reader.GetOrigin(), np.array(reader.GetDirection()).reshape(len(size), -1)
        )
        image = reader.Execute()
    except RuntimeError as error:
        raise MaskFileError(damaged) from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)
    return _laid_over(sitk.GetArrayFromImage(image), header, shape, geometry, path)


def _check_bytes(path: Path, reader: Any) -> None:
    import SimpleITK as sitk  # noqa: N813

    count = math.prod(reader.GetSize())
    name = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    expected = count * next((bits // 8 for bits in (16, 32, 64) if f"{bits}-bit" in name), 1)
    suffix = path.name.lower()
    if suffix.endswith((".mhd", ".nhdr")):
        return  # held against its data file before
    held = path.stat().st_size
    if expected > held * (1 if suffix.endswith(".nii") else _RATIO):
        raise MaskFileError(f"{path.name} claims more pixels than it can hold; copy it again.")
    if suffix.endswith(".nii.gz") and not _unpacks_to(path, expected):
        # ITK fills what is missing with nothing, which would pass for "nothing was drawn".
        raise MaskFileError(f"{path.name} is damaged or incomplete, so it cannot be read; copy it again.")


def _unpacks_to(path: Path, expected: int) -> bool:
    held = 0
    try:
        with gzip.open(path) as file:
            while held < expected and (piece := file.read(1 << 20)):
                held += len(piece)
    except (OSError, EOFError, zlib.error):
        return False
    return held >= expected


def _check_names(path: Path) -> None:
    """Hold a header against the files it names, which must lie beside it, before ITK opens them."""
    suffix = path.name.lower()
    if not suffix.endswith((".mhd", ".nhdr")):
        return
    keys, sizes = ({"elementdatafile"}, "dimsize") if suffix.endswith(".mhd") else ({"data file", "datafile"}, "sizes")
    with path.open("rb") as file:
        text = file.read(65536).decode("utf-8", "replace").splitlines()
    sign = "=" if suffix.endswith(".mhd") else ":"
    pairs = [(key.strip().lower(), value.strip()) for key, _, value in (line.partition(sign) for line in text)]
    named = next(((place, value) for place, (key, value) in enumerate(pairs) if key in keys), None)
    if named is None:
        raise MaskFileError(f"{path.name} names no data file; copy it again.")
    place, value = named
    if value == "LOCAL":
        return
    names = [name.strip() for name in text[place + 1 :] if name.strip()] if value.startswith("LIST") else [value]
    for name in names:
        if not name or "/" in name or "\\" in name or name.startswith(".."):
            raise MaskFileError(
                f"{path.name} names '{name[:60]}', which does not stay inside its folder; use plain names."
            )
    if value.startswith("LIST") or "%" in value:
        return
    extent = next((said.split() for key, said in pairs if key == sizes), [])
    pixels = math.prod(int(n) for n in extent) if extent and all(n.isdigit() for n in extent) else 0
    marks = {("compresseddata", "true"), ("encoding", "gzip"), ("encoding", "gz")}
    packed = any((key, said.lower()) in marks for key, said in pairs)
    data = path.with_name(value)
    if not data.is_file() or pixels > data.stat().st_size * (_RATIO if packed else 1):
        raise MaskFileError(f"{path.name} claims more pixels than {value} holds; copy both again.")


def _laid_over(
    values: NDArray[Any], header: _Header, shape: tuple[int, ...], geometry: Geometry | None, path: Path
) -> NDArray[Any]:
    """Turn a mask so that it lies over its picture."""
    mask = _without_thickness(header, len(_trimmed(shape)))
    values = values.reshape(mask.size[::-1])
    stored = values.shape == _trimmed(shape)
    picture = _place(geometry, len(mask.size))
    turn = _turn(picture[1], mask.direction)
    if turn is None:
        # Without a stated place there is no angle either, only another way to write the same array.
        if geometry is None and stored:
            return values.reshape(shape)
        raise MaskFileError(f"{path.name} lies at an angle to its picture; save it on the picture's own grid.")
    axes, signs = turn
    turned = _turned(values, axes, signs)
    fits = turned.shape == _trimmed(shape)
    if fits and _is_near(mask, axes, signs, picture):
        return turned.reshape(shape)
    straight = axes == tuple(range(len(axes))) and min(signs) > 0
    if stored and (_states_no_place(mask) or (geometry is None and straight)):
        return values.reshape(shape)
    if not fits:
        raise _other_size(path, header.size[::-1], shape)
    raise MaskFileError(
        f"{path.name} does not lie where its picture lies: its origin or direction differs; save it with those of the "
        "picture."
    )


def _without_thickness(header: _Header, count: int) -> _Header:
    """Return a header of `count` axes: without those of one pixel, wherever they stand."""
    keep = list(range(len(header.size)))
    for axis in reversed(keep):
        if len(keep) > count and header.size[axis] == 1:
            keep.remove(axis)
    return _Header(
        tuple(header.size[axis] for axis in keep),
        tuple(header.spacing[axis] for axis in keep),
        header.origin,
        header.direction[:, keep],
    )


def _in_space(origin: Sequence[float], direction: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return origin and axes with room for three dimensions and time, whatever a file has of them."""
    place, axes = np.zeros(_SPACE), np.zeros((_SPACE, direction.shape[1]))
    place[: len(origin)], axes[: len(direction)] = origin, direction
    return place, axes


def _place(geometry: Geometry | None, count: int) -> tuple[NDArray[np.float64], ...]:
    """Return origin and axes (columns, rows, frames) of a picture; where its file states none, those of an array."""
    if geometry is None:
        return _in_space([0.0] * count, np.eye(count))
    there = len(geometry.origin)
    direction = np.array(geometry.direction, np.float64).reshape(there, there)
    # With four axes the third is the one slice of the plane.
    axes = [0, 1, 3] if there == _SPACE else [0, 1, 2]
    return _in_space(geometry.origin, direction[:, [axis for axis in axes[:count] if axis < there]])


def _turn(
    picture: NDArray[np.float64], mask: NDArray[np.float64]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:  # fmt: skip
    """Return, for each axis of the picture, the axis of the mask that runs along it and its sense."""
    relation = picture.T @ _in_space((), mask)[1]
    plane = np.rint(relation[:2])
    if np.abs(relation[:2] - plane).max() > _ALIKE or not (np.abs(plane).sum(1) == 1).all():
        return None
    axes = [int(np.abs(row).argmax()) for row in plane]
    signs = [int(row[axis]) for row, axis in zip(plane, axes, strict=True)]
    if axes[0] == axes[1]:
        return None
    for frames in set(range(mask.shape[1])).difference(axes):
        # Frames run backwards only where both files give that axis a direction, and it is the opposite one.
        backwards = len(relation) > 2 and relation[2, frames] < -_HALFWAY
        axes, signs = [*axes, frames], [*signs, -1 if backwards else 1]
    return tuple(axes), tuple(signs)


def _turned(values: NDArray[Any], axes: tuple[int, ...], signs: tuple[int, ...]) -> NDArray[Any]:
    count = len(axes)
    # Arrays have their axes the other way round: frames, rows, columns.
    order = [count - 1 - axes[count - 1 - place] for place in range(count)]
    steps = tuple(slice(None, None, signs[count - 1 - place]) for place in range(count))
    return np.ascontiguousarray(values.transpose(order)[steps])


def _is_near(
    mask: _Header, axes: tuple[int, ...], signs: tuple[int, ...], picture: tuple[NDArray[np.float64], ...]
) -> bool:
    """Say whether the first pixel of the turned mask lies on that of the picture, to half a pixel in the plane."""
    first = np.zeros(len(axes))
    for axis, sign in zip(axes[:2], signs[:2], strict=True):
        first[axis] = 0 if sign > 0 else mask.size[axis] - 1
    spacing = np.array(mask.spacing, np.float64)
    origin, direction = _in_space(mask.origin, mask.direction)
    away = picture[1][:, :2].T @ (origin + direction @ (spacing * first) - picture[0]) / spacing[list(axes[:2])]
    return bool((np.abs(away) < _NEAR).all())


def _states_no_place(mask: _Header) -> bool:
    """Say whether origin and direction are those that writers put where they know none."""
    plane = mask.direction[:2, :2]
    straight = (np.abs(np.abs(plane) - np.eye(2)) < _ALIKE).all() and plane[0, 0] * plane[1, 1] > 0
    return bool(straight and np.abs(mask.origin[:2]).max() < _ALIKE)
