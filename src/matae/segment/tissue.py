"""What of a picture shows tissue: what moves in a clip, what differs from the background in a still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOVING", "Ground", "largest_part", "moving_level", "tissue_of"]

SHARE = 0.05
"""Of what moves most, from which on something is taken for tissue."""
MOVING = 4  # frames from which on tissue is what moves
_RING = 2  # pixels of the border that the background is looked for in
_FULL_BORDER = 0.6  # share of the border with tissue, beyond which a still is full of it
_ROUGH = 2.0  # grey levels of stray; a background as rough as that is tissue
_STRAYS, _STRAYS_OF_CLIP = 3.5, 1.5  # of the background's stray that tissue is beyond; in a clip it moves, too
_NEARLY_ALL = 0.8  # of the border: no other background is looked for
_LEAST_GROUND = 0.12  # of the border that must be background
_BLACK = 5.0  # grey levels; a background below is meant to be black


@dataclass(frozen=True)
class Ground:
    """The background of a still: a plane of grey levels, and how far it strays.

    Parameters
    ----------
    plane
        Grey level in the middle of the picture, and its change over the whole height and the whole width.
    level
        Grey levels from the plane beyond which something is shown.
    """

    plane: tuple[float, float, float]
    level: float

    def at(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the grey level of the background at shares of height and width, 0 to 1."""
        middle, down, right = self.plane
        return middle + down * (y - 0.5) + right * (x - 0.5)


def tissue_of(frames: NDArray[np.float32], share: float = SHARE) -> tuple[NDArray[np.bool_], Ground | None] | None:
    """Return the pixels of reduced frames that show tissue, (Y, X) bool, and what they were told from.

    Parameters
    ----------
    frames
        (T, Y, X) grey levels.
    share
        Of what moves or shows most, from which on something counts as tissue.

    Returns
    -------
    tuple or None
        None if nothing can be told from a background.
    """
    if len(frames) >= MOVING:
        moving = frames.std(0)
        level = max(0.3 * faintness(share), moving_level(moving, _ring(moving), share))
        mean = frames.mean(0)
        ground = _ground(mean, share, _STRAYS_OF_CLIP)
        if faintness(share) < 1 and (ground is None or ground.plane[0] > _BLACK):
            return None  # so faint shows on black alone
        shown = moving > level
        if ground is not None:
            # The haze of compression around a fan moves too, and is hardly brighter than the background.
            shown &= np.abs(mean - ground.at(*_shares(mean.shape))) > max(0.6 * faintness(share), 0.5 * ground.level)
        return None if ground is not None and _is_negative(mean, shown, ground) else (shown, ground)
    brightest = frames.max(0)
    ground = _ground(brightest, share, _STRAYS)
    if ground is None:
        return None
    shown = np.abs(brightest - ground.at(*_shares(brightest.shape))) > ground.level
    if _is_negative(brightest, shown, ground):
        return None
    # Dark chambers that reach the border of a picture full of tissue are no background.
    return None if _ring(shown).mean() > _FULL_BORDER else (shown, ground)


def _is_negative(picture: NDArray[np.float32], shown: NDArray[np.bool_], ground: Ground) -> bool:
    """Return whether what shows is darker than its background, as on no scanner's screen: a negative, a page."""
    return bool(shown.any()) and float(np.percentile(picture[shown], 95)) < ground.plane[0]


def faintness(share: float) -> float:
    """Return by how much the least that counts at all is lessened, 0 to 1, where a look counts so small a share."""
    return min(1.0, share / (0.35 * SHARE))


def moving_level(moving: NDArray[np.floating[Any]], rim: NDArray[np.floating[Any]], share: float = SHARE) -> float:
    """Return how much tissue moves at least, in grey levels, from what moves in a picture and at its border.

    Dark blood barely changes; it is inside the outline anyway. Still furniture never changes. Noise around the fan
    does, and is told from tissue by being weak.
    """
    strong, quiet = float(np.percentile(moving, 95)), float(np.percentile(rim, 15))
    return max(share * strong, 2.5 * quiet if quiet < 0.3 * strong else 0.0)


