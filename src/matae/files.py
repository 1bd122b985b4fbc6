"""Files on disk: written whole or not at all, and failures said in one sentence."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import OutputError, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["file_sha256", "is_file_or_folder", "is_folder", "staged", "sweep", "write_atomic", "writing_to"]

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
# A batch shows its folder to its workers by .matae-run-*.part, for as many days as it takes.
_LEFT = re.compile(r"\.matae-(?!run-)(?:(?P<where>[0-9a-f]{8})-(?P<pid>\d+)-)?.+\.part(?:-(?:wal|shm|journal))?")
_STALE_SECONDS = 24 * 3600
_swept: set[Path] = set()


def is_folder(path: Path) -> bool:
    """Return whether there is a folder of this name, which may be one that no folder can have."""
    return os.path.isdir(path)  # noqa: PTH112 - pathlib's raises an error for a name that is too long


def is_file_or_folder(path: Path) -> bool:
    """Return whether there is a file or folder of this name, which may be one that none can have."""
    return os.path.exists(path)  # noqa: PTH110 - as above


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
        elif error.errno == errno.EFBIG:
            text = f"A file in {folder} may not be this large; choose a folder of another disk, or raise the limit."
        elif error.errno in _FORBIDDEN:
            text = f"{folder} cannot be written to; choose another folder."
        elif error.errno in {errno.ENOTDIR, errno.EEXIST}:
            text = f"{folder} is a file or lies below one; choose a folder."
        elif (sentence := too_long(error)) is not None:
            text = sentence
        else:
            text = f"{folder} cannot be written to ({error.strerror or error}); choose another folder."
        raise OutputError(text) from error


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a hidden folder inside `folder` to write into; it is gone afterwards, however the block ends.

    It is on the same file system, so that what is finished can be renamed into place. What a program that was killed
    left there before goes first (`sweep`).

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
    sweep(folder)
    stage = Path(tempfile.mkdtemp(prefix=f".matae-{_where()}-{os.getpid()}-", suffix=".part", dir=folder))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Delete what programs of ours that were killed left in a folder; once a process, it may hold many files.

    What is half-written is known by its name, which says who writes it. It goes when that process is gone, or when it
    is a day old and nobody on this machine writes it.

    Parameters
    ----------
    folder
        Where results are written.
    """
    if folder in _swept:
        return
    _swept.add(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        for left in [entry for entry in entries if _LEFT.fullmatch(entry.name)]:
            with suppress(OSError):
                if not _is_abandoned(left):
                    continue
                if left.is_dir(follow_symlinks=False):
                    shutil.rmtree(left.path, ignore_errors=True)
                else:
                    Path(left.path).unlink(missing_ok=True)


def _is_abandoned(left: os.DirEntry[str]) -> bool:
    named = _LEFT.fullmatch(left.name)
    if named is not None and named["where"] == _where():
        return not _is_running(int(named["pid"]), left.stat(follow_symlinks=False).st_mtime)
    return time.time() - _last_change(left) > _STALE_SECONDS


def _last_change(left: os.DirEntry[str]) -> float:
    """Return when something was last written: a folder keeps its time while a video inside it grows for days."""
    inside = Path(left.path).rglob("*") if left.is_dir(follow_symlinks=False) else ()
    return max([left.stat(follow_symlinks=False).st_mtime, *(path.lstat().st_mtime for path in inside)])


def _is_running(pid: int, since: float) -> bool:
    """Say whether a process of this machine runs that already ran at a time; another may have its number since."""
    try:
        import psutil
    except ImportError:  # where only PyTorch is: nothing is known of other processes
        return time.time() - since < _STALE_SECONDS
    try:
        return bool(psutil.Process(pid).create_time() <= since + 1)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


@cache
def _where() -> str:
    """Return a short code of what numbers of processes mean something in: the machine, since it started, its container.

    A folder in the network is written from several machines, each with numbers of its own.
    """
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
