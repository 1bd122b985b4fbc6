"""Clips and studies for the exchange tests, made on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (120, 160)
COUNT = 8
ED, ES = 1, 6


def fan(shape: tuple[int, int] = SHAPE) -> NDArray[np.bool_]:
    """The sector of the made-up scanner: apex at the top, 80 degrees wide."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    dy, dx = y - 8.0, x - shape[1] / 2
    return (np.hypot(dy, dx) < shape[0] - 16) & (np.abs(np.arctan2(dx, dy)) < np.radians(40))


def heart(count: int = COUNT, shape: tuple[int, int] = SHAPE, seed: int = 0) -> NDArray[np.uint8]:
    """Moving speckle inside the fan, black outside."""
    rng = np.random.default_rng(seed)
    speckle = rng.gamma(2.0, 30.0, (count, *shape)).clip(0, 200)
    return np.where(fan(shape), 20 + speckle, 0).astype(np.uint8)


def cavity(frame: int, shape: tuple[int, int] = SHAPE, *, classes: int = 1) -> NDArray[np.uint8]:
    """A bullet-shaped cavity, largest at ED and smallest at ES; with more classes, a wall and an atrium."""
    squeeze = 1.0 - 0.35 * (1 - np.cos(np.pi * (frame - ED) / (ES - ED))) / 2
    y, x = np.mgrid[: shape[0], : shape[1]]
    top, base, middle = 26.0, 26 + 52 * (0.8 + 0.2 * squeeze), shape[1] / 2 + 2

    def bullet(grown: float) -> NDArray[np.bool_]:
        along = (y - top + grown) / (base - top + grown)
        half = (17.0 * squeeze + grown) * np.sqrt(np.clip(along, 0, 1)) ** 0.9
        return (along >= 0) & (along <= 1) & (np.abs(x - middle) <= half)

    mask = np.zeros(shape, np.uint8)
    if classes > 1:
        mask[bullet(5.0)] = 2
        mask[(y > base) & (np.hypot(y - base - 8, x - middle) < 9)] = 3
    mask[bullet(0.0)] = 1
    return mask


def dicom(path: Path, frames: NDArray[np.uint8], *, spacing_mm: float | None = 0.8, **elements: Any) -> Path:
    """Write an uncompressed ultrasound clip."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3.4"
    made.Modality, made.ViewName = "US", "A4C"
    made.NumberOfFrames, made.Rows, made.Columns = frames.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.FrameTime, made.FrameIncrementPointer = 20.0, 0x00181063
    if spacing_mm is not None:
        region = Dataset()
        region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
        region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 4
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = frames.shape[2] - 1, frames.shape[1] - 1
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX = region.PhysicalDeltaY = spacing_mm / 10
        made.SequenceOfUltrasoundRegions = [region]
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    made.PixelData = frames.tobytes() + b"\0" * (frames.nbytes % 2)
    made["PixelData"].VR = "OB"
    made.save_as(path, enforce_file_format=True)
    return path


def add_clip(
    study: Study,
    path: Path,
    *,
    subject: str | None = "P1",
    seed: int = 0,
    frames: Sequence[int] = (ED, 3, ES),
    status: FrameStatus = FrameStatus.ACCEPTED,
    classes: int = 1,
    marks: bool = True,
    **elements: Any,
) -> str:
    """Put a labelled clip into a study; return its content id."""
    cine = open_cine(dicom(path, heart(seed=seed), **elements))
    study.add_cine(cine, subject=subject)
    study.put_edits(cine.content_id, [Edit(t, cavity(t, classes=classes), 0, status) for t in frames])
    if marks:
        study.set_marks(cine.content_id, ed=ED, es=ES)
    return cine.content_id


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def labels(study: Study) -> dict[str, dict[int, NDArray[np.uint8]]]:
    """Every mask of a study, by clip."""
    found: dict[str, dict[int, NDArray[np.uint8]]] = {}
    for summary in study.cines():
        for t in study.frames(summary.content_id):
            mask = study.mask(summary.content_id, t)
            if mask is not None:
                found.setdefault(summary.content_id, {})[t] = mask
    return found


def dice(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(2 * ((a > 0) & (b > 0)).sum() / ((a > 0).sum() + (b > 0).sum()))
