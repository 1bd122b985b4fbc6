"""Temporal pseudo-labels: the frames between two corrected ones of a clip teach too, each pixel by how sure it is.

After REHRSeg (arXiv 2410.10097), which makes dense labels from sparse slices and weighs each pixel of them down by the
uncertainty u of whoever made them, w = 1 - 0.99 u. Here the sparse slices are the frames that people corrected, and
`matae.edit.fill_between` makes the masks between them: what is carried by motion from both sides. Where both and the
interpolated shape do not agree u is 1. The whole frame counts less the farther it is from a corrected one, because the
errors of the motion from frame to frame add up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from matae.cine import Spacing
    from matae.train.data import LabelledFrames

__all__ = ["FARTHEST", "PseudoLabel", "PseudoLabelled", "against_pseudo_labels", "frame_weight", "label_between"]

_UNSURE = 0.99
"""How much of its weight a pixel loses whose uncertainty is 1, as published."""
_HALF = 8
"""Frames from a corrected one at which a frame counts half."""
FARTHEST = 24
"""Frames from a corrected one beyond which nothing is taught: less than an eighth of the weight would be left."""


@dataclass(frozen=True, eq=False)
class PseudoLabel:
    """A frame between corrected ones, with its mask and how much each pixel of it counts.

    Parameters
    ----------
    frame
        0-based.
    mask
        (Y, X) uint8.
    weight
        (Y, X) uint8; 255 counts as much as a corrected pixel.
    """

    frame: int
    mask: NDArray[np.uint8]
    weight: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PseudoLabelled:
    """Frames with masks that nobody drew, and how much each pixel of them counts.

    Parameters
    ----------
    frames
        Pictures and masks.
    weights
        (N, Y, X) uint8; 255 counts as much as a corrected pixel, 0 nothing.
    """

    frames: LabelledFrames
    weights: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def digest(self) -> str:
        """Return the sha256 of frames and weights."""
        found = hashlib.sha256(self.frames.digest().encode())
        found.update(np.ascontiguousarray(self.weights).data)
        return found.hexdigest()


def frame_weight(distance: int) -> float:
    """Return how much a frame counts at so many frames from the nearest corrected one: half for each eight."""
    return float(0.5 ** (distance / _HALF))


def label_between(
    images: NDArray[np.uint8],
    keys: Mapping[int, NDArray[np.uint8]],
    frames: Iterable[int],
    *,
    labels: Sequence[int] = (1,),
    spacing: Spacing | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[PseudoLabel]:
    """Label frames that lie between corrected ones, by `matae.edit.fill_between`.

    Parameters
    ----------
    images
        Grey frames of the cine, (T, Y, X) uint8.
    keys
        Masks of the corrected frames, (Y, X) each, by frame.
    frames
        The frames wanted, none of them corrected.
    labels
        The structures that are filled, each by itself and laid together by anatomy.
    spacing
        Height and width of a pixel; square pixels when None.
    should_stop
        Asked before each frame; True ends it.

    Yields
    ------
    PseudoLabel
        In order of time. Nothing of a frame where a structure is missing in a corrected frame beside it: nobody knows
        when it went.

    Raises
    ------
    EditError
        If a frame does not lie between two corrected ones, or the masks do not fit together.
    """
    from matae.edit import fill_between, together

    wanted, corrected = sorted(frames), sorted(keys)
    if not wanted:
        return
    each = [
        fill_between(images, keys, wanted, label=label, spacing=spacing, should_stop=should_stop) for label in labels
    ]
    there = {frame: all((keys[frame] == label).any() for label in labels) for frame in corrected}
    empty = np.zeros(images.shape[1:], np.uint8)
    for parts in zip(*each, strict=False):  # one that was told to stop ends before the others
        frame = parts[0].frame
        before, after = max(k for k in corrected if k <= frame), min(k for k in corrected if k >= frame)
        if not (there[before] and there[after]):
            continue
        unsure = np.logical_or.reduce([part.uncertain for part in parts])
        mask = together(empty, {label: part.mask for label, part in zip(labels, parts, strict=True)})
        share = frame_weight(min(frame - before, after - frame))
        yield PseudoLabel(frame, mask, np.rint(255 * share * (1 - _UNSURE * unsure)).astype(np.uint8))


def against_pseudo_labels(logits: Tensor, target: Tensor, weights: Tensor, *, with_dice: bool = True) -> Tensor:
    """Return cross-entropy plus soft Dice against pseudo-labels, each pixel by its weight.

    Parameters
    ----------
    logits
        Network output (N, classes, H, W).
    target
        Soft masks of the same shape in 0-1; -1 where the structure was not filled, which adds nothing.
    weights
        How much each pixel counts, (N, 1, H, W) in 0-1.
    with_dice
        Whether there is a Dice part; it counts by the mean weight of the frame, since a Dice of weighted pixels does
        not know how large the weights are.

    Returns
    -------
    Tensor
        Scalar: the mean over the frames, so that a frame of small weights teaches little.
    """
    from torch.nn import functional as F

    logits, known = logits.float(), target[..., 0, 0] >= 0
    target, share = target.clamp_min(0), weights.expand_as(logits)
    each = (share * F.binary_cross_entropy_with_logits(logits, target, reduction="none")).mean((-2, -1))
    if with_dice:
        probability = logits.sigmoid()
        both = (share * probability * target).sum((-2, -1))
        # Squares below the line, as against the averaged teacher: soft targets are met, not overshot.
        total = (share * (probability.square() + target.square())).sum((-2, -1))
        each = each + share.mean((-2, -1)) * (1 - (2 * both + 1) / (total + 1))
    return (each * known).sum() / known.sum().clamp_min(1)
