"""Readers: one module a format, each from a path to a `matae.cine.Cine`.

`open_cine` picks the reader by the first bytes of the file, then by its suffix. `list_cines` says what a file or
folder holds without decoding it. Importing this package loads no codec.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._formats import SUFFIXES, file_stem, foreign_name, full_suffix, is_label_name, natural_key, sniff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from matae.cine import Cine

__all__ = ["SUPPORTED_SUFFIXES", "CineRef", "can_read", "file_stem", "is_supported_suffix", "list_cines", "open_cine"]

SUPPORTED_SUFFIXES: tuple[str, ...] = tuple(SUFFIXES)
"""Lower-case file suffixes with a reader. DICOM files are also recognised without one."""

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
        "camus", "echonet", "dicom", "video", "volume", "image", "array" or "image-folder".
    info
        What is known without decoding: "patient", "view", "phase", "split", "reference_ef", ...
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
        return path.is_file() and sniff(path) is not None
    except ReadError:
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
    if len(found) > 1:
        raise ReadError(f"{path.name} holds {len(found)} clips; choose one of them.")
    return found[0].open(third_axis_is_time=third_axis_is_time)


def list_cines(path: Path | str) -> list[CineRef]:
    """List the cines of a file or folder without decoding any.

    Parameters
    ----------
    path
        A file (one entry); a CAMUS or EchoNet-Dynamic folder; a folder of pictures (one entry); or any folder,
        which is searched with its subfolders for clips, DICOM files without suffix included. Masks (``_gt``,
        ``_mask``) are left out.

    Returns
    -------
    list of CineRef
        CAMUS images by patient and view, then the others in natural order; never empty.

    Raises
    ------
    ReadError
        If the path does not exist, or nothing in it can be read.
    """
    path = Path(path)
    if path.is_dir():
        return _list_folder(path)
    if not path.is_file():
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
    return [_reference(path, path.parent, kind)]


def _list_folder(folder: Path) -> list[CineRef]:
    from matae.read.camus import camus_files
    from matae.read.echonet import echonet_clips, is_echonet
    from matae.read.images import is_tiff_stack

    if is_echonet(folder):
        clips = echonet_clips(folder)
        if not clips:
            raise ReadError(f"{folder.name} has a FileList.csv, but none of its videos is in Videos; copy them there.")
        return [CineRef(video, video.stem, "echonet", {**facts, "view": "A4C"}) for video, facts in clips.items()]
    camus = camus_files(folder)
    lists = cache(echonet_clips)
    found = [_reference(file, folder, "volume") for file in camus]
    picture_folders: set[Path] = set()
    for file in sorted(set(_walk(folder)).difference(camus), key=natural_key):
        kind = sniff(file) if _is_candidate(file) else None
        if kind == "image" and is_supported_suffix(file) and not is_tiff_stack(file):
            if file.parent not in picture_folders:
                picture_folders.add(file.parent)
                found.append(CineRef(file.parent, _label(file.parent, folder), "image-folder"))
        elif kind is not None:
            found.append(_reference(file, folder, kind, lists))
    if not found:
        raise ReadError(f"{folder.name} holds nothing that can be read; choose a folder with clips or frames.")
    return found


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
