"""Pixel data of a DICOM object, frame by frame, as grey 8-bit images.

Frames are decoded one at a time from the open file, so that a long uncompressed clip never lies in memory
whole. pydicom decodes; what colours the decoded samples mean is decided here, from the codestream where it
says so, because files labelled RGB that hold YCbCr are common in ultrasound.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import ReadError
from matae.read._dicom_tags import integer, number
from matae.read._grey import ColourMeter, luma, windowed
from matae.stack import StackBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any, BinaryIO

    from numpy.typing import NDArray

__all__ = ["Decoded", "decode_frames", "syntax_name"]

_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_GIVE_UP_AFTER = 16  # broken frames in a row; the rest is then lost too


@dataclass
class Decoded:
    """Frames that decoded.

    Parameters
    ----------
    frames
        Grey frames.
    kept
        Index of each of them among the frames the object states.
    stated
        Number of frames the object states.
    colour
        Chroma seen, for the Doppler test.
    note
        A sentence when brightness was rescaled, else "".
    """

    stated: int
    frames: StackBuilder = field(default_factory=StackBuilder)
    kept: list[int] = field(default_factory=list)
    colour: ColourMeter = field(default_factory=ColourMeter)
    note: str = ""


def decode_frames(path: Path, dataset: Any) -> Decoded:
    """Decode all frames of a DICOM file.

    Parameters
    ----------
    path
        The file.
    dataset
        Its header, a `pydicom.Dataset` with a transfer syntax.

    Raises
    ------
    ReadError
        If the transfer syntax has no decoder here, or the pixel module makes no sense.
    """
    from pydicom.pixels import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
        available = decoder.is_available
    except (NotImplementedError, TypeError, ValueError):
        available = False
    if not available:
        raise ReadError(
            f"{path.name} is compressed with {syntax_name(syntax)}, which cannot be decoded here; export it from the "
            "archive uncompressed or as JPEG, or convert it with a DICOM tool."
        )
    with path.open("rb") as file:
        source = _Source.at_pixel_data(file, path, dataset)
        stated = source.options["number_of_frames"]
        result = Decoded(stated)
        to_grey = _grey_converter(source, dataset, decoder, result)
        for index, samples in source.frames(decoder):
            result.frames.append(to_grey(samples))
            result.kept.append(index)
    return result


def syntax_name(uid: Any) -> str:
    """Return the name of a transfer syntax with its identifier."""
    name = str(getattr(uid, "name", uid))
    if name == str(uid) and str(uid) in _JPEG_XL:
        name = _JPEG_XL[str(uid)]
    return name if name == str(uid) else f"{name} ({uid})"


_JPEG_XL = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}


@dataclass
class _Source:
    """The open file at its pixel data, and the options pydicom's decoders need."""

    stream: Any
    start: int
    encapsulated: bool
    options: dict[str, Any]

    @classmethod
    def at_pixel_data(cls, file: BinaryIO, path: Path, dataset: Any) -> _Source:
        """Find the pixel data element of an open file."""
        import io
        import struct

        from pydicom import dcmread
        from pydicom.pixels.utils import as_pixel_options

        syntax = dataset.file_meta.TransferSyntaxUID
        frame_count = max(integer(dataset, "NumberOfFrames") or 1, 1)
        try:
            options = as_pixel_options(dataset, number_of_frames=frame_count, pixel_keyword="PixelData")
            options.setdefault("planar_configuration", 0)
            rows, columns, samples = (int(options[name]) for name in ("rows", "columns", "samples_per_pixel"))
            bits = int(options["bits_allocated"])
            str(options["photometric_interpretation"])
        except Exception as error:  # a damaged element raises what its parser happens to raise
            raise ReadError(
                f"{path.name} holds no image (a report or a raw volume?); choose an image object."
            ) from error
        if min(rows, columns) < 1 or samples not in (1, 3) or bits not in (8, 16, 32):
            raise ReadError(f"{path.name} describes an impossible image; export the clip again from the archive.")

        if syntax == _DEFLATED:  # compressed as a whole: there is no place in the file to start from
            stream: Any = io.BytesIO(dcmread(file, force=True).get("PixelData", b""))
            start, length = 0, stream.getbuffer().nbytes
        else:
            dcmread(file, stop_before_pixels=True, force=True)
            little = "<" if syntax.is_little_endian else ">"
            head = file.read(8)
            if len(head) < 8 or struct.unpack(f"{little}HH", head[:4]) != (0x7FE0, 0x0010):
                raise ReadError(f"{path.name} holds no pixel data; export the clip again from the archive.")
            # Some files are encoded otherwise than their transfer syntax says: look for the value representation.
            if syntax.is_implicit_VR or head[4:6] not in (b"OB", b"OW", b"UN"):
                length = struct.unpack(f"{little}L", head[4:])[0]
            else:
                options["pixel_vr"] = head[4:6].decode("ascii", "replace")
                length = struct.unpack(f"{little}L", file.read(4).ljust(4, b"\0"))[0]
            stream, start = file, file.tell()
            length = min(length, os.fstat(file.fileno()).st_size - start)
        if not syntax.is_encapsulated:
            halved = samples == 3 and options["photometric_interpretation"] == "YBR_FULL_422"
            size = rows * columns * (2 if halved else samples) * bits // 8
            options["available"] = min(options["number_of_frames"], length // size)
        return cls(stream, start, bool(syntax.is_encapsulated), options)

    def first_codestream(self) -> bytes:
        """Return the first compressed frame, or nothing."""
        from pydicom.encaps import get_frame

        if not self.encapsulated:
            return b""
        self.stream.seek(self.start)
        try:
            return bytes(
                get_frame(
                    self.stream,
                    0,
                    number_of_frames=self.options["number_of_frames"],
                    extended_offsets=self.options.get("extended_offsets"),
                )
            )
        except Exception:  # noqa: BLE001 - pydicom's parsers raise whatever a broken file leads them to
            return b""

    def frames(self, decoder: Any) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the index and the samples, (Y, X) or (Y, X, 3), of each frame that decodes."""
        options = dict(self.options)
        stated = options["number_of_frames"]
        count = options.pop("available", stated)
        options["number_of_frames"] = count if not self.encapsulated else stated
        # Pillow is the one decoder of JPEG baseline whose raw colours are known.
        plugin = "pillow" if str(decoder.UID) == _JPEG_BASELINE else ""
        # pydicom forgets after one frame that uncompressed chroma is halved: there it starts anew each time.
        one_by_one = not self.encapsulated and options["photometric_interpretation"] == "YBR_FULL_422"
        index = failures = 0
        while index < count:
            self.stream.seek(self.start)
            # After a broken frame decoding starts again behind it; without indices pydicom reads straight on.
            end = index + 1 if one_by_one else count
            wanted = range(index, end) if index or not self.encapsulated else None
            try:
                decoding = decoder.iter_array(
                    self.stream, indices=wanted, raw=True, validate=False, decoding_plugin=plugin, **options
                )
                for samples, _ in decoding:
                    if index >= count or samples.shape[:2] != (options["rows"], options["columns"]):
                        break
                    yield index, samples
                    index, failures = index + 1, 0
                else:
                    if self.encapsulated and index < count:
                        return  # the stream ended early
                    continue
            except Exception:  # noqa: BLE001, S110 - decoders raise whatever broken data leads them to; it is counted
                pass
            index += 1
            failures += 1
            if failures >= _GIVE_UP_AFTER:
                return


def _grey_converter(
    source: _Source, dataset: Any, decoder: Any, result: Decoded
) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Return the function that turns decoded samples into a grey frame."""
    if source.options["samples_per_pixel"] == 3:
        return _from_colour(source, decoder, result.colour)
    if source.options["photometric_interpretation"] == "PALETTE COLOR":
        return _from_palette(dataset, result.colour)
    return _from_depth(source, dataset, decoder, result)


def _from_colour(source: _Source, decoder: Any, colour: ColourMeter) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    is_ybr: bool | None = None
    bits = int(source.options.get("bits_stored") or source.options["bits_allocated"])
    codestream = source.first_codestream() if str(decoder.UID) == _JPEG_BASELINE else b""
    stated = str(source.options["photometric_interpretation"])

    def to_grey(samples: NDArray[Any]) -> NDArray[np.uint8]:
        nonlocal is_ybr
        if samples.dtype != np.uint8:
            samples = (samples >> max(0, bits - 8)).astype(np.uint8)
        if is_ybr is None:
            is_ybr = _holds_ybr(stated, codestream, samples)
        if is_ybr:
            if colour.due():
                colour.add_ybr(samples)
            return samples[..., 0]
        grey = luma(samples)
        if colour.due():
            colour.add_rgb(samples, grey)
        return grey

    return to_grey


def _holds_ybr(stated: str, codestream: bytes, samples: NDArray[np.uint8]) -> bool:
    """Say whether decoded samples are YCbCr rather than RGB.

    For JPEG baseline the codestream decides where it can: an Adobe marker (the decoder has then made RGB), a JFIF
    marker, component names, or subsampled chroma, which RGB never has. A 4:4:4 stream with no mark that the
    object calls RGB is settled by its values: in ultrasound, nearly grey, two chroma planes lie near 128.
    """
    if not codestream:
        return stated in ("YBR_FULL", "YBR_FULL_422")
    jpeg = _jpeg_header(codestream)
    if jpeg.adobe or jpeg.component_ids in (b"RGB", b"rgb"):
        return False
    if jpeg.jfif or jpeg.subsampled or stated.startswith("YBR"):
        return True
    wide = samples.astype(np.int16)
    from_neutral = np.abs(wide[..., 1:] - 128).mean()
    from_first = np.abs(wide[..., 1:] - wide[..., :1]).mean()
    return bool(from_neutral < from_first)


@dataclass
class _Jpeg:
    adobe: bool = False
    jfif: bool = False
    component_ids: bytes = b""
    subsampled: bool = False


def _jpeg_header(data: bytes) -> _Jpeg:
    """Read the markers of a JPEG stream up to its frame header (ITU-T T.81, annex B)."""
    found = _Jpeg()
    offset = 2
    while offset + 4 <= len(data) and data[offset] == 0xFF:
        marker, length = data[offset + 1], int.from_bytes(data[offset + 2 : offset + 4], "big")
        body = data[offset + 4 : offset + 2 + length]
        if marker == 0xEE and body.startswith(b"Adobe"):
            found.adobe = True
        elif marker == 0xE0 and body.startswith(b"JFIF"):
            found.jfif = True
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            components = [body[start : start + 3] for start in range(6, len(body) - 2, 3)]
            found.component_ids = bytes(component[0] for component in components)
            found.subsampled = len({component[1] for component in components}) > 1
            break
        elif marker == 0xDA or length < 2:
            break
        offset += 2 + length
    return found


def _from_palette(dataset: Any, colour: ColourMeter) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Look colours up once per palette entry, not once per pixel."""
    from pydicom.pixels import apply_color_lut

    depth = 8 if int(dataset.BitsAllocated) == 8 else 16
    table = apply_color_lut(np.arange(2**depth, dtype=np.uint8 if depth == 8 else np.uint16), dataset)
    if table.dtype != np.uint8:
        table = (table >> 8).astype(np.uint8)
    grey_of = luma(table)

    def to_grey(samples: NDArray[Any]) -> NDArray[np.uint8]:
        grey: NDArray[np.uint8] = grey_of[samples]
        if colour.due():
            colour.add_rgb(table[samples], grey)
        return grey

    return to_grey


def _from_depth(
    source: _Source, dataset: Any, decoder: Any, result: Decoded
) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Bring one-channel samples of any depth to 8 bits.

    Unsigned 8-bit samples are kept as stored, whatever window is stated: labels belong to stored pixels. Deeper
    or signed samples go through the rescale and the first window (PS3.3 C.11.2), or without a window through the
    range of the whole clip, which takes a first pass over it.
    """
    inverted = source.options["photometric_interpretation"] == "MONOCHROME1"
    stored = int(source.options.get("bits_stored") or source.options["bits_allocated"])
    signed = bool(source.options.get("pixel_representation"))
    if stored == 8 and not signed:
        return lambda samples: _inverted(samples.astype(np.uint8), inverted)
    slope, intercept = number(dataset, "RescaleSlope") or 1.0, number(dataset, "RescaleIntercept") or 0.0
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    if stored < 8 and not signed:
        low, high = 0.0, 2.0**stored - 1
        slope, intercept = 1.0, 0.0
    elif centre is not None and width is not None and width > 1:
        low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
        result.note = f"Brightness was mapped from the file's window {low:g}..{high:g} to 0..255."
    else:
        extremes = [(samples.min(), samples.max()) for _, samples in source.frames(decoder)] or [(0, 1)]
        ends = sorted(float(value) * slope + intercept for pair in extremes for value in pair)
        low, high = ends[0], ends[-1]
        if low >= 0 and high <= 255:
            low, high = 0.0, 255.0
        else:
            result.note = f"Brightness was rescaled from {low:g}..{high:g} to 0..255."
    return lambda samples: _inverted(windowed(samples * np.float32(slope) + np.float32(intercept), low, high), inverted)


def _inverted(grey: NDArray[np.uint8], inverted: bool) -> NDArray[np.uint8]:
    return 255 - grey if inverted else grey
