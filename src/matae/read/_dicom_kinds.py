"""Which DICOM objects are echo cines, and what to call the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.read._dicom_tags import integer, text

if TYPE_CHECKING:
    from typing import Any

__all__ = ["DICOMDIR_CLASS", "is_still", "other_than_cine", "short_kind"]

DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
"""Media Storage Directory Storage."""

# Ultrasound, and what echo exports that went through a frame grabber or a converter call themselves.
_MODALITIES = ("US", "IVUS", "OT", "SC", "XC", "")
_VOLUME_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.6.2",  # Enhanced US Volume
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR
)
_STORAGE = "1.2.840.10008.5.1.4.1.1."
# Objects without a picture to outline, whatever modality their device states; by the beginning of their class.
_CLASSES = {
    f"{_STORAGE}88.": "a structured report",
    f"{_STORAGE}11.": "a presentation state",
    f"{_STORAGE}9.": "a waveform",
    f"{_STORAGE}104.": "an encapsulated document",
    f"{_STORAGE}66.": "a segmentation, registration or raw data",
    f"{_STORAGE}481.": "radiotherapy data",
}
_NAMES = {"SR": "a structured report", "PR": "a presentation state", "KO": "a list of key objects", "DOC": "a document"}


def other_than_cine(dataset: Any) -> str | None:
    """Return what an object is and what to do, as the end of a sentence; None for what may be an echo cine."""
    sop_class, modality = text(dataset, "SOPClassUID"), text(dataset, "Modality").upper()
    what = next((name for start, name in _CLASSES.items() if sop_class.startswith(start)), _NAMES.get(modality))
    if sop_class in _VOLUME_CLASSES or text(dataset, "DimensionOrganizationType").startswith("3D"):
        return "is a 3-D volume, not a 2-D cine; export the 2-D apical view from the scanner."
    if modality not in _MODALITIES:
        kind = f" ({what})" if what else ""
        return f"holds {modality} data{kind}, not an ultrasound clip; choose an echocardiography cine."
    if what is not None:
        return f"is {what}, not an ultrasound clip; choose an echocardiography cine."
    return None


def short_kind(dataset: Any) -> str:
    """Return in one or two words what an object that is no cine is, for a list of what was left out."""
    sop_class, modality = text(dataset, "SOPClassUID"), text(dataset, "Modality").upper()
    what = next((name for start, name in _CLASSES.items() if sop_class.startswith(start)), _NAMES.get(modality))
    if what is None and (sop_class in _VOLUME_CLASSES or text(dataset, "DimensionOrganizationType").startswith("3D")):
        what = "a 3-D volume"
    return what or f"{modality} data"


def is_still(dataset: Any) -> bool:
    """Say whether the header counts no more than one frame."""
    return (integer(dataset, "NumberOfFrames") or 1) <= 1
