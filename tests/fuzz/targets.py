"""What is fuzzed: one target a reader or importer and kind of file, with its seeds.

A target takes the bytes of one file. It may refuse them with a `MataeError`; any other exception, a stuck call or a
process that ends is a finding.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from matae.errors import MataeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NAMES", "Target", "make_target", "modules_of"]

_VIDEO = (".avi", ".mp4", ".mkv", ".mpg", ".gif")
_VOLUME = (".nii", ".mha", ".nrrd")
_PICTURE = (".png", ".jpg", ".bmp", ".tif", ".npy", ".npz")
_IMPORT = (
    "coco", "labelme", "echonet-FileList.csv", "echonet-VolumeTracings.csv", "camus-cfg", "png-index.csv", "png-mask",
    "npz", "dicom-seg",
)  # fmt: skip

NAMES: tuple[str, ...] = (
    *(f"read{suffix}" for suffix in (".dcm", *_VIDEO, *_VOLUME, *_PICTURE)),
    "read.mhd",
    "mask.nii",
    *(f"import-{name}" for name in _IMPORT),
)
"""All targets."""


@dataclass(frozen=True)
class Target:
    """One thing to fuzz.

    Parameters
    ----------
    name
        One of `NAMES`.
    seeds
        Contents to start from.
    run
        Takes the bytes of a file; raises where there is a finding.
    """

    name: str
    seeds: list[bytes]
    run: Callable[[bytes], None]


def make_target(name: str, folder: Path | None = None) -> Target:
    """Return a target; its files lie in `folder`, a new temporary one by default."""
    root = Path(mkdtemp(prefix="matae-fuzz-")) if folder is None else folder
    if name.startswith("import-"):
        return _import_target(name, root)
    return _read_target(name, root)


def modules_of(name: str) -> tuple[str, ...]:
    """Return the modules a target runs through, those of the libraries in Python included."""
    if name.startswith("import-"):
        layout = name.removeprefix("import-").partition("-")[0]
        own = "dicom_seg" if layout == "dicom" else layout
        return f"matae.exchange.{own}", "matae.labelled", "matae.labelled._index", "matae.labelled._echonet"
    kind, _, ending = name.partition(".")
    if kind == "mask":
        return ("matae.measure.mask_file",)
    suffix = f".{ending}"
    if suffix == ".dcm":
        return "pydicom", "pydicom.pixels", "matae.read.dicom"
    if suffix in _VIDEO:
        return ("matae.read.video",)
    if suffix in (*_VOLUME, ".mhd"):
        return ("matae.read.volume",)
    library = {".tif": ("tifffile",), ".npy": (), ".npz": ()}.get(suffix, ("PIL.Image",))
    return (*library, "matae.read.images")


def _read_target(name: str, root: Path) -> Target:
    from . import seeds

    kind, _, ending = name.partition(".")
    suffix = f".{ending}"
    work = root / "work"
    work.mkdir()
    path = work / f"a{suffix}"
    if suffix == ".dcm":
        start = seeds.dicom_seeds()
    elif suffix in _VIDEO:
        start = seeds.video_seeds(root)[suffix]
    elif suffix == ".mhd":
        (work / "a.raw").write_bytes(bytes(range(96)) * 3)
        for index in range(3):
            (work / f"a{index}.raw").write_bytes(bytes(range(96)))
        head = "ObjectType = Image\nNDims = 3\nDimSize = 12 8 3\nElementSpacing = 0.3 0.4 1\nElementType = MET_UCHAR\n"
        names = ("a.raw", "LIST\na0.raw\na1.raw\na2.raw", "a%d.raw 0 2 1")
        start = [f"{head}ElementDataFile = {data}\n".encode() for data in names]
    elif suffix in _VOLUME:
        start = seeds.volume_seeds(root)[suffix]
    else:
        start = seeds.picture_seeds(root)[suffix]
    if kind == "mask":
        return Target(name, start, _mask_run(path))

    def run(data: bytes) -> None:
        from matae.read import can_read, open_cine

        path.write_bytes(_with_sums(data) if suffix == ".png" else data)
        can_read(path)
        try:
            cine = open_cine(path)
        except MataeError as error:
            _check_sentence(str(error))
            return
        cine.frames.max()

    return Target(name, start, run)


def _mask_run(path: Path) -> Callable[[bytes], None]:
    import numpy as np

    from matae.cine import Cine

    cine = Cine(frames=np.zeros((3, 8, 12), np.uint8), frame_times=None, spacing=None, source=Path("a.dcm"))

    def run(data: bytes) -> None:
        from matae.measure.mask_file import read_masks

        path.write_bytes(data)
        try:
            read_masks(path, cine)
        except MataeError as error:
            _check_sentence(str(error))

    return run


def _import_target(name: str, root: Path) -> Target:
    from . import seeds

    layouts = root / "layouts"
    layouts.mkdir()
    made = seeds.import_folders(layouts)
    folder, inner, start = made[name.removeprefix("import-")]
    changed = folder / inner

    def run(data: bytes) -> None:
        from matae.exchange.registry import read_clips
        from matae.labelled import open_labelled

        changed.write_bytes(_with_sums(data) if changed.suffix == ".png" else data)
        try:
            _, clips = read_clips(folder, {})
            for clip in clips:
                if clip.frames:
                    _try(clip.open)
                    _try(lambda clip=clip: list(clip.masks(False)))
        except MataeError as error:
            _check_sentence(str(error))
        try:
            for case in open_labelled(folder).refs:
                _try(case.read)
        except MataeError as error:
            _check_sentence(str(error))

    return Target(name, start, run)


def _try(call: Callable[[], object]) -> None:
    try:
        call()
    except MataeError as error:
        _check_sentence(str(error))


def _check_sentence(text: str) -> None:
    if not text.strip() or len(text) > 2000:
        raise AssertionError(f"the refusal is no sentence: {text[:100]!r}")


def _with_sums(data: bytes) -> bytes:
    """Put the checksums of a PNG right: a reader stops at a wrong one, and nothing behind it would be tried."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        if place + 12 + length > len(data):
            break
        body = data[place + 4 : place + 8 + length]
        out += data[place : place + 4] + body + struct.pack(">I", zlib.crc32(body))
        place += 12 + length
    return bytes(out + data[place:])


def remove(folder: Path) -> None:
    """Remove what a target made."""
    shutil.rmtree(folder, ignore_errors=True)
