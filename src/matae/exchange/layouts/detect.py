"""Where the annotation files and pictures of a COCO data set lie: every tool has a layout of its own.

coco.org has ``annotations/instances_train2017.json`` beside ``train2017/``; CVAT ``annotations/`` and ``images/``, with
or without a folder for each subset; Label Studio ``result.json`` beside ``images/``; Roboflow a folder for each side
with ``_annotations.coco.json`` among its pictures; FiftyOne ``labels.json`` beside ``data/``.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from matae.errors import ExchangeError
from matae.exchange.names import check_cell

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Finder", "coco_files", "coco_root", "side_of"]

_MOST_FILES = 100_000
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_SIDES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
          "testing": "test"}  # fmt: skip


def coco_files(path: Path) -> list[Path]:
    """Return the annotation files of a folder, or the file itself; empty when there are none.

    Those of ``annotations/`` count alone where there are any; otherwise those beside the pictures, then those of the
    folders below.
    """
    from matae.exchange.layouts.labelme import labelme_files

    if path.is_file():
        return [path] if _looks_right(path) else []
    named = sorted(file for file in (path / "annotations").glob("*.json") if file.is_file())
    if named:
        # What is named so is meant so: a damaged one is said and not passed over.
        right = [file for file in named if _looks_right(file)]
        return right or [file for file in named if not _is_another(file) and not labelme_files(file)]
    for pattern in ("*.json", "*/*.json", "*/annotations/*.json"):
        if found := [file for file in sorted(path.glob(pattern)) if file.is_file() and _looks_right(file)]:
            return found
    return []


def coco_root(file: Path) -> Path:
    """Return the folder of the data set that a lone annotation file belongs to."""
    return file.parent.parent if file.parent.name == "annotations" else file.parent


def side_of(file: Path) -> str:
    """Return ``train``, ``val`` or ``test`` where the name of a file or of its folder says so, and nothing else."""
    for text in (file.stem.rpartition("_")[2], file.stem, file.parent.name):
        plain = re.sub(r"[\d_-]+$", "", text.lower())
        if plain in _SIDES:
            return _SIDES[plain]
    return ""


def _looks_right(file: Path) -> bool:
    """Say whether a file has the lists of COCO; they may stand in any order, and the file may be long."""
    wanted = {b'"images"', b'"annotations"', b'"categories"'}
    try:
        with file.open("rb") as opened:
            tail = b""
            while wanted and (piece := opened.read(1 << 20)):
                if not tail and b'"shapes"' in piece and b'"annotations"' not in piece:
                    return False  # LabelMe, which may hold its picture as text: no need to read on
                wanted = {key for key in wanted if key not in tail + piece}
                tail = piece[-32:]
    except OSError:
        return False
    return not wanted


def _is_another(file: Path) -> bool:
    """Say whether a file is a list of COCO's that holds no masks, such as captions."""
    return file.stem.startswith(("captions_", "image_info_"))


class Finder:
    """Finds the picture that a file name of an annotation file means.

    Parameters
    ----------
    root
        Folder of the data set; no picture outside is ever taken.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_name: dict[str, list[str]] | None = None

    def find(self, name: str, annotations: Path, where: str) -> str:
        """Return the path of a picture below the root, whether or not it is there.

        A folder that is not here (``/data/upload/``, a drive of Windows) is left off as long as one picture is
        meant by what remains.

        Parameters
        ----------
        name
            As the annotation file has it.
        annotations
            That file.
        where
            The file and picture, for the message.

        Raises
        ------
        ExchangeError
            If it steps out of the folder, or several pictures could be meant.
        """
        plain = check_cell(name, where).replace("\\", "/")
        plain = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:/*", "/", plain)  # a drive, or the scheme of an address
        # Label Studio writes addresses of its own server where the pictures are not its own.
        readings = dict.fromkeys((plain, unquote(plain.partition("?d=")[2] or plain)))
        for reading in readings:
            parts = [part for part in reading.split("/") if part not in {"", "."}]
            if not parts or ".." in parts:
                raise ExchangeError(f"{where}: '{name[:60]}' does not stay inside the folder; use plain names.")
            for start in range(len(parts)):
                rest = PurePosixPath(*parts[start:])
                for place in self._places(annotations):
                    if (self._root / place / rest).is_file():
                        return (place / rest).as_posix()
        found = self._named(parts[-1].lower())
        if len(found) > 1:
            raise ExchangeError(
                f"{where}: {len(found)} pictures are called {parts[-1][:60]}; give each a name of its own."
            )
        return found[0] if found else PurePosixPath(*parts).as_posix()

    def _places(self, annotations: Path) -> list[PurePosixPath]:
        """Return the folders a picture may lie in, the likeliest first."""
        beside = PurePosixPath(annotations.parent.relative_to(self._root).as_posix())
        subset = annotations.stem.rpartition("_")[2]
        names = [
            "images",
            f"images/{subset}",
            subset,
            ".",
            str(beside),
            f"{beside}/images",
            "data",
            "img",
            "JPEGImages",
        ]
        return list(dict.fromkeys(PurePosixPath(name) for name in names))

    def _named(self, name: str) -> list[str]:
        if self._by_name is None:
            self._by_name = {}
            for count, path in enumerate(sorted(self._root.rglob("*"))):
                if count > _MOST_FILES:
                    raise ExchangeError(
                        f"{self._root.name} holds more than {_MOST_FILES:,} files; import the data in parts."
                    )
                if path.suffix.lower() in _PICTURES and path.resolve().is_relative_to(self._root.resolve()):
                    inner = path.relative_to(self._root).as_posix()
                    self._by_name.setdefault(path.name.lower(), []).append(inner)
        return self._by_name.get(name, [])
