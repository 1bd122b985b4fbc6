"""The DICOM instance that a clip was read from, and what every object made of it takes over from it."""

from __future__ import annotations

import datetime
import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matae import __version__
from matae.errors import ExchangeError, ModelError, ReadError
from matae.files import write_atomic, writing_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matae.cine import Cine

__all__ = [
    "RESEARCH",
    "Algorithm",
    "algorithm_of",
    "allowed",
    "new_uid",
    "read_source",
    "say_equipment",
    "stamp",
    "write_dicom",
]

RESEARCH = "Research use only. Not for diagnosis."
"""Stands in every object, where a person reads it."""
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber",
)  # fmt: skip
# Attributes that say a file was de-identified; what is made from it says the same.
_DEIDENTIFIED = (
    "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)  # fmt: skip


@dataclass(frozen=True)
class Algorithm:
    """The network that outlined a clip, as DICOM identifies an algorithm.

    Parameters
    ----------
    name
        Of the model.
    sha256
        Of its weights; empty where the model is not here any more.
    width
        Width of the nested network.
    """

    name: str
    sha256: str = ""
    width: str = ""

    @property
    def version(self) -> str:
        """Version of the program and the first digits of the weights' sha256; at most 64 characters."""
        weights = f"sha256 {self.sha256[:16]}" if self.sha256 else "weights unknown"
        return f"napari-matae {__version__}, {weights}"[:64]

    @property
    def parameters(self) -> list[str]:
        """Width and the whole digest, one text each."""
        found = [f"width {self.width}"] if self.width else []
        return found + ([f"weights sha256 {self.sha256}"] if self.sha256 else [])


def algorithm_of(model: str, width: str = "") -> Algorithm | None:
    """Return the algorithm behind a measurement, None where a person or a file gave the masks.

    Parameters
    ----------
    model, width
        As `matae.measure.Measurement` has them.
    """
    from matae.models import find_model

    if not model:
        return None
    try:
        return Algorithm(model, find_model(model).card.sha256, width)
    except ModelError:
        return Algorithm(model, "", width)


def read_source(cine: Cine) -> Any:
    """Return the header of the instance that a clip was read from, a `pydicom.Dataset` without pixels.

    Elements that patient and study modules must have, though they may be empty (PS3.5, type 2), are there.

    Parameters
    ----------
    cine
        As its reader gave it.

    Raises
    ------
    ExchangeError
        If it was not read from a DICOM file by itself, the file has no identity to refer to, or it counts other frames.
    """
    from pydicom import dcmread

    from matae.read._dicom_tags import integer, text
    from matae.read._formats import quiet, sniff

    path = cine.source
    if not path.is_file():
        raise ExchangeError(
            f"{path.name} is no file by itself, so no DICOM object can refer to it; unpack it and open the DICOM file."
        )
    if sniff(path) != "dicom":
        raise ExchangeError(
            f"{path.name} is not a DICOM file, so it names no patient and no study that a DICOM object could belong "
            "to; take the clip from the archive as DICOM, or leave out the DICOM outputs."
        )
    try:
        with quiet():
            source = dcmread(path, stop_before_pixels=True, force=True)
    except Exception as error:
        raise ReadError(f"{path.name} is a damaged DICOM file; export the clip again from the archive.") from error
    missing = [keyword for keyword in _UIDS if not text(source, keyword)]
    if missing:
        raise ExchangeError(
            f"{path.name} states no {missing[0]}, so no DICOM object can refer to it; export the clip again from the "
            "archive."
        )
    stated = integer(source, "NumberOfFrames") or 1
    if stated != cine.n_frames:
        raise ExchangeError(
            f"{path.name} counts {stated} frames and {cine.n_frames} decoded, so their numbers cannot be told in a "
            "DICOM object; export the clip again from the archive."
        )
    for keyword in _TYPE_2:
        if keyword not in source:
            setattr(source, keyword, "")
    return source


@contextmanager
def allowed(source: Any) -> Iterator[None]:
    """Turn what highdicom says of a value that DICOM does not allow into a sentence.

    Parameters
    ----------
    source
        Whose patient and study are taken over.

    Raises
    ------
    ExchangeError
        Instead of what highdicom and pydicom raise inside the block.
    """
    from matae.read._formats import quiet

    try:
        with quiet():
            yield
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise ExchangeError(
            f"The header of instance {source.SOPInstanceUID} has a value that DICOM does not allow, so nothing can be "
            "made in its study; have the archive correct it, or leave out the DICOM outputs."
        ) from error


def new_uid() -> str:
    """Return a new unique identifier (PS3.5 B.2: made from a UUID): no object is ever made twice under one."""
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))


def say_equipment(made: Any, source: Any, description: str) -> None:
    """State in an object what made it, and that its source was de-identified where that is so.

    Parameters
    ----------
    made
        A `pydicom.Dataset`, changed in place.
    source
        As `read_source` gives it.
    description
        What the series holds.
    """
    made.Manufacturer = made.ManufacturerModelName = "napari-matae"
    made.DeviceSerialNumber = "0"
    made.SoftwareVersions = __version__
    made.SeriesDescription = f"{description} (research use only)"[:64]
    for keyword in _DEIDENTIFIED:
        if keyword in source:
            made[keyword] = source[keyword]


def stamp(made: Any, *keywords: str) -> None:
    """Put today's date into elements whose name ends in Date, and the time into the others."""
    now = datetime.datetime.now().astimezone()
    for keyword in keywords:
        setattr(made, keyword, now.strftime("%Y%m%d" if keyword.endswith("Date") else "%H%M%S"))


def write_dicom(path: Path, made: Any) -> None:
    """Write an object as a DICOM file, whole or not at all; a file of that name is replaced.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from matae.read._formats import quiet

    buffer = io.BytesIO()
    with quiet():
        made.save_as(buffer, enforce_file_format=True)
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
