"""Pixel data of a DICOM object, frame by frame, as grey 8-bit images.

Frames are decoded one at a time from the open file, so that a long uncompressed clip never lies in memory whole.
Where each frame lies is found by `_dicom_fragments`, what is in it by `_dicom_codestream`, what its colours mean by
`_dicom_colour`, and how its values become grey by `_dicom_grey`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from matae.read._dicom_codestream import decode_rle, has_end, read_header
from matae.read._dicom_colour import ColourEvidence, Colours, is_planar
from matae.read._dicom_fragments import frame_pieces, read_fragments
from matae.read._dicom_grey import Words, depth_table, grey_of_wide, palette_table
from matae.read._grey import ColourMeter, luma, windowed
from matae.stack import StackBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from matae.read._dicom_codestream import Codestream
    from matae.read._dicom_fragments import Fragments, PixelElement
    from matae.read._dicom_image import ImageModule

__all__ = ["Decoded", "decode_frames", "syntax_name"]

_GIVE_UP_AFTER = 16  # broken frames in a row; the rest is then lost too
_LOOKED_AT = 8  # frames held back until their colours are clear


@dataclass
class Decoded:
    """Frames that decoded.

    Parameters
    ----------
    present
        Number of frames that are there, whole or not.
    stated
        The same, or what the header counts where that is more.
    frames
        Grey frames.
    kept
        Index of each of them among those.
    colour
        Chroma seen, for the Doppler test.
    notes
        Sentences for the user: brightness was rescaled, the count in the header is wrong.
    """

    present: int
    stated: int
    frames: StackBuilder = field(default_factory=StackBuilder)
    kept: list[int] = field(default_factory=list)
    colour: ColourMeter = field(default_factory=ColourMeter)
    notes: list[str] = field(default_factory=list)


def decode_frames(element: PixelElement, dataset: Any, image: ImageModule) -> Decoded:
    """Decode all frames of a DICOM file.

    Parameters
    ----------
    element
        Its pixel data.
    dataset
        Its header, a `pydicom.Dataset` with a transfer syntax.
    image
        What the header says of the picture.
    """
    source = _wrapped(element, dataset, image) if element.wrapped else _native(element, dataset, image)
    result = Decoded(source.count, max(source.count, image.stated_frames or 0))
    if image.stated_frames is not None and image.stated_frames < source.count:
        result.notes.append(
            f"The header counts {image.stated_frames} of the {source.count} frames in the file; all are shown."
        )
    for index, grey in _grey_frames(source, dataset, image, result):
        if result.frames.frame_shape not in (None, grey.shape):
            continue  # a frame of another size is no frame of this clip
        result.frames.append(grey)
        result.kept.append(index)
    shape = result.frames.frame_shape
    if shape is not None and shape != (image.rows, image.columns):
        result.notes.append(
            f"The frames are {shape[1]}x{shape[0]} pixels and the header says {image.columns}x{image.rows}; "
            "they are shown as they are."
        )
    return result


def syntax_name(uid: Any) -> str:
    """Return the name of a transfer syntax with its identifier."""
    name = str(getattr(uid, "name", uid))
    if name == str(uid) and str(uid) in _JPEG_XL:
        name = _JPEG_XL[str(uid)]
    return name[:64] if name == str(uid) else f"{name} ({uid})"


_JPEG_XL = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}


@dataclass(frozen=True)
class _Samples:
    """One decoded frame: (Y, X) or (Y, X, 3), and what its codestream says; no precision where there is none."""

    values: NDArray[Any]
    colours: Colours = Colours.UNSTATED
    precision: int = 0


class _Wrapped:
    """Frames in fragments."""

    def __init__(self, element: PixelElement, fragments: Fragments, frames: list[list[tuple[int, int]]]) -> None:
        self._element, self._frames = element, frames
        self.count = len(frames)
        self._cut = fragments.cut
        # An encoder that never writes the end of a JPEG stream does so in every frame; a frame cut short is one.
        self._ends = any(has_end(self._data(index)) for index in range(min(3, self.count)))

    def _data(self, index: int) -> bytes:
        return b"".join(self._element.read(at, size) for at, size in self._frames[index])

    def read(self, index: int, image: ImageModule) -> _Samples:
        data = self._data(index)
        header = read_header(data)
        if header is None:
            return self._plain(data, image)
        if header.kind != "jpeg-xl":
            self._check_end(data, index)
        self._check_size(header, image)
        values = header.decode(data)
        if header.kind == "jpeg-xl":
            return _Samples(values, header.colours, 8 * values.dtype.itemsize)
        return _Samples(values, header.colours, header.precision)

    def _check_end(self, data: bytes, index: int) -> None:
        if (self._ends or (self._cut and index == self.count - 1)) and not has_end(data):
            raise ValueError("cut short")

    @staticmethod
    def _check_size(header: Codestream, image: ImageModule) -> None:
        same = (header.height, header.width) == (image.rows, image.columns)
        if header.kind != "jpeg-xl" and not same and not 0 < header.height * header.width <= 4096 * 4096:
            raise ValueError("an impossible size")

    @staticmethod
    def _plain(data: bytes, image: ImageModule) -> _Samples:
        """Decode run lengths, or take uncompressed values that somebody wrapped."""
        size = image.rows * image.columns * image.samples * (image.bits_allocated // 8)
        if len(data) in (size, size + size % 2):
            values = np.frombuffer(data[:size], f"<u{image.bits_allocated // 8}")
            return _Samples(_shaped(values, image, planar=image.planar))
        return _Samples(decode_rle(data, image))


class _Native:
    """Frames one after another, as they are."""

    def __init__(self, element: PixelElement, image: ImageModule, *, swapped: bool, halved: bool) -> None:
        self._element, self._swapped, self._halved = element, swapped, halved
        bits = image.rows * image.columns * (2 if halved else image.samples) * image.bits_allocated
        self._bits = bits
        self.count = element.length * 8 // bits
        wanted = image.stated_frames or 1
        if 0 <= element.length * 8 - wanted * bits <= 8:
            self.count = wanted  # a byte left over pads to an even length, and is not another frame
        self._planar: bool | None = None

    def read(self, index: int, image: ImageModule) -> _Samples:
        first, last = index * self._bits // 8, -(-(index + 1) * self._bits // 8)
        if image.bits_allocated == 1:
            flags = np.unpackbits(np.frombuffer(self._element.read(first, last - first), np.uint8), bitorder="little")
            begin = index * self._bits - 8 * first
            return _Samples(_shaped(flags[begin : begin + self._bits], image, planar=False))
        size = last - first
        if image.bits_allocated == 8 and self._swapped:  # bytes in words of the other order
            even = self._element.read(first & ~1, size + (first & 1) + 1)
            words = np.frombuffer(even[: len(even) // 2 * 2], np.uint16).byteswap()
            values = words.view(np.uint8)[first & 1 :][:size]
        else:
            order = ">" if self._swapped else "<"
            values = self._element.read_array(first, size).view(f"{order}u{image.bits_allocated // 8}")
            values = values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
        if self._halved:
            return _Samples(_widened(values, image), Colours.SUBSAMPLED)
        if image.samples == 3 and self._planar is None and values.dtype == np.uint8 and values.any():
            ways = (_shaped(values, image, planar=False), _shaped(values, image, planar=True))
            self._planar = is_planar(*ways, stated=image.planar)
        return _Samples(_shaped(values, image, planar=image.planar if self._planar is None else self._planar))


def _wrapped(element: PixelElement, dataset: Any, image: ImageModule) -> _Wrapped:
    fragments = read_fragments(element)
    return _Wrapped(element, fragments, frame_pieces(element, fragments, image.stated_frames, dataset))


def _native(element: PixelElement, dataset: Any, image: ImageModule) -> _Native:
    big = dataset.original_encoding[1] is False
    swapped = big and (image.bits_allocated > 8 or element.vr == "OW")
    whole = image.rows * image.columns * 3
    halved = (
        image.samples == 3 and image.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and image.bits_allocated == 8
    )
    if halved and image.columns % 2 == 0 and element.length >= (image.stated_frames or 1) * whole:
        halved = False  # called halved, stored whole
    return _Native(element, image, swapped=swapped, halved=halved and image.columns % 2 == 0)


def _shaped(values: NDArray[Any], image: ImageModule, *, planar: bool) -> NDArray[Any]:
    if image.samples == 1:
        return values.reshape(image.rows, image.columns)
    if planar:
        return np.moveaxis(values.reshape(3, image.rows, image.columns), 0, 2)
    return values.reshape(image.rows, image.columns, 3)


def _widened(values: NDArray[Any], image: ImageModule) -> NDArray[Any]:
    """Return Y, Cb, Cr of every pixel from two pixels' Y and their common Cb and Cr (PS3.3 C.7.6.3.1.2)."""
    pairs = values.reshape(image.rows, image.columns // 2, 4)
    wide = np.empty((image.rows, image.columns, 3), values.dtype)
    wide[..., 0] = pairs[..., :2].reshape(image.rows, image.columns)
    wide[..., 1:] = np.repeat(pairs[..., 2:], 2, axis=1)
    return wide


def _samples(source: _Wrapped | _Native, image: ImageModule) -> Iterator[tuple[int, _Samples]]:
    """Yield the index and the samples of each frame that decodes."""
    failures = 0
    for index in range(source.count):
        try:
            samples = source.read(index, image)
        except Exception:  # noqa: BLE001 - decoders raise whatever broken data leads them to; it is counted
            failures += 1
            if failures >= _GIVE_UP_AFTER:
                return
            continue
        failures = 0
        yield index, samples


def _grey_frames(
    source: _Wrapped | _Native, dataset: Any, image: ImageModule, result: Decoded
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the index and the grey frame of each that decodes."""
    stream = _samples(source, image)
    first = next(stream, None)
    if first is None:
        return
    kind = first[1].values
    frames = (
        (index, samples)
        for index, samples in chain([first], stream)
        if samples.values.ndim == kind.ndim and samples.values.dtype == kind.dtype
    )
    if kind.ndim == 3:
        yield from _from_colour(frames, source, image, first=first[1], result=result)
    else:
        yield from _from_depth(frames, source, image, first=first[1], dataset=dataset, result=result)


def _from_depth(
    frames: Iterator[tuple[int, _Samples]],
    source: _Wrapped | _Native,
    image: ImageModule,
    *,
    first: _Samples,
    dataset: Any,
    result: Decoded,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Make one channel grey, by a table of its words where it has no more than 16 bits."""
    kind = first.values.dtype
    is_wide = kind.itemsize > 2

    def words_of(samples: _Samples) -> NDArray[Any]:
        if kind.kind == "u" and is_wide and image.signed:
            return samples.values.view("i4")
        return samples.values.view(f"u{kind.itemsize}") if kind.kind == "i" and not is_wide else samples.values

    words = Words(
        lambda: (
            words_of(each) for _, each in _samples(source, image) if each.values.dtype == kind and each.values.ndim == 2
        )
    )
    if is_wide:
        convert, note = grey_of_wide(dataset, image, words)
        result.notes += [note] if note else []
        for index, samples in frames:
            yield index, convert(words_of(samples))
        return
    table = None
    if image.photometric == "PALETTE COLOR":
        table = palette_table(dataset, image, words, kind.itemsize)
        if table is None:
            result.notes.append("The palette of the file cannot be read; its stored values are shown as grey.")
    if table is None:
        # A decoder that hands out signed values was told so by the codestream.
        signed = image.signed or kind.kind == "i"
        table = depth_table(dataset, image, words, kind.itemsize, signed=signed, precision=first.precision)
    if table is None:
        yield from ((index, samples.values) for index, samples in frames)
        return
    if table.note:
        result.notes.append(table.note)
    for index, samples in frames:
        grey = table(words_of(samples))
        if table.colours is not None and result.colour.due():
            result.colour.add_rgb(table.colours[words_of(samples)], grey)
        yield index, grey


def _from_colour(
    frames: Iterator[tuple[int, _Samples]],
    source: _Wrapped | _Native,
    image: ImageModule,
    *,
    first: _Samples,
    result: Decoded,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Make colours grey once it is clear what they mean."""
    shift = 0
    if first.values.dtype != np.uint8:
        words = Words(lambda: (each.values for _, each in _samples(source, image) if each.values.ndim == 3))
        # Eight bits in wider words stay as they are.
        shift = max(0, (first.precision or image.bits_stored) - 8) if words.span()[1] > 255 else 0
    evidence = ColourEvidence(image.photometric, first.colours)
    waiting: list[tuple[int, NDArray[np.uint8]]] = []
    clear = False
    for index, samples in frames:
        shown = samples.values if samples.values.dtype == np.uint8 else (samples.values >> shift).astype(np.uint8)
        if not clear:
            evidence.add(shown)
            waiting.append((index, shown))
            clear = evidence.is_clear or len(waiting) >= _LOOKED_AT
            if clear:
                yield from ((at, _grey(each, evidence, result)) for at, each in waiting)
            continue
        yield index, _grey(shown, evidence, result)
    if not clear:
        yield from ((at, _grey(each, evidence, result)) for at, each in waiting)


def _grey(samples: NDArray[np.uint8], evidence: ColourEvidence, result: Decoded) -> NDArray[np.uint8]:
    if evidence.is_ybr:
        if result.colour.due():
            result.colour.add_ybr(samples)
        grey = samples[..., 0]
        return windowed(grey, 16, 235) if evidence.is_partial else grey
    grey = luma(samples)
    if result.colour.due():
        result.colour.add_rgb(samples, grey)
    return grey
