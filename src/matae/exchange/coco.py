"""COCO: one JSON file a split, masks as run lengths, pictures as PNG."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae import RESEARCH_USE, __version__
from matae.errors import ExchangeError
from matae.exchange import rle
from matae.exchange.clip import CLASS_NAMES, class_name
from matae.exchange.jsonfile import read_object
from matae.exchange.names import check_text, inner_path
from matae.exchange.pictured import PictureRow, picture_clips
from matae.exchange.pictures import write_png
from matae.exchange.polygons import draw_polygon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    from numpy.typing import NDArray

    from matae.exchange.clip import ExportClip, ImportClip
    from matae.exchange.hints import Hint

__all__ = ["CocoWriter", "coco_files", "read_coco_folder"]

_MOST_CLASSES = 20


class _SplitFile:
    """One ``instances_<split>.json``, written as the frames come: annotations wait in a file of their own."""

    def __init__(self, path: Path, classes: int) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._out: TextIO = path.open("w", encoding="utf-8")
        self._waiting: TextIO = tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent)  # noqa: SIM115
        self._images = self._annotations = 0
        categories = [{"id": n, "name": class_name(n), "supercategory": "heart"} for n in range(1, classes + 1)]
        info = {"description": RESEARCH_USE, "version": __version__, "contributor": "napari-matae"}
        self._out.write(f'{{"info": {json.dumps(info)},\n"licenses": [],\n"categories": {json.dumps(categories)},\n')
        self._out.write('"images": [')

    def add(self, image: dict[str, Any], mask: NDArray[np.uint8]) -> None:
        self._images += 1
        image = {"id": self._images, **image}
        self._out.write(("," if self._images > 1 else "") + "\n" + json.dumps(image))
        for value in np.unique(mask[mask > 0]):
            inside = mask == value
            rows, columns = np.nonzero(inside)
            y, x = int(rows.min()), int(columns.min())
            self._annotations += 1
            annotation = {
                "id": self._annotations, "image_id": self._images, "category_id": int(value), "iscrowd": 0,
                "area": int(inside.sum()), "bbox": [x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1],
                "segmentation": rle.encode(inside),
            }  # fmt: skip
            self._waiting.write(("," if self._annotations > 1 else "") + "\n" + json.dumps(annotation))

    def close(self) -> None:
        self._out.write('\n],\n"annotations": [')
        self._waiting.seek(0)
        while piece := self._waiting.read(1 << 20):
            self._out.write(piece)
        self._waiting.close()
        self._out.write("\n]}\n")
        self._out.close()

    def abandon(self) -> None:
        self._waiting.close()
        self._out.close()


class CocoWriter:
    """Writes ``images/`` and ``annotations/``.

    Parameters
    ----------
    root
        Where to.
    classes
        Largest class that occurs.
    """

    def __init__(self, root: Path, *, classes: int) -> None:
        self._root = root
        self._classes = max(classes, 1)
        self._files: dict[str, _SplitFile] = {}

    def add(self, clip: ExportClip, tick: Callable[[], None]) -> None:
        """Write a clip; `tick` is called after each frame."""
        if clip.split not in self._files:
            path = self._root / "annotations" / f"instances_{clip.split}.json"
            self._files[clip.split] = _SplitFile(path, self._classes)
        size = clip.fit.pixel_size(clip.spacing)
        for t, label in clip.labels.items():
            name = f"{clip.name}/{t:06d}.png"
            write_png(self._root / "images" / name, clip.fit.image(clip.frame(t)))
            image = {
                "file_name": name, "height": clip.fit.out_shape[0], "width": clip.fit.out_shape[1],
                "patient": clip.patient, "clip": clip.name, "frame": t, "view": clip.view, "phase": clip.phase(t),
                "status": label.status, "spacing_mm": None if size is None else [round(step, 6) for step in size],
                "time_s": None if clip.frame_times is None else round(float(clip.frame_times[t]), 6),
            }  # fmt: skip
            self._files[clip.split].add(image, clip.fit.mask(label.mask))
            tick()

    def close(self) -> None:
        """Finish the files."""
        for file in self._files.values():
            file.close()

    def abandon(self) -> None:
        """Let go of the files."""
        for file in self._files.values():
            file.abandon()


def coco_files(folder: Path) -> list[Path]:
    """Return the annotation files of a folder, empty when it is not laid out like COCO."""
    return sorted(path for path in (folder / "annotations").glob("*.json") if path.is_file())


def read_coco_folder(folder: Path, hints: Mapping[str, Hint]) -> Iterator[ImportClip]:
    """Yield the clips of a COCO folder.

    Categories called as ours keep their class; others are numbered as in the file.

    Raises
    ------
    ExchangeError
        If a file is damaged, or names what lies outside the folder.
    """
    rows: list[PictureRow] = []
    for path in coco_files(folder):
        split = path.stem.rpartition("_")[2]
        rows += _rows(folder, path, split if split in {"train", "val", "test"} else "")
    yield from picture_clips(folder, rows, hints, "annotations")


def _rows(folder: Path, path: Path, split: str) -> Iterator[PictureRow]:
    values = read_object(path)
    classes = _classes(values, path.name)
    found: dict[Any, list[tuple[int, Any]]] = {}
    for entry in _list(values, "annotations", path.name):
        if not isinstance(entry, dict) or entry.get("category_id") not in classes:
            raise ExchangeError(f"{path.name}: an annotation has no known category; export the data again.")
        found.setdefault(entry.get("image_id"), []).append((classes[entry["category_id"]], entry.get("segmentation")))
    for image in _list(values, "images", path.name):
        where = f"{path.name}, image {str(image.get('id') if isinstance(image, dict) else '?')[:20]}"
        if not isinstance(image, dict):
            raise ExchangeError(f"{where}: it is no image; export the data again.")
        name = str(inner_path(check_text(image.get("file_name"), where), where))
        inside = f"images/{name}" if (folder / "images").is_dir() else name
        shapes = found.get(image.get("id"), [])
        spacing, time, number = image.get("spacing_mm"), image.get("time_s"), image.get("frame")
        yield PictureRow(
            path=inside,
            patient=check_text(image.get("patient") or "", where),
            mask=partial(_mask, shapes, f"{path.name}, {name}"),
            clip=check_text(image.get("clip") or "", where),
            split=split,
            phase=str(image.get("phase") or "")[:2],
            status="edited" if image.get("status") == "edited" else "accepted",
            view=check_text(image.get("view") or "", where),
            number=number if isinstance(number, int) and 0 <= number < 10**7 else None,
            time=float(time) if isinstance(time, (int, float)) else None,
            spacing=_pair(spacing),
        )


def _pair(values: Any) -> tuple[float, float] | None:
    if isinstance(values, list) and len(values) == 2 and all(isinstance(value, (int, float)) for value in values):
        return float(values[0]), float(values[1])
    return None


def _list(values: dict[str, Any], key: str, name: str) -> list[Any]:
    found = values.get(key)
    if not isinstance(found, list):
        raise ExchangeError(f"{name} has no list of {key}; it is no COCO file.")
    return found


def _classes(values: dict[str, Any], name: str) -> dict[Any, int]:
    classes: dict[Any, int] = {}
    for entry in _list(values, "categories", name):
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), int):
            raise ExchangeError(f"{name}: a category has no number; export the data again.")
        label = str(entry.get("name", "")).lower()
        value = CLASS_NAMES.index(label) + 1 if label in CLASS_NAMES else entry["id"]
        if not 1 <= value <= _MOST_CLASSES or value in classes.values():
            raise ExchangeError(f"{name}: categories must have different numbers from 1 to {_MOST_CLASSES}.")
        classes[entry["id"]] = value
    return classes


def _mask(shapes: list[tuple[int, Any]], where: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    for value, segmentation in shapes:
        if isinstance(segmentation, dict):
            mask[rle.decode(segmentation, shape, where)] = value
        elif isinstance(segmentation, list):
            for ring in segmentation:
                flat = ring if isinstance(ring, list) and len(ring) % 2 == 0 else []
                pairs = [list(pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
                mask[draw_polygon(pairs, shape, where)] = value
        else:
            raise ExchangeError(f"{where}: an annotation has no shape; export the data again.")
    return mask
