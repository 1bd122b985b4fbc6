"""NumPy files: a clip a file, its labelled frames beside their masks. No pickled object is written or read."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.anatomy import class_name
from matae.errors import ExchangeError
from matae.exchange.clip import ImportClip
from matae.exchange.encodings.nifti import as_classes
from matae.exchange.layouts.legend import renumber
from matae.exchange.names import check_cell
from matae.exchange.naming import Named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import IO

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.exchange.clip import ExportClip
    from matae.exchange.layouts.manifest_hints import Hint
    from matae.exchange.naming import Naming

__all__ = ["NpzWriter", "npz_files", "read_npz_folder"]

_MOST_BYTES = 8 * 2**30
_FACTS = ("patient", "split", "frame_numbers", "status", "phase", "class_values", "class_names")
_RATIO = 1100  # deflate packs no tighter than 1032 to 1
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP can state: no date leaves, and equal content is equal bytes


class NpzWriter:
    """Writes ``clips/<clip>.npz``.

    Parameters
    ----------
    root
        Where to.
    classes
        Largest class that occurs; the names of all up to it are written.
    """

    def __init__(self, root: Path, *, classes: int) -> None:
        self._classes = max(classes, 1)
        self._folder = root / "clips"
        self._folder.mkdir()

    def add(self, clip: ExportClip, tick: Callable[[], None]) -> None:
        """Write a clip; `tick` is called after each frame."""
        shape = (len(clip.labels), *clip.fit.out_shape)
        frames = list(clip.labels)
        with zipfile.ZipFile(self._folder / f"{clip.name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            with _member(archive, "frames", shape) as out:
                for t in frames:
                    out.write(np.ascontiguousarray(clip.fit.image(clip.frame(t))).tobytes())
            with _member(archive, "masks", shape) as out:
                for t in frames:
                    out.write(np.ascontiguousarray(clip.fit.mask(clip.labels[t].mask)).tobytes())
                    tick()
            for name, values in _facts(clip, frames, self._classes).items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, values, allow_pickle=False)
                archive.writestr(_info(name), buffer.getvalue())

    def close(self) -> None:
        """Nothing is left to finish."""

    abandon = close


def _facts(clip: ExportClip, frames: list[int], classes: int) -> dict[str, NDArray[Any]]:
    facts: dict[str, NDArray[Any]] = {
        "frame_numbers": np.array(frames, np.int64),
        "status": np.array([clip.labels[t].status for t in frames]),
        "phase": np.array([clip.phase(t) for t in frames]),
        "patient": np.array(clip.patient),
        "split": np.array(clip.split),
        "view": np.array(clip.view or ""),
        "class_values": np.arange(1, classes + 1),
        "class_names": np.array([class_name(value) for value in range(1, classes + 1)]),
    }
    size = clip.fit.pixel_size(clip.spacing)
    if size is not None:
        facts["spacing"] = np.array(size, np.float64)
    if clip.frame_times is not None and len(frames) > 1:
        facts["frame_times"] = np.round(np.asarray(clip.frame_times, np.float64)[frames], 6)
    return facts


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _member(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> IO[bytes]:
    """Open a member for the bytes of a uint8 array, written frame by frame."""
    out = archive.open(_info(name), "w", force_zip64=True)
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return out


def npz_files(folder: Path) -> list[Path]:
    """Return the clips of a folder that have masks with them."""
    files = sorted((folder / "clips").glob("*.npz")) or sorted(folder.glob("*.npz"))
    return [path for path in files if zipfile.is_zipfile(path) and "masks.npy" in _names(path)]


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):  # ValueError: names that are no text
        return []


def read_npz_folder(files: list[Path], hints: Mapping[str, Hint], naming: Naming) -> Iterator[ImportClip]:
    """Yield the clips.

    Raises
    ------
    ExchangeError
        If a file is damaged, claims more than it holds, its masks do not fit its frames, or a class is not known.
    """
    found: list[tuple[Path, int, dict[str, list[Any]], dict[int, int] | None]] = []
    for path in files:
        with _opened(path) as archive:
            frames, masks = _header(archive, path, "frames"), _header(archive, path, "masks")
            if frames[0] != masks[0] or len(frames[0]) != 3:
                raise ExchangeError(
                    f"{path.name}: its masks are {masks[0]}, its frames {frames[0]}; both need (frames, rows, columns)."
                )
            facts = {name: _small(archive, path, name) for name in _FACTS}
        found.append((path, frames[0][0], facts, _classes(path, facts, naming)))
    naming.check()
    for path, count, facts, classes in found:
        yield _clip(path, count, facts, classes, hints.get(path.stem))


def _classes(path: Path, facts: dict[str, list[Any]], naming: Naming) -> dict[int, int] | None:
    """Return the class of each value that a file names; None where it names none."""
    values, names = facts["class_values"], facts["class_names"]
    if not names and not values:
        return None
    if len(names) != len(values) or not all(isinstance(value, int) for value in values):
        raise ExchangeError(f"{path.name}: class_values and class_names do not fit each other; save the file again.")
    named = {value: Named(check_cell(str(name), path.name)) for value, name in zip(values, names, strict=True)}
    return naming.settle({1 if value == 255 else value: entry for value, entry in named.items()}, path.name)


def _clip(
    path: Path, count: int, facts: dict[str, list[Any]], classes: dict[int, int] | None, hint: Hint | None
) -> ImportClip:
    numbers = [int(n) for n in facts["frame_numbers"] if isinstance(n, int)]
    ours = hint is not None and len(numbers) == count
    subject = check_cell(str(facts["patient"][0]), path.name) if facts["patient"] else ""
    split = str(facts["split"][0]) if facts["split"] else ""
    phase = {str(name): t for t, name in enumerate(facts["phase"])}

    def masks(native: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for t, stored in enumerate(_stream(path)):
            mask = renumber(stored, classes, path.name)
            if native and hint is not None and ours:
                yield numbers[t], hint.fit.native_mask(mask)
            else:
                yield t, mask

    return ImportClip(
        name=path.stem,
        subject=subject,
        open=partial(_open, path),
        masks=masks,
        frames=tuple(range(count)),
        native_frames=tuple(numbers) if ours else (),
        split=split if split in {"train", "val", "test"} else "",
        status={t: str(name) for t, name in enumerate(facts["status"]) if name in {"accepted", "edited"}},
        key=hint.key if hint is not None and ours else "",
        lossless=hint is None or hint.fit.is_native,
        ed=phase.get("ED"),
        es=phase.get("ES"),
    )


def _open(path: Path) -> Cine:
    from dataclasses import replace

    from matae.read.images import read_array

    cine = read_array(path)
    with _opened(path) as archive:
        view = _small(archive, path, "view")
    return replace(cine, view=check_cell(str(view[0]), path.name) or None) if view else cine


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ExchangeError(f"{path.name} is damaged or no NumPy file; copy it again.") from error


def _header(archive: zipfile.ZipFile, path: Path, name: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, type and length of the header of an array, held against what the file can hold."""
    wrong = ExchangeError(f"{path.name}: the array '{name}' is missing, damaged or of another type; save it again.")
    try:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            start = file.tell()
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        raise wrong from None
    if fortran or dtype.hasobject or dtype.kind not in "uibU":
        raise wrong
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > info.file_size or info.file_size > info.compress_size * _RATIO + 65536 or claimed > _MOST_BYTES:
        raise ExchangeError(f"{path.name}: the array '{name}' claims more than the file can hold; save it again.")
    return tuple(int(n) for n in shape), dtype, start


