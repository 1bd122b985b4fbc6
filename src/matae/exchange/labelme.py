"""LabelMe: a JSON file with polygons beside each picture, as the paper's masks were drawn. Read, not written."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ExchangeError
from matae.exchange.jsonfile import read_object
from matae.exchange.names import check_cell
from matae.exchange.pictured import PictureRow, picture_clips
from matae.exchange.polygons import draw_polygon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from matae.exchange.clip import ImportClip

__all__ = ["labelme_files", "read_labelme_folder"]

_LARGEST = 64 * 2**20  # a file may hold its picture as text
_MOST_FILES = 100_000
_KNOWN = {
    "lv": 1, "left ventricle": 1, "left ventricular cavity": 1, "lv endo": 1, "lv_endo": 1, "endo": 1, "1": 1,
    "myocardium": 2, "left ventricular myocardium": 2, "lv epi": 2, "2": 2,
    "la": 3, "left atrium": 3, "3": 3,
}  # fmt: skip


def labelme_files(path: Path) -> list[Path]:
    """Return the LabelMe files of a folder and its subfolders, or the file itself; empty if there are none."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".json" and _looks_right(path) else []
    found = []
    for count, file in enumerate(sorted(path.rglob("*.json"))):
        if count >= _MOST_FILES:
            raise ExchangeError(f"{path.name} holds more than {_MOST_FILES:,} JSON files; import the data in parts.")
        if _looks_right(file):
            found.append(file)
    return found


def _looks_right(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            # The picture as text may come first and be long: the keys of LabelMe stand at one end or the other.
            head = file.read(4096)
            file.seek(max(0, path.stat().st_size - 4096))
            ends = head + file.read(4096)
    except OSError:
        return False
    return b'"shapes"' in ends and b'"image' in ends


def read_labelme_folder(folder: Path, files: list[Path]) -> Iterator[ImportClip]:
    """Yield a clip for each LabelMe file: one picture with one mask.

    One label only is taken for the left-ventricular cavity, whatever it is called; with several, their names must
    say which is which. Whose pictures they are is not stated: a name of a file says nothing of a person.

    Raises
    ------
    ExchangeError
        If a file is damaged or names a picture outside the folder.
    """
    rows = [_row(folder, file) for file in files]
    yield from picture_clips(folder, rows, {}, "LabelMe")


def _row(folder: Path, file: Path) -> PictureRow:
    values = read_object(file, most=_LARGEST)
    name = values.get("imagePath")
    if not isinstance(name, str) or not name:
        raise ExchangeError(f"{file.name} names no picture; save it again in LabelMe.")
    # LabelMe on Windows writes backslashes, and steps up where picture and file lie in different folders.
    picture = _inside(folder, file.parent, PurePosixPath(check_cell(name.replace("\\", "/"), file.name)), file.name)
    if not (folder / picture).is_file():
        beside = file.with_name(PurePosixPath(picture).name)
        if not beside.is_file():
            raise ExchangeError(f"{file.name} needs its picture {beside.name}; put it beside the file.")
        picture = beside.relative_to(folder).as_posix()
    size = values.get("imageHeight"), values.get("imageWidth")
    shapes = values.get("shapes")
    if not isinstance(shapes, list):
        raise ExchangeError(f"{file.name} has no list of shapes; save it again in LabelMe.")
    return PictureRow(path=picture, patient="", mask=partial(_mask, shapes, size, file.name))


def _inside(folder: Path, parent: Path, name: PurePosixPath, where: str) -> str:
    resolved = Path(parent, name).resolve()
    root = folder.resolve()
    if name.is_absolute() or ":" in str(name) or not resolved.is_relative_to(root):
        raise ExchangeError(f"{where}: its picture '{str(name)[:60]}' lies outside the folder; put it inside.")
    return resolved.relative_to(root).as_posix()


def _mask(shapes: list[Any], size: tuple[Any, Any], where: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
    if size not in ((None, None), shape):
        raise ExchangeError(f"{where} was drawn on a picture of {size[1]} x {size[0]}, not {shape[1]} x {shape[0]}.")
    mask = np.zeros(shape, np.uint8)
    labels = [str(entry.get("label", "")) if isinstance(entry, dict) else "" for entry in shapes]
    only = len({label.lower() for label in labels}) == 1
    for entry, label in zip(shapes, labels, strict=True):
        if not isinstance(entry, dict) or entry.get("shape_type", "polygon") != "polygon":
            raise ExchangeError(f"{where} has a shape that is no polygon; draw it as one.")
        value = _KNOWN.get(label.lower().strip(), 1 if only else 0)
        if not value:
            name = check_cell(label, where)[:30]
            raise ExchangeError(f"{where}: '{name}' is none of left ventricle, myocardium, left atrium; rename it.")
        drawn = draw_polygon(entry.get("points"), shape, where)
        # The cavity lies inside the wall's outline: whatever was drawn first, it stays on top.
        mask[drawn & ((mask == 0) | (mask > value))] = value
    return mask
