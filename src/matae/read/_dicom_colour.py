"""Whether three samples a pixel are RGB or YCbCr: by the codestream, by the pixels, and last by the header.

Many ultrasound files call YCbCr samples RGB, or the reverse, in every transfer syntax. An ultrasound picture is nearly
all grey: in RGB its three samples are equal, in YCbCr two of them lie at 128. Which of the two holds is seen.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["ColourEvidence", "Colours", "is_planar"]

_NEAR = 12  # grey levels that a grey pixel's colours may differ by, after lossy compression
_CLEAR_PART = 0.2  # of the pixels must speak
_CLEAR_ODDS = 8  # and speak this much more often for one side
_LOOKED_AT = 64  # rows of a frame
_LEAST_EDGES = 64
_CLEARLY_GREY = 0.9
_BLACK_OF_VIDEO = 16
_SAMPLED = 40_000  # pixels of a frame that are looked at


class Colours(Enum):
    """What a codestream says of its colours."""

    UNSTATED = "unstated"
    RGB = "rgb"
    YBR = "ybr"
    SUBSAMPLED = "subsampled"
    """Chroma at half resolution, which RGB never has."""


class ColourEvidence:
    """Decide between RGB and YCbCr from the first frames.

    Parameters
    ----------
    photometric
        Photometric Interpretation.
    stated
        What the codestream says.
    """

    def __init__(self, photometric: str, stated: Colours) -> None:
        self._by_words = photometric.startswith("YBR") and photometric not in ("YBR_RCT", "YBR_ICT")
        if stated is not Colours.UNSTATED:
            self._by_words = stated is not Colours.RGB
        self._certain = stated is Colours.SUBSAMPLED
        self._says_partial = photometric.startswith("YBR_PARTIAL")
        self._rgb = self._ybr = self._seen = self._dark = 0

    def add(self, samples: NDArray[np.uint8]) -> None:
        """Look at a frame, (Y, X, 3)."""
        rgb, ybr, seen = _neutral(samples)
        self._rgb += rgb
        self._ybr += ybr
        self._seen += seen
        self._dark += int(np.count_nonzero(_thinned(samples)[..., 0] < _BLACK_OF_VIDEO - 2))

    @property
    def is_partial(self) -> bool:
        """Whether Y runs from 16 to 235, as the header may say and a dark background shows."""
        return self._says_partial and self._dark < 0.005 * max(1, self._seen)

    @property
    def is_clear(self) -> bool:
        """Whether more frames would not change the verdict."""
        return self._certain or self._verdict() is not None

    @property
    def is_ybr(self) -> bool:
        """The verdict."""
        if self._certain:
            return True
        seen = self._verdict()
        return self._by_words if seen is None else seen

    def _verdict(self) -> bool | None:
        more, less = max(self._rgb, self._ybr), min(self._rgb, self._ybr)
        if more < _CLEAR_PART * max(1, self._seen) or more < _CLEAR_ODDS * less:
            return None
        return self._ybr > self._rgb


def is_planar(interleaved: NDArray[np.uint8], planes: NDArray[np.uint8], *, stated: bool) -> bool:
    """Say whether an uncompressed frame lies plane by plane.

    Parameters
    ----------
    interleaved, planes
        The same bytes read in either way, (Y, X, 3).
    stated
        Planar Configuration, which holds unless the other way is clearly greyer.
    """
    first, second = (_grey_at_edges(way) for way in ((planes, interleaved) if stated else (interleaved, planes)))
    if second is None or second <= _CLEARLY_GREY or (first is not None and first >= _CLEARLY_GREY - 0.05):
        return stated
    return not stated


def _grey_at_edges(samples: NDArray[np.uint8]) -> float | None:
    """Return the share of grey among the bright pixels that differ from their left neighbour; None for too few.

    Any smooth picture looks grey when its planes are read as pixels, but not where its brightness changes: there the
    change falls between the samples of one pixel. Samples of 128 are grey in RGB and in YCbCr, and tell nothing.
    """
    wide = samples[:: max(1, len(samples) // _LOOKED_AT)].astype(np.int16)
    grey, centred = _is_grey(wide[:, 1:]), _is_centred(wide[:, 1:])
    edges = np.abs(wide[:, 1:, 0] - wide[:, :-1, 0]) > 2 * _NEAR
    edges &= (wide[:, 1:, 0] > 2 * _NEAR) & ~(grey & centred)
    if np.count_nonzero(edges) < _LEAST_EDGES:
        return None
    return float(max(grey[edges].mean(), centred[edges].mean()))


def _neutral(samples: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Count the pixels that only RGB makes grey, those that only YCbCr does, and all."""
    wide = _thinned(samples)
    grey, centred = _is_grey(wide), _is_centred(wide)
    return int((grey & ~centred).sum()), int((centred & ~grey).sum()), grey.size


def _thinned(samples: NDArray[np.uint8]) -> NDArray[Any]:
    step = max(1, int((samples.shape[0] * samples.shape[1] / _SAMPLED) ** 0.5))
    return samples[::step, ::step].astype(np.int16)


def _is_grey(wide: NDArray[Any]) -> NDArray[np.bool_]:
    # Channel by channel: numpy takes extremes over a short last axis slowly.
    first, second, third = wide[..., 0], wide[..., 1], wide[..., 2]
    most = np.maximum(np.maximum(first, second), third)
    grey: NDArray[np.bool_] = most - np.minimum(np.minimum(first, second), third) <= _NEAR
    return grey


def _is_centred(wide: NDArray[Any]) -> NDArray[np.bool_]:
    centred: NDArray[np.bool_] = (np.abs(wide[..., 1] - 128) <= _NEAR) & (np.abs(wide[..., 2] - 128) <= _NEAR)
    return centred