def _small(archive: zipfile.ZipFile, path: Path, name: str) -> list[Any]:
    """Return a short array as a list; empty when it is not there."""
    if f"{name}.npy" not in archive.namelist():
        return []
    shape, dtype, start = _header(archive, path, name)
    if math.prod(shape) * dtype.itemsize > 1 << 24:
        raise ExchangeError(f"{path.name}: the array '{name}' is too long; save it again.")
    with archive.open(f"{name}.npy") as file:
        values = np.frombuffer(file.read()[start:], dtype, math.prod(shape))
    listed: list[Any] = values.tolist()
    return listed


def _stream(path: Path) -> Iterator[NDArray[np.uint8]]:
    with _opened(path) as archive:
        shape, dtype, start = _header(archive, path, "masks")
        if dtype.kind not in "uib":
            raise ExchangeError(f"{path.name}: masks are whole numbers; save them again.")
        count, size = shape[0], math.prod(shape[1:]) * dtype.itemsize
        try:
            with archive.open("masks.npy") as file:
                file.read(start)
                for _ in range(count):
                    values = np.frombuffer(file.read(size), dtype).reshape(shape[1:])
                    yield as_classes(values, path.name)
        except (ValueError, OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ExchangeError(f"{path.name} is damaged; copy it again.") from error
