"""Clips of an archive: found by patient, date or study, and fetched as files."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from matae.clinic.listing import ClipEntry, clip_of
from matae.errors import PacsError
from matae.files import write_atomic, writing_to

if TYPE_CHECKING:
    from pathlib import Path

    from matae.pacs.connection import Connection

__all__ = ["ClipQuery", "fetch_clip", "find_clips"]

_STUDY = ("PatientID", "PatientName", "StudyDate", "StudyDescription", "AccessionNumber", "StudyInstanceUID")
_IMAGE = ("SOPInstanceUID", "SOPClassUID", "NumberOfFrames", "Rows", "Columns", "ViewName", "StageName")
_MULTIFRAME = ("1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.3")
_UID = re.compile(r"[0-9.]{1,64}")
_DATES = re.compile(r"\d{8}|\d{8}-(\d{8})?|-\d{8}")


@dataclass(frozen=True)
class ClipQuery:
    """What is looked for; at least one of these.

    Parameters
    ----------
    patient_id, accession, study_uid
        As the archive knows them.
    date
        YYYYMMDD, or a range of them: 20260101-20260131.
    """

    patient_id: str = ""
    date: str = ""
    accession: str = ""
    study_uid: str = ""

    def keys(self) -> dict[str, str]:
        """Return it as keys of a query for studies.

        Raises
        ------
        PacsError
            If nothing is asked for, or the date is none: an archive may hold a million studies.
        """
        found = {
            "PatientID": self.patient_id.strip(), "StudyDate": self.date.strip(),
            "AccessionNumber": self.accession.strip(), "StudyInstanceUID": self.study_uid.strip(),
        }  # fmt: skip
        if not any(value.strip("*") for value in found.values()):
            raise PacsError("Say what to look for in the archive: a patient, a date, an accession number or a study.")
        if found["StudyDate"] and not _DATES.fullmatch(found["StudyDate"]):
            raise PacsError(f"'{self.date}' is no date; write 20260131, or 20260101-20260131.")
        return {**dict.fromkeys(_STUDY, ""), **found}


def find_clips(connection: Connection, query: ClipQuery) -> list[ClipEntry]:
    """Return the ultrasound clips that an archive holds of what is looked for.

    Series without ultrasound are passed over. What an archive does not tell (frames, view) is None; whether such an
    instance is a clip shows when it is fetched.

    Parameters
    ----------
    connection
        As `matae.pacs.connect` gives it.
    query
        What is looked for.

    Raises
    ------
    PacsError
        If nothing is asked for, or the archive does not answer.
    """
    found = []
    for study in connection.find("STUDY", query.keys()):
        known = clip_of(study)
        if not known.study_uid:
            continue
        series_keys = {"StudyInstanceUID": known.study_uid, "SeriesInstanceUID": "", "Modality": ""}
        for series in connection.find("SERIES", series_keys):
            uid = str(series.get("SeriesInstanceUID", ""))
            if not uid or str(series.get("Modality", "")) not in ("US", "IVUS", ""):
                continue
            keys = {"StudyInstanceUID": known.study_uid, "SeriesInstanceUID": uid, **dict.fromkeys(_IMAGE, "")}
            for image in connection.find("IMAGE", keys):
                one = clip_of(image)
                if one.instance_uid and _may_be_clip(image, one):
                    found.append(
                        replace(
                            one, patient_id=known.patient_id, patient_name=known.patient_name,
                            study_date=known.study_date, study_description=known.study_description,
                            study_uid=known.study_uid, series_uid=uid,
                        )
                    )  # fmt: skip
    return sorted(found, key=lambda clip: (clip.patient_id, clip.study_date, clip.study_uid, clip.instance_uid))


def _may_be_clip(image: Any, entry: ClipEntry) -> bool:
    kind = str(image.get("SOPClassUID", "") or "")
    if entry.frames is not None:
        return entry.frames > 1
    return not kind or kind in _MULTIFRAME


def fetch_clip(connection: Connection, clip: ClipEntry, folder: Path) -> Path:
    """Fetch a clip into a folder, under its instance UID; one that is there already is kept.

    Parameters
    ----------
    connection
        As `matae.pacs.connect` gives it.
    clip
        As `find_clips` gives it.
    folder
        Made where it is not there.

    Raises
    ------
    PacsError
        If the archive does not give it, gives something else, or it is no clip.
    OutputError
        If it cannot be written.
    """
    if not all(_UID.fullmatch(uid) for uid in (clip.study_uid, clip.series_uid, clip.instance_uid)):
        raise PacsError("The archive names an instance by something that is no UID; ask whoever runs it.")
    path = folder / f"{clip.instance_uid}.dcm"
    if path.exists():
        return path
    data = connection.fetch(clip.study_uid, clip.series_uid, clip.instance_uid)
    _check(data, clip)
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
    return path


def _check(data: bytes, clip: ClipEntry) -> None:
    from pydicom import dcmread

    from matae.read._dicom_kinds import other_than_cine
    from matae.read._formats import quiet

    try:
        with quiet():
            header = dcmread(io.BytesIO(data), stop_before_pixels=True, force=True)
            found, other = clip_of(header), other_than_cine(header)
    except Exception as error:
        raise PacsError(f"What the archive gave as {clip.instance_uid} is no DICOM; ask whoever runs it.") from error
    if found.instance_uid != clip.instance_uid:
        raise PacsError(f"The archive gave another instance than {clip.instance_uid}; ask whoever runs it.")
    if other is not None:
        raise PacsError(f"Instance {clip.instance_uid} {other}")
    if (found.frames or 1) < 2:
        raise PacsError(f"Instance {clip.instance_uid} is a single picture, not a clip; choose one with frames.")
