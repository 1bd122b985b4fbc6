"""What a file is, told by its first bytes and its name, without any heavy import."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from matae.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePath

__all__ = [
    "MOST_PIXELS",
    "SUFFIXES",
    "file_stem",
    "foreign_name",
    "full_suffix",
    "is_label_name",
    "kind_of_bytes",
    "natural_key",
    "quiet",
    "size_text",
    "sniff",
    "view_from_text",
]

MOST_PIXELS = 2**26
"""Pixels of one frame. No ultrasound picture has as many; a damaged header that claims more would take the memory."""

SUFFIXES: dict[str, str] = {
    **dict.fromkeys((".dcm", ".dicom", ".ima"), "dicom"),
    **dict.fromkeys((".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".gif"), "video"),
    **dict.fromkeys((".3gp", ".asf", ".flv", ".m2ts", ".mts", ".ogv", ".vob"), "video"),
    **dict.fromkeys((".nii", ".nii.gz", ".mhd", ".mha", ".nrrd", ".nhdr"), "volume"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".jp2", ".j2k"), "image"),
    **dict.fromkeys((".npy", ".npz"), "array"),
    ".zip": "zip",
}
"""Kind of reader by lower-case file suffix."""


def full_suffix(path: PurePath) -> str:
    """Return the lower-case suffix, ``.nii.gz`` counted as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def file_stem(path: Path) -> str:
    """Return the file name without its suffix; what is none, as in a name of numbers and dots, stays."""
    suffix = full_suffix(path)
    return (path.name[: -len(suffix)] or path.name) if suffix in SUFFIXES else path.name


def is_label_name(path: Path) -> bool:
    """Say whether the name is that of a reference or exported mask, which is never a cine."""
    return bool(re.search(r"_(gt|mask|masks)$", file_stem(path), re.IGNORECASE))


def natural_key(path: PurePath) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which ``frame10`` follows ``frame9``; whole paths, folder by folder."""
    pieces = re.split(r"(\d+)", path.as_posix().lower())
    return tuple((1, int(piece)) if piece.isdigit() and piece.isascii() else (0, piece) for piece in pieces)


_MAGIC = (
    (8, b"AVI LIST", "video"),
    (4, b"ftyp", "video"),
    (0, b"\x1aE\xdf\xa3", "video"),  # Matroska and WebM
    (0, b"GIF8", "video"),
    (0, b"\0\0\1\xba", "video"),  # MPEG program stream
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video"),  # ASF and WMV
    (0, b"FLV\1", "video"),
    (0, b"OggS", "video"),
    (0, b"\x89PNG\r\n\x1a\n", "image"),
    (0, b"\xff\xd8\xff", "image"),
    (0, b"II*\0", "image"),
    (0, b"MM\0*", "image"),
    (0, b"II+\0", "image"),  # BigTIFF
    (0, b"MM\0+", "image"),
    (8, b"WEBPVP8", "image"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image"),  # JPEG 2000
    (0, b"\xff\x4f\xff\x51", "image"),
    (0, b"\x93NUMPY", "array"),
    (0, b"NRRD", "volume"),
    (344, b"n+1\0", "volume"),  # NIfTI in one file
)


def sniff(path: Path) -> str | None:
    """Return the kind of reader for a file: by its first bytes, else by its suffix, else None.

    Raises
    ------
    ReadError
        If the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            head = file.read(352)
    except OSError as error:
        raise ReadError(
            f"{path.name} cannot be opened ({error.strerror}); check the path and its permissions."
        ) from error
    return kind_of_bytes(head) or SUFFIXES.get(full_suffix(path))


def kind_of_bytes(head: bytes) -> str | None:
    """Return the kind of reader for a file by its first 352 bytes, or None."""
    if head[128:132] == b"DICM" or looks_like_bare_dicom(head):
        return "dicom"
    return next((kind for offset, magic, kind in _MAGIC if head.startswith(magic, offset)), None)