def _shares(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far down and across each pixel lies, 0 to 1."""
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    return y, x


def _ring(picture: NDArray[Any]) -> NDArray[Any]:
    width = min(_RING, *picture.shape)
    return np.concatenate([side.ravel() for side in (
        picture[:width], picture[-width:], picture[:, :width], picture[:, -width:],
    )])  # fmt: skip


def _ground(picture: NDArray[np.float32], share: float, strays: float) -> Ground | None:
    """Return the background that the border of a still shows: one grey level, or a slow gradient of it."""
    grey, up, across = (_ring(part.astype(np.float32)) for part in (picture, *_shares(picture.shape)))
    counts = np.bincount((grey / 4).astype(int))
    common = 4.0 * int(np.argmax(counts + np.append(counts[1:], 0))) + 4.0
    design = np.stack([np.ones_like(up), up - 0.5, across - 0.5], 1).astype(np.float64)
    # As far around the most common level as a gradient reaches, and less: where a bar of another level lies along a
    # border, a plane can lean from one to the other. The one that more of the border agrees with is the background.
    found = None
    for width in (5.0, 14.0):
        plane = _plane(grey.astype(np.float64), design, np.abs(grey - common) < width)
        if plane is not None and (found is None or plane[2] > found[2]):
            found = plane
        if found is not None and found[2] > _NEARLY_ALL * len(grey):
            break
    if found is None:
        return None
    (middle, down, right), stray, _ = found
    bright = float(np.percentile(np.abs(picture - middle), 99))
    if middle < _BLACK:
        # Black is written as 0 in one part of a screen and as 1 or 2 in another: what is faint lies above the darkest.
        below = picture - Ground((middle, down, right), 0.0).at(*_shares(picture.shape))
        middle += min(0.0, float(np.percentile(below, 2)))
    return Ground((middle, down, right), max(24 * share, 0.6 * share * bright, strays * stray))


def _plane(
    grey: NDArray[np.float64], design: NDArray[np.float64], near: NDArray[np.bool_]
) -> tuple[tuple[float, float, float], float, int] | None:
    """Return the plane through most levels of the border, how far those stray, how many; None if too far for one."""
    plane: NDArray[np.float64] = np.zeros(3)
    away: NDArray[np.float64] = np.zeros(len(grey))
    for _ in range(4):
        if near.sum() < max(8, _LEAST_GROUND * len(grey)):
            return None
        held = design[near]
        plane = np.asarray(np.linalg.lstsq(held.T @ held, held.T @ grey[near], rcond=None)[0])
        away = np.abs(grey - design @ plane)
        near = away < max(1.5, 3.0 * float(np.median(away[near])))
    stray = float(away[near].std()) if near.any() else np.inf
    if stray > _ROUGH:
        return None
    middle, down, right = plane.tolist()
    return (middle, down, right), stray, int(near.sum())


def largest_part(shown: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the largest part of what is shown, with its gaps filled, (Y, X) bool, or None if there is none."""
    from scipy import ndimage

    part = _without_strips(shown)
    size = max(1, round(0.02 * max(part.shape)))
    part = ndimage.binary_closing(np.pad(part, 2 * size), iterations=size)[2 * size : -2 * size, 2 * size : -2 * size]
    filled = ndimage.binary_fill_holes(part)
    part = ndimage.binary_opening(np.pad(filled, 2 * size, mode="edge"), iterations=2 * size)
    part = part[2 * size : -2 * size, 2 * size : -2 * size]
    labels, count = ndimage.label(part)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    largest = labels == 1 + int(sizes.argmax())
    # Opening rounds the corners of a fan off.
    largest = filled & ndimage.binary_dilation(largest, iterations=size)
    whole: NDArray[np.bool_] = ndimage.binary_fill_holes(largest)
    return whole if whole.mean() > 0.05 else None


def _without_strips(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Remove flat parts wholly above or below the largest one: an ECG, a progress bar, a line of text.

    Done before gaps are closed, or a trace that runs close under the fan would be bridged to it.
    """
    from scipy import ndimage

    labels, count = ndimage.label(part, np.ones((3, 3)))
    if count < 2:
        return part
    main = ndimage.find_objects(labels)[int(np.bincount(labels.ravel())[1:].argmax())][0]
    kept = part.copy()
    for value, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        flat = columns.stop - columns.start >= 2 * (rows.stop - rows.start)
        if flat and (rows.start >= main.stop or rows.stop <= main.start):
            kept[rows, columns][labels[rows, columns] == value] = False
    return kept
