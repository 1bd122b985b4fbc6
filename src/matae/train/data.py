"""Labelled frames in memory: a folder with ``index.csv``, ``images/`` and ``masks/``.

The layout of this project's own export. The split is read, never drawn here: a patient that stands on both
sides is refused, in one folder or over several.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import TrainError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["LabelledFrames", "load_folders", "load_frames"]

_MOST_CLASSES = 20


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """Square frames of one size with their masks and what the index says of them.

    Parameters
    ----------
    images
        Grey frames, (N, Y, X) uint8.
    masks
        Class of every pixel, (N, Y, X) uint8; 0 is background.
    frames, patients, phases
        Name, patient pseudonym and phase ("ED", "ES" or "") of each frame.
    spacing
        Size of a (square) pixel in mm, (N,); NaN where unknown.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    frames: tuple[str, ...]
    patients: tuple[str, ...]
    phases: tuple[str, ...]
    spacing: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    @property
    def classes(self) -> int:
        """Number of foreground classes that occur."""
        return int(self.masks.max(initial=0))

    def digest(self) -> str:
        """Return the sha256 of names, pictures and masks: a run goes on only with the frames it began with."""
        found = hashlib.sha256(repr((self.frames, self.patients, self.images.shape)).encode())
        for stack in (self.images, self.masks):
            found.update(np.ascontiguousarray(stack).data)
        return found.hexdigest()


def load_frames(folder: Path, split: str) -> LabelledFrames:
    """Load the frames of one side of the split.

    Parameters
    ----------
    folder
        Folder with ``index.csv`` (columns frame, patient, split; phase and spacing_mm if known), ``images/`` and
        ``masks/`` with one PNG a frame. A mask of 0 and 255 is one class; other values are class numbers. Frames
        that are not square are padded with black, as the network sees a cine.
    split
        ``"train"`` or ``"val"``.

    Raises
    ------
    TrainError
        If the folder, a picture or the split is missing, sizes differ, a value makes no sense, or a patient is on
        both sides.
    """
    rows = _read_index(folder)
    chosen = [row for row in rows if row["split"] == split]
    if not chosen:
        raise TrainError(f"{folder.name}/index.csv has no frame with split '{split}'; add some or name another split.")
    return _load_rows(folder, chosen)


def load_folders(folders: Sequence[Path]) -> tuple[LabelledFrames, LabelledFrames]:
    """Load the training and the validation frames of several folders, each side joined in the order given.

    Parameters
    ----------
    folders
        Folders as for `load_frames`; one may lack a side if another has it.

    Raises
    ------
    TrainError
        As `load_frames`, or if no folder is given, one is given twice or has neither side, none has a side, their
        frames differ in size, or a patient of one folder is on the other side in another.
    """
    if not folders:
        raise TrainError("There is no folder to train on; name one with index.csv, images/ and masks/.")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise TrainError("A folder is named twice; name each once.")
    indexes = [(folder, _read_index(folder)) for folder in folders]
    _check_sides(indexes)
    train, val = (_join(indexes, split) for split in ("train", "val"))
    return train, val


def _check_sides(indexes: list[tuple[Path, list[dict[str, str]]]]) -> None:
    sides: dict[str, tuple[str, str]] = {}
    for folder, rows in indexes:
        if not any(row["split"] in {"train", "val"} for row in rows):
            raise TrainError(f"{folder.name}/index.csv has no frame with split 'train' or 'val'; add some.")
        for row in rows:
            split, where = sides.setdefault(row["patient"], (row["split"], folder.name))
            if split != row["split"]:
                raise TrainError(
                    f"Patient {row['patient']} is in '{split}' of {where} and in '{row['split']}' of {folder.name}; "
                    "give each patient one split, and other people other names."
                )


