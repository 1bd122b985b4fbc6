"""One way from the values a DICOM object stores to 8-bit grey, for every transfer syntax.

Up to 16 bits a value, everything (the bits that count, their sign, rescale or modality table, window or VOI table,
palette, inversion) becomes one table from stored words to grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.read._dicom_tags import number, raw, text
from matae.read._grey import luma, windowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from numpy.typing import NDArray

    from matae.read._dicom_image import ImageModule

__all__ = ["GreyTable", "Words", "depth_table", "grey_of_wide", "palette_table"]


class Words:
    """The stored words of a whole clip, looked at only where their meaning depends on all of them.

    Parameters
    ----------
    frames
        Starts a pass over the frames, each an unsigned integer (or floating-point) array.
    """

    def __init__(self, frames: Callable[[], Iterable[NDArray[Any]]]) -> None:
        self._frames = frames

    def bits_used(self) -> int:
        """Return the bits that are set in any word."""
        used = 0
        for words in self._frames():
            used |= int(np.bitwise_or.reduce(words, axis=None))
        return used

    def span(self, *, shift: int = 0, bits: int = 0, signed: bool = False) -> tuple[float, float]:
        """Return the smallest and largest value: `bits` bits of each word from `shift` up, or the words themselves."""
        low, high = np.inf, -np.inf
        half = 1 << (bits - 1) if signed else 0
        for words in self._frames():
            seen = words
            if bits and bits < 8 * words.dtype.itemsize:
                seen = (words >> shift) & (2**bits - 1)
            if half:
                seen = seen ^ half
            low, high = min(low, float(seen.min()) - half), max(high, float(seen.max()) - half)
        return (low, high) if low <= high else (0.0, 1.0)


class GreyTable:
    """What each stored word looks like.

    Parameters
    ----------
    grey
        Grey by word, (2**bits,) uint8.
    colours
        RGB by word, where the object is in palette colours.
    note
        A sentence when brightness was changed, else "".
    """

    def __init__(self, grey: NDArray[np.uint8], colours: NDArray[np.uint8] | None = None, note: str = "") -> None:
        self.grey, self.colours, self.note = grey, colours, note

    def __call__(self, words: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the grey frame of a frame of words."""
        found: NDArray[np.uint8] = np.take(self.grey, words)
        return found


def depth_table(
    dataset: Any, image: ImageModule, words: Words, itemsize: int, *, signed: bool, precision: int = 0
) -> GreyTable | None:
    """Return the table of a one-channel object; None where its words are shown as they are.

    Unsigned 8-bit values are kept as stored, whatever window is stated: labels belong to stored pixels. Deeper or
    signed values go through the modality table or rescale and then the VOI table or first window (PS3.3 C.11.1,
    C.11.2), or without a window through the range of the whole clip.

    Parameters
    ----------
    dataset, image
        The header and what it says of the picture.
    words
        All frames.
    itemsize
        Bytes of a word, 1 or 2.
    signed
        Whether the values are in two's complement.
    precision
        Bits of a sample by the codestream; 0 for words that are stored as they are.
    """
    inverted = image.photometric == "MONOCHROME1"
    bits, shift = (precision, 0) if precision else (image.bits_stored, image.high_bit + 1 - image.bits_stored)
    if shift and not words.bits_used() >> image.bits_stored:
        shift = 0  # the header speaks of high bits, and the values lie in the low ones
    stored = _stored(itemsize, shift, bits, signed=signed)
    if not signed and bits == 8:
        if not shift and itemsize == 1 and not inverted:
            return None
        return GreyTable(_inverted(stored.astype(np.uint8), inverted))
    if not signed and bits < 8:
        return GreyTable(_inverted(windowed(stored, 0, 2.0**bits - 1), inverted))
    values = _modality(dataset, stored)
    shown = _voi(dataset, values)
    if shown is not None:
        return GreyTable(_inverted(shown[0], inverted), note=shown[1])
    first, last = words.span(shift=shift, bits=bits, signed=signed)
    used = values[(stored >= first) & (stored <= last)]
    low, high = float(used.min()), float(used.max())
    if low >= 0 and high <= 255:
        return GreyTable(_inverted(windowed(values, 0, 255), inverted))
    note = f"Brightness was rescaled from {low:g}..{high:g} to 0..255."
    return GreyTable(_inverted(windowed(values, low, high), inverted), note=note)


def _stored(itemsize: int, shift: int, bits: int, *, signed: bool) -> NDArray[np.int64]:
    """Return the value that each word stands for (PS3.5 8.1.1)."""
    stored = (np.arange(2 ** (8 * itemsize)) >> shift) & (2**bits - 1)
    if signed:
        stored = np.where(stored >= 2 ** (bits - 1), stored - 2**bits, stored)
    return np.asarray(stored, np.int64)


def grey_of_wide(
    dataset: Any, image: ImageModule, words: Words
) -> tuple[Callable[[NDArray[Any]], NDArray[np.uint8]], str]:
    """Return how values of 32 bits become grey, too many for a table, and the note."""
    inverted = image.photometric == "MONOCHROME1"
    slope, intercept = _rescale(dataset)
    window = _window(dataset)
    note = ""
    if window is not None:
        low, high, _ = window
        note = f"Brightness was mapped from the file's window {low:g}..{high:g} to 0..255."
    else:
        low, high = sorted(end * slope + intercept for end in words.span())
        if low >= 0 and high <= 255:
            low, high = 0.0, 255.0
        else:
            note = f"Brightness was rescaled from {low:g}..{high:g} to 0..255."

    def convert(values: NDArray[Any]) -> NDArray[np.uint8]:
        return _inverted(windowed(values * slope + intercept, low, high), inverted)

    return convert, note


