"""Labelled frames in memory: a folder with ``index.csv``, ``images/`` and ``masks/``.

The layout of this project's own export. The split is read, never drawn here: a patient that stands on both
sides is refused.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import TrainError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["LabelledFrames", "load_frames"]


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """Frames of one size with their masks and what the index says of them.

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


def load_frames(folder: Path, split: str) -> LabelledFrames:
    """Load the frames of one side of the split.

    Parameters
    ----------
    folder
        Folder with ``index.csv`` (columns frame, patient, split; phase and spacing_mm if known), ``images/`` and
        ``masks/`` with one PNG a frame. A mask of 0 and 255 is one class; other values are class numbers.
    split
        ``"train"`` or ``"val"``.

    Raises
    ------
    TrainError
        If the folder, a picture or the split is missing, sizes differ, or a patient is on both sides.
    """
    rows = _read_index(folder)
    chosen = [row for row in rows if row["split"] == split]
    if not chosen:
        raise TrainError(f"{folder.name}/index.csv has no frame with split '{split}'; add some or name another split.")
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
    return LabelledFrames(
        images=np.stack(images),
        masks=labels,
        frames=tuple(row["frame"] for row in chosen),
        patients=tuple(row["patient"] for row in chosen),
        phases=tuple(row.get("phase") or "" for row in chosen),
        spacing=np.array([float(row.get("spacing_mm") or "nan") for row in chosen]),
    )


def _read_index(folder: Path) -> list[dict[str, str]]:
    index = folder / "index.csv"
    if not index.is_file():
        raise TrainError(f"{folder} has no index.csv; name a folder with index.csv, images/ and masks/.")
    with index.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = {"frame", "patient", "split"} - set(rows[0] if rows else ())
    if missing:
        raise TrainError(f"{index.name} in {folder.name} lacks the column(s) {', '.join(sorted(missing))}.")
    sides: dict[str, str] = {}
    for row in rows:
        if sides.setdefault(row["patient"], row["split"]) != row["split"]:
            raise TrainError(
                f"Patient {row['patient']} is in both '{sides[row['patient']]}' and '{row['split']}'; "
                "give each patient one split."
            )
    return rows


def _read_png(path: Path) -> NDArray[np.uint8]:
    import imageio.v3 as iio

    if not path.is_file():
        raise TrainError(f"{path.parent.name}/{path.name} is named in index.csv but missing; export the folder again.")
    picture = np.asarray(iio.imread(path))
    if picture.ndim != 2 or picture.dtype != np.uint8:
        raise TrainError(
            f"{path.parent.name}/{path.name} must be an 8-bit grey PNG, not {picture.dtype} {picture.shape}."
        )
    return picture
