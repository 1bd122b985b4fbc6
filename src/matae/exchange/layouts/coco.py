"""COCO: one JSON file a split, masks as run lengths, pictures as PNG."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae import RESEARCH_USE, __version__
from matae.anatomy import class_name, code_of_class
from matae.errors import ExchangeError
from matae.exchange.clip import only_said
from matae.exchange.encodings import rle
from matae.exchange.encodings.jsonfile import read_object
from matae.exchange.encodings.pictures import write_png
from matae.exchange.encodings.polygons import draw_coco_polygon
from matae.exchange.layouts.detect import Finder, coco_files, coco_root, side_of
from matae.exchange.layouts.picture_folder import PictureRow, picture_clips
from matae.exchange.names import check_text
from matae.exchange.naming import Drawn, Named

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    from numpy.typing import NDArray

    from matae.exchange.clip import ExportClip, ImportClip
    from matae.exchange.layouts.manifest_hints import Hint
    from matae.exchange.naming import Naming

__all__ = ["CocoWriter", "read_coco_folder"]


class _SplitFile:
    """One ``instances_<split>.json``, written as the frames come: annotations wait in a file of their own."""

    def __init__(self, path: Path, classes: int) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._out: TextIO = path.open("w", encoding="utf-8")
        self._waiting: TextIO = tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent)  # noqa: SIM115
        self._images = self._annotations = 0
        categories = [
            {
                "id": n, "name": class_name(n), "supercategory": "heart",
                **dict(zip(("code", "coding_scheme", "code_meaning"), code_of_class(n), strict=True)),
            }
            for n in range(1, classes + 1)
        ]  # fmt: skip
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


def read_coco_folder(path: Path, hints: Mapping[str, Hint], naming: Naming) -> Iterator[ImportClip]:
    """Yield the clips of a COCO data set: pictures that somebody drew a mask on.

    Parameters
    ----------
    path
        Its folder, or its annotation file.
    hints
        Of our manifest.
    naming
        Finds the class of each category that is drawn.

    Raises
    ------
    ExchangeError
        If a file is damaged, names what lies outside the folder, or has a category that is not known.
    """
    folder = path if path.is_dir() else coco_root(path)
    finder = Finder(folder)
    rows: list[PictureRow] = []
    problems: list[str] = []
    for file in coco_files(path):
        rows += _rows(file, finder, naming, problems)
    naming.check()
    yield only_said(problems)
    yield from picture_clips(folder, rows, hints, "annotations")


def _rows(path: Path, finder: Finder, naming: Naming, problems: list[str]) -> Iterator[PictureRow]:
    values = read_object(path)
    drawn = _drawn(values, path, naming, problems)
    bare = 0
    for image in _list(values, "images", path.name):
        where = f"{path.name}, image {str(image.get('id') if isinstance(image, dict) else '?')[:20]}"
        if not isinstance(image, dict):
            raise ExchangeError(f"{where}: it is no image; export the data again.")
        shapes = drawn.get(_hashable(image.get("id")), [])
        # Nobody drew on a picture without a mask, unless it says that a person found it empty: ours do.
        stated = image.get("status") in ("accepted", "edited")
        if not shapes and not stated:
            bare += 1
            continue
        name = check_text(image.get("file_name"), where)
        place = finder.find(name, path, where)
        spacing, time, number = image.get("spacing_mm"), image.get("time_s"), image.get("frame")
        yield PictureRow(
            path=place,
            patient=check_text(image.get("patient") or "", where),
            mask=partial(_mask, shapes, f"{path.name}, {name}", naming),
            clip=check_text(image.get("clip") or "", where),
            split=side_of(path),
            phase=str(image.get("phase") or "")[:2],
            status=str(image["status"]) if stated else "",
            view=check_text(image.get("view") or "", where),
            number=number if isinstance(number, int) and 0 <= number < 10**7 else None,
            time=float(time) if isinstance(time, (int, float)) else None,
            spacing=_pair(spacing),
            size=_size(image.get("height"), image.get("width")),
        )
    if bare:
        problems.append(
            f"{bare} {'picture has' if bare == 1 else 'pictures have'} no mask in {path.name}, so no label."
        )


def _drawn(
    values: dict[str, Any], path: Path, naming: Naming, problems: list[str]
) -> dict[Hashable, list[tuple[int, str, Any]]]:
    """Return class, name and shape of what was drawn on each picture, by the picture's id."""
    named = _categories(values, path.name)
    shapes: dict[Hashable, list[tuple[Hashable, Any]]] = {}
    used: set[Hashable] = set()
    boxes = 0
    for entry in _list(values, "annotations", path.name):
        category = _hashable(entry.get("category_id")) if isinstance(entry, dict) else None
        if category not in named:
            raise ExchangeError(f"{path.name}: an annotation has no known category; export the data again.")
        if _has_shape(entry.get("segmentation")):
            used.add(category)
            shapes.setdefault(_hashable(entry.get("image_id")), []).append((category, entry["segmentation"]))
        else:
            boxes += 1
    if boxes:
        which = "annotation has" if boxes == 1 else "annotations have"
        problems.append(f"{boxes} {which} no mask in {path.name} (a box or points are none), so no label.")
    classes = naming.settle(named, path.name, used)
    return {
        image: kept
        for image, entries in shapes.items()
        if (kept := [(classes[key], named[key].name, shape) for key, shape in entries if classes[key]])
    }


def _has_shape(segmentation: Any) -> bool:
    if isinstance(segmentation, dict):
        return True
    return isinstance(segmentation, list) and any(not isinstance(ring, list) or ring for ring in segmentation)


def _hashable(value: Any) -> Hashable:
    """Return a number of COCO's as a key; tools write them as numbers or as texts."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None


def _size(height: Any, width: Any) -> tuple[int, int] | None:
    known = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in (height, width))
    return (height, width) if known else None


def _pair(values: Any) -> tuple[float, float] | None:
    if isinstance(values, list) and len(values) == 2 and all(isinstance(value, (int, float)) for value in values):
        return float(values[0]), float(values[1])
    return None


def _list(values: dict[str, Any], key: str, name: str) -> list[Any]:
    found = values.get(key)
    if not isinstance(found, list):
        raise ExchangeError(f"{name} has no list of {key}; it is no COCO file.")
    return found


def _categories(values: dict[str, Any], name: str) -> dict[Hashable, Named]:
    """Return the categories by their number, whatever it is: it says nothing but which is meant."""
    found: dict[Hashable, Named] = {}
    for entry in _list(values, "categories", name):
        key = _hashable(entry.get("id")) if isinstance(entry, dict) else None
        if key is None or key in found:
            raise ExchangeError(f"{name}: a category has no number of its own; export the data again.")
        group = entry.get("supercategory")
        found[key] = Named(check_text(entry.get("name", ""), name), group if isinstance(group, str) else "")
    return found


def _mask(shapes: list[tuple[int, str, Any]], where: str, naming: Naming, shape: tuple[int, int]) -> NDArray[np.uint8]:
    parts = []
    for value, name, segmentation in shapes:
        if isinstance(segmentation, dict):
            inside = rle.decode(segmentation, shape, where)
        else:
            inside = np.zeros(shape, bool)
            # A list of lists; some tools write the points of a lone outline without the outer list.
            rings = segmentation if any(isinstance(ring, list) for ring in segmentation) else [segmentation]
            for ring in rings:
                flat = ring if isinstance(ring, list) and len(ring) % 2 == 0 else []
                pairs = [list(pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
                inside |= draw_coco_polygon(pairs, shape, where)
        parts.append(Drawn(value, name, inside))
    return naming.combine(parts, shape, where)
