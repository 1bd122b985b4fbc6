"""Labelled frames of one size in one file: what is taken to a machine for a few minutes.

An ``.npz`` archive, without pickles:

``about``
    JSON: ``format``, ``version``, ``size``, ``licence``, and ``frames``, a list with what is known of each.
``pictures``, ``ends``
    The grey pictures as PNG files, one after the other, and where each ends.
``labels``
    (N, size, size) uint8: 0 background, 1 left-ventricular cavity, 2 myocardium, 3 left atrium.

The frames are placed on the square as a network sees them (`matae.placement`).
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.anatomy import class_name
from matae.cine import Cine, Spacing
from matae.labelled._types import CAVITY, LabelledCine, LabelledError, LabelledRef, LabelledSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["is_packed", "list_packed", "packed_licence", "write_packed"]

FORMAT = "matae-packed-frames"
VERSION = 1
_ARRAYS = ("about", "pictures", "ends", "labels")
_MOST_BYTES = 4 * 2**30  # unpacked; a damaged archive may state anything
_LARGEST = 1024
_HIGHEST = 3
_TEXTS = ("view", "phase", "split", "quality", "clip")


@dataclass(frozen=True, eq=False)
class _Store:
    """A packed file in memory: pictures compressed, labels not."""

    path: Path
    about: dict[str, Any]
    pictures: NDArray[np.uint8]
    ends: NDArray[np.int64]
    labels: NDArray[np.uint8]

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Return a grey picture (size, size)."""
        from PIL import Image

        start = int(self.ends[number - 1]) if number else 0
        data = self.pictures[start : int(self.ends[number])].tobytes()
        name, size = self.about["frames"][number]["frame"], self.about["size"]
        try:
            with Image.open(io.BytesIO(data), formats=("PNG",)) as file:
                if (file.mode, file.size) != ("L", (size, size)):
                    raise _broken(self.path, f"{name} is no grey picture of {size} x {size} pixels")
                return np.array(file)
        except (OSError, ValueError, SyntaxError) as error:
            raise _broken(self.path, f"the picture {name} is damaged, {error}") from None


def is_packed(path: Path) -> bool:
    """Say whether a path looks like a packed file; whether it is whole is found out by `list_packed`."""
    return path.is_file() and path.suffix.lower() == ".npz"


def list_packed(path: Path, *, structures: bool = False) -> LabelledSet:
    """List the frames of a packed file.

    Parameters
    ----------
    path
        The file.
    structures
        Whether the masks hold all structures; else the left-ventricular cavity alone.

    Raises
    ------
    LabelledError
        If the file is damaged, or none of ours.
    """
    store = _opened(path)
    highest = int(store.labels.max(initial=0)) if structures else 1
    refs = tuple(_ref(path, number, facts, structures=structures) for number, facts in enumerate(store.about["frames"]))
    return LabelledSet(path, "packed", {1: CAVITY} | {i: class_name(i) for i in range(2, highest + 1)}, refs)


def packed_licence(path: Path) -> str:
    """Return the terms of the frames in a packed file."""
    return str(_opened(path).about.get("licence", ""))


def write_packed(
    path: Path,
    images: Sequence[NDArray[np.uint8]],
    labels: Sequence[NDArray[np.uint8]],
    facts: Sequence[dict[str, Any]],
    licence: str,
) -> int:
    """Write frames into one file, whole or not at all, and return its bytes.

    Parameters
    ----------
    path
        The file, ``.npz``.
    images, labels
        Grey pictures and classes of every pixel, each (size, size) uint8.
    facts
        Of each ``frame`` and ``patient``; where known ``view``, ``phase``, ``split``, ``quality``, ``clip``,
        ``spacing_mm``, ``reference_ef``.
    licence
        Terms of the frames, kept with them.

    Raises
    ------
    LabelledError
        If there is no frame, or they are not all squares of one size.
    OutputError
        If the file cannot be written.
    """
    from PIL import Image

    from matae.files import write_atomic, writing_to

    if not images:
        raise LabelledError("There is no frame to pack; name a data set that has some.")
    size = images[0].shape[0]
    if {each.shape for each in (*images, *labels)} != {(size, size)}:
        raise LabelledError("Frames to pack must all be squares of one size; place them first.")
    files = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG", optimize=True)
        files.append(buffer.getvalue())
    about = {"format": FORMAT, "version": VERSION, "size": size, "licence": licence, "frames": list(facts)}
    arrays = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "pictures": np.frombuffer(b"".join(files), np.uint8),
        "ends": np.cumsum([len(file) for file in files], dtype=np.int64),
        "labels": np.stack(labels),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
    return len(buffer.getvalue())


