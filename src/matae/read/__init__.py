"""Readers: one module a format, each from a path to a `matae.cine.Cine`.

`open_cine` picks the reader by the first bytes of the file, then by its suffix. `list_cines` says what a file or
folder holds without decoding it. Importing this package loads no codec.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any
    from zipfile import ZipInfo

    from matae.cine import Cine
    from matae.read._dicom_study import DicomSummary

__all__ = [
    "SUPPORTED_SUFFIXES",
    "CineList",
    "CineRef",
    "can_read",
    "file_stem",
    "is_supported_suffix",
    "is_there",
    "list_cines",
    "open_cine",
]

SUPPORTED_SUFFIXES: tuple[str, ...] = tuple(SUFFIXES)
"""Lower-case file suffixes with a reader. DICOM files are also recognised without one."""

_LOOKED_AT = 64  # files of an archive looked into before it counts as holding nothing of ours
_MANY = 2000  # entries looked at before a folder counts as holding nothing of ours


@dataclass(frozen=True)
class CineRef:
    """A cine that has not been decoded yet.

    Parameters
    ----------
    path
        File, or folder of frames.
    label
        Short text for a list: the path below the folder that was listed.
    kind
        "camus", "echonet", "dicom", "video", "volume", "image", "array", "image-folder", or "zip" for a file within
        an archive, whose path goes on after that of the archive.
    info
        What is known without decoding: "patient", "view", "phase", "split", "reference_ef", "frames", "still", ...
    """

    path: Path
    label: str
    kind: str
    info: dict[str, Any] = field(default_factory=dict)

    def open(self, *, third_axis_is_time: bool = False) -> Cine:
        """Decode it.

        Parameters
        ----------
        third_axis_is_time
            For NIfTI, MetaImage and NRRD: take the third axis for time even where it looks like depth.

        Raises
        ------
        ReadError
            If it cannot be read.
        """
        return _read(self.path, self.kind, self.info, third_axis_is_time=third_axis_is_time)


class CineList(list[CineRef]):
    """Cines found in a place, and what lies there too and is none.

    Parameters
    ----------
    found
        The cines: clips first, then stills.
    left_out
        Label and kind of what is no echo picture: reports, presentation states, other modalities, missing files.
    """

    def __init__(self, found: Iterable[CineRef] = (), left_out: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(sorted(found, key=lambda ref: bool(ref.info.get("still"))))
        self.left_out = tuple(left_out)

    @property
    def note(self) -> str:
        """One sentence on what was left out, or ""."""
        kinds: dict[str, list[str]] = {}
        for label, kind in self.left_out:
            kinds.setdefault(kind, []).append(label)
        parts = [
            f"{kind} ({', '.join(labels[:3])}{f' and {len(labels) - 3} more' if len(labels) > 3 else ''})"
            for kind, labels in kinds.items()
        ]
        return f"Left out: {'; '.join(parts)}." if parts else ""

    def only(self) -> CineRef | None:
        """Return the one cine there is, or the one clip beside stills; None where a person must choose."""
        clips = [ref for ref in self if not ref.info.get("still")] or self
        return clips[0] if len(clips) == 1 else None


def is_there(path: Path) -> bool:
    """Say whether there is a file or folder, or a file within a zip archive."""
    if path.exists():
        return True
    from matae.read._archive import archive_of, members

    try:
        inside = archive_of(path)
        return inside is not None and any(name == inside[1] for name, _ in members(inside[0]))
    except ReadError:
        return False


def is_supported_suffix(path: Path | str) -> bool:
    """Say whether the file name ends like a format with a reader."""
    return full_suffix(Path(path)) in SUFFIXES


def can_read(path: Path | str) -> bool:
    """Say whether `open_cine` or `list_cines` is worth trying; at most the first bytes of a file are read.

    A damaged file with a known suffix counts as readable, so that the user gets the sentence that says what is
    wrong with it.
    """
    path = Path(path)
    if path.is_dir():
        return any(_is_candidate(file) for file in _walk(path, limit=_MANY))
    try:
        kind = sniff(path) if path.is_file() else None
        return _holds_cines(path) if kind == "zip" else kind is not None
    except ReadError:
        return False


def _holds_cines(archive: Path) -> bool:
    """Say whether a zip archive may be a study, by the names in it and the beginnings of a few files."""
    from matae.read._archive import members, opened

    for name, info in members(archive)[:_LOOKED_AT]:
        if SUFFIXES.get(full_suffix(PurePath(name))) in ("dicom", "video", "volume"):
            return True
        with opened(archive, info) as file:
            if kind_of_bytes(file.read(352)) == "dicom":
                return True
    return False


def open_cine(path: Path | str, *, third_axis_is_time: bool = False) -> Cine:
    """Open a file, or a folder that holds one cine.

    Parameters
    ----------
    path
        DICOM (with or without suffix), video, NIfTI, MetaImage, NRRD, TIFF or other picture, NumPy file; a folder
        of pictures; or a folder with exactly one clip.
    third_axis_is_time
        For NIfTI, MetaImage and NRRD: take the third axis for time even where it looks like depth.

    Returns
    -------
    Cine
        Native pixels, with frame times and spacing where the source states them soundly.

    Raises
    ------
    ReadError
        If there is nothing readable, or a folder holds several clips.
    """
    path = Path(path)
    found = list_cines(path)
    only = found.only()
    if only is None:
        raise ReadError(f"{path.name} holds {len(found)} clips; choose one of them.")
    return only.open(third_axis_is_time=third_axis_is_time)


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
    for file in sorted(set(_walk(folder)).difference(camus), key=natural_key):
        kind = sniff(file) if _is_candidate(file) else None
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


def _walk(folder: Path, *, limit: int | None = None) -> Iterator[Path]:
    """Yield the files below a folder, hidden ones and mask folders left out; at most `limit`."""
    count = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name.lower() not in _MASK_FOLDERS)
        for name in names:
            count += 1
            if limit is not None and count > limit:
                return
            yield Path(parent, name)


_MASK_FOLDERS = ("mask", "masks", "label", "labels", "gt")


def _is_candidate(path: Path) -> bool:
    """Say whether a file found in a folder may be a cine, reading its first bytes only when its suffix is unknown."""
    if path.name.startswith(".") or path.name.upper() == "DICOMDIR" or is_label_name(path):
        return False
    if is_supported_suffix(path):
        return True
    try:
        return sniff(path) is not None
    except ReadError:
        return False


def _read(path: Path, kind: str, info: dict[str, Any], *, third_axis_is_time: bool) -> Cine:
    try:
        return _read_kind(path, kind, info, third_axis_is_time=third_axis_is_time)
    except MemoryError as error:
        raise ReadError(f"{path.name} does not fit into memory; cut the clip, or close other programs.") from error
    except OSError as error:
        raise ReadError(f"{path.name} cannot be read ({error.strerror}); check the disk and permissions.") from error


def _read_kind(  # noqa: PLR0911 - one return a format
    path: Path, kind: str, info: dict[str, Any], *, third_axis_is_time: bool
) -> Cine:
    # Imported one by one: a video must not wait for SimpleITK, nor a volume for the video library.
    match kind:
        case "zip":
            return _read_member(path, info, third_axis_is_time=third_axis_is_time)
        case "dicom":
            from matae.read.dicom import read_dicom

            return read_dicom(path)
        case "video":
            from matae.read.video import read_video

            return read_video(path)
        case "volume":
            from matae.read.volume import read_volume

            return read_volume(path, third_axis_is_time=third_axis_is_time)
        case "camus":
            from matae.read.camus import read_camus

            return read_camus(path)
        case "echonet":
            from matae.read.echonet import read_echonet

            return read_echonet(path, info)
        case "array":
            from matae.read.array import read_array

            return read_array(path)
        case "image":
            from matae.read.images import read_image

            return read_image(path)
        case _:
            from matae.read.images import read_image_folder

            return read_image_folder(path)


def _read_member(path: Path, info: dict[str, Any], *, third_axis_is_time: bool) -> Cine:
    """Read a file within an archive; nothing of it stays on the disk."""
    from matae.read._archive import archive_of, taken_out

    inside = archive_of(path)
    if inside is None:
        raise ReadError(f"{path} does not exist; check the path.")
    with taken_out(*inside) as copy:
        kind = sniff(copy)
        if kind is None or kind in ("zip", "image"):
            raise ReadError(f"{path.name} cannot be opened within an archive; unpack it first.")
        found = _read_kind(copy, kind, info, third_axis_is_time=third_axis_is_time)
        return replace(found, source=path)
