"""Compressed frames: what a codestream is, and its samples as they were before any change of colours.

The codestream tells its own format, so that a frame decodes whatever transfer syntax its file claims. Samples come
out as the encoder put them in: libjpeg's change from YCbCr to RGB is never asked for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.read._dicom_colour import Colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.read._dicom_image import ImageModule

__all__ = ["Codestream", "begins_codestream", "decode_rle", "has_end", "is_rle_frame", "read_header"]

_JP2_BOX, _JXL_BOX = b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n"
_BEGINNINGS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", _JP2_BOX, _JXL_BOX, b"\xff\x0a")
_LARGEST = 4096 * 4096  # pixels of a frame whose header says otherwise


@dataclass(frozen=True)
class Codestream:
    """What the header of a codestream says.

    Parameters
    ----------
    kind
        "jpeg" (baseline, extended, progressive, lossless), "jpeg-ls", "jpeg-2000" or "jpeg-xl".
    height, width, components, precision
        Size in pixels, number of components, bits of a sample; 0 where the header is not read (JPEG XL).
    colours
        What it says of its colours.
    """

    kind: str
    height: int = 0
    width: int = 0
    components: int = 0
    precision: int = 0
    colours: Colours = Colours.UNSTATED

    def decode(self, data: bytes) -> NDArray[np.generic]:
        """Decode to samples, (Y, X) or (Y, X, components).

        Raises
        ------
        ValueError, RuntimeError
            If the data are damaged; the codecs' own errors derive from the latter.
        """
        import imagecodecs

        if self.height * self.width > _LARGEST * 4:
            raise ValueError("too large a frame")
        samples: NDArray[np.generic]
        if self.kind == "jpeg":
            same = None if self.components != 3 else "YCBCR"
            samples = imagecodecs.jpeg8_decode(data, colorspace=same, outcolorspace=same)
        elif self.kind == "jpeg-ls":
            samples = imagecodecs.jpegls_decode(data)
        elif self.kind == "jpeg-2000":
            samples = imagecodecs.jpeg2k_decode(data)
        else:
            samples = imagecodecs.jpegxl_decode(data)
        if samples.ndim == 3 and samples.shape[2] == 1:
            samples = samples[..., 0]
        if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] != 3):
            raise ValueError("neither grey nor three colours")
        return samples


def begins_codestream(head: bytes) -> bool:
    """Say whether bytes begin a JPEG, JPEG-LS, JPEG 2000 or JPEG XL codestream."""
    return head.startswith(_BEGINNINGS)


def read_header(data: bytes) -> Codestream | None:
    """Read the header of a codestream; None when it is none of the formats known here.

    Raises
    ------
    ValueError
        If it ends before its first frame.
    """
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith((b"\xff\x0a", _JXL_BOX)):
        return Codestream("jpeg-xl", colours=Colours.RGB)
    if data.startswith((b"\xff\x4f", _JP2_BOX)):
        return _jpeg_2000(data)
    return None


def has_end(data: bytes) -> bool:
    """Say whether a JPEG or JPEG 2000 codestream has the marker that ends it after its data began."""
    begins = data.find(b"\xff\x93") if data.startswith((b"\xff\x4f", _JP2_BOX)) else data.rfind(b"\xff\xda")
    return data.rfind(b"\xff\xd9") > begins


def _jpeg(data: bytes) -> Codestream:
    """Read the markers of a JPEG or JPEG-LS stream up to its frame header (ITU-T T.81, annex B)."""
    adobe: int | None = None
    jfif = False
    offset = 2
    while offset + 4 <= len(data):
        if data[offset] != 0xFF:
            break
        if data[offset + 1] == 0xFF:  # a fill byte
            offset += 1
            continue
        marker, length = data[offset + 1], int.from_bytes(data[offset + 2 : offset + 4], "big")
        body = data[offset + 4 : offset + 2 + length]
        if marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker == 0xE0 and body.startswith(b"JFIF"):
            jfif = True
        elif (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            if len(body) < 6 or len(body) < 6 + 3 * body[5]:
                break
            parts = [body[start : start + 3] for start in range(6, 6 + 3 * body[5], 3)]
            identifiers = bytes(part[0] for part in parts)
            if len({part[1] for part in parts}) > 1:
                colours = Colours.SUBSAMPLED
            elif adobe is not None:
                colours = Colours.YBR if adobe == 1 else Colours.RGB
            elif identifiers in (b"RGB", b"rgb"):
                colours = Colours.RGB
            else:
                colours = Colours.YBR if jfif else Colours.UNSTATED
            return Codestream(
                "jpeg-ls" if marker == 0xF7 else "jpeg",
                int.from_bytes(body[1:3], "big"),
                int.from_bytes(body[3:5], "big"),
                body[5],
                body[0],
                colours,
            )
        elif marker == 0xDA or length < 2:
            break
        offset += 2 + length
    raise ValueError("a JPEG stream without a frame")


def _jpeg_2000(data: bytes) -> Codestream:
    """Read the SIZ and COD segments (ITU-T T.800, annex A)."""
    start = data.find(b"\xff\x4f\xff\x51")
    if start < 0 or len(data) < start + 43:
        raise ValueError("a JPEG 2000 file without a codestream")
    siz = data[start + 6 :]
    right, lower, left, upper = struct.unpack(">4L", siz[2:18])
    components = int.from_bytes(siz[34:36], "big")
    offset, mixes = start + 4 + int.from_bytes(data[start + 4 : start + 6], "big"), False
    while offset + 14 <= len(data) and data[offset] == 0xFF and data[offset + 1] not in (0x90, 0x93):
        if data[offset + 1] == 0x52:
            mixes = data[offset + 8] == 1
            break
        offset += 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
    colours = Colours.RGB if mixes and components == 3 else Colours.UNSTATED
    return Codestream("jpeg-2000", lower - upper, right - left, components, (siz[36] & 0x7F) + 1, colours)


def is_rle_frame(head: bytes, size: int) -> bool:
    """Say whether bytes begin like a frame in DICOM's run-length encoding (PS3.5 annex G)."""
    if len(head) < 64:
        return False
    count, *offsets = struct.unpack("<16L", head[:64])
    if not 1 <= count <= 15 or offsets[0] != 64 or any(offsets[count:]):
        return False
    used = offsets[:count]
    return used == sorted(set(used)) and used[-1] < size


def decode_rle(data: bytes, image: ImageModule) -> NDArray[np.generic]:
    """Decode a frame in run-length encoding to (Y, X) or (Y, X, 3).

    Raises
    ------
    ValueError, RuntimeError
        If the data are damaged.
    """
    import imagecodecs

    if not is_rle_frame(data[:64], len(data)):
        raise ValueError("no frame in run-length encoding")
    dtype = np.dtype(f"<u{max(1, image.bits_allocated // 8)}")
    segments = int.from_bytes(data[:4], "little")
    samples = segments // dtype.itemsize
    if samples not in (1, 3) or segments % dtype.itemsize:
        raise ValueError("an odd number of segments")
    flat = np.frombuffer(imagecodecs.dicomrle_decode(data, dtype), dtype)
    planes = flat.reshape(samples, image.rows, image.columns)
    return planes[0] if samples == 1 else np.moveaxis(planes, 0, 2)
