"""DICOM Segmentation objects, by highdicom, with the de-identified images they refer to.

A SEG of the original would carry its instance UIDs, and by them the patient. So a new ultrasound multi-frame image
holds the blanked frames, and one SEG a frame refers to it: highdicom writes no multi-frame SEG for images without a
frame of reference (its issues 184 and 284), and an echo has none. All UIDs are made from the study's secret and the
pixels. Dates that DICOM insists on are a fixed dummy, as PS3.15 allows.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae import __version__
from matae.errors import ExchangeError
from matae.exchange.clip import CLASS_NAMES, ImportClip, class_name
from matae.read._patient import dicom_patient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.exchange.clip import ExportClip
    from matae.exchange.hints import Hint

__all__ = ["DUMMY_DATE", "DicomSegWriter", "dicom_seg_files", "read_dicom_seg_folder", "require_highdicom"]

DUMMY_DATE = "19700101"
"""Stands where DICOM insists on a date."""

_US_MULTIFRAME, _US_SINGLE = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.6.1"
_SEG = "1.2.840.10008.5.1.4.1.1.66.4"
_CODES = (
    ("87878005", "Left ventricle"),
    ("74281007", "Myocardium"),
    ("82471001", "Left atrium"),
)
_MOST_PIXELS = 1 << 31
_MOST_FILES = 200_000


def require_highdicom() -> None:
    """Raise ExchangeError, saying how to get it, where highdicom is not installed."""
    try:
        import highdicom  # noqa: F401
    except ImportError:
        raise ExchangeError("DICOM SEG needs highdicom: pip install 'napari-matae[dicom-seg]'.") from None


class DicomSegWriter:
    """Writes ``images/`` and ``segmentations/``.

    Parameters
    ----------
    root
        Where to.
    uid
        Makes a UID of a kind and a value.
    """

    def __init__(self, root: Path, uid: Callable[[str, str], str]) -> None:
        require_highdicom()
        self._root = root
        self._uid = uid
        (root / "images").mkdir()
        (root / "segmentations").mkdir()

    def add(self, clip: ExportClip, tick: Callable[[], None]) -> None:
        """Write a clip; `tick` is called after each frame."""
        frames = list(clip.labels)
        pixels = np.stack([clip.frame(t) for t in frames])
        # Other pixels are another image: the UID of an instance must never stand for two contents.
        content = f"{clip.key} {frames} {hashlib.sha256(pixels.tobytes()).hexdigest()}"
        image = self._image(clip, frames, pixels, content)
        image.save_as(self._root / "images" / f"{clip.name}.dcm", enforce_file_format=True)
        for index, t in enumerate(frames):
            seg = self._segmentation(clip, image, index, clip.labels[t].mask, content)
            seg.save_as(self._root / "segmentations" / f"{clip.name}_{t:06d}.dcm")
            tick()

    def close(self) -> None:
        """Nothing is left to finish."""

    abandon = close

    def _image(self, clip: ExportClip, frames: list[int], pixels: NDArray[np.uint8], content: str) -> Any:
        from pydicom.dataset import Dataset, FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian

        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.file_meta.ImplementationVersionName = "MATAE"
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = _US_MULTIFRAME
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = self._uid("image", content)
        image.StudyInstanceUID = self._uid("study", clip.key)
        image.SeriesInstanceUID = self._uid("series", content)
        image.PatientName, image.PatientID = f"{clip.patient}^", clip.patient
        image.PatientBirthDate = image.PatientSex = image.StudyDate = image.StudyTime = ""
        image.PatientIdentityRemoved = "YES"
        image.DeidentificationMethod = "Written anew: pseudonym and pixels inside the sector only"
        image.ReferringPhysicianName = image.StudyID = image.AccessionNumber = image.Manufacturer = ""
        image.Modality, image.SeriesNumber, image.InstanceNumber = "US", 1, 1
        image.PatientOrientation = image.Laterality = ""
        image.NumberOfStages = image.NumberOfViewsInStage = 1
        image.ImageType = ["DERIVED", "PRIMARY"]
        image.BurnedInAnnotation = "NO"
        image.LossyImageCompression = "00"
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.NumberOfFrames, image.Rows, image.Columns = pixels.shape
        image.BitsAllocated = image.BitsStored = 8
        image.HighBit, image.PixelRepresentation = 7, 0
        if clip.frame_times is not None:
            times = np.round(np.asarray(clip.frame_times, np.float64)[frames] * 1000, 4)
            image.FrameIncrementPointer = 0x00181065
            image.FrameTimeVector = [0.0, *np.round(np.diff(times), 4).tolist()]
        else:
            # A multi-frame image must say what its frames differ by; where no time is known, it is their number.
            image.FrameIncrementPointer = 0x00182001
            image.PageNumberVector = list(range(1, len(frames) + 1))
        if clip.view:
            image.ViewName = clip.view
        if clip.spacing is not None:
            image.SequenceOfUltrasoundRegions = [_region(clip)]
        image.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
        image["PixelData"].VR = "OB"
        return image

    def _segmentation(self, clip: ExportClip, image: Any, index: int, mask: NDArray[np.uint8], content: str) -> Any:
        import copy

        import highdicom as hd
        from highdicom.sr import CodedConcept

        source = copy.deepcopy(image)  # a shallow copy shares its elements
        source.SOPClassUID = _US_SINGLE
        for keyword in ("NumberOfFrames", "FrameIncrementPointer", "FrameTimeVector", "PageNumberVector"):
            source.pop(keyword, None)
        category = CodedConcept("91723000", "SCT", "Anatomical structure")
        values = [int(value) for value in np.unique(mask[mask > 0])] or [1]
        segments = []
        planes = np.zeros((1, *mask.shape, len(values)), np.uint8)
        for number, value in enumerate(values, start=1):
            code, meaning = _CODES[min(value, len(_CODES)) - 1]
            segments.append(
                hd.seg.SegmentDescription(
                    segment_number=number,
                    segment_label=class_name(value),
                    segmented_property_category=category,
                    segmented_property_type=CodedConcept(code, "SCT", meaning),
                    algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
                    tracking_uid=self._uid("tracking", f"{clip.key} {value}"),
                    tracking_id=class_name(value),
                )
            )
            planes[0, ..., number - 1] = mask == value
        digest = hashlib.sha256(np.ascontiguousarray(mask).tobytes()).hexdigest()
        seg = hd.seg.Segmentation(
            source_images=[source],
            pixel_array=planes,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=segments,
            series_instance_uid=self._uid("seg series", content),
            series_number=2,
            sop_instance_uid=self._uid("seg", f"{content} {index} {digest}"),
            instance_number=index + 1,
            manufacturer="napari-matae",
            manufacturer_model_name="napari-matae",
            software_versions=__version__,
            device_serial_number="0",
            content_label="SEGMENTATION",
            content_description="Research use only",
            omit_empty_frames=False,
        )
        seg.PatientOrientation = ""
        _point_to_frame(seg, image, index + 1)
        _remove_dates(seg)
        organisation = self._uid("dimension", "segment")
        seg.DimensionOrganizationSequence[0].DimensionOrganizationUID = organisation
        for dimension in seg.DimensionIndexSequence:
            dimension.DimensionOrganizationUID = organisation
        return seg


def _region(clip: ExportClip) -> Any:
    from pydicom.dataset import Dataset

    box, spacing = clip.fit.box, clip.spacing
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = box.x0, box.y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box.x1 - 1, box.y1 - 1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = (0.0, 0.0) if spacing is None else (spacing.x / 10, spacing.y / 10)
    return item


def _point_to_frame(seg: Any, image: Any, number: int) -> None:
    """Let a SEG that was made from a single picture refer to a frame of the multi-frame image."""
    for series in seg.ReferencedSeriesSequence:
        for instance in series.ReferencedInstanceSequence:
            instance.ReferencedSOPClassUID = image.SOPClassUID
            instance.ReferencedSOPInstanceUID = image.SOPInstanceUID
    for reference in seg.get("SourceImageSequence", ()):
        reference.ReferencedSOPClassUID = image.SOPClassUID
        reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
        reference.ReferencedFrameNumber = number
    for group in [*seg.get("SharedFunctionalGroupsSequence", ()), *seg.PerFrameFunctionalGroupsSequence]:
        for derivation in group.get("DerivationImageSequence", ()):
            for reference in derivation.SourceImageSequence:
                reference.ReferencedSOPClassUID = image.SOPClassUID
                reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
                reference.ReferencedFrameNumber = number


def _remove_dates(seg: Any) -> None:
    """Put the dummy in place of every date and time, wherever it stands."""

    def clear(_dataset: Any, element: Any) -> None:
        if element.VR == "DA" and element.value:
            element.value = DUMMY_DATE
        elif element.VR == "TM" and element.value:
            element.value = "000000"
        elif element.VR == "DT" and element.value:
            element.value = f"{DUMMY_DATE}000000"

    seg.walk(clear)


@dataclass(frozen=True)
class _Mask:
    """Where a segment of a SEG belongs."""

    path: Path
    plane: int
    value: int


def dicom_seg_files(folder: Path) -> list[Path]:
    """Return the DICOM files of a folder and its subfolders if one is a SEG; empty otherwise."""
    files = []
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count > _MOST_FILES:
            raise ExchangeError(f"{folder.name} holds more than {_MOST_FILES:,} files; import the data in parts.")
        if path.is_file() and _is_dicom(path):
            files.append(path)
    return files if any(_sop_class(path) == _SEG for path in files) else []


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _sop_class(path: Path) -> str:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return str(dcmread(path, specific_tags=["SOPClassUID"], stop_before_pixels=True).get("SOPClassUID", ""))
    except (InvalidDicomError, OSError, ValueError, AttributeError, KeyError, TypeError):
        return ""


def read_dicom_seg_folder(files: list[Path], hints: Mapping[str, Hint]) -> Iterator[ImportClip]:
    """Yield the images that segmentations refer to, with their masks.

    Raises
    ------
    ExchangeError
        If a file is damaged, or a segmentation is of another kind or size than its image.
    """
    from matae.read._formats import quiet

    images: dict[str, Path] = {}
    masks: dict[str, dict[int, list[_Mask]]] = {}
    with quiet():
        for path in files:
            if _sop_class(path) == _SEG:
                _collect(path, masks)
            else:
                images[_instance(path)] = path
    for uid, path in images.items():
        if uid in masks:
            yield _clip(path, masks[uid], hints.get(path.stem))


def _header(path: Path) -> Any:
    from pydicom import dcmread

    try:
        return dcmread(path, stop_before_pixels=True)
    except Exception as error:
        raise ExchangeError(f"{path.name} is a damaged DICOM file; copy it again.") from error


def _instance(path: Path) -> str:
    return str(_header(path).get("SOPInstanceUID", ""))


def _collect(path: Path, masks: dict[str, dict[int, list[_Mask]]]) -> None:
    header = _header(path)
    if str(header.get("SegmentationType", "")) != "BINARY":
        raise ExchangeError(f"{path.name} is no binary segmentation; export it as one.")
    values = {}
    for segment in header.get("SegmentSequence", ()):
        label = str(segment.get("SegmentLabel", "")).lower()
        number = int(segment.SegmentNumber)
        values[number] = CLASS_NAMES.index(label) + 1 if label in CLASS_NAMES else number
    groups = header.get("PerFrameFunctionalGroupsSequence", ())
    shared = header.get("SharedFunctionalGroupsSequence", ())
    pixels = len(groups) * int(header.Rows) * int(header.Columns)
    if pixels > _MOST_PIXELS or pixels > path.stat().st_size * 8 * 1100:
        raise ExchangeError(f"{path.name} claims more pixels than it can hold; copy it again.")
    for plane, group in enumerate(groups):
        reference = _reference(group) or next((found for item in shared if (found := _reference(item))), None)
        identity = group.get("SegmentIdentificationSequence") or (
            shared[0].get("SegmentIdentificationSequence") if shared else None
        )
        number = int(identity[0].ReferencedSegmentNumber) if identity else 0
        value = values.get(number, 0)
        if reference is None or not 1 <= value <= 20:
            raise ExchangeError(f"{path.name} does not say which frame it belongs to; export it again.")
        uid, frame = reference
        masks.setdefault(uid, {}).setdefault(frame, []).append(_Mask(path, plane, value))


def _reference(group: Any) -> tuple[str, int] | None:
    for derivation in group.get("DerivationImageSequence", ()):
        for source in derivation.get("SourceImageSequence", ()):
            frame = source.get("ReferencedFrameNumber", 1)
            first = frame[0] if hasattr(frame, "__len__") and not isinstance(frame, str) else frame
            return str(source.ReferencedSOPInstanceUID), int(first) - 1
    return None


def _clip(path: Path, found: dict[int, list[_Mask]], hint: Hint | None) -> ImportClip:
    header = _header(path)
    count, shape = int(header.get("NumberOfFrames", 1) or 1), (int(header.Rows), int(header.Columns))
    frames = tuple(sorted(t for t in found if 0 <= t < count))
    problems = tuple(f"{path.name} has no frame {t + 1}." for t in sorted(found) if not 0 <= t < count)
    numbers = sorted(hint.frames) if hint is not None else []
    ours = hint is not None and len(numbers) == count

    def masks(native: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for t in frames:
            yield numbers[t] if native and ours else t, _mask(found[t], shape)

    phases = {} if not ours or hint is None else {numbers[t]: t for t in frames}
    return ImportClip(
        name=path.stem,
        subject="",
        patient=dicom_patient(header)[0],
        open=partial(_open, path),
        masks=masks,
        frames=frames,
        native_frames=tuple(numbers[t] for t in frames) if ours else (),
        split=hint.split if hint is not None else "",
        status={t: hint.frames[numbers[t]] for t in frames} if ours and hint is not None else {},
        key=hint.key if hint is not None and ours else "",
        ed=phases.get(hint.ed) if hint is not None and hint.ed is not None else None,
        es=phases.get(hint.es) if hint is not None and hint.es is not None else None,
        problems=problems,
    )


def _open(path: Path) -> Cine:
    from matae.read.dicom import read_dicom

    return replace(read_dicom(path), info={})


def _mask(parts: list[_Mask], shape: tuple[int, int]) -> NDArray[np.uint8]:
    from pydicom import dcmread

    mask = np.zeros(shape, np.uint8)
    for part in parts:
        try:
            dataset = dcmread(part.path)
            planes = dataset.pixel_array
        except Exception as error:
            raise ExchangeError(f"{part.path.name} is a damaged DICOM file; copy it again.") from error
        planes = planes.reshape(-1, *planes.shape[-2:])
        if planes.shape[1:] != shape or part.plane >= len(planes) or math.prod(planes.shape) > _MOST_PIXELS:
            raise ExchangeError(
                f"{part.path.name} is {planes.shape[2]} x {planes.shape[1]} pixels, its image {shape[1]} x {shape[0]}; "
                "a mask must have the size of its picture."
            )
        mask[planes[part.plane] > 0] = part.value
    return mask
