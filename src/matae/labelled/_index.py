"""A folder with ``index.csv``, ``images/`` and ``masks/``: this project's own layout, frames of any size."""

from __future__ import annotations

import csv
import math
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import class_name, class_of_name
from matae.cine import Cine, Spacing
from matae.labelled._types import CAVITY, LabelledCine, LabelledError, LabelledRef, LabelledSet, class_map

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["STRUCTURES", "list_index", "with_found_classes"]

STRUCTURES = "structures"

_EF_COLUMNS = ("reference_ef", "biplane_ef", "ef")


def list_index(folder: Path, *, structures: bool = False) -> LabelledSet:
    """List the frames of a folder with ``index.csv``.

    Columns: ``frame`` and ``patient``; where known ``split``, ``phase``, ``view``, ``image_quality``, ``clip``,
    ``spacing_mm`` (or ``spacing_y_mm`` and ``spacing_x_mm``), ``reference_ef`` (or ``biplane_ef``), ``placed`` (1 where
    the picture is the sector alone already, as exports and the phantom write it).

    Parameters
    ----------
    folder
        Where they lie.
    structures
        Whether masks are read from ``structures/``, where there is one.

    Raises
    ------
    LabelledError
        If the table or a value in it makes no sense.
    """
    rows = _read_index(folder)
    masks = STRUCTURES if structures and (folder / STRUCTURES).is_dir() else "masks"
    refs, seen = [], set()
    for row in rows:
        name = row["frame"]
        if name in seen:
            raise LabelledError(f"{folder.name}/index.csv names the frame {name} twice; remove one of the rows.")
        seen.add(name)
        spacing, phase, view = _spacing(row), row.get("phase", "").upper(), row.get("view", "")
        placed = row.get("placed", "") == "1"
        read = partial(_read, folder, name, spacing, phase, view, masks=masks, is_placed=placed)
        refs.append(
            LabelledRef(
                id=name,
                patient=row["patient"],
                read=read,
                view=view,
                phase=phase,
                split=row.get("split", "").lower(),
                quality=row.get("image_quality", ""),
                reference_ef=_reference_ef(row),
                clip=row.get("clip", ""),
                files=(*(folder / part / f"{name}.png" for part in ("images", masks)), folder / "index.csv"),
            )
        )
    return LabelledSet(folder, "index", {1: CAVITY}, tuple(refs), masks=masks)


def with_found_classes(found: LabelledSet) -> LabelledSet:
    """Look through the masks of the frames that were chosen: which classes they hold, and that each fits its picture.

    Each is an 8-bit grey PNG named after its frame. A mistake shows here, before the work, not in the midst of it.

    Raises
    ------
    LabelledError
        If a picture or mask is missing, damaged or of another kind, or the two differ in size.
    """
    highest = 1
    for ref in found.refs:
        # Headers first: nothing is unpacked that is larger than its picture.
        size, shape = (_size(found.folder, f"{part}/{ref.id}.png") for part in (found.masks, "images"))
        if shape != size:
            raise LabelledError(
                f"{ref.id}: the image is {shape[0]} x {shape[1]} pixels and its mask {size[0]} x {size[1]}; export the "
                "folder again."
            )
        mask = _read_mask(found.folder, ref.id, found.masks)
        highest = max(highest, int(mask.max(initial=0)))
    # Numbers in masks/ mean what whoever made them meant; those of structures/ are those of the anatomy.
    named = class_name if found.masks == STRUCTURES else "class {}".format
    return replace(found, classes={1: CAVITY} | {i: named(i) for i in range(2, highest + 1)})


def _read_index(folder: Path) -> list[dict[str, str]]:
    index = folder / "index.csv"
    try:
        # utf-8-sig: spreadsheets put a mark in front of the first column's name.
        with index.open(newline="", encoding="utf-8-sig") as file:
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error) as error:
        raise LabelledError(f"{folder.name}/index.csv cannot be read ({error}); export the folder again.") from None
    if not rows:
        raise LabelledError(f"{folder.name}/index.csv names no frame; add a row a frame.")
    missing = {"frame", "patient"} - set(rows[0])
    if missing:
        raise LabelledError(f"{folder.name}/index.csv lacks {', '.join(sorted(missing))}; add the column.")
    for number, row in enumerate(rows, start=2):
        if not (row["frame"] and row["patient"]):
            raise LabelledError(
                f"{folder.name}/index.csv has no frame or no patient in line {number}; fill it in or remove the line."
            )
        if ".." in row["frame"] or row["frame"].startswith(("/", "\\")):
            raise LabelledError(
                f"{folder.name}/index.csv names the frame {row['frame']}, which is outside the folder; correct it."
            )
    return rows


