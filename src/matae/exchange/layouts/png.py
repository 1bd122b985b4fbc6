"""Pairs of pictures and masks as PNG with ``index.csv``: what the paper trains on, and what ``train`` reads.

``images/<clip>/<frame>.png`` and ``masks/<clip>/<frame>.png``; a clip's folder opens as a cine. Other people's
folders with ``images/`` and ``masks/`` side by side are read too, with or without clips.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from matae.errors import ExchangeError
from matae.exchange.clip import only_said
from matae.exchange.encodings.pictures import read_mask, write_png
from matae.exchange.encodings.tables import number, read_rows, row_text
from matae.exchange.layouts.legend import LEGEND, legend_text, read_legend, renumber
from matae.exchange.layouts.picture_folder import PictureRow, picture_clips
from matae.exchange.names import check_cell, inner_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from matae.exchange.clip import ExportClip, ImportClip
    from matae.exchange.layouts.manifest_hints import Hint
    from matae.exchange.naming import Naming

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
    classes
        Largest class that occurs. One class only is written as 0 and 255, which people can see; otherwise numbers,
        with their names in ``classes.csv``.
    """

    def __init__(self, root: Path, *, classes: int) -> None:
        self._root = root
        self._white = 255 if classes <= 1 else 1
        legend = legend_text({kind * self._white: kind for kind in range(1, max(classes, 1) + 1)})
        (root / LEGEND).write_text(legend, encoding="utf-8", newline="\n")
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


def read_png_folder(folder: Path, hints: Mapping[str, Hint], naming: Naming) -> Iterator[ImportClip]:
    """Yield the clips of a folder with ``index.csv``.

    Parameters
    ----------
    folder
        The folder.
    hints
        Of our manifest.
    naming
        Finds the class of each value that ``classes.csv`` names.

    Raises
    ------
    ExchangeError
        If the index is damaged, names what lies outside the folder, or a class is not known.
    """
    legend = read_legend(folder)
    classes = naming.settle(legend, LEGEND) if legend else None
    naming.check()
    rows: list[PictureRow] = []
    problems: list[str] = []
    for line, cells in read_rows(folder / "index.csv", ("frame", "patient")):
        row = _row(folder, line, cells, classes)
        if (folder / "masks" / row.path.removeprefix("images/")).is_file():
            rows.append(row)
        else:
            problems.append(f"masks/{row.path.removeprefix('images/')} is missing; copy the data again.")
    yield only_said(problems)
    yield from picture_clips(folder, rows, hints, "index.csv")


def _mask(path: Path, classes: Mapping[int, int] | None, shape: tuple[int, int]) -> NDArray[np.uint8]:
    return renumber(read_mask(path, shape), classes, f"{path.parent.name}/{path.name}")


def _row(folder: Path, line: int, cells: dict[str, str], classes: Mapping[int, int] | None) -> PictureRow:
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
        mask=partial(_mask, folder / "masks" / f"{frame}.png", classes),
        clip=texts["clip"],
        split=split,
        phase=texts["phase"].upper(),
        status=status if (status := cells.get("status", "").lower()) in {"accepted", "edited"} else "",
        view=texts["view"],
        number=int(number(index, where, low=0, high=1e7)) if index else None,
        time=number(time, where, low=0, high=1e6) if time else None,
        spacing=(spacing[0], spacing[1]) if len(spacing) == 2 else None,
    )