def _modality(dataset: Any, stored: NDArray[Any]) -> NDArray[np.float64]:
    for item in raw(dataset, "ModalityLUTSequence") or ():
        if (table := _lut(item, stored)) is not None:
            return table[0]
    slope, intercept = _rescale(dataset)
    return stored * slope + intercept


def _rescale(dataset: Any) -> tuple[float, float]:
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    sound = [value if value is not None and np.isfinite(value) else None for value in (slope, intercept)]
    return sound[0] or 1.0, sound[1] or 0.0


def _voi(dataset: Any, values: NDArray[np.float64]) -> tuple[NDArray[np.uint8], str] | None:
    for item in raw(dataset, "VOILUTSequence") or ():
        if (found := _lut(item, values)) is not None:
            table, bits = found
            return windowed(table, 0, 2.0**bits - 1), "Brightness was mapped by the file's VOI table to 0..255."
    window = _window(dataset)
    if window is None:
        return None
    low, high, sigmoid = window
    note = f"Brightness was mapped from the file's window {low:g}..{high:g} to 0..255."
    if sigmoid:
        centre, width = (low + high) / 2, high - low
        steep = np.clip(-4 * (values - centre) / width, -700, 700)
        return np.rint(255 / (1 + np.exp(steep))).astype(np.uint8), note
    return windowed(values, low, high), note


def _window(dataset: Any) -> tuple[float, float, bool] | None:
    """Return the first window's ends, and whether it is a sigmoid (PS3.3 C.11.2.1)."""
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    if centre is None or width is None or not (np.isfinite(centre) and np.isfinite(width)):
        return None
    function = text(dataset, "VOILUTFunction").upper()
    if function in ("LINEAR_EXACT", "SIGMOID") and width > 0:
        return centre - width / 2, centre + width / 2, function == "SIGMOID"
    if width <= 1:
        return None
    return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2, False


def _lut(item: Any, values: NDArray[Any]) -> tuple[NDArray[np.float64], int] | None:
    """Look values up in a LUT item; return what they become and its bits, or None where it is malformed."""
    found = _table(item, "LUTDescriptor", "LUTData")
    if found is None:
        return None
    first, entries, bits = found
    places = np.clip(np.rint(values) - first, 0, len(entries) - 1).astype(np.intp)
    return entries[places].astype(np.float64), bits


def _table(item: Any, descriptor: str, data: str) -> tuple[int, NDArray[Any], int] | None:
    """Return the first value mapped, the entries and their bits of a lookup table (PS3.3 C.11.1.1)."""
    stated = raw(item, descriptor)
    content = raw(item, data)
    try:
        count, first, bits = (int(value) for value in stated)
    except (TypeError, ValueError):
        return None
    count = count % 65536 or 65536
    first = first - 65536 if first >= 32768 else first
    little = _is_little(item)
    if isinstance(content, bytes):
        # Entries of 8 bits may be packed in bytes, or take a word each.
        wide = len(content) >= 2 * count
        entries = np.frombuffer(
            content[: len(content) // 2 * 2 if wide else None], (("<u2" if little else ">u2") if wide else "u1")
        )
        if not wide and not little and len(content) % 2 == 0:
            entries = entries.reshape(-1, 2)[:, ::-1].reshape(-1)
    elif content is None or isinstance(content, str):
        return None
    else:
        entries = np.asarray(content if hasattr(content, "__len__") else [content], dtype=np.int64) & 0xFFFF
    entries = entries[:count]
    if not entries.size:
        return None
    top = int(entries.max())
    if top <= 255:
        bits = 8 if bits in (8, 16) else bits  # eight bits in words, whatever the descriptor says
    elif bits == 8 and top > 255:
        bits = 16
    return first, entries, max(1, min(bits, 16))


def _is_little(item: Any) -> bool:
    encoding = getattr(item, "original_encoding", (None, None))
    return encoding[1] is not False


def palette_table(dataset: Any, image: ImageModule, words: Words, itemsize: int) -> GreyTable | None:
    """Return the table of an object in palette colours (PS3.3 C.7.6.3.1.5); None where its palette is missing."""
    from pydicom.pixels import apply_color_lut

    shift = image.high_bit + 1 - image.bits_stored
    if shift and not words.bits_used() >> image.bits_stored:
        shift = 0
    stored = _stored(itemsize, shift, min(image.bits_stored, 8 * itemsize), signed=image.signed)
    planes, depths = [], []
    for name in ("Red", "Green", "Blue"):
        found = _table(dataset, f"{name}PaletteColorLookupTableDescriptor", f"{name}PaletteColorLookupTableData")
        if found is None:
            break
        first, entries, bits = found
        planes.append(entries[np.clip(stored - first, 0, len(entries) - 1)].astype(np.int64))
        depths.append(bits)
    if len(planes) == 3:
        deep = max(depths) > 8
        colours = np.stack([plane >> 8 if deep else plane for plane in planes], axis=1).clip(0, 255).astype(np.uint8)
    else:  # segmented tables, which pydicom expands
        try:
            table = apply_color_lut(stored.clip(0).astype(f"u{itemsize}"), dataset)
        except Exception:  # noqa: BLE001 - a malformed palette raises what it leads to
            return None
        colours = (table >> 8 if table.dtype.itemsize == 2 and table.max() > 255 else table).astype(np.uint8)[:, :3]
    return GreyTable(luma(colours), colours)


def _inverted(grey: NDArray[np.uint8], inverted: bool) -> NDArray[np.uint8]:
    return 255 - grey if inverted else grey
