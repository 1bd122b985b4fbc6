"""The pixels of a TIFF as they are shown: decoded by tifffile, and by Pillow where that lacks something."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ReadError
from matae.read._grey import on_black
from matae.read._pictures import values_of
from matae.read._tiff_stack import tag_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.read._tiff_stack import TiffStack

__all__ = ["shown_pictures"]

_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_JPEG = (6, 7, 34892)
_UNASSOCIATED = 2


def shown_pictures(path: Path, stack: TiffStack) -> Iterator[NDArray[Any]]:
    """Yield the frames as they are shown, page by page where they are stored so."""
    photometric, compression = (
        tag_value(stack.page, "PhotometricInterpretation", 1),
        tag_value(stack.page, "Compression", 1),
    )
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


def _by_pillow_or_say(path: Path, stack: TiffStack, error: Exception) -> None:
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


def _stored(stack: TiffStack) -> Iterator[NDArray[Any]]:
    """Yield the stored values of each frame, in the order of its axes."""
    for series in stack.series:
        frame_count = math.prod(series.shape) // math.prod(stack.shape)
        if len(series.pages) == frame_count:
            for page in series.pages:
                yield page.asarray().reshape(stack.shape)
        else:
            yield from series.asarray().reshape(frame_count, *stack.shape)


def _shown(path: Path, stack: TiffStack, values: NDArray[Any]) -> NDArray[Any]:
    """Return stored values as they are shown: white is light, palettes looked up, turned, on black."""
    page = stack.page
    photometric = tag_value(page, "PhotometricInterpretation", 1)
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


def _by_pillow(path: Path, stack: TiffStack) -> Iterator[NDArray[Any]]:
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
