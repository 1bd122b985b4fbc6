"""The ultrasound clips of a folder or a medium, told by their headers, with whom and which study they belong to.

`matae.read.list_cines` lists what can be opened and keeps no identity. This is for whoever works in the clinic that the
files come from: it is shown or written where a person asks for it, and stored nowhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from matae.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["ClipEntry", "ClipList", "clip_of", "list_clips"]

_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "DimensionOrganizationType",
    "PatientID", "PatientName", "StudyDate", "StudyDescription", "NumberOfFrames", "Rows", "Columns",
    "ViewCodeSequence", "ViewName", "StageName", "PatientIdentityRemoved", "SpecificCharacterSet",
]  # fmt: skip


@dataclass(frozen=True)
class ClipEntry:
    """One multi-frame ultrasound instance.

    Parameters
    ----------
    file
        Where it lies, relative to the folder that was listed; empty for a clip of an archive.
    patient_id, patient_name, study_date, study_description
        As the header states them; empty where it does not. Dates are YYYYMMDD.
    view
        Standard view as the header states it, or None.
    frames
        Number of frames; None where an archive does not tell.
    rows, columns
        Size of a frame, or None.
    study_uid, series_uid, instance_uid
        What the instance is known by.
    deidentified
        Whether the header says that the patient's identity was removed.
    """

    file: str
    patient_id: str
    patient_name: str
    study_date: str
    study_description: str
    view: str | None
    frames: int | None
    rows: int | None
    columns: int | None
    study_uid: str
    series_uid: str
    instance_uid: str
    deidentified: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class ClipList:
    """The clips that were found, and what else was there.

    Parameters
    ----------
    clips
        By patient, study date and file.
    left_out
        How many files of which kind are no clips ("a structured report", "single pictures", "damaged files").
    missing
        Files that the index of a medium names and that are not there.
    """

    clips: tuple[ClipEntry, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "clips": [clip.to_json() for clip in self.clips],
            "left_out": dict(self.left_out),
            "missing": list(self.missing),
        }


def list_clips(path: Path) -> ClipList:
    """List the ultrasound clips below a folder, or of a medium by its index.

    Parameters
    ----------
    path
        A folder, whose files are all looked into, or a DICOMDIR, whose index says which files count.

    Raises
    ------
    ReadError
        If there is nothing of that name, or the file is no DICOMDIR, or its index is damaged.
    """
    from matae.read._dicom_study import indexed_files, is_index
    from matae.read._formats import natural_key, sniff

    missing: list[str] = []
    if path.is_dir():
        root = path
        files: Iterable[Path] = (file for file in sorted(path.rglob("*"), key=natural_key) if file.is_file())
    elif path.is_file() and sniff(path) == "dicom" and is_index(path):
        root = path.parent
        files, missing = indexed_files(path)
    else:
        what = "is neither a folder nor a DICOMDIR" if path.exists() else "is not there"
        raise ReadError(f"{path} {what}; give a folder of DICOM files, or the DICOMDIR of a medium.")
    found: list[ClipEntry] = []
    others: Counter[str] = Counter()
    for file in files:
        entry, other = _look(file, root)
        if entry is not None:
            found.append(entry)
        elif other:
            others[other] += 1
    found.sort(key=lambda clip: (clip.patient_id, clip.study_date, clip.study_uid))
    return ClipList(tuple(found), dict(sorted(others.items())), tuple(missing))


def _look(file: Path, root: Path) -> tuple[ClipEntry | None, str]:
    """Return a file as a clip, or None and what else it is; empty for what is no DICOM at all."""
    from pydicom import dcmread

    from matae.read._dicom_kinds import DICOMDIR_CLASS, other_than_cine, short_kind
    from matae.read._dicom_tags import text
    from matae.read._formats import quiet, sniff

    entry, other = None, ""
    try:
        if sniff(file) == "dicom":
            with quiet():
                header = dcmread(file, stop_before_pixels=True, force=True, specific_tags=_TAGS)
                if other_than_cine(header) is not None:
                    other = short_kind(header)
                elif text(header.file_meta, "MediaStorageSOPClassUID") != DICOMDIR_CLASS:
                    entry = clip_of(header, file.relative_to(root).as_posix())
    except OSError:
        other = "files that cannot be read"
    except Exception:  # noqa: BLE001 - whatever a damaged header raises
        other = "damaged files"
    if entry is not None and (entry.rows is None or not entry.instance_uid):
        return None, "damaged files"
    if entry is not None and (entry.frames or 1) < 2:
        return None, "single pictures"
    return entry, other


def clip_of(header: Any, file: str = "") -> ClipEntry:
    """Return what a header, or an answer of an archive, says of a clip.

    Parameters
    ----------
    header
        A `pydicom.Dataset`; any element may be absent.
    file
        Where it lies.
    """
    from matae.read._dicom_tags import integer, text
    from matae.read.dicom import stated_view

    return ClipEntry(
        file=file,
        patient_id=text(header, "PatientID"),
        patient_name=text(header, "PatientName"),
        study_date=text(header, "StudyDate"),
        study_description=text(header, "StudyDescription"),
        view=stated_view(header),
        frames=integer(header, "NumberOfFrames"),
        rows=integer(header, "Rows"),
        columns=integer(header, "Columns"),
        study_uid=text(header, "StudyInstanceUID"),
        series_uid=text(header, "SeriesInstanceUID"),
        instance_uid=text(header, "SOPInstanceUID"),
        deidentified=text(header, "PatientIdentityRemoved").upper() == "YES",
    )
