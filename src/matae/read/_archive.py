"""Studies that came as a zip: listed from the archive, and taken out one file at a time.

Names in an archive are never used as paths: what is read is copied to one temporary file, which is gone afterwards.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from matae.errors import ReadError, ScratchError
from matae.read._formats import full_suffix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

__all__ = ["archive_of", "is_archive", "members", "opened", "taken_out"]

_MOST_MEMBERS = 20_000
_LARGEST = 8 * 2**30  # bytes of one file
_RATIO = 1000  # to which anything real is compressed at most; beyond it, an archive is made to fill a disk
_FREE = 64 * 2**20


def is_archive(path: Path) -> bool:
    """Say whether a file is a zip archive by its name and its first bytes."""
    if full_suffix(path) != ".zip" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in (b"PK\3\4", b"PK\5\6")


def archive_of(path: Path) -> tuple[Path, str] | None:
    """Return the archive that a path leads into and the member's name, for ``study.zip/IMAGES/IM1``."""
    for parent in path.parents:
        if parent.suffix.lower() == ".zip" and is_archive(parent):
            return parent, path.relative_to(parent).as_posix()
    return None


def members(path: Path) -> list[tuple[str, zipfile.ZipInfo]]:
    """Return the files of an archive with the names to show them under.

    Raises
    ------
    ReadError
        If the archive is damaged, locked by a password, or holds too many files.
    """
    with _archive(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > _MOST_MEMBERS:
        raise ReadError(f"{path.name} holds {len(infos)} files, more than a study; unpack it and open the folder.")
    if any(info.flag_bits & 1 for info in infos):
        raise ReadError(f"{path.name} is locked by a password; unpack it and open the folder.")
    return [(name, info) for info in infos if (name := _safe(info.filename)) and not _is_hidden(name)]


def _safe(name: str) -> str:
    """Return a name without what would lead out of the archive."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    return "/".join(part.replace(":", "_") for part in parts)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


@contextmanager
def opened(path: Path, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """Open a member to look at its beginning; it is uncompressed as far as it is read.

    Raises
    ------
    ReadError
        If it is damaged.
    """
    with _archive(path) as archive, archive.open(info) as file:
        yield file


@contextmanager
def taken_out(path: Path, member: str) -> Iterator[Path]:
    """Copy one file out of an archive, and delete the copy afterwards.

    Parameters
    ----------
    path
        The archive.
    member
        Name as `members` gives it.

    Raises
    ------
    ReadError
        If there is no such file, it is damaged, or it is larger than any clip.
    ScratchError
        If the temporary folder has no room for it.
    """
    info = next((info for name, info in members(path) if name == member), None)
    if info is None:
        raise ReadError(f"{path.name} holds no {member}; open the archive and choose from its list.")
    if info.file_size > _LARGEST or info.file_size > _RATIO * max(info.compress_size, 4096):
        raise ReadError(f"{member} in {path.name} is too large to be a clip; unpack it and open the file.")
    if shutil.disk_usage(tempfile.gettempdir()).free < info.file_size + _FREE:
        raise ScratchError(
            f"The temporary folder {tempfile.gettempdir()} cannot take {info.file_size / 2**20:.0f} MB; free some "
            "space, or set TMPDIR to a folder with room."
        )
    with tempfile.TemporaryDirectory(prefix="matae-zip-") as folder:
        # Under its own last name, which the messages show; a name of dots or a device is none.
        copy = Path(
            folder, "".join(c if c.isalnum() or c in "-_. ()" else "_" for c in Path(member).name).strip(". ") or "clip"
        )
        with opened(path, info) as source, copy.open("wb") as target:
            left = info.file_size
            # No more than the archive says: what is longer is damaged or made to fill the disk.
            while left > 0 and (piece := source.read(min(left, 2**20))):
                target.write(piece)
                left -= len(piece)
        yield copy


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        RuntimeError,
        UnicodeDecodeError,
        ValueError,
    ) as error:
        raise ReadError(
            f"{path.name} is a damaged archive; copy it again, or unpack it and open the folder."
        ) from error
