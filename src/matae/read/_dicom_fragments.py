"""Where the frames of a DICOM file lie: in one piece, or wrapped in fragments (PS3.5 A.4).

Counts and offset tables are wrong in many files, so that the data themselves come first: a compressed frame begins
where a codestream begins. Tables and counts decide only where the data do not tell.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import ReadError
from matae.read._dicom_codestream import begins_codestream, is_rle_frame
from matae.read._dicom_tags import raw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader, BytesIO
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["Fragments", "PixelElement", "find_pixel_element", "frame_pieces", "read_fragments"]

_UNDEFINED = 0xFFFFFFFF
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_JPEG_NEXT = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_LARGEST_TABLE = 4 * 2**20


@dataclass(frozen=True)
class PixelElement:
    """The value of the Pixel Data element in an open stream.

    Parameters
    ----------
    stream
        Where it lies.
    start
        Offset of the value.
    length
        Bytes of it that are there.
    wrapped
        Whether it is a sequence of fragments.
    vr
        Value representation, "OB" or "OW"; "" where the file states none.
    """

    stream: BufferedReader | BytesIO
    start: int
    length: int
    wrapped: bool
    vr: str

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes from `offset` within the value; fewer at its end."""
        self.stream.seek(self.start + offset)
        return self.stream.read(max(0, min(size, self.length - offset)))

    def read_array(self, offset: int, size: int) -> NDArray[np.uint8]:
        """Return the same as an array of its own, which numpy works on faster than on a `bytes` object."""
        self.stream.seek(self.start + offset)
        found = np.empty(max(0, min(size, self.length - offset)), np.uint8)
        return found[: self.stream.readinto(found.data)]


def find_pixel_element(stream: BufferedReader, offset: int, *, implicit: bool, little: bool, name: str) -> PixelElement:
    """Read the header of the Pixel Data element.

    Parameters
    ----------
    stream
        The open file.
    offset
        Where the element begins.
    implicit, little
        Encoding of the data set.
    name
        Of the file, for the messages.

    Raises
    ------
    ReadError
        If there is no such element.
    """
    order = "<" if little else ">"
    stream.seek(offset)
    head = stream.read(8)
    if len(head) < 8 or struct.unpack(f"{order}HH", head[:4]) != (0x7FE0, 0x0010):
        raise ReadError(f"{name} holds no pixel data; export the clip again from the archive.")
    # Some files are encoded otherwise than their transfer syntax says: look for the value representation.
    vr = head[4:6].decode("ascii", "replace")
    if implicit or vr not in ("OB", "OW", "UN"):
        vr, length = "", struct.unpack(f"{order}L", head[4:])[0]
    else:
        length = struct.unpack(f"{order}L", stream.read(4).ljust(4, b"\0"))[0]
    start = stream.tell()
    left = max(0, stream.seek(0, os.SEEK_END) - start)
    stream.seek(start)
    wrapped = length == _UNDEFINED or stream.read(4) == _ITEM
    return PixelElement(stream, start, left if length == _UNDEFINED else min(length, left), wrapped, vr)


@dataclass(frozen=True)
class Fragments:
    """The items of wrapped pixel data.

    Parameters
    ----------
    pieces
        Offset within the value and length of each fragment that is not empty, the offset table left out.
    tags
        Offset of each one's item tag from that of the first, as offset tables count.
    table
        What the basic offset table says.
    cut
        Whether the last fragment is cut off by the end of the file.
    """

    pieces: tuple[tuple[int, int], ...]
    tags: tuple[int, ...]
    table: tuple[int, ...]
    cut: bool


def read_fragments(element: PixelElement) -> Fragments:
    """Walk over the items, whatever their lengths; stops where no item follows."""
    items: list[tuple[int, int]] = []
    offset, cut = 0, False
    while not cut:
        head = element.read(offset, 8)
        if head[:4] != _ITEM and head[1:5] == _ITEM and items and items[-1][1] % 2:
            offset += 1  # padded to an even length that the item does not count
            head = element.read(offset, 8)
        if len(head) < 8 or head[:4] != _ITEM:
            break
        length = struct.unpack("<L", head[4:])[0]
        offset += 8
        if offset + length > element.length:
            length, cut = element.length - offset, True
            ends = element.read(element.length - 8, 8)
            if ends[:4] == _END:  # an item without a length of its own runs to the end of the sequence
                length, cut = length - 8, False
                items.append((offset, length))
                break
        items.append((offset, length))
        offset += length
    table: tuple[int, ...] = ()
    if items and _is_table(element, *items[0], only=len(items) == 1):
        first = element.read(*items[0])
        table = struct.unpack(f"<{len(first) // 4}L", first)
        items = items[1:]
    begin = items[0][0] - 8 if items else 0
    kept = [(at, size) for at, size in items if size > 0]
    return Fragments(tuple(kept), tuple(at - 8 - begin for at, _ in kept), table, cut)


