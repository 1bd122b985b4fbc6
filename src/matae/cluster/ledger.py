"""What is done in a folder of results, so that a run that goes on need not open the clips that are.

The record beside a result is what says that it is whole and from what it was computed; a worker reads that. The ledger
only saves opening a clip to find its record: an entry holds for a file of the same size and time whose record still is
what was written then. Without it nothing is lost but some time. It names no file of a person: their paths are hashed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matae.files import writing_to

if TYPE_CHECKING:
    from io import BufferedRandom
    from pathlib import Path

    from matae.jobs import Job, Outcome

__all__ = ["EarlierResult", "Ledger"]

_NAME = ".matae-done.jsonl"
_DIGEST = 16  # bytes of a sha256: no two of 10^9 files share them


@dataclass(frozen=True)
class EarlierResult:
    """A result of an earlier run, see `matae.jobs.Outcome`."""

    source: Path
    files: dict[str, Path]
    row: dict[str, Any]
    notices: tuple[str, ...] = ()
    skipped: bool = True


class Ledger:
    """The file of what is done in a folder: one line a result, the last one of a clip counts.

    Parameters
    ----------
    out
        Folder of the results, which must be there.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        with writing_to(out):
            self._file: BufferedRandom = (out / _NAME).open("a+b")
        # A line's place, not the line: a million of them fit into memory.
        self._places: dict[bytes, int] = {}
        self._file.seek(0)
        place = 0
        for line in self._file:
            if line.endswith(b"\n") and line.startswith(b'{"clip": "'):
                self._places[line[10 : 10 + 2 * _DIGEST]] = place
            place += len(line)
        self._torn = place > 0 and not line.endswith(b"\n")
        self._keys: dict[int, str] = {}

    def __len__(self) -> int:
        """Return of how many clips something is known."""
        return len(self._places)

    def find(self, job: Job) -> EarlierResult | None:
        """Return the result of a job if it is there and its file is as it was."""
        place = self._places.get(self._clip(job))
        if place is None:
            return None
        self._file.seek(place)
        try:
            entry = json.loads(self._file.readline())
            if entry["key"] != self._key(job) or entry["stamp"] != _stamp(job):
                return None
            files = {kind: self._out / name for kind, name in entry["files"].items()}
            if _state(files["record"]) != entry["record"] or not all(file.exists() for file in files.values()):
                return None
            return EarlierResult(job.ref.path, files, entry["row"])
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            return None

    def add(self, job: Job, outcome: Outcome) -> None:
        """Note a result; a line is written at once, so that a run that is killed forgets none it heard of.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        clip = self._clip(job)
        try:
            entry = {
                "clip": clip.decode(), "key": self._key(job), "stamp": _stamp(job),
                "record": _state(outcome.files["record"]),
                "files": {kind: file.name for kind, file in outcome.files.items()}, "row": outcome.row,
            }  # fmt: skip
        except OSError:  # somebody moved it meanwhile
            return
        with writing_to(self._out):
            place = self._file.seek(0, 2)
            if self._torn:
                place += self._file.write(b"\n")
                self._torn = False
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
        self._places[clip] = place

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _key(self, job: Job) -> str:
        # Nearly always one object for all jobs of a run.
        known = self._keys.get(id(job.settings))
        if known is None:
            known = self._keys[id(job.settings)] = job.settings.key()
        return known

    def _clip(self, job: Job) -> bytes:
        said = f"{type(job).__name__} {job.ref.path.absolute()}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(said).hexdigest()[: 2 * _DIGEST].encode()


def _state(path: Path) -> list[Any]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _stamp(job: Job) -> str:
    """Return a digest of size and time of a clip's files, and of what the lists beside it say of it."""
    ref = job.ref
    said: list[Any] = [sorted((name, repr(value)) for name, value in ref.info.items())]
    if ref.path.is_dir():
        said += sorted([file.name, *_state(file)] for file in ref.path.iterdir())
    else:
        path = ref.path
        while not path.exists() and path != path.parent:  # inside an archive
            path = path.parent
        said.append(_state(path))
        if path.suffix.lower() in {".mhd", ".nhdr", ".hdr"}:  # the pixels lie beside their header
            said += sorted([file.name, *_state(file)] for file in path.parent.glob(f"{path.stem}.*"))
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
