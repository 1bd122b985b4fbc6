"""Readers: one module a format, each from a path to a `matae.cine.Cine`.

`open_cine` picks the reader by the first bytes of the file, then by its suffix. `list_cines` says what a file or
folder holds without decoding it. Importing this package loads no codec.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._formats import SUFFIXES, file_stem
from matae.read._list import list_cines
from matae.read._look import can_read, is_supported_suffix, is_there
from matae.read._refs import CineList, CineRef

if TYPE_CHECKING:
    from matae.cine import Cine

__all__ = [
    "SUPPORTED_SUFFIXES",
    "CineList",
    "CineRef",
    "can_read",
    "file_stem",
    "is_supported_suffix",
    "is_there",
    "list_cines",
    "open_cine",
]

SUPPORTED_SUFFIXES: tuple[str, ...] = tuple(SUFFIXES)
"""Lower-case file suffixes with a reader. DICOM files are also recognised without one."""


def open_cine(path: Path | str, *, third_axis_is_time: bool = False) -> Cine:
    """Open a file, or a folder that holds one cine.

    Parameters
    ----------
    path
        DICOM (with or without suffix), video, NIfTI, MetaImage, NRRD, TIFF or other picture, NumPy file; a folder
        of pictures; or a folder with exactly one clip.
    third_axis_is_time
        For NIfTI, MetaImage and NRRD: take the third axis for time even where it looks like depth.

    Returns
    -------
    Cine
        Native pixels, with frame times and spacing where the source states them soundly.

    Raises
    ------
    ReadError
        If there is nothing readable, or a folder holds several clips.
    """
    path = Path(path)
    found = list_cines(path)
    only = found.only()
    if only is None:
        raise ReadError(f"{path.name} holds {len(found)} clips; choose one of them.")
    return only.open(third_axis_is_time=third_axis_is_time)
