"""ZIP archives from outside, unpacked beside themselves: names stay inside, sizes are bounded, whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING

from matae.errors import ExchangeError
from matae.exchange.names import inner_path
from matae.files import staged, writing_to

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["unpack"]

_MOST_FILES = 300_000
_RATIO = 1100  # deflate packs no tighter than 1032 to 1
_SPARE = 1 << 28
_CHUNK = 1 << 20


def unpack(archive: Path) -> Path:
    """Unpack an archive into a folder of its name beside it, and return that folder.

    Parameters
    ----------
    archive
        The ``.zip``.

    Raises
    ------
    ExchangeError
        If it is damaged, names a file outside its folder, holds links, claims more than it can hold or the disk has,
        or the folder is there already. Nothing is left behind.
    """
    folder = archive.with_suffix("")
    if folder.exists():
        raise ExchangeError(f"{folder} is there already; import that folder, or move it away first.")
    try:
        with zipfile.ZipFile(archive) as packed, writing_to(archive.parent):
            members = _members(packed, archive)
            with staged(archive.parent) as stage:
                for info, name in members:
                    _extract(packed, info, stage / name)
                inner = [path for path in stage.iterdir() if path.name != "__MACOSX"]
                # Most archives hold one folder; its contents are what is meant.
                source = inner[0] if len(inner) == 1 and inner[0].is_dir() else stage
                source.rename(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ExchangeError(f"{archive.name} is damaged, encrypted or no ZIP archive; pack the data again.") from error
    return folder


def _members(packed: zipfile.ZipFile, archive: Path) -> list[tuple[zipfile.ZipInfo, str]]:
    infos = [info for info in packed.infolist() if not info.is_dir()]
    if len(infos) > _MOST_FILES:
        raise ExchangeError(f"{archive.name} holds more than {_MOST_FILES:,} files; import the data in parts.")
    members, seen, total = [], set(), 0
    for info in infos:
        name = str(inner_path(info.filename, archive.name))
        if stat.S_ISLNK(info.external_attr >> 16) or name.lower() in seen:
            raise ExchangeError(f"{archive.name} holds a link, or a file twice ({name[:60]}); pack the data again.")
        seen.add(name.lower())
        total += info.file_size
        if info.file_size > info.compress_size * _RATIO + 65536:
            raise ExchangeError(f"{archive.name}: {name[:60]} claims more than it can hold; pack the data again.")
        members.append((info, name))
    free = shutil.disk_usage(archive.parent).free
    if total + _SPARE > free:
        raise ExchangeError(f"{archive.name} unpacks to {total / 1e9:.1f} GB, and the disk has less; free some space.")
    return members


def _extract(packed: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    left = info.file_size
    with packed.open(info) as source, path.open("xb") as target:
        while chunk := source.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise ExchangeError(f"{info.filename[:60]} holds more than the archive says; pack the data again.")
            target.write(chunk)
    os.utime(path)