def _join(indexes: list[tuple[Path, list[dict[str, str]]]], split: str) -> LabelledFrames:
    parts: list[LabelledFrames] = []
    for folder, rows in indexes:
        if chosen := [row for row in rows if row["split"] == split]:
            part = _load_rows(folder, chosen)
            if parts and part.images.shape[1:] != parts[0].images.shape[1:]:
                (height, width), (rows_before, columns_before) = part.images.shape[1:], parts[0].images.shape[1:]
                raise TrainError(
                    f"The frames of {folder.name} are {height} x {width} pixels, those before {rows_before} x "
                    f"{columns_before}; export all folders at one size."
                )
            parts.append(part)
    if not parts:
        names = ", ".join(f"{folder.name}/index.csv" for folder, _ in indexes)
        raise TrainError(f"{names}: there is no frame with split '{split}'; add some or another folder.")
    return LabelledFrames(
        images=np.concatenate([part.images for part in parts]),
        masks=np.concatenate([part.masks for part in parts]),
        frames=tuple(name for part in parts for name in part.frames),
        patients=tuple(name for part in parts for name in part.patients),
        phases=tuple(phase for part in parts for phase in part.phases),
        spacing=np.concatenate([part.spacing for part in parts]),
    )


def _load_rows(folder: Path, chosen: list[dict[str, str]]) -> LabelledFrames:
    images = [_read_png(folder / "images" / f"{row['frame']}.png") for row in chosen]
    masks = [_read_png(folder / "masks" / f"{row['frame']}.png") for row in chosen]
    for row, image, mask in zip(chosen, images, masks, strict=True):
        if image.shape != images[0].shape or mask.shape != image.shape:
            raise TrainError(
                f"{row['frame']}: image {image.shape} and mask {mask.shape} must both be {images[0].shape}; "
                "export the folder again at one size."
            )
    labels = np.stack(masks)
    if set(np.unique(labels)) <= {0, 255}:
        labels = (labels > 0).astype(np.uint8)
    if labels.max(initial=0) > _MOST_CLASSES:
        raise TrainError(
            f"A mask in {folder.name} has the value {labels.max()}; write 0 and 255, or class numbers up to "
            f"{_MOST_CLASSES}."
        )
    return LabelledFrames(
        images=_square(np.stack(images)),
        masks=_square(labels),
        frames=tuple(row["frame"] for row in chosen),
        patients=tuple(row["patient"] for row in chosen),
        phases=tuple(row.get("phase") or "" for row in chosen),
        spacing=np.array([_spacing(row) for row in chosen]),
    )


def _square(stack: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = stack.shape[1:]
    down, right = max(0, width - height), max(0, height - width)
    pad = ((0, 0), (down // 2, down - down // 2), (right // 2, right - right // 2))
    return np.pad(stack, pad) if down or right else stack


def _spacing(row: dict[str, str]) -> float:
    try:
        return float(row.get("spacing_mm") or "nan")
    except ValueError:
        raise TrainError(
            f"{row['frame']}: spacing_mm is '{row['spacing_mm']}' in index.csv; give millimetres or leave it empty."
        ) from None


def _read_index(folder: Path) -> list[dict[str, str]]:
    index = folder / "index.csv"
    if not index.is_file():
        raise TrainError(f"{folder} has no index.csv; name a folder with index.csv, images/ and masks/.")
    try:
        # utf-8-sig: spreadsheets put a mark in front of the first column's name.
        with index.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise TrainError(f"{folder.name}/index.csv cannot be read ({error}); export the folder again.") from None
    missing = {"frame", "patient", "split"} - set(rows[0] if rows else ())
    if missing:
        raise TrainError(
            f"{index.name} in {folder.name} lacks {', '.join(sorted(missing))}; add the column and a row a frame."
        )
    sides: dict[str, str] = {}
    for row in rows:
        if not (row["frame"] and row["patient"] and row["split"]):
            raise TrainError(
                f"{folder.name}/index.csv has a row without frame, patient or split ({row['frame'] or 'no name'}); "
                "fill it in or remove it."
            )
        if sides.setdefault(row["patient"], row["split"]) != row["split"]:
            raise TrainError(
                f"Patient {row['patient']} is in both '{sides[row['patient']]}' and '{row['split']}'; "
                "give each patient one split."
            )
    return rows


def _read_png(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    if not path.is_file():
        raise TrainError(f"{path.parent.name}/{path.name} is named in index.csv but missing; export the folder again.")
    try:
        with Image.open(path, formats=("PNG",)) as file:
            mode, picture = file.mode, np.array(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise TrainError(f"{path.parent.name}/{path.name} is damaged ({error}); export the folder again.") from None
    if mode != "L":
        raise TrainError(
            f"{path.parent.name}/{path.name} must be an 8-bit grey PNG, not one of mode {mode}; "
            "export the folder again."
        )
    return picture
