"""LabelMe: a JSON file with polygons beside each picture, as the paper's masks were drawn. Read, not written."""

from __future__ import annotations

import base64
import io
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ExchangeError
from matae.exchange.clip import only_said
from matae.exchange.encodings.jsonfile import read_object
from matae.exchange.encodings.polygons import draw_polygon
from matae.exchange.layouts.picture_folder import PictureRow, picture_clips
from matae.exchange.names import check_cell
from matae.exchange.naming import Drawn, Named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from matae.exchange.clip import ImportClip
    from matae.exchange.naming import Naming

__all__ = ["labelme_files", "read_labelme_folder"]

_LARGEST = 64 * 2**20  # a file may hold its picture as text
_MOST_FILES = 100_000
_AREAS = {"polygon", "mask"}


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


def read_labelme_folder(folder: Path, files: list[Path], naming: Naming) -> Iterator[ImportClip]:
    """Yield a clip for each LabelMe file: one picture with one mask.

    The labels say which class a shape is. Points, lines and boxes beside the outlines are no mask, and are left out.
    Whose pictures they are is not stated: a name of a file says nothing of a person.

    Parameters
    ----------
    folder
        Where the files lie.
    files
        As `labelme_files` found them.
    naming
        Finds the class of each label.

    Raises
    ------
    ExchangeError
        If a label is not known.
    """
    rows: list[PictureRow] = []
    problems: list[str] = []
    for file in files:
        try:
            rows.append(_row(folder, file, naming))
        except ExchangeError as error:
            problems.append(str(error))
    naming.check()
    yield only_said(problems)
    yield from picture_clips(folder, rows, {}, "LabelMe")


def _row(folder: Path, file: Path, naming: Naming) -> PictureRow:
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
    shapes = _shapes(values.get("shapes"), file.name, naming)
    height, width = values.get("imageHeight"), values.get("imageWidth")
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return PictureRow(path=picture, patient="", mask=partial(_mask, shapes, file.name, naming), size=size)


def _shapes(entries: Any, where: str, naming: Naming) -> list[tuple[int, str, dict[str, Any]]]:
    """Return class, label and shape of what encloses an area."""
    if not isinstance(entries, list):
        raise ExchangeError(f"{where} has no list of shapes; save it again in LabelMe.")
    if not entries:
        raise ExchangeError(f"{where} holds no shape, so no label.")
    kinds = [str(entry.get("shape_type") or "polygon") if isinstance(entry, dict) else "" for entry in entries]
    areas = [entry for entry, kind in zip(entries, kinds, strict=True) if kind in _AREAS]
    if not areas:
        there = ", ".join(sorted({kind or "something else" for kind in kinds}))
        raise ExchangeError(f"{where} has no polygon ({there[:60]} is no mask), so no label; draw the outline as one.")
    labels = [check_cell(str(entry.get("label", "")), where) for entry in areas]
    classes = naming.settle({label: Named(label) for label in labels}, where)
    return [(classes[label], label, entry) for label, entry in zip(labels, areas, strict=True) if classes[label]]


def _inside(folder: Path, parent: Path, name: PurePosixPath, where: str) -> str:
    resolved = Path(parent, name).resolve()
    root = folder.resolve()
    if name.is_absolute() or ":" in str(name) or not resolved.is_relative_to(root):
        raise ExchangeError(f"{where}: its picture '{str(name)[:60]}' lies outside the folder; put it inside.")
    return resolved.relative_to(root).as_posix()


def _mask(
    shapes: list[tuple[int, str, dict[str, Any]]], where: str, naming: Naming, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    parts = [
        Drawn(
            value, label, _stencil(entry, shape, where) if entry.get("shape_type") == "mask"
            else draw_polygon(entry.get("points"), shape, where),
        )
        for value, label, entry in shapes
    ]  # fmt: skip
    return naming.combine(parts, shape, where)


def _stencil(entry: dict[str, Any], shape: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """Return the inside of a shape that LabelMe stores as a picture: the part within its box, as PNG in base64."""
    from PIL import Image

    wrong = ExchangeError(f"{where} has a mask that is damaged or lies outside its picture; draw it again.")
    try:
        (x0, y0), (x1, y1) = ((int(x), int(y)) for x, y in entry["points"])
        content = base64.b64decode(entry["mask"], validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            high, wide = picture.height, picture.width
            if (high, wide) != (y1 - y0 + 1, x1 - x0 + 1) or min(x0, y0) < 0 or x1 >= shape[1] or y1 >= shape[0]:
                raise wrong
            inside = np.asarray(picture.convert("L")) > 0
    except (KeyError, TypeError, ValueError, OverflowError, OSError, SyntaxError) as error:
        raise wrong from error
    drawn = np.zeros(shape, bool)
    drawn[y0 : y1 + 1, x0 : x1 + 1] = inside
    return drawn
