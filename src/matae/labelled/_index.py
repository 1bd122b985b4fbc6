"""A folder with ``index.csv``, ``images/`` and ``masks/``: this project's own layout, frames of any size."""

from __future__ import annotations

import csv
import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Cine, Spacing
from matae.labelled._types import CAVITY, LabelledCine, LabelledError, LabelledRef, LabelledSet, class_map

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["list_index"]

_EF_COLUMNS = ("reference_ef", "biplane_ef", "ef")


def list_index(folder: Path) -> LabelledSet:
    """List the frames of a folder with ``index.csv``.

    Columns: ``frame`` and ``patient``; where known ``split``, ``phase``, ``view``, ``image_quality``, ``cine``,
    ``spacing_mm`` (or ``spacing_y_mm`` and ``spacing_x_mm``), ``reference_ef`` (or ``biplane_ef``). Each picture and
    mask is an 8-bit grey PNG named after its frame. Masks are looked through now, to know their classes and that they
    fit.

    Raises
    ------
    LabelledError
        If the table, a picture or a value in them makes no sense.
    """
    rows = _read_index(folder)
    highest, refs, seen = 1, [], set()
    for row in rows:
        name = row["frame"]
        if name in seen:
            raise LabelledError(f"{folder.name}/index.csv names the frame {name} twice; remove one of the rows.")
        seen.add(name)
        mask = _read_mask(folder, name)
        shape = _size(folder / "images" / f"{name}.png")
        if shape != mask.shape:
            raise LabelledError(
                f"{name}: the image is {shape[0]} x {shape[1]} pixels and its mask {mask.shape[0]} x {mask.shape[1]}; "
                "export the folder again."
            )
        highest = max(highest, int(mask.max(initial=0)))
        spacing = _spacing(row)
        refs.append(
            LabelledRef(
                id=name,
                patient=row["patient"],
                read=partial(_read, folder, name, spacing, row.get("phase") or "", row.get("view") or ""),
                view=row.get("view") or "",
                phase=row.get("phase") or "",
                split=(row.get("split") or "").lower(),
                quality=row.get("image_quality") or "",
                reference_ef=_reference_ef(row),
                cine=row.get("cine") or "",
            )
        )
    classes = {1: CAVITY} | {i: f"class {i}" for i in range(2, highest + 1)}
    return LabelledSet(folder, "index", classes, tuple(refs))


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


def _read(folder: Path, name: str, spacing: Spacing | None, phase: str, view: str) -> LabelledCine:
    path = folder / "images" / f"{name}.png"
    cine = Cine(
        frames=_read_png(path)[None],
        frame_times=None,
        spacing=spacing,
        source=path,
        view=view or None,
        timing_note="A still has no frame times.",
        spacing_note="From index.csv." if spacing else "No millimetres: index.csv states none.",
    )
    return LabelledCine(cine, {0: _read_mask(folder, name)}, {0: phase})


def _read_mask(folder: Path, name: str) -> NDArray[np.uint8]:
    return class_map(_read_png(folder / "masks" / f"{name}.png"), f"{folder.name}/masks/{name}.png")


def _size(path: Path) -> tuple[int, int]:
    """Return rows and columns of a picture without decoding it."""
    from PIL import Image

    _check_there(path)
    try:
        with Image.open(path, formats=("PNG",)) as file:
            return file.height, file.width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from None


def _read_png(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    _check_there(path)
    try:
        with Image.open(path, formats=("PNG",)) as file:
            mode, picture = file.mode, np.array(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from None
    if mode != "L":
        raise LabelledError(
            f"{path.parent.name}/{path.name} must be an 8-bit grey PNG, not one of mode {mode}; export the folder "
            "again."
        )
    return picture


def _check_there(path: Path) -> None:
    if not path.parent.is_dir():
        raise LabelledError(f"{path.parents[1].name} has no {path.parent.name}/; add it, one PNG a frame.")
    if not path.is_file():
        raise LabelledError(
            f"{path.parent.name}/{path.name} is named in index.csv but missing; export the folder again."
        )


def _damaged(path: Path, error: Exception) -> LabelledError:
    return LabelledError(f"{path.parent.name}/{path.name} is damaged ({error}); export the folder again.")
