"""DICOM Segmentation objects, by highdicom, with the de-identified images they refer to.

A SEG of the original would carry its instance UIDs, and by them the patient. So a new ultrasound multi-frame image
holds the blanked frames, and one SEG a frame refers to it: highdicom writes no multi-frame SEG for images without a
frame of reference (its issues 184 and 284), and an echo has none. All UIDs are made from the study's secret and the
pixels. Dates that DICOM insists on are a fixed dummy, as PS3.15 allows.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from matae import __version__
from matae.anatomy import class_name, code_of_class
from matae.errors import ExchangeError
from matae.exchange.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.exchange.clip import ExportClip, Label

__all__ = ["DUMMY_DATE", "DicomSegWriter", "require_highdicom"]

DUMMY_DATE = "19700101"
"""Stands where DICOM insists on a date."""

_US_MULTIFRAME, _US_SINGLE = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.6.1"


def require_highdicom(otherwise: str = "choose another format") -> None:
    """Raise ExchangeError, saying how to get it or what else to do, where highdicom is not installed."""
    from matae.extras import without_extra

    try:
        import highdicom  # noqa: F401
    except ImportError:
        raise ExchangeError(without_extra("dicom-seg", otherwise)) from None


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
            seg = self._segmentation(clip, image, index, clip.labels[t], content)
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
        known = clip.provenance or Provenance()
        _say_deidentified(image, known)
        image.ReferringPhysicianName = image.StudyID = image.AccessionNumber = image.Manufacturer = ""
        image.Modality, image.SeriesNumber, image.InstanceNumber = "US", 1, 1
        image.PatientOrientation = image.Laterality = ""
        image.NumberOfStages = image.NumberOfViewsInStage = 1
        image.ImageType = ["DERIVED", "PRIMARY"]
        if known.burned_in:
            image.BurnedInAnnotation = known.burned_in
        if known.lossy:
            image.LossyImageCompression = known.lossy
        if known.ratios:
            image.LossyImageCompressionRatio = list(known.ratios)
        if known.methods:
            image.LossyImageCompressionMethod = list(known.methods)
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

    def _segmentation(self, clip: ExportClip, image: Any, index: int, label: Label, content: str) -> Any:
        import copy

        import highdicom as hd
        from highdicom.sr import CodedConcept

        source = copy.deepcopy(image)  # a shallow copy shares its elements
        source.SOPClassUID = _US_SINGLE
        for keyword in ("NumberOfFrames", "FrameIncrementPointer", "FrameTimeVector", "PageNumberVector"):
            source.pop(keyword, None)
        category = CodedConcept("91723000", "SCT", "Anatomical structure")
        mask = label.mask
        values = [int(value) for value in np.unique(mask[mask > 0])] or [1]
        kind, algorithm = _algorithm(label)
        segments = []
        planes = np.zeros((1, *mask.shape, len(values)), np.uint8)
        for number, value in enumerate(values, start=1):
            code, scheme, meaning = code_of_class(value)
            segments.append(
                hd.seg.SegmentDescription(
                    segment_number=number,
                    segment_label=class_name(value),
                    segmented_property_category=category,
                    segmented_property_type=CodedConcept(code, scheme, meaning),
                    algorithm_type=kind,
                    algorithm_identification=algorithm,
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
        _say_deidentified(seg, clip.provenance or Provenance())
        _point_to_frame(seg, image, index + 1)
        _remove_dates(seg)
        organisation = self._uid("dimension", "segment")
        seg.DimensionOrganizationSequence[0].DimensionOrganizationUID = organisation
        for dimension in seg.DimensionIndexSequence:
            dimension.DimensionOrganizationUID = organisation
        return seg


def _algorithm(label: Label) -> tuple[Any, Any]:
    """Return how a mask came about: drawn by hand, proposed by a model, or proposed and then changed by hand."""
    import highdicom as hd
    from highdicom.sr import CodedConcept

    kinds = hd.seg.SegmentAlgorithmTypeValues
    if not label.model:
        return kinds.MANUAL, None
    family = CodedConcept("123110", "DCM", "Artificial Intelligence")
    named = hd.AlgorithmIdentificationSequence(label.model, family, label.model_version or "unknown")
    return (kinds.SEMIAUTOMATIC if label.edited else kinds.AUTOMATIC), named


def _say_deidentified(dataset: Any, known: Provenance) -> None:
    """State what was done, in words and in the codes of PS3.15 Annex E (CID 7050)."""
    from pydicom.dataset import Dataset

    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    dataset.DeidentificationMethod = "Written anew: pseudonym and pixels inside the sector only"
    codes = [("113100", "Basic Application Confidentiality Profile")]
    if known.cleaned:
        codes.append(("113101", "Clean Pixel Data Option"))
    items = []
    for code, meaning in codes:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
        items.append(item)
    dataset.DeidentificationMethodCodeSequence = items


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
