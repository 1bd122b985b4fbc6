"""What a runtime made of a network, kept on disk, so that the second start is instant.

A file holds one form of one network: a line of JSON that says what it was made from and by, and the bytes. It is made
anew where it is damaged or by another version, which is said once. It can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import MataeError
from matae.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["GRAPH", "cache_folder", "cached", "forget", "version_of"]

GRAPH = "2"
"""What the network's graph is, beside its weights: another one where the same weights are computed otherwise.

2: without the imprint of the fold, see `matae.nn.unfold`.
"""
_MAGIC = b"napari-matae compiled network 1\n"
_MOST_BYTES = 400 * 2**20  # of all files together; the ones unused for longest go


def cache_folder() -> Path:
    """Return the folder of what can be made again at any time (not made here); ``MATAE_CACHE`` overrides it."""
    if override := os.environ.get("MATAE_CACHE"):
        return Path(override)
    import platformdirs

    return platformdirs.user_cache_path("napari-matae", appauthor=False)


def version_of(package: str) -> str:
    """Return the version of a package, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def cached(
    of: Mapping[str, str],
    by: Mapping[str, str],
    make: Callable[[], bytes],
    notify: Callable[[str], None] = lambda _: None,
) -> bytes:
    """Return the bytes that `make` gives, from disk where they were made before.

    Parameters
    ----------
    of
        What they are made of: the weights' digest, width, kind, hardware. Another one is another file.
    by
        What makes them: the versions. Where the file was made by others it is made anew.
    make
        Makes them.
    notify
        Called with a sentence where a file was there and could not be used.
    """
    path = _path(of)
    try:
        return _read(path, of, by)
    except FileNotFoundError:
        pass
    except (_OtherVersionError, _DamagedError, OSError) as error:
        notify(f"The compiled network {path.name} {_reason(error)}; it was made anew.")
    made = make()
    _write(path, of, by, made)
    return made


def forget(of: Mapping[str, str]) -> None:
    """Delete a file that a runtime refused."""
    with suppress(OSError):
        _path(of).unlink(missing_ok=True)


class _DamagedError(Exception):
    """The file is not what was written."""


class _OtherVersionError(Exception):
    """The file was made by another version."""


def _reason(error: Exception) -> str:
    if isinstance(error, _OtherVersionError):
        return f"was made by {error}"
    return "is damaged" if isinstance(error, _DamagedError) else f"cannot be read ({error.__class__.__name__})"


def _path(of: Mapping[str, str]) -> Path:
    digest = hashlib.sha256(json.dumps(dict(of), sort_keys=True).encode()).hexdigest()
    return cache_folder() / "compiled" / f"{of.get('kind', 'network')}-{digest[:24]}.bin"


def _read(path: Path, of: Mapping[str, str], by: Mapping[str, str]) -> bytes:
    data = path.read_bytes()
    head, _, rest = data.removeprefix(_MAGIC).partition(b"\n")
    try:
        known = json.loads(head)
        made_of, made_by, digest = known["of"], known["by"], known["sha256"]
    except (ValueError, KeyError, TypeError):
        raise _DamagedError from None
    if not data.startswith(_MAGIC) or made_of != dict(of) or not isinstance(made_by, dict):
        raise _DamagedError
    if made_by != dict(by):
        raise _OtherVersionError(", ".join(f"{name} {version}" for name, version in made_by.items()))
    if hashlib.sha256(rest).hexdigest() != digest:
        raise _DamagedError
    with suppress(OSError):
        os.utime(path)  # used now: others go first
    return rest


def _write(path: Path, of: Mapping[str, str], by: Mapping[str, str], made: bytes) -> None:
    head = {"of": dict(of), "by": dict(by), "sha256": hashlib.sha256(made).hexdigest()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, _MAGIC + json.dumps(head).encode() + b"\n" + made)
        _prune(path.parent)
    except (OSError, MataeError):
        return  # a full or read-only disk makes the next start slower, no more


def _prune(folder: Path) -> None:
    files = sorted(((file.stat().st_mtime, file.stat().st_size, file) for file in folder.glob("*.bin")), reverse=True)
    total = 0
    for _, size, file in files:
        total += size
        if total > _MOST_BYTES:
            file.unlink(missing_ok=True)
