"""Whom a file shows, as its header or its data set says; a placeholder is nobody."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from matae.cine import Patient
from matae.read._dicom_tags import raw, text

if TYPE_CHECKING:
    from typing import Any

__all__ = ["data_set_patient", "dicom_day", "dicom_patient", "is_placeholder"]

# What exports write for everybody, letters and digits only, in lower case.
_PLACEHOLDERS = frozenset(
    {
        "anon", "anonim", "anonimized", "anonimo", "anonym", "anonyme", "anonymise", "anonymised", "anonymisee",
        "anonymisiert", "anonymize", "anonymized", "anonymous", "anonymouspat", "anonymouspatient",
        "anonymouspatientid", "blank", "confidential", "default", "deidentified", "demo", "desconocido", "dummy",
        "empty", "hidden", "id", "inconnu", "invalid", "masked", "missing", "mrn", "na", "name", "nan", "nil", "noid",
        "noname", "none", "nopatientid", "notavailable", "notprovided", "notset", "null", "patid", "patient",
        "patientid", "private", "pseudonym", "redacted", "removed", "sample", "subject", "subjectid", "test",
        "testpatient", "unbekannt", "undefined", "unidentified", "unknown", "unknownpatient", "unnamed", "unspecified",
        "volunteer", "withheld", "zzz",
    }
)  # fmt: skip
_STATED_FOR_NOBODY = (
    "The file's patient ID is a placeholder that an export writes for everybody; say whom the clip shows before it is "
    "learnt from or exported."
)
_FIRST_DAY = date(1900, 1, 1)
_NOT_STATED = "The file states no patient ID; say whom the clip shows before it is learnt from or exported."


def is_placeholder(identifier: str) -> bool:
    """Return whether an identifier stands for nobody: empty, a word such as "anonymous", zeros, one letter repeated.

    Parameters
    ----------
    identifier
        A patient's number, as stated.
    """
    folded = unicodedata.normalize("NFKD", identifier).casefold()
    core = "".join(letter for letter in folded if letter.isalnum())
    if core.isdigit():
        return not core.strip("0")  # somebody may be number 7, or 11
    return len(set(core)) < 2 or core in _PLACEHOLDERS


def dicom_patient(dataset: Any) -> tuple[Patient | None, str]:
    """Return whom a DICOM data set says it shows, or None and the reason.

    The number is PatientID (0010,0020). Its issuer belongs to it: IssuerOfPatientID (0010,0021), else the universal
    entity of IssuerOfPatientIDQualifiersSequence (0010,0024), PS3.3 C.7.1.1.

    Parameters
    ----------
    dataset
        Header of the file, a `pydicom.Dataset`.
    """
    identifier = unicodedata.normalize("NFC", text(dataset, "PatientID"))
    if not identifier:
        return None, _NOT_STATED
    if is_placeholder(identifier):
        return None, _STATED_FOR_NOBODY
    issuer = text(dataset, "IssuerOfPatientID")
    if not issuer:
        for item in raw(dataset, "IssuerOfPatientIDQualifiersSequence") or ():
            issuer = issuer or text(item, "UniversalEntityID")
    return Patient(identifier, unicodedata.normalize("NFC", issuer), "file"), ""


def dicom_day(dataset: Any) -> str | None:
    """Return the day of the examination that a DICOM data set states, ISO date, or None.

    StudyDate (0008,0020), PS3.3 C.7.2.1. The first day of 1900 and earlier is what exports write in its place.

    Parameters
    ----------
    dataset
        Header of the file, a `pydicom.Dataset`.
    """
    stated = text(dataset, "StudyDate").replace(".", "")  # ACR-NEMA wrote 2026.03.01
    try:
        day = datetime.strptime(stated, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    return day.isoformat() if day > _FIRST_DAY else None


def data_set_patient(identifier: str) -> tuple[Patient | None, str]:
    """Return the patient that a data set's own list or naming states, or None and the reason."""
    name = unicodedata.normalize("NFC", identifier.strip())
    if is_placeholder(name) and not name.isdigit():
        return None, "The data set names no patient for this clip; say whom it shows."
    return Patient(name, "", "data set"), ""
