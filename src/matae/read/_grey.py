"""From stored colours and depths to grey 8-bit frames, and the test for colour Doppler.

Grey means luma (ITU-R BT.601): the Y of YCbCr, which is exactly v for a pixel (v, v, v), so that a
grey clip keeps its values through every container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Box

__all__ = [
    "DOPPLER_WARNING",
    "ColourMeter",
    "Range",
    "Window",
    "doppler_facts",
    "is_neutral",
    "luma",
    "on_black",
    "scale_to_uint8",
    "value_range",
    "window_of",
    "windowed",
]

DOPPLER_WARNING = (
    "The clip shows colour Doppler, which hides the tissue underneath; "
    "segment a grey-scale clip of the same view instead."
)

_BLOCK_PIXELS = 2**15  # whose sums stay in the cache
# Chroma above which a pixel counts as coloured. Sepia and blue display maps of B-mode stay below (about 18);
# the darkest reds and blues of Doppler maps lie above (about 40).
_CHROMA = 24
_MOVING = 15  # grey levels a tissue pixel changes by over a clip; screen furniture does not change at all
_AREA = 0.01  # part of the moving image that must carry colour
_AREA_STILL = 0.02  # the same for one or two frames, where nothing can be seen to move
_BLOCK = 8
# Of stored colour differences, from their middle. In RGB the channels are 33 grey levels apart then at most, by every
# matrix in use, and for a chroma of 24 they have to be 42 apart: no pixel counts as coloured.
_NEUTRAL = 10


def luma(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the luma of an RGB image, rounded; (v, v, v) gives exactly v.

    Parameters
    ----------
    rgb
        Image or images, (..., 3) uint8; a fourth channel is not looked at (see `on_black`).
    """
    if rgb.ndim == 3 and rgb.shape[0] * rgb.shape[1] > _BLOCK_PIXELS:
        # In bands that stay in the cache: sums of a whole picture would take twelve bytes a pixel.
        rows = max(1, _BLOCK_PIXELS // max(1, rgb.shape[1]))
        grey = np.empty(rgb.shape[:2], np.uint8)
        for start in range(0, len(rgb), rows):
            grey[start : start + rows] = _luma(rgb[start : start + rows])
        return grey
    return _luma(rgb)


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    wide = rgb.astype(np.uint32)
    weighted = wide[..., 0] * 299 + wide[..., 1] * 587 + wide[..., 2] * 114
    return ((weighted + 500) // 1000).astype(np.uint8)


def on_black(picture: NDArray[Any], *, is_stated: bool = False) -> NDArray[Any]:
    """Lay a picture with opacity on a black ground, as video players and image viewers show an ultrasound picture.

    Parameters
    ----------
    picture
        One picture of an unsigned type: grey (Y, X), grey and opacity (Y, X, 2), RGB (Y, X, 3), or RGB and opacity
        (Y, X, 4).
    is_stated
        Whether the file says that its last channel is an opacity. Where it does not, one of zero all over is what
        writers leave in a channel they do not use, and is not applied.

    Returns
    -------
    numpy.ndarray
        (Y, X) or (Y, X, 3), the same type.
    """
    if picture.ndim == 2 or picture.shape[-1] not in (2, 4):
        return picture
    top = int(np.iinfo(picture.dtype).max)
    colours, opacity = picture[..., :-1], picture[..., -1:]
    if picture.shape[-1] == 2:
        colours, opacity = colours[..., 0], opacity[..., 0]
    low = int(opacity.min(initial=top))
    if low == top or (low == 0 and not is_stated and not opacity.any()):
        return colours
    wide = np.uint16 if top == 255 else np.uint64
    laid: NDArray[Any] = ((colours.astype(wide) * opacity + top // 2) // top).astype(picture.dtype)
    return laid


def windowed(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map `low`..`high` linearly to 0..255; values outside are clipped, those that are no number become 0.

    Parameters
    ----------
    values
        Image values of any real type and shape.
    low, high
        Values shown as black and as white; with ``high <= low`` everything above `low` is white.
    """
    if values.ndim > 2:
        # Frame by frame: a clip in floating point would be four times its size.
        stack = np.empty(values.shape, np.uint8)
        for index, frame in enumerate(values):
            stack[index] = windowed(frame, low, high)
        return stack
    # Values and limits of more than 24 bits differ by less than a 32-bit float can tell.
    wide: Any = np.float32 if values.dtype.itemsize <= 2 else np.float64
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (values.astype(wide) - low) * (255.0 / max(high - low, 1e-12))
    finite = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0), 0, 255)
    grey: NDArray[np.uint8] = np.rint(finite).astype(np.uint8)
    return grey


def scale_to_uint8(values: NDArray[Any]) -> tuple[NDArray[np.uint8], str]:
    """Bring image values of any real type to 8 bits, and say how if it changed them.

    Values within 0..255 are kept (rounded), floats within 0..1 are stretched to 0..255, and anything else
    is mapped from its own minimum..maximum. The rule looks at all values at once: give it a whole clip.

    Parameters
    ----------
    values
        Image values of any real type and shape.

    Returns
    -------
    numpy.ndarray
        The same shape, uint8.
    str
        A sentence for the user when brightness was rescaled, else "".
    """
    if values.dtype == np.uint8:
        return values, ""
    if values.dtype == np.bool_ or not values.size:
        return values.astype(np.uint8) * np.uint8(255), ""
    window = window_of([value_range(frame) for frame in values] if values.ndim > 2 else [value_range(values)])
    return windowed(values, window.low, window.high), window.note


class Range(NamedTuple):
    """Least and greatest value of a picture that are numbers; None where none is."""

    low: float | None
    high: float | None
    is_float: bool


class Window(NamedTuple):
    """Values shown as black and as white, and a sentence where that changes the brightness."""

    low: float
    high: float
    note: str = ""


def value_range(values: NDArray[Any]) -> Range:
    """Return the least and the greatest of the values that are numbers."""
    is_float = values.dtype.kind == "f"
    finite = values[np.isfinite(values)] if is_float else values
    if not finite.size:
        return Range(None, None, is_float)
    return Range(float(finite.min()), float(finite.max()), is_float)


def window_of(ranges: Iterable[Range]) -> Window:
    """Return how a clip of more than 8 bits is brought to 8: the rule of `scale_to_uint8`, over all its pictures."""
    known = [entry for entry in ranges if entry.low is not None and entry.high is not None]
    if not known:
        return Window(0, 255, "No value of the image is a number; it is shown black.")
    low, high = min(entry.low or 0.0 for entry in known), max(entry.high or 0.0 for entry in known)
    if low >= 0 and high <= 255:
        return Window(0, 1 if high <= 1 and all(entry.is_float for entry in known) else 255)
    return Window(low, high, f"Brightness was rescaled from {low:g}..{high:g} to 0..255.")


def is_neutral(picture: Any) -> bool:
    """Return whether the planes of a decoded YUV picture (`av.VideoFrame`) say by themselves that it has no colour.

    So most grey clips are stored, and whoever knows it needs no RGB of the picture.
    """
    if not picture.format.is_planar or any(part.bits != 8 for part in picture.format.components):
        return False
    for plane in picture.planes[1:3]:
        values = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        if values.min() < 128 - _NEUTRAL or values.max() > 128 + _NEUTRAL:
            return False
    return True


class ColourMeter:
    """Decide from a stream of frames whether a clip shows colour Doppler.

    Colour counts only where the picture moves: a coloured orientation mark, blue buttons and colour bars stand
    still. It must be red or blue (an ECG trace is green), and cover part of the moving image without tinting
    all of it (a sepia or blue display map does). Memory is a few maps of one frame, whatever the length.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._samples = 0
        self._low: NDArray[np.uint8] | None = None
        self._high: NDArray[np.uint8] | None = None
        self._warm: NDArray[np.uint16] | None = None
        self._cold: NDArray[np.uint16] | None = None

    def due(self) -> bool:
        """Say whether the next frame should be measured: all of the first 32, then every eighth."""
        self._seen += 1
        return self._seen <= 32 or self._seen % 8 == 0

    def add_rgb(self, rgb: NDArray[np.uint8], grey: NDArray[np.uint8]) -> None:
        """Measure one (Y, X, 3) RGB frame whose luma is `grey`."""
        wide = rgb[..., :3].astype(np.int32)
        red, green, blue = wide[..., 0], wide[..., 1], wide[..., 2]
        self._add(grey, 500 * red - 419 * green - 81 * blue, 500 * blue - 169 * red - 331 * green, 1000 * _CHROMA)

    def add_grey(self, grey: NDArray[np.uint8]) -> None:
        """Measure one (Y, X) frame that has no pixel of colour, for which nothing need be computed."""
        if self._low is None or self._high is None:
            none = np.zeros(grey.shape, bool)
            self._add(grey, none, none, 1)
            return
        self._samples += 1
        np.minimum(self._low, grey, out=self._low)
        np.maximum(self._high, grey, out=self._high)

    def add_ybr(self, ybr: NDArray[np.uint8]) -> None:
        """Measure one (Y, X, 3) full-range YCbCr frame."""
        wide = ybr.astype(np.int32)
        self._add(ybr[..., 0], wide[..., 2] - 128, wide[..., 1] - 128, _CHROMA)

    def _add(
        self, grey: NDArray[np.uint8], red_difference: NDArray[Any], blue_difference: NDArray[Any], threshold: int
    ) -> None:
        warm, cold = red_difference > threshold, blue_difference > threshold
        self._samples += 1
        if self._low is None or self._high is None or self._warm is None or self._cold is None:
            self._low, self._high = grey.copy(), grey.copy()
            self._warm, self._cold = warm.astype(np.uint16), cold.astype(np.uint16)
            return
        np.minimum(self._low, grey, out=self._low)
        np.maximum(self._high, grey, out=self._high)
        self._warm += warm
        self._cold += cold

    def is_doppler(self, region: Box | None = None) -> bool:
        """Give the verdict over all frames measured.

        Parameters
        ----------
        region
            The 2-D tissue region, where the source states it; colour outside never counts.
        """
        if self._low is None or self._high is None or self._warm is None or self._cold is None:
            return False
        if not (self._warm.any() or self._cold.any()):
            return False
        window = np.s_[region.y0 : region.y1, region.x0 : region.x1] if region is not None else np.s_[:, :]
        warm, cold = self._warm[window], self._cold[window]
        if self._samples < 3:
            area, moves = np.ones(warm.shape, bool), np.ones(warm.shape, bool)
            part = _AREA_STILL
        else:
            stirred = self._high[window].astype(np.int16) - self._low[window] > _MOVING
            flickers = ((warm > 0) & (warm < self._samples)) | ((cold > 0) & (cold < self._samples))
            moves = stirred | flickers
            area, part = _largest_moving_area(moves), _AREA
        size = int(area.sum())
        if not size:
            return False
        is_warm, is_cold = (warm > 0) & moves & area, (cold > 0) & moves & area
        coloured = int((is_warm | is_cold).sum()) / size
        one_hue = min(int(is_warm.sum()), int(is_cold.sum())) < 0.01 * size
        tinted = one_hue and int((is_warm | is_cold).sum()) > 0.8 * int((moves & area).sum())
        return coloured >= part and not (tinted and self._samples >= 3)


def _largest_moving_area(moves: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of the image that moves, found on coarse blocks.

    Blocks bridge the gaps between speckles; a progress bar or a blinking heart below the sector stays apart.
    """
    from scipy import ndimage

    rows, columns = moves.shape
    padded = np.pad(moves, ((0, -rows % _BLOCK), (0, -columns % _BLOCK)))
    blocks = padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, padded.shape[1] // _BLOCK, _BLOCK).mean(axis=(1, 3))
    labels, count = ndimage.label(blocks > 0.1, structure=np.ones((3, 3)))
    if not count:
        return np.zeros_like(moves)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = labels == int(sizes.argmax())
    grown: NDArray[np.bool_] = largest.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:rows, :columns]
    return grown


def doppler_facts(*, doppler: bool) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the warnings and the `info` entries a verdict on colour Doppler leaves on a cine."""
    return ((DOPPLER_WARNING,), {"colour_doppler": True}) if doppler else ((), {})
