"""Pairs of pictures and masks as PNG with ``index.csv``: what the paper trains on, and what ``train`` reads.

``images/<clip>/<frame>.png`` and ``masks/<clip>/<frame>.png``; a clip's folder opens as a cine. Other people's
folders with ``images/`` and ``masks/`` side by side are read too, with or without clips.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from matae.errors import ExchangeError
from matae.exchange.names import check_cell, inner_path
from matae.exchange.pictured import PictureRow, picture_clips
from matae.exchange.pictures import read_mask, write_png
from matae.exchange.tables import number, read_rows, row_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from matae.exchange.clip import ExportClip, ImportClip
    from matae.exchange.hints import Hint

__all__ = ["COLUMNS", "PngWriter", "is_png_folder", "read_png_folder"]

COLUMNS = (
    "frame", "patient", "view", "phase", "split", "spacing_mm", "rows", "cols", "clip", "number", "time_s",
    "spacing_y_mm", "spacing_x_mm", "status", "placed",
)  # fmt: skip


class PngWriter:
    """Writes the folder.

    Parameters
    ----------
    root
        Where to.
    binary
        One class only: written as 0 and 255, which people can see. Otherwise class numbers.
    """

    def __init__(self, root: Path, *, binary: bool) -> None:
        self._root = root
        self._white = 255 if binary else 1
        self._index = (root / "index.csv").open("w", encoding="utf-8", newline="")
        self._index.write(row_text(COLUMNS))

    def add(self, clip: ExportClip, tick: Callable[[], None]) -> None:
        """Write a clip; `tick` is called after each frame."""
        size = clip.fit.pixel_size(clip.spacing)
        # Square to a pixel of the picture is as square as placing in whole pixels makes it.
        square = size is not None and abs(size[0] - size[1]) < size[0] / min(clip.fit.out_shape)
        for t, label in clip.labels.items():
            name = f"{clip.name}/{t:06d}"
            write_png(self._root / "images" / f"{name}.png", clip.fit.image(clip.frame(t)))
            write_png(self._root / "masks" / f"{name}.png", clip.fit.mask(label.mask) * self._white)
            row = {
                "frame": name, "patient": clip.patient, "view": clip.view, "phase": clip.phase(t),
                "split": clip.split, "spacing_mm": round(size[0], 6) if size and square else None,
                "rows": clip.fit.out_shape[0], "cols": clip.fit.out_shape[1], "clip": clip.name, "number": t,
                "time_s": None if clip.frame_times is None else round(float(clip.frame_times[t]), 6),
                "spacing_y_mm": round(size[0], 6) if size else None,
                "spacing_x_mm": round(size[1], 6) if size else None, "status": label.status,
                "placed": 0 if clip.fit.is_native else 1,
            }  # fmt: skip
            self._index.write(row_text(row[column] for column in COLUMNS))
            tick()

    def close(self) -> None:
        """Finish the index."""
        self._index.close()

    abandon = close


def is_png_folder(folder: Path) -> bool:
    """Say whether `folder` has an index, pictures and masks."""
    return (folder / "index.csv").is_file() and (folder / "images").is_dir() and (folder / "masks").is_dir()


def read_png_folder(folder: Path, hints: Mapping[str, Hint]) -> Iterator[ImportClip]:
    """Yield the clips of a folder with ``index.csv``.

    Raises
    ------
    ExchangeError
        If the index is damaged, or names what lies outside the folder.
    """
    rows = [_row(folder, line, cells) for line, cells in read_rows(folder / "index.csv", ("frame", "patient"))]
    yield from picture_clips(folder, rows, hints, "index.csv")


def _row(folder: Path, line: int, cells: dict[str, str]) -> PictureRow:
    where = f"index.csv row {line}"
    texts = {key: check_cell(cells.get(key, ""), where) for key in ("patient", "clip", "split", "phase", "view")}
    frame, split = inner_path(cells["frame"], where), texts["split"].lower()
    if not texts["patient"]:
        raise ExchangeError(f"{where}: there is no patient; fill it in.")
    if split not in {"", "train", "val", "test"}:
        raise ExchangeError(f"{where}: the split is '{split[:20]}'; use train, val or test.")
    sizes = [cells.get("spacing_y_mm") or cells.get("spacing_mm"), cells.get("spacing_x_mm") or cells.get("spacing_mm")]
    spacing = [number(size, where, low=0.001, high=100) for size in sizes if size]
    time, index = cells.get("time_s"), cells.get("number")
    return PictureRow(
        path=f"images/{frame}.png",
        patient=texts["patient"],
        mask=partial(read_mask, folder / "masks" / f"{frame}.png"),
        clip=texts["clip"],
        split=split,
        phase=texts["phase"].upper(),
        status="edited" if cells.get("status") == "edited" else "accepted",
        view=texts["view"],
        number=int(number(index, where, low=0, high=1e7)) if index else None,
        time=number(time, where, low=0, high=1e6) if time else None,
        spacing=(spacing[0], spacing[1]) if len(spacing) == 2 else None,
    )
