"""What a DICOM object holds, in words: for a person who is about to send it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RETURNED", "Described", "describe"]

RETURNED = {
    "1.2.840.10008.5.1.4.1.1.88.33": "structured report",
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.104.1": "encapsulated PDF",
}
"""SOP class to name of what goes back to an archive: only what was made from a clip, never a clip."""

_NAME = "name files that 'measure' wrote with --sr, --dicom-seg or --dicom-pdf."


@dataclass(frozen=True)
class Described:
    """What an object holds.

    Parameters
    ----------
    file
        Its name, without the folder.
    kind
        As in `RETURNED`.
    patient_id, patient_name, study_date
        Whose it is; a name or an empty text.
    deidentified
        Whether it says that the patient's identity was removed.
    study_uid, instance_uid
        What it is known by.
    refers_to
        Instances it speaks of.
    says
        Its values and statements, a line each.
    size
        Bytes.
    made_by
        Manufacturer and software version.
    """

    file: str
    kind: str
    patient_id: str
    patient_name: str
    study_date: str
    deidentified: bool
    study_uid: str
    instance_uid: str
    refers_to: tuple[str, ...]
    says: tuple[str, ...]
    size: int
    made_by: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def describe(path: Path) -> Described:
    """Return what a DICOM object that goes back to an archive holds.

    Parameters
    ----------
    path
        A structured report, a segmentation or an encapsulated PDF.

    Raises
    ------
    ExchangeError
        If it is none of these, or damaged.
    """
    from pydicom import dcmread

    from matae.read._dicom_tags import text
    from matae.read._formats import quiet, sniff

    if not path.is_file():
        raise ExchangeError(f"{path} is not there; {_NAME}")
    if sniff(path) != "dicom":
        raise ExchangeError(f"{path.name} is not a DICOM file; {_NAME}")
    try:
        with quiet():
            made = dcmread(path, force=True)
            kind = RETURNED.get(sop_class := text(made, "SOPClassUID"), "")
            says = tuple(_lines(made)) if kind else ()
            refers = tuple(dict.fromkeys(_references(made))) if kind else ()
    except Exception as error:
        raise ExchangeError(f"{path.name} is a damaged DICOM file; write it again.") from error
    if not sop_class:
        raise ExchangeError(f"{path.name} is not a DICOM file, whatever its name says; {_NAME}")
    if not kind:
        raise ExchangeError(
            f"{path.name} is neither a structured report nor a segmentation nor an encapsulated PDF; only what was "
            "made from a clip goes back to an archive."
        )
    return Described(
        file=path.name,
        kind=kind,
        patient_id=text(made, "PatientID"),
        patient_name=text(made, "PatientName"),
        study_date=text(made, "StudyDate"),
        deidentified=text(made, "PatientIdentityRemoved").upper() == "YES",
        study_uid=text(made, "StudyInstanceUID"),
        instance_uid=text(made, "SOPInstanceUID"),
        refers_to=refers,
        says=says,
        size=path.stat().st_size,
        made_by=f"{text(made, 'Manufacturer')} {text(made, 'SoftwareVersions')}".strip(),
    )


def _lines(made: Any) -> Iterator[str]:
    if "SegmentSequence" in made:
        frames = int(made.get("NumberOfFrames", 1))
        for segment in made.SegmentSequence:
            yield f"segment: {segment.SegmentLabel}, {str(segment.SegmentAlgorithmType).lower()}"
        yield f"{frames} frames of masks"
    if "EncapsulatedDocument" in made:
        yield f"document: {made.get('DocumentTitle', '')}"
    yield from _content(made)


def _content(item: Any) -> Iterator[str]:
    """Yield the numbers, codes and texts of a content tree; where its regions lie is left out."""
    for child in item.get("ContentSequence", ()):
        name = child.ConceptNameCodeSequence[0].CodeMeaning if child.get("ConceptNameCodeSequence") else ""
        kind = child.get("ValueType")
        if kind == "NUM":
            yield f"{name}: {_value(child)}"
        elif kind == "CODE":
            yield f"{name}: {child.ConceptCodeSequence[0].CodeMeaning}"
        elif kind == "TEXT":
            yield f"{name}: {child.TextValue}"
        yield from _content(child)


def _value(item: Any) -> str:
    if item.get("MeasuredValueSequence"):
        value = item.MeasuredValueSequence[0]
        return f"{value.NumericValue} {value.MeasurementUnitsCodeSequence[0].CodeValue}"
    qualifier = item.get("NumericValueQualifierCodeSequence")
    return f"no value ({qualifier[0].CodeMeaning})" if qualifier else "no value"


def _references(item: Any) -> Iterator[str]:
    for element in item:
        if element.VR == "SQ":
            for child in element.value:
                yield from _references(child)
        elif element.keyword == "ReferencedSOPInstanceUID":
            yield str(element.value)
