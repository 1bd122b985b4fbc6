"""Cines and masks of the store tests: small, and no two alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matae.cine import Cine, Spacing

SHAPE = (24, 32)


def make_cine(seed: int = 0, *, n_frames: int = 6, shape: tuple[int, int] = SHAPE, source: str | None = None) -> Cine:
    frames = np.random.default_rng(seed).integers(0, 255, (n_frames, *shape)).astype(np.uint8)
    return Cine(
        frames, np.arange(n_frames) / 50, Spacing(0.3, 0.4), Path(source or f"/clips/clip{seed}.dcm"), view="A4C",
        heart_rate=61.5, ed_frame=0, es_frame=n_frames // 2, info={"image_quality": "Good"},
    )  # fmt: skip


def disc(size: float = 6.0, *, at: tuple[float, float] = (12, 16), shape: tuple[int, int] = SHAPE) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (np.hypot(rows - at[0], columns - at[1]) < size).astype(np.uint8)


def stroke(number: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return a mask that is different for every number below 2**16: its bits are in the first row."""
    mask = disc(shape=shape)
    mask[0, :16] = [(number >> bit) & 1 for bit in range(16)]
    return mask


def write_dicom(path: Path, *, frames: np.ndarray | None = None, **elements: object) -> Path:
    """Write an uncompressed ultrasound clip; its pixels depend on its name unless they are given."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    if frames is None:
        seed = int.from_bytes(path.name.encode()[-8:], "big")
        frames = np.random.default_rng(seed).integers(0, 255, (3, *SHAPE)).astype(np.uint8)
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
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    made.PixelData = frames.tobytes()
    made["PixelData"].VR = "OB"
    made.save_as(path, enforce_file_format=True)
    return path
