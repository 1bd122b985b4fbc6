"""What kind of file system a study lies on: not every one can keep SQLite's write-ahead log."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["file_system_of", "keeps_shared_memory"]

_LOCAL = frozenset(
    {
        "apfs", "autofs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fat", "fat32", "hfs", "jfs",
        "msdos", "ntfs", "ntfs3", "overlay", "ramfs", "refs", "reiserfs", "tmpfs", "ubifs", "ufs", "vfat", "xfs", "zfs",
    }
)  # fmt: skip
"""File systems of a disk, or of the memory, of this computer."""


def file_system_of(path: Path) -> str:
    """Return the kind of file system a path lies on, in lower case: ``ext4``, ``nfs4``, ``cifs``, ``fuse.sshfs``.

    On Windows a network drive is ``remote``. It is empty where the system does not say.

    Parameters
    ----------
    path
        A file or folder; where it is not there yet, the nearest folder above it that is.
    """
    import psutil

    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    place = place.resolve()
    if os.name == "nt" and str(place).startswith("\\\\"):
        return "remote"
    best, kind = "", ""
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):
        return ""
    for mount in mounts:
        # The last of equal ones lies over the others.
        if place.is_relative_to(mount.mountpoint) and len(mount.mountpoint) >= len(best):
            remote = os.name == "nt" and "remote" in mount.opts
            best, kind = mount.mountpoint, "remote" if remote else mount.fstype.lower()
    return kind


def keeps_shared_memory(path: Path) -> bool:
    """Return whether programs that open this file share its memory, as SQLite's write-ahead log needs it.

    True for the disks of this computer; False for network drives (NFS, SMB, AFP, WebDAV) and for whatever runs through
    FUSE, which may be either; true where the system does not say, as on a computer without a list of mounts.
    """
    kind = file_system_of(path)
    return not kind or kind in _LOCAL