def _spacing(row: dict[str, str]) -> Spacing | None:
    columns = (
        ("spacing_y_mm", "spacing_x_mm") if row.get("spacing_y_mm") or row.get("spacing_x_mm") else ("spacing_mm",)
    )
    values = []
    for column in columns:
        text = row.get(column) or "nan"
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if math.isnan(value):
            return None
        if not 0 < value < math.inf:
            raise LabelledError(
                f"{row['frame']}: {column} is '{text}' in index.csv; give millimetres or leave it empty."
            )
        values.append(value)
    return Spacing(values[0], values[-1])


def _reference_ef(row: dict[str, str]) -> float | None:
    for column in _EF_COLUMNS:
        try:
            value = float(row.get(column) or "nan")
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return None


def _read(
    folder: Path, name: str, spacing: Spacing | None, phase: str, view: str, *, masks: str, is_placed: bool
) -> LabelledCine:
    cine = Cine(
        frames=_read_png(folder, f"images/{name}.png")[None],
        frame_times=None,
        spacing=spacing,
        source=folder / "images" / f"{name}.png",
        view=view or None,
        timing_note="A still has no frame times.",
        spacing_note="From index.csv." if spacing else "No millimetres: index.csv states none.",
    )
    return LabelledCine(cine, {0: _read_mask(folder, name, masks)}, {0: phase}, is_placed)


def _read_mask(folder: Path, name: str, masks: str) -> NDArray[np.uint8]:
    inner = f"{masks}/{name}.png"
    return _renumbered(class_map(_read_png(folder, inner), f"{folder.name}/{inner}"), folder, inner)


def _renumbered(mask: NDArray[np.uint8], folder: Path, inner: str) -> NDArray[np.uint8]:
    """Return a mask in our numbers where ``classes.csv`` says what its own mean."""
    path = folder / "classes.csv"
    if not path.is_file():
        return mask
    table = np.zeros(256, np.uint8)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            legend = {int(row["value"]): row["name"] or "" for row in csv.DictReader(file)}
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise LabelledError(f"{folder.name}/classes.csv cannot be read ({error}); give value and name a row.") from None
    if 255 in legend:  # black and white is read as 0 and 1
        legend[1] = legend.pop(255)
    for value in np.unique(mask[mask > 0]).tolist():
        kind = class_of_name(legend.get(value, ""))
        if kind is None:
            called = legend.get(value, "without a name")
            raise LabelledError(
                f"{inner} holds the value {value}, '{called}' in classes.csv, which is none of left ventricle, "
                "myocardium, left atrium; correct the name."
            )
        table[value] = kind
    renumbered: NDArray[np.uint8] = table[mask]
    return renumbered


def _read_png(folder: Path, inner: str) -> NDArray[np.uint8]:
    with _opened(folder, inner) as file:
        mode, picture = file.mode, np.array(file)
    if mode != "L":
        raise LabelledError(f"{inner} must be an 8-bit grey PNG, not one of mode {mode}; export the folder again.")
    return picture


def _size(folder: Path, inner: str) -> tuple[int, int]:
    """Return rows and columns of a picture without decoding it."""
    with _opened(folder, inner) as file:
        return int(file.height), int(file.width)


@contextmanager
def _opened(folder: Path, inner: str) -> Iterator[Any]:
    from PIL import Image

    kind = inner.partition("/")[0]
    if not (folder / kind).is_dir():
        raise LabelledError(f"{folder.resolve().name} has no {kind}/; add it, one PNG a frame.")
    if not (folder / inner).is_file():
        raise LabelledError(f"{inner} is named in index.csv but missing; export the folder again.")
    try:
        with Image.open(folder / inner, formats=("PNG",)) as file:
            yield file
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise LabelledError(f"{inner} is damaged ({error}); export the folder again.") from None
