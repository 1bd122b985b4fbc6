"""Clips that lie as single pictures in a folder: what PNG pairs, COCO and LabelMe have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ExchangeError
from matae.exchange.clip import ImportClip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.exchange.layouts.manifest_hints import Hint

__all__ = ["PictureRow", "picture_clips"]

_ORIENTATION = 0x0112  # of EXIF
_QUARTERS = (2, 4, 5, 6)  # PIL.Image.Transpose that exchanges rows and columns


@dataclass(frozen=True)
class PictureRow:
    """One labelled picture.

    Parameters
    ----------
    path
        The picture, below the folder.
    patient, split, phase, status, view
        As the index says; the last four may be empty. A row without a status was accepted, unless nothing is drawn in
        its mask: then it has no label.
    mask
        Gives its mask for the (rows, columns) of the picture.
    clip
        Clip it belongs to; empty for a picture of its own.
    number
        Frame in the clip it was exported from, or None.
    time, spacing
        Seconds and millimetres (y, x), or None.
    size
        Rows and columns of the picture it was drawn on, where they are stated.
    """

    path: str
    patient: str
    mask: Callable[[tuple[int, int]], NDArray[np.uint8]]
    clip: str = ""
    split: str = ""
    phase: str = ""
    status: str = ""
    view: str = ""
    number: int | None = None
    time: float | None = None
    spacing: tuple[float, float] | None = None
    size: tuple[int, int] | None = None

    @property
    def parent(self) -> str:
        """Folder of the picture."""
        return self.path.rpartition("/")[0]

    @property
    def file(self) -> str:
        """Name of the picture."""
        return self.path.rpartition("/")[2]


def picture_clips(
    root: Path, rows: Sequence[PictureRow], hints: Mapping[str, Hint], index: str
) -> Iterator[ImportClip]:
    """Yield the clips of pictures: a folder of its own is a clip, any other picture stands alone.

    Parameters
    ----------
    root
        The folder the paths start from.
    rows
        Its labelled pictures.
    hints
        Of our manifest, if there is one.
    index
        Name of the file that lists them, for notes.
    """
    groups: dict[tuple[str, str], list[PictureRow]] = {}
    for row in rows:
        own = bool(row.clip) and row.parent.rpartition("/")[2] == row.clip
        groups.setdefault((row.parent, row.clip) if own else (row.path, ""), []).append(row)
    for (place, clip), members in groups.items():
        yield _clip(root, root / place, clip or place.rpartition("/")[2], members, hint=hints.get(clip), index=index)


def _clip(root: Path, source: Path, name: str, rows: list[PictureRow], *, hint: Hint | None, index: str) -> ImportClip:
    from matae.read.images import frame_files

    order = [path.name for path in frame_files(source)] if source.is_dir() else [source.name] * source.is_file()
    place = {file: frame for frame, file in enumerate(order)}
    problems = [f"{row.path} is missing; copy the data again." for row in rows if row.file not in place]
    kept = sorted((row for row in rows if row.file in place), key=lambda row: place[row.file])
    frames = tuple(place[row.file] for row in kept)
    if len(set(frames)) < len(frames):
        raise ExchangeError(f"{index} names a picture of {name} twice; remove one of the two.")
    ours = hint is not None and bool(kept) and all(row.number is not None for row in kept)

    def masks(native: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for row, frame in zip(kept, frames, strict=True):
            mask = _mask(root, row)
            if native and hint is not None and row.number is not None:
                yield row.number, hint.fit.native_mask(mask)
            else:
                yield frame, mask

    phases = {row.phase: frame for row, frame in zip(kept, frames, strict=True)}
    return ImportClip(
        name=name,
        subject=rows[0].patient,
        open=partial(_open, source, kept, len(order), index),
        masks=masks,
        frames=frames,
        native_frames=tuple(row.number for row in kept if row.number is not None) if ours else (),
        split=rows[0].split,
        status={frame: row.status for row, frame in zip(kept, frames, strict=True) if row.status},
        key=hint.key if hint is not None and ours else "",
        lossless=hint is None or hint.fit.is_native,
        ed=phases.get("ED"),
        es=phases.get("ES"),
        problems=tuple(problems),
    )


def _mask(root: Path, row: PictureRow) -> NDArray[np.uint8]:
    """Return the mask of a picture as it is shown: what was drawn on the picture before it was turned is turned too."""
    stored, turn = _stored_shape(root / row.path)
    shown = stored if turn is None or turn not in _QUARTERS else (stored[1], stored[0])
    if row.size in (None, shown):
        return row.mask(shown)
    if row.size == stored and turn is not None:
        from PIL import Image

        return np.asarray(Image.fromarray(row.mask(stored)).transpose(turn))
    said, there = (f"{size[1]} x {size[0]}" for size in (row.size, shown))
    raise ExchangeError(
        f"The mask of {row.file} was drawn on a picture of {said}, not {there}; bring that picture back."
    )


def _stored_shape(path: Path) -> tuple[tuple[int, int], Any]:
    """Return rows and columns of a picture as stored, and how it is turned to be shown (EXIF), without unpacking it.

    Raises
    ------
    ExchangeError
        If it is damaged.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            # Asked for what it has not read yet, Pillow would unpack a whole PNG.
            states = picture.format != "PNG" or "exif" in picture.info
            turn = _turns().get(picture.getexif().get(_ORIENTATION, 1)) if states else None
            return (picture.height, picture.width), turn
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ExchangeError(f"{path.parent.name}/{path.name} is a damaged picture; copy the data again.") from error


def _turns() -> dict[int, Any]:
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
    }  # fmt: skip


def _open(source: Path, rows: list[PictureRow], count: int, index: str) -> Cine:
    from matae.exchange.layouts.stated_facts import with_facts
    from matae.read.images import read_image, read_image_folder

    cine = read_image_folder(source) if source.is_dir() else read_image(source)
    times = [row.time for row in rows]
    complete = len(rows) == count and all(time is not None for time in times)
    cine = with_facts(cine, times if complete else None, rows[0].spacing if rows else None, index)
    return replace(cine, view=next((row.view for row in rows if row.view), None))
