"""CAMUS folders: the end-diastolic and end-systolic stills that have a reference mask beside them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from matae.labelled._types import CAVITY, LabelledCine, LabelledError, LabelledRef, LabelledSet
from matae.read import file_stem
from matae.read.camus import camus_files, camus_info, camus_labels, read_camus

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["list_camus"]

_CLASSES = {1: CAVITY, 2: "myocardium", 3: "left atrium"}
_SPLITS = {"training": "train", "validation": "val", "testing": "test"}


def list_camus(folder: Path) -> LabelledSet:
    """List the labelled stills of a CAMUS folder.

    The official split is read where the folder ``database_split`` lies in it or beside it.

    Raises
    ------
    LabelledError
        If no still has a mask.
    """
    splits = _read_splits(folder)
    refs, bare = [], 0
    for path in camus_files(folder):
        info = camus_info(path)
        if info["phase"] not in ("ED", "ES"):
            continue
        labels = camus_labels(path)
        if labels is None:
            bare += 1
            continue
        refs.append(
            LabelledRef(
                id=file_stem(path),
                patient=info["patient"],
                read=partial(_read, path, labels, info["phase"]),
                view=info["view"],
                phase=info["phase"],
                split=splits.get(info["patient"], ""),
                quality=info.get("image_quality", ""),
                reference_ef=info.get("reference_ef"),
                # A MetaImage header has its pixels beside it.
                files=tuple(each for file in (path, labels) for each in (file, file.with_suffix(".raw"))),
            )
        )
    if not refs:
        raise LabelledError(
            f"{folder.resolve().name} has no reference mask (patientNNNN_4CH_ED_gt and the like); name a folder that "
            "has some."
        )
    notices = (f"{bare} stills without a reference mask were left out.",) if bare else ()
    return LabelledSet(folder, "camus", _CLASSES, tuple(refs), notices)


def _read_splits(folder: Path) -> dict[str, str]:
    here = folder.resolve()
    places = (here / "database_split", here.parent / "database_split")
    lists = next((place for place in places if place.is_dir()), places[0])
    sides: dict[str, str] = {}
    for name, side in _SPLITS.items():
        path = lists / f"subgroup_{name}.txt"
        try:
            patients = path.read_text("utf-8").split() if path.is_file() else []
        except (OSError, ValueError) as error:
            raise LabelledError(f"{path.name} cannot be read ({error}); copy it again from the data set.") from None
        for patient in patients:
            if sides.setdefault(patient, side) != side:
                raise LabelledError(
                    f"Patient {patient} is in both '{sides[patient]}' and '{side}' of database_split; copy the lists "
                    "again from the data set."
                )
    return sides


def _read(path: Path, labels: Path, phase: str) -> LabelledCine:
    from matae.maskfile import MaskSizeError, read_mask_file

    cine = read_camus(path)
    try:
        mask = read_mask_file(labels, cine.shape, cine.geometry)
    except MaskSizeError as error:
        raise LabelledError(
            f"{path.name} is {cine.shape[0]} x {cine.shape[1]} pixels and its mask "
            f"{' x '.join(map(str, error.there))}; copy both again from the data set."
        ) from error
    return LabelledCine(cine, {0: mask}, {0: phase})
