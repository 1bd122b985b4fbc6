"""Which reader decodes which kind of file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._formats import sniff

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine

__all__ = ["decode_cine"]


def decode_cine(path: Path, kind: str, info: dict[str, Any], *, third_axis_is_time: bool) -> Cine:
    """Decode a file or folder whose kind is known; see `matae.read.CineRef`.

    Raises
    ------
    ReadError
        If it cannot be read, or does not fit into memory.
    """
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