_FOREIGN = (
    (0, b"%PDF", "a PDF document", "export the clip itself, not its report"),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it and open what is inside"),
    (0, b"\x1f\x8b", "a compressed (gzip) file", "unpack it and open what is inside"),
    (0, b"Rar!", "a RAR archive", "unpack it and open what is inside"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and open what is inside"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (or MATLAB 7.3)", "save its frames with numpy.save"),
    (0, b"MATLAB 5.0", "a MATLAB file", "save its frames with numpy.save, or as a TIFF stack"),
    (0, b"KRETZFILE", "a Kretz volume of a GE scanner", "export a 2-D clip as DICOM or AVI"),
    (0, b"SIMPLE  =", "a FITS image", "save it as TIFF"),
    (0, b"\x80\x04\x95", "a Python pickle, which is never opened", "save the frames with numpy.save"),
    (0, b"<?xml", "an XML document", "open the clip it describes"),
    (0, b"{", "a JSON document", "open the clip it describes, or give it to 'import'"),
    (0, b"ID3", "a sound file", "choose the clip itself"),
    (0, b"8BPS", "a Photoshop picture", "save it as PNG"),
    (344, b"ni1\0", "the header of a NIfTI pair (.hdr and .img)", "save it as one file, .nii or .nii.gz"),
)


def foreign_name(path: Path) -> tuple[str, str] | None:
    """Return what a file is that has no reader, and what to do about it; None where its first bytes do not tell.

    Raises
    ------
    ReadError
        If the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            head = file.read(352)
    except OSError as error:
        raise ReadError(
            f"{path.name} cannot be opened ({error.strerror}); check the path and its permissions."
        ) from error
    return next(((what, cure) for place, magic, what, cure in _FOREIGN if head.startswith(magic, place)), None)


def looks_like_bare_dicom(head: bytes) -> bool:
    """Say whether bytes begin like a DICOM data set without preamble: file meta, or group 8 in little endian."""
    if len(head) < 132:
        return False
    if head[:4] != b"\x02\0\0\0" and not (head[:2] == b"\x08\0" and head[2] <= 0x18 and head[3] == 0):
        return False
    explicit = head[4:6] in (b"UL", b"CS", b"UI", b"DA", b"TM", b"SH")
    return explicit or (head[6:8] == b"\0\0" and 0 < head[4] <= 128 and head[5] == 0)


def size_text(shape: tuple[int, int]) -> str:
    """Return a frame size as people write it, width first."""
    return f"{shape[1]}x{shape[0]}"


_CHAMBERS = r"\ba(p|pical)?[ -]?{0}[ -]?(c|ch|chamber)?\b|\b{0}[ -]?(c|ch|chamber)\b|{1}[ -]?chamber"
_VIEWS = (
    (r"sub ?-?(costal|xiphoid)|\bs(c|ub)[ _-]?4", "SC4C"),
    (r"para ?-?sternal.*long|\bplax\b|\bpla\b", "PLAX"),
    (r"para ?-?sternal.*short|\bpsax\b|\bsax\b", "PSAX"),
    *(
        (_CHAMBERS.format(digit, word), f"A{digit}C")
        for digit, word in ((4, "four"), (2, "two"), (3, "three"), (5, "five"))
    ),
    (r"apical.*long|\baplax\b", "A3C"),
)


def view_from_text(text: str) -> str | None:
    """Return the standard view a free text names ("Apical four chamber" is "A4C"), or None."""
    plain = text.lower().replace("_", " ")
    return next((view for pattern, view in _VIEWS if re.search(pattern, plain)), None)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings and logs of format libraries to ourselves: what matters is told in the cine's own warnings."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "tifffile")]
    before = [logger.disabled for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.disabled = True
        try:
            yield
        finally:
            for logger, disabled in zip(loggers, before, strict=True):
                logger.disabled = disabled
