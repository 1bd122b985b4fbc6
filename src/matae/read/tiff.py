"""TIFF files: stacks and single pictures, as tifffile, Pillow or Fiji show them.

tifffile finds the pictures and decodes them. Where it lacks the codec (LZW and JPEG need imagecodecs, which is not
required here) or gives back what is no grey or RGB picture (CMYK, CIELAB, YCbCr that is not JPEG), Pillow decodes the
same pages.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.cine import Spacing
from matae.errors import ReadError
from matae.read._assemble import assemble
from matae.read._formats import MOST_PIXELS, quiet, size_text
from matae.read._grey import on_black
from matae.read._pictures import values_of
from matae.read._timing import no_timing, plausible, uniform
from matae.read._turn import ORIENTATIONS, Turn
from matae.read._ultrasound import plausible_spacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.read._timing import Timing

__all__ = ["is_tiff", "is_tiff_stack", "read_tiff", "tiff_pictures"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_JPEG = (6, 7, 34892)
_ASSOCIATED, _UNASSOCIATED = 1, 2
_NO_CALIBRATION = "No millimetres: the pictures carry no calibration."
_LEAST_ASPECT, _MOST_ASPECT = 0.2, 5.0


def is_tiff(path: Path) -> bool:
    """Say whether a file begins like a TIFF."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


def is_tiff_stack(path: Path) -> bool:
    """Say whether a file is a TIFF with more than one frame, which is a clip by itself; False when damaged."""
    import tifffile

    try:
        if not is_tiff(path):
            return False
        _check_chain(path)
        with quiet(), tifffile.TiffFile(path) as tiff:
            return _choose(path, tiff).count > 1
    except Exception:  # noqa: BLE001 - tifffile raises whatever a broken file leads it to
        return False


def _check_chain(path: Path) -> None:
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


def read_tiff(path: Path) -> Cine:
    """Read a TIFF as a cine.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Cine
        The frames of the commonest size; a thumbnail beside them is left out, and pages of another size are named.

    Raises
    ------
    ReadError
        If it is damaged, or holds no stack of frames.
    """
    import tifffile

    with quiet():
        try:
            _check_chain(path)
            with tifffile.TiffFile(path) as tiff:
                stack = _choose(path, tiff)
                metadata = dict(tiff.imagej_metadata or {})
                resolution = _resolution(stack.page)
                if resolution is not None and stack.turn.transpose:
                    resolution = resolution[1], resolution[0]
                return assemble(
                    path,
                    lambda: _pictures(path, stack),
                    timing=lambda count: _imagej_timing(metadata, count),
                    spacing=_imagej_spacing(metadata, resolution),
                    sample_aspect=_aspect(resolution),
                    warnings=stack.warnings,
                    info={"left_out": stack.left_out} if stack.left_out else {},
                )
        except ReadError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise ReadError(f"{path.name} is a damaged TIFF file; copy or export it again.") from error