def _broken(path: Path, why: str) -> LabelledError:
    return LabelledError(f"{path.name} is no packed frames, or damaged ({why}); pack them again.")


def _opened(path: Path) -> _Store:
    try:
        found = path.stat()
    except OSError as error:
        raise LabelledError(f"{path} cannot be read ({error.strerror}); check the path.") from None
    return _loaded(path.absolute(), found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=2)
def _loaded(path: Path, _size: int, _mtime: int) -> _Store:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        if missing := [name for name in _ARRAYS if name not in members]:
            raise _broken(path, f"it lacks {missing[0]}")
        if sum(members[name] for name in _ARRAYS) > _MOST_BYTES:
            raise _broken(path, "it is too large to be true")
        with np.load(path, allow_pickle=False) as file:
            about, pictures, ends, labels = (file[name] for name in _ARRAYS)
        stated = json.loads(np.asarray(about, np.uint8).tobytes())
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _broken(path, str(error) or type(error).__name__) from None
    if not isinstance(stated, dict) or stated.get("format") != FORMAT:
        raise _broken(path, "it is an archive of something else")
    if stated.get("version") != VERSION:
        raise _broken(path, f"its version is {stated.get('version')}, and {VERSION} is read here")
    store = _Store(path, stated, pictures, ends, labels)
    _check(store)
    return store


def _check(store: _Store) -> None:
    frames, size = store.about.get("frames"), store.about.get("size")
    if not isinstance(frames, list) or not frames or not isinstance(size, int) or not 0 < size <= _LARGEST:
        raise _broken(store.path, "it names no frames or no size")
    count = len(frames)
    if store.labels.dtype != np.uint8 or store.labels.shape != (count, size, size):
        raise _broken(store.path, f"its labels are not {count} x {size} x {size}")
    if store.labels.max(initial=0) > _HIGHEST:
        raise _broken(store.path, f"its labels go up to {store.labels.max()}")
    lengths = np.diff(store.ends, prepend=0) if store.ends.dtype == np.int64 and store.ends.shape == (count,) else None
    if (
        lengths is None
        or lengths.min() <= 0
        or store.pictures.dtype != np.uint8
        or store.ends[-1] != store.pictures.size
    ):
        raise _broken(store.path, "its pictures do not end where they should")
    seen = set()
    for facts in frames:
        if not isinstance(facts, dict) or not all(isinstance(facts.get(key), str) for key in ("frame", "patient")):
            raise _broken(store.path, "a frame has no name or no patient")
        if not all(isinstance(facts.get(key, ""), str) for key in _TEXTS):
            raise _broken(store.path, f"what it says of {facts['frame']} is no text")
        if facts["frame"] in seen:
            raise _broken(store.path, f"it holds {facts['frame']} twice")
        seen.add(facts["frame"])


def _ref(path: Path, number: int, facts: dict[str, Any], *, structures: bool) -> LabelledRef:
    return LabelledRef(
        id=facts["frame"],
        patient=facts["patient"],
        read=partial(_read, path, number, structures=structures),
        view=facts.get("view", ""),
        phase=facts.get("phase", ""),
        split=facts.get("split", ""),
        quality=facts.get("quality", ""),
        reference_ef=_number(facts.get("reference_ef")),
        clip=facts.get("clip", ""),
        files=(path,),
    )


def _number(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def _read(path: Path, number: int, *, structures: bool) -> LabelledCine:
    store = _opened(path)
    facts = store.about["frames"][number]
    spacing = _number(facts.get("spacing_mm"))
    known = spacing is not None and spacing > 0
    cine = Cine(
        frames=store.picture(number)[None],
        frame_times=None,
        spacing=Spacing(spacing, spacing) if known and spacing else None,
        source=path / facts["frame"],
        view=facts.get("view") or None,
        timing_note="A still has no frame times.",
        spacing_note="From the packed file." if known else "No millimetres: the packed file states none.",
    )
    mask = store.labels[number]
    return LabelledCine(
        cine, {0: mask if structures else (mask == 1).astype(np.uint8)}, {0: facts.get("phase", "")}, True
    )
