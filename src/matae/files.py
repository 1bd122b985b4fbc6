"""Files on disk: written whole or not at all, and failures said in one sentence."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["file_sha256", "remove_abandoned", "staged", "write_atomic", "writing_to"]

_STAGE = (".matae-", ".part")
_ABANDONED_SECONDS = 24 * 3600.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a neighbour first, then renamed over.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; the old file is untouched.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into a sentence for the user.

    Parameters
    ----------
    folder
        Where the files go; named in the sentence.

    Raises
    ------
    OutputError
        Instead of any OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            text = f"The disk of {folder} is full; free some space or choose another folder."
        elif error.errno in _FORBIDDEN:
            text = f"{folder} cannot be written to; choose another folder."
        elif error.errno in {errno.ENOTDIR, errno.EEXIST}:
            text = f"{folder} is a file or lies below one; choose a folder."
        else:
            text = f"{folder} cannot be written to ({error.strerror or error}); choose another folder."
        raise OutputError(text) from error


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a hidden folder inside `folder` to write into; it is gone afterwards, however the block ends.

    It is on the same file system, so that what is finished can be renamed into place.

    Parameters
    ----------
    folder
        Made if missing.

    Yields
    ------
    pathlib.Path
        The empty folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=_STAGE[0], suffix=_STAGE[1], dir=folder))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what `staged` left in a folder when a program was killed: those in which nothing changed for a day.

    Parameters
    ----------
    folder
        Where stages were made; it may be missing.
    """
    prefix, suffix = _STAGE
    for stage in folder.glob(f"{prefix}*{suffix}"):
        with suppress(OSError):  # another program may remove it just now
            latest = max(path.stat().st_mtime for path in (stage, *stage.iterdir()))
            if time.time() - latest > _ABANDONED_SECONDS:
                shutil.rmtree(stage, ignore_errors=True)
