"""The masks of a whole clip as one DICOM Segmentation that refers to the frames of the original instance.

highdicom writes no multi-frame SEG for images without a frame of reference (its issues 184 and 284), and an echo has
none. It makes the SEG of one frame; the others are added here: one for each segment and source frame, told apart by
segment and temporal position (PS3.3 C.7.6.17, C.7.6.16.2.2).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from matae import __version__
from matae.anatomy import class_name, code_of_class
from matae.clinic.codes import CODES, concept
from matae.clinic.source import RESEARCH, allowed, new_uid, say_equipment
from matae.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from matae.clinic.source import Algorithm

__all__ = ["make_segmentation"]

_US_SINGLE = "1.2.840.10008.5.1.4.1.1.6.1"
_SEGMENT_NUMBER, _FRAME_CONTENT, _TEMPORAL_INDEX = 0x0062000B, 0x00209111, 0x00209128


def make_segmentation(
    masks: NDArray[np.uint8], source: Any, algorithm: Algorithm | None = None, *, edited: Iterable[int] = ()
) -> Any:
    """Return the masks of a clip as a SEG.

    Parameters
    ----------
    masks
        (T, Y, X) classes; 0 is background.
    source
        Header of the instance they belong to, as `matae.clinic.read_source` gives it.
    algorithm
        What outlined them; None for a person or a file.
    edited
        Frames that a person changed, 0-based: with any of them the segments are semi-automatic.

    Returns
    -------
    highdicom.seg.Segmentation
        Binary, a segment for each class that occurs; to be written by `matae.clinic.write_dicom`.

    Raises
    ------
    ExchangeError
        If highdicom is not installed, the masks are empty, or of another size than the source.
    """
    from matae.exchange.layouts.dicom_seg import require_highdicom

    require_highdicom("leave out the DICOM outputs")
    shape = (int(source.get("NumberOfFrames") or 1), int(source.Rows), int(source.Columns))
    if masks.shape != shape:
        raise ExchangeError(f"The masks are {masks.shape}, the DICOM instance {shape}; choose the masks of this clip.")
    values = [int(value) for value in np.unique(masks) if value]
    if not values:
        raise ExchangeError("No frame has a mask, so there is nothing to write as DICOM SEG; segment the clip first.")
    with allowed(source):
        made = _of_one_frame(masks[:1], values, source, algorithm, edited=any(True for _ in edited))
    made.PatientOrientation = ""
    _add_frames(made, masks, values, source)
    say_equipment(made, source, "Left ventricle, masks")
    return made


def _of_one_frame(
    mask: NDArray[np.uint8], values: list[int], source: Any, algorithm: Algorithm | None, *, edited: bool
) -> Any:
    import highdicom as hd

    single = copy.deepcopy(source)
    single.SOPClassUID = _US_SINGLE
    for keyword in ("NumberOfFrames", "FrameIncrementPointer", "FrameTime", "FrameTimeVector", "PageNumberVector"):
        single.pop(keyword, None)
    kinds = hd.seg.SegmentAlgorithmTypeValues
    kind = kinds.MANUAL if algorithm is None else kinds.SEMIAUTOMATIC if edited else kinds.AUTOMATIC
    identification = None
    if algorithm is not None:
        identification = hd.AlgorithmIdentificationSequence(
            name=algorithm.name, family=concept(CODES["ai"]), version=algorithm.version,
            source="napari-matae developers",
        )  # fmt: skip
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=class_name(value),
            segmented_property_category=concept(CODES["structure"]),
            segmented_property_type=hd.sr.CodedConcept(*code_of_class(value)),
            algorithm_type=kind,
            algorithm_identification=identification,
            tracking_uid=new_uid(),
            tracking_id=class_name(value),
        )
        for number, value in enumerate(values, start=1)
    ]
    return hd.seg.Segmentation(
        source_images=[single],
        pixel_array=np.stack([mask == value for value in values], axis=-1).astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=new_uid(),
        series_number=9002,
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer="napari-matae",
        manufacturer_model_name="napari-matae",
        software_versions=__version__,
        device_serial_number="0",
        content_label="SEGMENTATION",
        content_description=RESEARCH,
        omit_empty_frames=False,
    )


def _add_frames(made: Any, masks: NDArray[np.uint8], values: list[int], source: Any) -> None:
    """Put every frame of every segment in place of those of the first frame."""
    from pydicom.dataset import Dataset
    from pydicom.pixels import pack_bits
    from pydicom.sequence import Sequence

    for series in made.ReferencedSeriesSequence:
        for instance in series.ReferencedInstanceSequence:
            instance.ReferencedSOPClassUID = source.SOPClassUID
    made.pop("SourceImageSequence", None)  # of a single frame; each frame of this object names its own
    patterns = list(made.PerFrameFunctionalGroupsSequence)
    shared = made.SharedFunctionalGroupsSequence[0]
    derivation = shared.pop("DerivationImageSequence", None)  # one frame has it here, many have one each
    groups = []
    for number, pattern in enumerate(patterns, start=1):
        for frame in range(len(masks)):
            group = copy.deepcopy(pattern)
            if derivation is not None:
                group["DerivationImageSequence"] = copy.deepcopy(derivation)
            for found in group.DerivationImageSequence:
                for reference in found.SourceImageSequence:
                    reference.ReferencedSOPClassUID = source.SOPClassUID
                    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
                    if len(masks) > 1:
                        reference.ReferencedFrameNumber = frame + 1
            content = Dataset()
            content.DimensionIndexValues = [number, frame + 1]
            content.TemporalPositionIndex = frame + 1
            group.FrameContentSequence = [content]
            groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    made.NumberOfFrames = len(groups)
    organisation = made.DimensionOrganizationSequence[0].DimensionOrganizationUID
    made.DimensionIndexSequence = Sequence(
        [
            _dimension(_SEGMENT_NUMBER, 0x0062000A, "Segment Number", organisation),
            _dimension(_TEMPORAL_INDEX, _FRAME_CONTENT, "Temporal Position Index", organisation),
        ]
    )
    planes = np.concatenate([masks == value for value in values]).astype(np.uint8)
    made.PixelData = pack_bits(planes.ravel(), pad=True)


def _dimension(pointer: int, group: int, label: str, organisation: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.DimensionIndexPointer, item.FunctionalGroupPointer = pointer, group
    item.DimensionDescriptionLabel, item.DimensionOrganizationUID = label, organisation
    return item
