"""What the headers of volume files say beyond what ITK tells: the files with the data, and what each axis counts."""

from __future__ import annotations

import gzip
import math
import re
import shutil
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from matae.errors import ReadError
from matae.read._formats import MOST_PIXELS, full_suffix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["NrrdAxes", "alone", "check_extent", "check_metaimage", "data_files", "nrrd_axes"]

_HEAD = 2**20
_MOST_FILES = 100_000  # of a list or pattern; more is a damaged header
_MOST_VALUES = 2**34
_DEFLATE_RATIO = 1032  # zlib never compresses further, so that a smaller file cannot hold what it claims


@dataclass(frozen=True)
class NrrdAxes:
    """Axes of a NRRD file in stored order, fastest first.

    Parameters
    ----------
    kinds
        ``domain``, ``time``, ``list``, ``RGB-color``, ``vector``, ...; empty where the file has none.
    units
        Unit of each axis, empty where there is none.
    values
        Key and value pairs (``key:=value``), keys in lower case.
    """

    kinds: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)

    @property
    def frames(self) -> int | None:
        """Number of the axis that counts frames: of kind ``list`` or ``time``; None where there is none."""
        return next((axis for axis, kind in enumerate(self.kinds) if kind in ("list", "time")), None)

    @property
    def has_colours(self) -> bool:
        """Whether an axis holds the colours of a pixel."""
        return any("color" in kind for kind in self.kinds)

    @property
    def frame_values(self) -> tuple[float, ...]:
        """Index value of each frame, as 3D Slicer writes those of a sequence; empty where there are no numbers."""
        text = self.values.get(f"axis {self.frames} index values", "")
        try:
            values = tuple(float(unquote(word)) for word in text.split())
        except ValueError:
            return ()
        return values if all(math.isfinite(value) for value in values) else ()

    @property
    def frame_unit(self) -> str:
        """Unit in which frames are counted, in lower case."""
        return self.units[self.frames].lower() if self.frames is not None and self.frames < len(self.units) else ""


def nrrd_axes(path: Path) -> NrrdAxes:
    """Read what the header of a NRRD file says of its axes; nothing for a file of another format."""
    with path.open("rb") as file:
        if file.read(4) != b"NRRD":
            return NrrdAxes()
        head = file.read(_HEAD)
    text = head.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
    fields: dict[str, str] = {}
    values: dict[str, str] = {}
    for line in text.split("\n")[1:]:
        if line.startswith("#"):
            continue
        name, separator, value = line.partition(":=")
        if separator:
            values[name.strip().lower()] = value.strip()
            continue
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    units = [unit.strip() for unit in fields.get("units", "").split('"')[1::2]]
    return NrrdAxes(tuple(fields.get("kinds", "").lower().split()), tuple(units), values)


def data_files(path: Path) -> list[Path]:
    """Return the files with the data of a MetaImage or NRRD header; empty where they are in the header's own file.

    A name may hold spaces; ``LIST`` is followed by one name a line; a pattern (``frame%03d.raw 0 5 1``) counts from
    the first number to the second in steps of the third.

    Raises
    ------
    ReadError
        If the list cannot be understood.
    """
    key = {".mhd": "elementdatafile", ".nhdr": "datafile"}.get(full_suffix(path))
    if key is None:
        return []
    with path.open("rb") as file:
        lines = file.read(_HEAD).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines):
        name, separator, value = line.partition("=" if key == "elementdatafile" else ":")
        if not separator or name.strip().lower().replace(" ", "") != key:
            continue
        value = value.strip()
        words = value.split()
        if not words or words[0].upper() == "LOCAL":
            return []
        if words[0].upper() == "LIST":
            names = [entry.strip() for entry in lines[number + 1 :] if entry.strip()]
        elif "%" in value and len(words) >= 4:
            names = _pattern(path, value)
        else:
            names = [value]
        if len(names) > _MOST_FILES:
            raise ReadError(f"{path.name} names {len(names)} data files; its header is damaged, so export it again.")
        return [path.parent / entry for entry in names]
    return []


def _pattern(path: Path, value: str) -> list[str]:
    """Return the names a pattern stands for."""
    words = value.split()
    # NRRD may end with a fourth number, the dimension of each file; a name may hold spaces.
    numbers: list[int] = []
    for word in reversed(words[1:]):
        try:
            numbers.insert(0, int(word))
        except ValueError:
            break
    stem = " ".join(words[: len(words) - len(numbers)])
    try:
        first, last, step = numbers[:3]
        count = range(first, last + (1 if step > 0 else -1), step)
        return [stem % index for index in count[: _MOST_FILES + 1]]
    except (ValueError, TypeError, IndexError) as error:
        raise ReadError(
            f"{path.name} names its data files by a pattern that cannot be understood ({value[:60]}); write their "
            "names one a line below LIST."
        ) from error