def frame_pieces(
    element: PixelElement, fragments: Fragments, stated: int | None, dataset: Any
) -> list[list[tuple[int, int]]]:
    """Group fragments into frames.

    Parameters
    ----------
    element
        The pixel data.
    fragments
        Its items.
    stated
        Number of Frames, where stated.
    dataset
        The header, for the extended offset table.

    Returns
    -------
    list of list of (int, int)
        Offset and length of the pieces of each frame.
    """
    pieces = fragments.pieces
    if not pieces:
        return []
    heads = [element.read(at, min(size, 64)) for at, size in pieces]
    tables = [_starts(fragments.tags, table) for table in (_extended(dataset), fragments.table)]
    table = next((starts for starts in tables if len(starts) > 1 or (starts and stated == 1)), [])
    begins = [number for number, head in enumerate(heads) if begins_codestream(head)]
    if begins and begins[0] == 0:
        starts = begins
        is_jpeg = heads[0].startswith(_JPEG_NEXT)
        # What begins a JPEG codestream never occurs inside one; in other formats it may, and any frame may be broken.
        if len(starts) != stated and (len(starts) < (stated or 0) or not is_jpeg):
            starts = table if len(table) == stated else list(range(len(pieces))) if len(pieces) == stated else starts
        found = _grouped(pieces, starts)
        if is_jpeg and len(found) < (stated or 0):
            found = [part for frame in found for part in _split_jpeg(element, frame)]
        return found
    begins = [n for n, head in enumerate(heads) if is_rle_frame(head, pieces[n][1])]
    if table and (len(table) == stated or not begins):
        return _grouped(pieces, table)
    if begins and begins[0] == 0:
        return _grouped(pieces, begins)
    return _grouped(pieces, [0] if stated == 1 else list(range(len(pieces))))


def _is_table(element: PixelElement, offset: int, size: int, *, only: bool) -> bool:
    """Say whether the first item is an offset table, which some writers leave out."""
    if size == 0:
        return True
    head = element.read(offset, min(size, 64))
    return not (only or size % 4 or size > _LARGEST_TABLE or begins_codestream(head) or is_rle_frame(head, size))


def _starts(tags: Sequence[int], table: Sequence[int]) -> list[int]:
    """Return the fragment that each entry of a table points at; nothing where one points elsewhere."""
    place = {tag: number for number, tag in enumerate(tags)}
    starts = [place.get(offset, -1) for offset in table]
    sound = starts and starts[0] == 0 and all(a < b for a, b in pairwise(starts))
    return starts if sound else []


def _extended(dataset: Any) -> Sequence[int]:
    value = raw(dataset, "ExtendedOffsetTable")
    if not isinstance(value, bytes) or len(value) % 8:
        return ()
    return struct.unpack(f"<{len(value) // 8}Q", value)


def _grouped(pieces: Sequence[tuple[int, int]], starts: Sequence[int]) -> list[list[tuple[int, int]]]:
    ends = [*starts[1:], len(pieces)]
    return [list(pieces[start:end]) for start, end in zip(starts, ends, strict=True)]


def _split_jpeg(element: PixelElement, pieces: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Take apart codestreams that follow one another in one fragment."""
    if len(pieces) != 1:
        return [list(pieces)]
    offset, size = pieces[0]
    data = element.read(offset, size)
    found, start = [], 0
    while (end := data.find(_JPEG_END, start)) >= 0:
        after = end + 2
        while data[after : after + 1] == b"\0":
            after += 1
        if data.startswith(_JPEG_NEXT, after):
            found.append([(offset + start, end + 2 - start)])
            start = after
            continue
        following = data.find(_JPEG_END + _JPEG_NEXT, after)
        if following < 0:
            break
        found.append([(offset + start, following + 2 - start)])
        start = following + 2
    found.append([(offset + start, size - start)])
    return found