def tiff_pictures(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the frames of a TIFF: (Y, X) or (Y, X, 3), 8 bits, or the stored depth where it is more.

    Raises
    ------
    ReadError
        If it is damaged, or holds no stack of frames.
    """
    import tifffile

    with quiet():
        try:
            _check_chain(path)
            with tifffile.TiffFile(path) as tiff:
                yield from _pictures(path, _choose(path, tiff))
        except ReadError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise ReadError(f"{path.name} is a damaged TIFF file; copy or export it again.") from error


@dataclass(frozen=True)
class _Stack:
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
        return ORIENTATIONS.get(_tag(self.page, "Orientation", 1), Turn())

    @property
    def area(self) -> int:
        """Pixels of one frame."""
        return math.prod(extent for axis, extent in zip(self.axes, self.shape, strict=True) if axis in "YX")

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of one frame."""
        rows, columns = (self.shape[self.axes.index(axis)] for axis in "YX")
        return rows, columns


def _tag(page: Any, name: str, default: int) -> int:
    value = page.tags.valueof(name, default)
    return int(value) if isinstance(value, int) else default


def _choose(path: Path, tiff: Any) -> _Stack:
    """Return the frames of the commonest size; of the largest among equally common ones."""
    stacks: dict[tuple[Any, ...], list[Any]] = {}
    for series in tiff.series:
        # Smaller copies and masks of a picture are marked as such.
        if _tag(series.keyframe, "NewSubfileType", 0) & 5 and len(tiff.series) > 1:
            continue
        axes, shape, _ = _frame(path, series)
        stacks.setdefault(
            (axes, shape, str(series.dtype), _tag(series.keyframe, "PhotometricInterpretation", 1)), []
        ).append(series)
    found = [
        _Stack(tuple(group), group[0].keyframe, sum(_frame(path, series)[2] for series in group), axes, shape)
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
    return _Stack(best.series, best.page, best.count, best.axes, best.shape, text, warnings)


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


def _pictures(path: Path, stack: _Stack) -> Iterator[NDArray[Any]]:
    """Yield the frames as they are shown, page by page where they are stored so."""
    photometric, compression = _tag(stack.page, "PhotometricInterpretation", 1), _tag(stack.page, "Compression", 1)
    is_known = photometric in (_MINISWHITE, _MINISBLACK, _RGB, _PALETTE) or (
        photometric == _YCBCR and compression in _JPEG
    )
    if not is_known:
        yield from _by_pillow(path, stack)
        return
    given = False
    try:
        for values in _stored(stack):
            picture = _shown(path, stack, values)
            given = True
            yield picture
    except ReadError:
        raise
    except (ValueError, KeyError, ImportError, RuntimeError, TypeError) as error:
        if given:
            raise
        _by_pillow_or_say(path, stack, error)
        yield from _by_pillow(path, stack)


def _by_pillow_or_say(path: Path, stack: _Stack, error: Exception) -> None:
    """Make sure that Pillow opens the file, or say what stands against it."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.seek(stack.page.index)
            image.load()
    except Exception:  # noqa: BLE001 - as read_tiff
        compression = getattr(stack.page.compression, "name", stack.page.compression)
        if "imagecodecs" in str(error):
            raise ReadError(
                f"{path.name} is a TIFF file with {compression} compression, which is not available here; save it "
                "again without compression."
            ) from error
        raise ReadError(f"{path.name} is a damaged TIFF file; copy or export it again.") from error


def _stored(stack: _Stack) -> Iterator[NDArray[Any]]:
    """Yield the stored values of each frame, in the order of its axes."""
    for series in stack.series:
        frame_count = math.prod(series.shape) // math.prod(stack.shape)
        if len(series.pages) == frame_count:
            for page in series.pages:
                yield page.asarray().reshape(stack.shape)
        else:
            yield from series.asarray().reshape(frame_count, *stack.shape)


def _shown(path: Path, stack: _Stack, values: NDArray[Any]) -> NDArray[Any]:
    """Return stored values as they are shown: white is light, palettes looked up, turned, on black."""
    page = stack.page
    photometric = _tag(page, "PhotometricInterpretation", 1)
    if stack.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    extra = tuple(int(kind) for kind in page.extrasamples)
    if photometric == _PALETTE:
        values = _looked_up(page, values)
    elif photometric in (_MINISWHITE, _MINISBLACK):
        if values.ndim == 3:
            values = _with_opacity(path, values, 1, extra)
        values = _full_depth(values, page)
        if photometric == _MINISWHITE and values.dtype.kind in "bu":
            top = np.asarray(True if values.dtype.kind == "b" else np.iinfo(values.dtype).max, values.dtype)
            values = values ^ top
    else:
        values = _with_opacity(path, values, 3, extra)
    return stack.turn.apply(values)


def _with_opacity(path: Path, values: NDArray[Any], colours: int, extra: tuple[int, ...]) -> NDArray[Any]:
    """Return the colours of a picture, laid on black where the first sample after them is an opacity."""
    samples = values.shape[-1] if values.ndim == 3 else 1
    if samples < colours or samples - colours > max(1, len(extra)):
        raise ReadError(f"{path.name} holds {samples} values a pixel, not a picture; export it in grey or in RGB.")
    has_opacity = samples > colours and extra[:1] == (_UNASSOCIATED,) and values.dtype.kind == "u"
    if has_opacity:
        values = on_black(values[..., : colours + 1], is_stated=True)
    elif samples > colours:
        values = values[..., :colours]
    return values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values


def _full_depth(values: NDArray[Any], page: Any) -> NDArray[Any]:
    """Spread values of fewer than 8 bits over all 8, as every viewer does."""
    bits = page.bitspersample
    if not isinstance(bits, int) or values.dtype != np.uint8 or bits >= 8:
        return values
    top = 2**bits - 1
    spread: NDArray[np.uint8] = (np.minimum(values, top).astype(np.uint16) * 255 // top).astype(np.uint8)
    return spread


def _looked_up(page: Any, values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the colours of a palette picture; grey where the palette is."""
    table = np.asarray(page.colormap)
    if table.ndim != 2 or table.shape[0] != 3:
        raise ValueError("no colour map")
    # The colour map has 16 bits; some writers fill only the lower 8.
    narrow = (table >> 8 if table.max(initial=0) > 255 else table).astype(np.uint8).T
    index = np.minimum(values.astype(np.intp), len(narrow) - 1)
    if (narrow == narrow[:, :1]).all():
        return narrow[:, 0][index]
    return narrow[index]


def _by_pillow(path: Path, stack: _Stack) -> Iterator[NDArray[Any]]:
    """Yield the frames as Pillow shows them."""
    from PIL import Image

    pages = [page for series in stack.series for page in series.pages if page is not None]
    photometric = stack.page.photometric
    if len(pages) != stack.count:
        raise ReadError(f"{path.name} is a damaged TIFF file; copy or export it again.")
    try:
        with Image.open(path) as image:
            for page in pages:
                image.seek(page.index)
                values = values_of(image)
                # Pillow inverts pictures of 8 bits whose lowest value is white, and forgets those of 16.
                if int(photometric) == _MINISWHITE and values.dtype == np.uint16:
                    values = values ^ np.uint16(65535)
                yield values
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError) as error:
        kind = getattr(photometric, "name", photometric)
        raise ReadError(
            f"{path.name} is a TIFF file with {kind} colours that cannot be read; export it in grey or in RGB."
        ) from error


def _resolution(page: Any) -> tuple[float, float] | None:
    """Return pixels per unit (y, x) of a TIFF page."""
    values = []
    for name in ("YResolution", "XResolution"):
        tag = page.tags.get(name)
        if tag is None or not isinstance(tag.value, tuple) or not tag.value[1] or not tag.value[0]:
            return None
        values.append(tag.value[0] / tag.value[1])
    return values[0], values[1]


def _aspect(resolution: tuple[float, float] | None) -> float:
    """Return the width of a pixel over its height: fewer to the unit are wider."""
    if resolution is None:
        return 1.0
    ratio = resolution[0] / resolution[1]
    sound = _LEAST_ASPECT <= ratio <= _MOST_ASPECT and abs(ratio - 1) >= 0.005
    return ratio if sound else 1.0


def _imagej_timing(metadata: dict[str, Any], n_frames: int) -> Timing:
    interval, rate = _number(metadata.get("finterval")), _number(metadata.get("fps"))
    unit = str(metadata.get("tunit", "sec")).lower()
    scale = {"sec": 1.0, "s": 1.0, "seconds": 1.0, "second": 1.0, "ms": 1e-3, "msec": 1e-3}.get(unit)
    by_interval = 1.0 / (interval * scale) if interval and scale else None
    by_rate = rate or None
    if by_interval and by_rate and not math.isclose(by_interval, by_rate, rel_tol=0.05):
        candidates = {"finterval": by_interval, "fps": by_rate}
        return no_timing(f"ImageJ states {by_interval:.4g} Hz by interval and {by_rate:.4g} Hz by rate", candidates)
    if by_interval is not None and plausible(by_interval):
        return uniform(n_frames, by_interval, "ImageJ's frame interval")
    return uniform(n_frames, by_rate, "ImageJ's frame rate" if by_rate else "TIFF stacks state it only through ImageJ")


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0


def _imagej_spacing(metadata: dict[str, Any], resolution: tuple[float, float] | None) -> tuple[Spacing | None, str]:
    unit = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0}.get(str(metadata.get("unit", "")).lower())
    if unit is None or resolution is None:
        return None, _NO_CALIBRATION
    y, x = unit / resolution[0], unit / resolution[1]
    if not plausible_spacing(y, x):
        return None, f"No millimetres: ImageJ states pixels of {y:.4g} x {x:.4g} mm, which is not plausible."
    return Spacing(y, x), "From ImageJ's scale."
