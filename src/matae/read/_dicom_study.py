"""What the DICOM files of a study are, told by their headers alone, so that clips can be listed before stills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._dicom_kinds import DICOMDIR_CLASS, other_than_cine, short_kind
from matae.read._dicom_tags import integer, raw, text
from matae.read._dicom_video import is_video
from matae.read._formats import looks_like_bare_dicom, quiet

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO, Any

__all__ = ["DicomSummary", "indexed_files", "is_index", "summary_of"]

_TAGS = [
    "SOPClassUID", "Modality", "DimensionOrganizationType", "NumberOfFrames", "Rows", "Columns", "CineRate",
    "FrameTime", "FrameTimeVector",
]  # fmt: skip
_MOST_RECORDS = 100_000


@dataclass(frozen=True)
class DicomSummary:
    """What a header says of its object.

    Parameters
    ----------
    other
        What it is, where it is no echo picture ("a structured report", "CT data"); else "".
    frames
        Number of frames stated; None where it is not.
    is_clip
        Whether there is more than one frame, or something says how fast frames follow each other.
    is_index
        Whether it is the index of a medium (DICOMDIR).
    """

    other: str
    frames: int | None
    is_clip: bool
    is_index: bool = False


def summary_of(file: IO[bytes]) -> DicomSummary | None:
    """Read the header of an open DICOM file up to the pixels; None where it cannot be read.

    Parameters
    ----------
    file
        Open at its beginning.
    """
    from pydicom import dcmread

    head = file.read(132)
    if head[128:132] != b"DICM" and not looks_like_bare_dicom(head):
        return None
    file.seek(0)
    with quiet():
        try:
            dataset = dcmread(file, stop_before_pixels=True, force=True, specific_tags=_TAGS)
            meta = dataset.file_meta
            index = text(meta, "MediaStorageSOPClassUID") == DICOMDIR_CLASS
            syntax = text(meta, "TransferSyntaxUID")
            other = short_kind(dataset) if other_than_cine(dataset) is not None else ""
            if not other and integer(dataset, "Rows") is None and text(dataset, "Modality") not in ("US", "IVUS"):
                cut = not text(dataset, "SOPClassUID") and not text(dataset, "Modality")
                other = "files cut off within their header" if cut else "an object without a picture"
            frames = integer(dataset, "NumberOfFrames")
            timed = any(raw(dataset, key) is not None for key in ("FrameTime", "FrameTimeVector", "CineRate"))
        except Exception:  # noqa: BLE001 - whatever a damaged header raises, opening it says so
            return None
    moves = (frames or 1) > 1 or is_video(syntax) or (frames is None and timed)
    return DicomSummary("" if index else other, frames, moves, index)


def is_index(path: Path) -> bool:
    """Say whether a DICOM file is the index of a medium, whatever its name."""
    with path.open("rb") as file:
        found = summary_of(file)
    return found is not None and found.is_index


def indexed_files(path: Path) -> tuple[list[Path], list[str]]:
    """Return the files that the index of a medium names and that are there, and the names of those that are not.

    Names are looked up below the folder of the index only, and without regard to case: media are copied by systems
    that change it.

    Parameters
    ----------
    path
        The index (DICOMDIR).

    Raises
    ------
    ReadError
        If it cannot be read.
    """
    from pydicom import dcmread

    with quiet():
        try:
            records = raw(dcmread(path, force=True), "DirectoryRecordSequence") or ()
            named = [_parts(record) for record in list(records)[:_MOST_RECORDS]]
        except Exception as error:
            raise ReadError(f"{path.name} is a damaged index; open the folder it lies in.") from error
    found: dict[Path, None] = {}
    missing: dict[str, None] = {}
    folders: dict[Path, dict[str, Path]] = {}
    for parts in named:
        if not parts:
            continue
        file: Path | None = path.parent
        for part in parts:
            file = None if file is None else _entry(file, part, folders)
        if file is not None and file.is_file():
            found[file] = None
        else:
            missing["/".join(parts)] = None
    return list(found), list(missing)


def _parts(record: Any) -> list[str]:
    value = raw(record, "ReferencedFileID")
    if value is None:
        return []
    pieces = [value] if isinstance(value, str) else [str(piece) for piece in value]
    parts = [part for piece in pieces for part in piece.replace("\\", "/").split("/") if part.strip()]
    return [] if any(part in (".", "..") for part in parts) else parts


def _entry(folder: Path, name: str, known: dict[Path, dict[str, Path]]) -> Path | None:
    """Return the entry of a folder by its name, whatever its case."""
    if folder not in known:
        try:
            known[folder] = {entry.name.casefold(): entry for entry in folder.iterdir()}
        except OSError:
            known[folder] = {}
    entries = known[folder]
    # ISO 9660 adds a version, and some systems a dot, to names without a suffix.
    wanted = name.casefold()
    return next((entries[key] for key in (wanted, f"{wanted};1", f"{wanted}.", f"{wanted}.;1") if key in entries), None)