@contextmanager
def alone(path: Path) -> Iterator[Path]:
    """Yield a path under which ITK reads this file and no other.

    niftilib looks for the pixels by the name without its ending: beside ``a.nii``, it takes them for ``a.nii.gz`` from
    there without a word. Such a file is copied to where it is alone.
    """
    suffix = full_suffix(path)
    stem = path.name[: -len(suffix)]
    endings = {".nii": (".nii.gz", ".NII.GZ"), ".nii.gz": (".nii", ".NII")}.get(suffix, ())
    if not any((path.parent / f"{stem}{ending}").exists() for ending in endings):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="matae-") as folder:
        copy = Path(folder, path.name)
        shutil.copyfile(path, copy)
        yield copy


def check_metaimage(path: Path) -> None:
    """Refuse a MetaImage whose number of axes ITK would take for a number of bytes to write into.

    MetaIO has room for ten axes and looks at no bound: with more it writes beyond it, or never ends.

    Raises
    ------
    ReadError
        If the header states no plausible number of axes.
    """
    if full_suffix(path) not in (".mhd", ".mha"):
        return
    with path.open("rb") as file:
        head = file.read(_HEAD)
    # Wherever it stands: MetaIO does not care about lines, and a damaged header has several.
    stated = re.findall(rb"NDims[\s=:]*([^\s]*)", head, re.IGNORECASE)
    if not stated or any(re.fullmatch(rb"[1-9]|10", number) is None for number in stated):
        raise ReadError(f"{path.name} is not a readable MetaImage file; export it again.")


def check_extent(path: Path, reader: Any, size: tuple[int, ...]) -> None:
    """Refuse, before anything is allocated, a header that claims more than its data can hold.

    Parameters
    ----------
    path
        The file.
    reader
        SimpleITK's reader with the header read.
    size
        Extent of each axis.

    Raises
    ------
    ReadError
        If a data file is missing, the header claims too much, or data are missing.
    """
    import SimpleITK as sitk  # noqa: N813 - the name SimpleITK's own documentation uses

    components = max(1, int(reader.GetNumberOfComponents()))
    count = math.prod(size) * components
    files = data_files(path) or [path]
    stored = sum(file.stat().st_size for file in files)
    name = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    value_bytes = next((bits // 8 for bits in (8, 16, 32, 64) if f"{bits}-bit" in name), 1)
    if count > _MOST_VALUES or count * value_bytes > max(stored, 1) * _DEFLATE_RATIO:
        extent = " x ".join(str(step) for step in size)
        raise ReadError(f"{path.name} claims {extent} pixels, far more than it can hold; its header is damaged.")
    if min(size, default=0) < 1:
        raise ReadError(f"{path.name} holds no frames; export the clip again.")
    if math.prod(size[:2]) > MOST_PIXELS:
        raise ReadError(f"{path.name} claims frames of {size[0]}x{size[1]} pixels; its header is damaged.")
    # A NIfTI with a scale factor is told as floating point, whatever it stores.
    bits = _number(reader, "bitpix")
    expected = math.prod(size) * bits // 8 if bits else count * value_bytes
    if not _is_whole(path, stored, expected, offset=_number(reader, "vox_offset")):
        raise ReadError(f"{path.name} is damaged or incomplete; copy or export it again.")


def _number(reader: Any, key: str) -> int:
    try:
        return max(0, int(float(reader.GetMetaData(key)))) if reader.HasMetaDataKey(key) else 0
    except (ValueError, OverflowError):
        return 0


def _is_whole(path: Path, stored: int, expected: int, *, offset: int) -> bool:
    """Say whether `expected` bytes of values are there; ITK fills what is missing in a NIfTI with black, silently.

    Compressed MetaImage and NRRD files are left to ITK, which does notice.
    """
    suffix = full_suffix(path)
    if suffix in (".mhd", ".mha"):
        with path.open("rb") as file:
            head = file.read(65536).lower().replace(b" ", b"")
        return b"compresseddata=true" in head or stored >= expected
    if suffix == ".nii":
        return stored >= expected + offset
    if suffix != ".nii.gz":
        return True
    held = 0
    try:
        with gzip.open(path) as file:
            while piece := file.read(2**20):
                held += len(piece)
    except (OSError, EOFError, zlib.error):
        return False
    return held >= expected + offset
