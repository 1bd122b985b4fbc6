"""Masks as volumes: their headers held against the picture and the size of the file, then read by ITK."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.maskfile._place import Header, laid_over
from matae.maskfile._values import MaskFileError, other_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Geometry

__all__ = ["check_header", "read_volume"]

_RATIO = 1100  # deflate packs no tighter than 1032 to 1


def read_volume(path: Path, shape: tuple[int, ...], geometry: Geometry | None) -> NDArray[Any]:
    import SimpleITK as sitk  # noqa: N813 - the name SimpleITK's own documentation uses

    damaged = f"{path.name} is damaged or no mask file, so it cannot be read; copy it again."
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        check_header(path)
        reader.ReadImageInformation()
        size = tuple(int(extent) for extent in reader.GetSize())
        if sorted(n for n in size if n > 1) != sorted(n for n in shape if n > 1) or reader.GetNumberOfComponents() != 1:
            raise other_size(path, size[::-1], shape)
        _check_bytes(path, reader)
        direction = np.array(reader.GetDirection(), np.float64).reshape(len(size), -1)
        # A negative pixel size is an axis that runs the other way.
        steps = np.array(reader.GetSpacing(), np.float64)
        direction = direction * np.where(steps < 0, -1.0, 1.0)
        header = Header(size, tuple(np.abs(steps).tolist()), reader.GetOrigin(), direction)
        image = reader.Execute()
    except RuntimeError as error:
        raise MaskFileError(damaged) from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)
    return laid_over(sitk.GetArrayFromImage(image), header, shape, geometry, path)


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


def check_header(path: Path) -> None:
    """Refuse a header that ITK must not see: one that names files elsewhere, or more axes than it has room for.

    MetaIO holds ten axes and looks at no bound: with more it writes beyond them.

    Raises
    ------
    MaskFileError
        If it is one of these.
    """
    suffix = path.name.lower()
    if suffix.endswith((".mhd", ".mha")):
        with path.open("rb") as file:
            axes = re.findall(rb"NDims[\s=:]*([^\s]*)", file.read(65536), re.IGNORECASE)
        if not axes or any(re.fullmatch(rb"[1-9]|10", number) is None for number in axes):
            raise MaskFileError(f"{path.name} is damaged or no MetaImage file, so it cannot be read; copy it again.")
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
