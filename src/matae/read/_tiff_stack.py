"""Which pages of a TIFF are the frames of a clip, and which lie beside them."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matae.errors import ReadError
from matae.read._formats import MOST_PIXELS, size_text
from matae.read._turn import ORIENTATIONS, Turn

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TiffStack", "check_chain", "choose_stack", "tag_value"]


@dataclass(frozen=True)
class TiffStack:
    """The frames of one size in a TIFF.

    Parameters
    ----------
    series
        tifffile's series they are in, in order.
    page
        The first page of them.
    count
        Number of frames.
    axes
        Of one frame: ``YX``, ``YXS`` or ``SYX``.
    shape
        Of one frame.
    left_out
        What else is in the file, a phrase.
    warnings
        The same as a sentence where it is no thumbnail.
    """

    series: tuple[Any, ...]
    page: Any
    count: int
    axes: str
    shape: tuple[int, ...]
    left_out: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def turn(self) -> Turn:
        """How the pictures are turned before they are shown."""
        return ORIENTATIONS.get(tag_value(self.page, "Orientation", 1), Turn())

    @property
    def area(self) -> int:
        """Pixels of one frame."""
        return math.prod(extent for axis, extent in zip(self.axes, self.shape, strict=True) if axis in "YX")

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of one frame."""
        rows, columns = (self.shape[self.axes.index(axis)] for axis in "YX")
        return rows, columns


def tag_value(page: Any, name: str, default: int) -> int:
    value = page.tags.valueof(name, default)
    return int(value) if isinstance(value, int) else default


def check_chain(path: Path) -> None:
    """Refuse a TIFF whose list of pages comes back to a page it has been at: tifffile may go round for ever."""
    with path.open("rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        is_big = head[2:4] in (b"+\0", b"\0+")
        count_format, place_format, entry = (f"{order}Q", f"{order}Q", 20) if is_big else (f"{order}H", f"{order}I", 12)
        width = struct.calcsize(place_format)
        place = struct.unpack(place_format, head[8:16] if is_big else head[4:8])[0]
        seen: set[int] = set()
        while place:
            if place in seen:
                raise ReadError(f"{path.name} is a damaged TIFF file, its pages go round; copy or export it again.")
            seen.add(place)
            file.seek(place)
            count = file.read(struct.calcsize(count_format))
            if len(count) < struct.calcsize(count_format):
                return
            file.seek(min(struct.unpack(count_format, count)[0] * entry, 2**32), 1)
            following = file.read(width)
            if len(following) < width:
                return
            place = struct.unpack(place_format, following)[0]


def choose_stack(path: Path, tiff: Any) -> TiffStack:
    """Return the frames of the commonest size; of the largest among equally common ones."""
    stacks: dict[tuple[Any, ...], list[Any]] = {}
    for series in tiff.series:
        # Smaller copies and masks of a picture are marked as such.
        if tag_value(series.keyframe, "NewSubfileType", 0) & 5 and len(tiff.series) > 1:
            continue
        axes, shape, _ = _frame(path, series)
        stacks.setdefault(
            (axes, shape, str(series.dtype), tag_value(series.keyframe, "PhotometricInterpretation", 1)), []
        ).append(series)
    found = [
        TiffStack(tuple(group), group[0].keyframe, sum(_frame(path, series)[2] for series in group), axes, shape)
        for (axes, shape, _, _), group in stacks.items()
    ]
    if not found:
        raise ReadError(f"{path.name} holds only reduced copies of a picture; export the picture itself.")
    best = max(found, key=lambda stack: (stack.count, stack.area))
    if best.area > MOST_PIXELS:
        raise ReadError(f"{path.name} claims {size_text(best.size)} pixels; its header is damaged, so export it again.")
    others = [stack for stack in found if stack is not best]
    if not others:
        return best
    text = ", ".join(f"{stack.count} of {size_text(stack.size)}" for stack in others)
    thumbnails = all(stack.count == 1 and _is_thumbnail(stack.size, best.size) for stack in others)
    warnings = () if thumbnails else (f"Pages of another size or kind were left out: {text} pixels.",)
    return TiffStack(best.series, best.page, best.count, best.axes, best.shape, text, warnings)


def _is_thumbnail(size: tuple[int, int], of: tuple[int, int]) -> bool:
    """Say whether a page is a smaller copy of a picture by its size: of the same shape, to a pixel of rounding."""
    scale = max(size[0] / of[0], size[1] / of[1])
    return scale < 0.75 and all(abs(side - scale * full) <= 1 for side, full in zip(size, of, strict=True))


def _frame(path: Path, series: Any) -> tuple[str, tuple[int, ...], int]:
    """Return axes and shape of one frame of a series, and how many there are."""
    keyframe = series.keyframe
    samples = "S" in series.axes and keyframe.samplesperpixel > 1
    extents = list(zip(series.axes, series.shape, strict=True))
    kept = "".join(axis for axis, _ in extents if axis in "YX" or (axis == "S" and samples))
    counted = [(axis, extent) for axis, extent in extents if axis not in kept and extent > 1]
    if sorted(kept.replace("S", "")) != ["X", "Y"] or kept.index("Y") > kept.index("X") or len(counted) > 1:
        raise ReadError(
            f"{path.name} has the axes {series.axes}; a clip has only time, rows and columns, so export one view."
        )
    shape = tuple(extent for axis, extent in extents if axis in kept)
    return kept, shape, math.prod(extent for _, extent in counted)
