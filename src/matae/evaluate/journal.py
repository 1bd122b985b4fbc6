"""What is judged already, kept beside the figures until they are written: a run that is ended goes on where it was.

One line a cine, written as its answer comes, so that a run that is killed loses none it heard of. The first line says
what the others hold for: data, model, widths, settings and version. With any other of them all is judged anew. Each
line says of which files it holds, by size and time of change: a cine whose files changed is judged anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from matae.errors import OutputError
from matae.evaluate.job import Answer
from matae.files import writing_to
from matae.records import RecordError, load_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedRandom
    from pathlib import Path

    from matae.evaluate.job import EvaluateSettings
    from matae.labelled import LabelledRef, LabelledSet

__all__ = ["Journal", "journal_of", "key_of", "stamp_of"]

_HEAD = b'{"judged by": "napari-matae", "key": '
_TORN = 1 << 20  # bytes at most of a first line
_STATED = ("id", "patient", "view", "phase", "split", "quality", "reference_ef", "clip", "n_frames", "is_clip")


def journal_of(path: Path) -> Path:
    """Return where the journal of a JSON file of figures lies."""
    return path.with_name(f"{path.stem}.judged.jsonl")


def key_of(settings: EvaluateSettings, labelled: LabelledSet) -> str:
    """Return a digest of all that the answers depend on, but for the files of each cine (`stamp_of`)."""
    said = [settings.key(), str(settings.folder), labelled.kind, labelled.masks]
    said += (repr([getattr(ref, name) for name in _STATED]) for ref in labelled.refs)
    return hashlib.sha256("\n".join(said).encode("utf-8", "surrogatepass")).hexdigest()


def stamp_of(ref: LabelledRef) -> str:
    """Return size and time of change of the files of a cine; they are not opened, a data set may have many."""
    said = []
    for path in ref.files:
        try:
            found = path.stat()
        except OSError:
            said.append("-")
        else:
            said.append(f"{found.st_size}:{found.st_mtime_ns}")
    return " ".join(said)


class Journal:
    """The answers of one evaluation by the number of their cine.

    Parameters
    ----------
    path
        The file; made if missing.
    key
        What the answers hold for. A file of another key is begun anew.
    stamps
        Of the files of each cine, by its number, see `stamp_of`; an answer with another one is dropped.
    again
        Whether to begin anew whatever is there.

    Attributes
    ----------
    known
        What an earlier run left, by the number of the cine.
    changed
        Numbers of the cines whose files have changed since; what was judged of them is dropped.
    is_of_others
        Whether what an earlier run left holds for something else, and was dropped.

    Raises
    ------
    OutputError
        If the file cannot be written, or is none of ours.
    """

    def __init__(self, path: Path, key: str, stamps: Sequence[str], *, again: bool = False) -> None:
        self._path, self._stamps = path, stamps
        self.known: dict[int, Answer] = {}
        self.changed: set[int] = set()
        head = _HEAD + json.dumps(key).encode() + b"}\n"
        with writing_to(path.parent):
            self._file: BufferedRandom = path.open("a+b")
        self._file.seek(0)
        first = self._file.readline(_TORN)
        if first and not (first.startswith(_HEAD) or _HEAD.startswith(first)):
            self.close()
            raise OutputError(f"{path} is none of this program's; move it, or write the figures elsewhere.")
        self.is_of_others = bool(first) and first != head and not again
        if first == head and not again:
            self._read()
        else:
            self._file.truncate(0)
            self._write(head)

    def _read(self) -> None:
        place = whole = self._file.tell()
        for line in self._file:
            place += len(line)
            if not line.endswith(b"\n"):
                break  # it was being written when the run ended, and the next would be written onto it
            whole = place
            try:
                entry = json.loads(line)
                number, answer = int(entry["number"]), load_record(Answer, entry["answer"])
                is_same = entry["files"] == self._stamps[number]
            except (ValueError, KeyError, TypeError, IndexError, RecordError):
                continue  # what is damaged is judged again
            if is_same:
                self.known[number] = answer
            else:
                self.changed.add(number)
        self.changed -= self.known.keys()  # judged again already
        self._file.truncate(whole)

    def add(self, number: int, answer: Answer) -> None:
        """Keep an answer.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        entry = {"number": number, "files": self._stamps[number], "answer": asdict(answer)}
        self._write(json.dumps(entry).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        with writing_to(self._path.parent):
            self._file.write(line)
            self._file.flush()

    def close(self) -> None:
        """Close the file; it stays for the next run.

        Raises
        ------
        OutputError
            If what a full disk refused is refused once more.
        """
        with writing_to(self._path.parent):
            self._file.close()
