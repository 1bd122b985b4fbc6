"""What a file or folder holds, told without decoding any of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._formats import (
    SUFFIXES,
    file_stem,
    foreign_name,
    full_suffix,
    is_label_name,
    kind_of_bytes,
    natural_key,
    sniff,
)
from matae.read._look import is_candidate, is_supported_suffix, is_there, walk
from matae.read._refs import CineList, CineRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from zipfile import ZipInfo

    from matae.read._dicom_study import DicomSummary

__all__ = ["list_cines"]


def list_cines(path: Path | str) -> CineList:
    """List the cines of a file or folder without decoding any.

    Parameters
    ----------
    path
        A file (one entry); a CAMUS or EchoNet-Dynamic folder; a folder of pictures (one entry); the index of a DICOM
        medium (DICOMDIR); a zip archive of a study; or any folder, which is searched with its subfolders for clips,
        DICOM files without suffix included. Masks (``_gt``, ``_mask``) are left out.

    Returns
    -------
    CineList
        CAMUS images by patient and view, then the others in natural order, DICOM stills last; never empty. What is
        no echo picture is named in its `left_out`.

    Raises
    ------
    ReadError
        If the path does not exist, or nothing in it can be read.
    """
    path = Path(path)
    if path.is_dir():
        return _list_folder(path)
    if not path.is_file():
        if is_there(path):
            return CineList([CineRef(path, file_stem(path), "zip")])
        raise ReadError(f"{path} does not exist; check the path.")
    if path.stat().st_size == 0:
        raise ReadError(f"{path.name} is empty; copy or export it again.")
    kind = sniff(path)
    if kind is None:
        if path.suffix.lower() == ".raw":
            raise ReadError(f"{path.name} is bare data; open the .mhd or .nhdr header that belongs to it.")
        if (foreign := foreign_name(path)) is not None:
            raise ReadError(f"{path.name} is {foreign[0]}, not a clip; {foreign[1]}.")
        raise ReadError(
            f"{path.name} is in no format that can be read; open a DICOM, AVI, MP4, MOV, MKV, NIfTI, MetaImage, NRRD "
            "or TIFF file."
        )
    if kind == "zip":
        return _list_archive(path)
    if kind == "dicom" and _may_be_index(path):
        from matae.read._dicom_study import is_index

        if is_index(path):
            return _list_index(path)
    return CineList([_reference(path, path.parent, kind)])


def _may_be_index(path: Path) -> bool:
    with path.open("rb") as file:
        return b"1.2.840.10008.1.3.10" in file.read(1024)


def _list_index(path: Path) -> CineList:
    """List the files that the index of a medium names; of an index that names none, those of its folder."""
    from matae.read._dicom_study import indexed_files

    files, missing = indexed_files(path)
    found = []
    left_out = [(name, "files that the index names and that are missing") for name in missing]
    for file in files:
        ref, other = _dicom_reference(file, path.parent)
        if ref is not None:
            found.append(ref)
        elif other:
            left_out.append((_label(file, path.parent), other))
    return CineList(found, left_out) if found else _list_folder(path.parent)


def _none_empty(found: CineList, path: Path) -> CineList:
    if not found:
        told = f" {found.note}" if found.note else ""
        raise ReadError(f"{path.name} holds no echo clip; choose a folder or file with clips or frames.{told}")
    return found


def _dicom_reference(file: Path, root: Path) -> tuple[CineRef | None, str]:
    """Return a DICOM file as a cine, or what else it is; nothing for an index."""
    from matae.read._dicom_study import summary_of

    with file.open("rb") as stream:
        summary = summary_of(stream)
    ref = CineRef(file, _label(file, root), "dicom")
    if summary is None:
        return ref, ""
    if summary.is_index or summary.other:
        return None, summary.other
    return CineRef(file, ref.label, "dicom", _dicom_info(summary)), ""


def _dicom_info(summary: DicomSummary) -> dict[str, Any]:
    info: dict[str, Any] = {} if summary.frames is None else {"frames": summary.frames}
    return info if summary.is_clip else {**info, "still": True}


def _list_archive(path: Path) -> CineList:
    from matae.read._archive import members

    found: list[CineRef] = []
    left_out: list[tuple[str, str]] = []
    for name, member in sorted(members(path), key=lambda pair: natural_key(PurePath(pair[0]))):
        inner = path / name
        label = (PurePath(name).parent / file_stem(inner)).as_posix()
        if is_label_name(inner):
            continue
        try:
            info, other = _look_into(path, member, full_suffix(inner))
        except ReadError:
            info, other = None, "damaged files"
        if info is not None:
            found.append(CineRef(inner, label, "zip", info))
        elif other:
            left_out.append((label, other))
    return _none_empty(CineList(found, left_out), path)


def _look_into(archive: Path, member: ZipInfo, suffix: str) -> tuple[dict[str, Any] | None, str]:
    """Return what is known of a cine within an archive, or None and what else the file is."""
    from matae.read._archive import opened
    from matae.read._dicom_study import summary_of

    with opened(archive, member) as file:
        kind = kind_of_bytes(file.read(352)) or SUFFIXES.get(suffix)
    if kind == "dicom":
        with opened(archive, member) as file:
            summary = summary_of(file)
        if summary is not None and (summary.is_index or summary.other):
            return None, summary.other
        return (_dicom_info(summary) if summary else {}), ""
    if kind == "video" or (kind in ("volume", "array") and suffix not in (".mhd", ".nhdr")):
        return {}, ""
    return None, "" if kind is None else "files to be unpacked first"


def _list_folder(folder: Path) -> CineList:
    from matae.read.camus import camus_files
    from matae.read.echonet import echonet_clips, is_echonet
    from matae.read.images import is_tiff_stack

    if is_echonet(folder):
        clips = echonet_clips(folder)
        if not clips:
            raise ReadError(f"{folder.name} has a FileList.csv, but none of its videos is in Videos; copy them there.")
        return CineList(
            CineRef(video, video.stem, "echonet", {**facts, "view": "A4C"}) for video, facts in clips.items()
        )
    camus = camus_files(folder)
    lists = cache(echonet_clips)
    found = [_reference(file, folder, "volume") for file in camus]
    picture_folders: set[Path] = set()
    left_out: list[tuple[str, str]] = []
    for file in sorted(set(walk(folder)).difference(camus), key=natural_key):
        kind = sniff(file) if is_candidate(file) else None
        if kind == "image" and is_supported_suffix(file) and not is_tiff_stack(file):
            if file.parent not in picture_folders:
                picture_folders.add(file.parent)
                found.append(CineRef(file.parent, _label(file.parent, folder), "image-folder"))
        elif kind == "dicom":
            ref, other = _dicom_reference(file, folder)
            found += [ref] if ref is not None else []
            left_out += [(_label(file, folder), other)] if other else []
        elif kind == "zip":
            left_out.append((_label(file, folder), "archives, to be opened by themselves"))
        elif kind is not None:
            found.append(_reference(file, folder, kind, lists))
    if not found and not left_out:
        raise ReadError(f"{folder.name} holds nothing that can be read; choose a folder with clips or frames.")
    return _none_empty(CineList(found, left_out), folder)


def _reference(
    path: Path, root: Path, kind: str, clips: Callable[[Path], dict[Path, dict[str, Any]]] | None = None
) -> CineRef:
    """Describe one file, recognising the data sets whose folders say more than the file."""
    from matae.read.camus import camus_info, is_camus_file
    from matae.read.echonet import echonet_clips, echonet_info

    if kind == "volume" and is_camus_file(path):
        return CineRef(path, _label(path, root), "camus", camus_info(path))
    if kind == "video" and (facts := echonet_info(path, clips or echonet_clips)) is not None:
        return CineRef(path, _label(path, root), "echonet", {**facts, "view": "A4C"})
    return CineRef(path, _label(path, root), kind)


def _label(path: Path, root: Path) -> str:
    inside = path.relative_to(root)
    name = path.name if path.is_dir() else file_stem(path)
    return (inside.parent / name).as_posix()
