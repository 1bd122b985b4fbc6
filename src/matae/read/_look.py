"""What a path is, told by its name and first bytes: whether opening it is worth trying."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._formats import SUFFIXES, full_suffix, is_label_name, kind_of_bytes, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["can_read", "is_candidate", "is_supported_suffix", "is_there", "walk"]

_LOOKED_AT = 64  # files of an archive looked into before it counts as holding nothing of ours
_MANY = 2000  # entries looked at before a folder counts as holding nothing of ours
_MASK_FOLDERS = ("mask", "masks", "label", "labels", "gt")


def is_there(path: Path) -> bool:
    """Say whether there is a file or folder, or a file within a zip archive."""
    if path.exists():
        return True
    from matae.read._archive import archive_of, members

    try:
        inside = archive_of(path)
        return inside is not None and any(name == inside[1] for name, _ in members(inside[0]))
    except ReadError:
        return False


def is_supported_suffix(path: Path | str) -> bool:
    """Say whether the file name ends like a format with a reader."""
    return full_suffix(Path(path)) in SUFFIXES


def can_read(path: Path | str) -> bool:
    """Say whether `open_cine` or `list_cines` is worth trying; at most the first bytes of a file are read.

    A damaged file with a known suffix counts as readable, so that the user gets the sentence that says what is
    wrong with it.
    """
    path = Path(path)
    if path.is_dir():
        return any(is_candidate(file) for file in walk(path, limit=_MANY))
    try:
        kind = sniff(path) if path.is_file() else None
        return _holds_cines(path) if kind == "zip" else kind is not None
    except ReadError:
        return False


def _holds_cines(archive: Path) -> bool:
    """Say whether a zip archive may be a study, by the names in it and the beginnings of a few files."""
    from matae.read._archive import members, opened

    for name, info in members(archive)[:_LOOKED_AT]:
        if SUFFIXES.get(full_suffix(PurePath(name))) in ("dicom", "video", "volume"):
            return True
        with opened(archive, info) as file:
            if kind_of_bytes(file.read(352)) == "dicom":
                return True
    return False


def walk(folder: Path, *, limit: int | None = None) -> Iterator[Path]:
    """Yield the files below a folder, hidden ones and mask folders left out; at most `limit`."""
    count = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name.lower() not in _MASK_FOLDERS)
        for name in names:
            count += 1
            if limit is not None and count > limit:
                return
            yield Path(parent, name)


def is_candidate(path: Path) -> bool:
    """Say whether a file found in a folder may be a cine, reading its first bytes only when its suffix is unknown."""
    if path.name.startswith(".") or path.name.upper() == "DICOMDIR" or is_label_name(path):
        return False
    if is_supported_suffix(path):
        return True
    try:
        return sniff(path) is not None
    except ReadError:
        return False
