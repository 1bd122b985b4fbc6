"""Small data sets as other people's tools write them, made on the spot."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (96, 128)


def picture(path: Path, seed: int = 0, **options: Any) -> Path:
    """A grey picture that no other has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)
    pixels[40:60, 50:80] //= 3
    Image.fromarray(pixels).save(path, **options)
    return path


def ellipse(x: float, y: float, wide: float, high: float, count: int = 40) -> list[float]:
    """An outline as annotation tools write it: x, y, x, y, ... to a hundredth of a pixel."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    points = np.stack([x + wide * np.cos(angle), y - high * np.sin(angle)], 1)
    return [float(value) for value in np.round(points, 2).ravel()]


ENDO, EPI, ATRIUM = ellipse(64, 43, 14, 24), ellipse(64, 43, 20, 30), ellipse(64, 80, 12, 8)


def drawn(*rings: Sequence[float], shape: tuple[int, int] = SHAPE) -> NDArray[np.bool_]:
    """What pycocotools makes of outlines: nothing of ours."""
    from pycocotools import mask as coco

    runs = coco.merge(coco.frPyObjects([list(ring) for ring in rings], *shape))
    return np.asarray(coco.decode(runs), bool)


def annotation(image: int, category: int, segmentation: object, **more: object) -> dict[str, object]:
    return {
        "image_id": image, "category_id": category, "segmentation": segmentation, "iscrowd": 0, "area": 1,
        "bbox": [0, 0, 1, 1], **more,
    }  # fmt: skip


def coco_values(
    categories: Mapping[int, object], annotations: Sequence[dict[str, object]], names: Sequence[str] = ("f0.png",)
) -> dict[str, Any]:
    """COCO's lists: pictures numbered from 1, annotations from 1."""
    return {
        "images": [{"id": n, "file_name": name, "width": 128, "height": 96} for n, name in enumerate(names, start=1)],
        "annotations": [{"id": n, **entry} for n, entry in enumerate(annotations, start=1)],
        "categories": [
            {"id": key, **(entry if isinstance(entry, dict) else {"name": entry})} for key, entry in categories.items()
        ],
    }


def coco(
    root: Path,
    categories: Mapping[int, object],
    annotations: Sequence[dict[str, object]],
    names: Sequence[str] = ("f0.png",),
    *,
    file: str = "annotations/instances_default.json",
    place: str = "images",
) -> Path:
    """Write a COCO folder; pictures lie in `place` under the last part of their name."""
    for seed, name in enumerate(names):
        picture(root / place / re.split(r"[/\\]|%2F", name)[-1], seed)
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(coco_values(categories, annotations, names)))
    return root


def labelme(path: Path, shapes: Sequence[dict[str, object]], image: str, size: tuple[int, int] | None = SHAPE) -> Path:
    values = {
        "version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": image, "imageData": None,
        "imageHeight": size[0] if size else None, "imageWidth": size[1] if size else None,
    }  # fmt: skip
    path.write_text(json.dumps(values))
    return path


def shape(label: str, ring: Sequence[float], kind: str = "polygon", **more: object) -> dict[str, object]:
    pairs = [list(pair) for pair in zip(ring[::2], ring[1::2], strict=True)]
    return {"label": label, "points": pairs, "group_id": None, "shape_type": kind, "flags": {}, **more}


def dicom_seg(
    folder: Path,
    segments: Sequence[tuple[str, tuple[str, str, str] | None, NDArray[np.bool_]]],
    *,
    frames: int = 1,
    modifier: str = "",
    overlap: bool = False,
) -> Path:
    """An ultrasound clip and a segmentation of its first frame, as highdicom writes them.

    Parameters
    ----------
    folder
        Where to.
    segments
        Label, code (value, scheme, meaning), and inside of each, numbered from 1 in this order.
    frames
        Of the clip.
    modifier
        Meaning of a modifier of the first type.
    overlap
        Whether segments may overlap.
    """
    import highdicom as hd
    from highdicom.sr import CodedConcept
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    folder.mkdir(parents=True, exist_ok=True)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "case^", "case", "", ""
    made.StudyDate = made.StudyTime = made.AccessionNumber = made.ReferringPhysicianName = made.StudyID = ""
    made.Modality, made.SeriesNumber, made.InstanceNumber, made.Manufacturer = "US", 1, 1, ""
    made.PatientOrientation = ""
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns, made.NumberOfFrames = *SHAPE, frames
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.FrameTime, made.FrameIncrementPointer = 33.3, 0x00181063
    pixels = np.random.default_rng(5).integers(0, 256, (frames, *SHAPE), np.uint8)
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OB"
    made.save_as(folder / "image.dcm", enforce_file_format=True)
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=CodedConcept("91723000", "SCT", "Anatomical structure"),
            segmented_property_type=CodedConcept(*(code or ("113343008", "SCT", "Organ"))),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, (label, code, _) in enumerate(segments, start=1)
    ]
    if modifier:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "7771000", "SCT", modifier
        descriptions[0].SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [item]
    source = Dataset()
    source.update(made)
    source.file_meta = made.file_meta
    source.SOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    for keyword in ("NumberOfFrames", "FrameIncrementPointer", "FrameTime"):
        del source[keyword]
    planes = np.stack([inside for *_, inside in segments], -1).astype(np.uint8)[None]
    assert overlap or planes.sum(-1).max() <= 1
    seg = hd.seg.Segmentation(
        source_images=[source], pixel_array=planes, segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions, series_instance_uid=generate_uid(), series_number=2,
        sop_instance_uid=generate_uid(), instance_number=1, manufacturer="other", manufacturer_model_name="other",
        software_versions="1", device_serial_number="0", omit_empty_frames=False,
    )  # fmt: skip
    seg.save_as(folder / "seg.dcm")
    return folder
