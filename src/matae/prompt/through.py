"""A mask taken through the beat: carried by the motion, checked in each frame against the outline of its landmarks.

Each frame gets the mask that `matae.edit.propagate` carries there. Its apex and hinge points are then a prompt as if a
person had clicked them. How far the head's outline agrees with the carried one, and the Dice that it expects, is the
confidence; where that is too low, or the picture jumps, it goes no further. The carried mask is the one that is given:
on phantoms it is nearer to the truth than the head's (`benchmarks/prompt_through.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import CAVITY
from matae.edit.propagate import propagate
from matae.edit.region import EditError, checked_mask
from matae.edit.structure import outlines, put
from matae.measure.landmarks import landmarks
from matae.metrics import dice
from matae.prompt import ENOUGH
from matae.prompt.prompts import Prompts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Cine
    from matae.prompt.outline import Prompter
    from matae.segment.sector import Sector

__all__ = ["Followed", "follow"]

_SMALL = (24, 24)  # columns and rows
_JUMP, _TIMES = 0.02, 5.0  # what the correlation of a jump lacks of 1, at least, and how often that of most frames


@dataclass(frozen=True, eq=False)
class Followed:
    """A frame that a mask was taken to.

    Parameters
    ----------
    frame
        0-based.
    mask
        Class of every pixel, (Y, X) uint8.
    confidence
        The lesser of the Dice that the head expects of its own outline and the Dice of the two; 0 where the picture
        jumps or the heart has left it.
    uncertain
        Where the two outlines differ, (Y, X) bool.
    goes_on
        Whether it is good enough; the last frame of a direction may not be, and is not to be used then.
    """

    frame: int
    mask: NDArray[np.uint8]
    confidence: float
    uncertain: NDArray[np.bool_]
    goes_on: bool


def follow(  # noqa: PLR0917 - a frame is named by the first four
    prompter: Prompter,
    cine: Cine,
    sector: Sector,
    start: int,
    mask: ArrayLike,
    frames: Sequence[int],
    *,
    label: int = CAVITY,
    onto: Mapping[int, ArrayLike] | None = None,
    enough: float = ENOUGH,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[Followed]:
    """Take the mask of one frame to others, as far as it can be trusted.

    Parameters
    ----------
    prompter
        Outlines the frames.
    cine, sector
        The clip, and the part of its picture the network sees.
    start, mask
        The frame that is right, and its mask (Y, X); it has a cavity, whose landmarks are followed.
    frames
        The frames wanted, before and after `start`; `start` itself is left out.
    label
        The class that is outlined.
    onto
        Masks that the frames have now, by frame: their other classes stay as far as anatomy lets them.
    enough
        Confidence below which it ends, 0 to 1.
    should_stop
        Asked before each frame; True ends it.

    Yields
    ------
    Followed
        Those after `start` going forward, then those before it going back. The first that is not good enough is the
        last one of its direction.

    Raises
    ------
    EditError
        If the mask is not one of the cine or has no cavity, a frame is not in the cine, or `enough` is out of range.
    PromptError
        If the model does not know the structure.
    """
    mask = checked_mask(mask, label)
    if not 0 <= enough <= 1:
        raise EditError(f"A confidence of {enough} is not possible; choose from 0 to 1.")
    if mask.shape != cine.shape:
        raise EditError(f"A mask of {mask.shape} does not fit frames of {cine.shape}; follow within one cine.")
    if landmarks(mask, cine.pixel_size, apex_down=sector.apex_down, label=CAVITY) is None:
        raise EditError("There is no cavity on this frame to follow; outline it first.")
    return _follow(prompter, cine, sector, start, mask, frames, label, dict(onto or {}), enough, should_stop)


def _follow(  # noqa: PLR0917 - the generator behind `follow`, which has checked all of it
    prompter: Prompter,
    cine: Cine,
    sector: Sector,
    start: int,
    mask: NDArray[np.uint8],
    frames: Sequence[int],
    label: int,
    onto: Mapping[int, ArrayLike],
    enough: float,
    should_stop: Callable[[], bool] | None,
) -> Iterator[Followed]:
    images = np.asarray(cine.frames)
    jumps = _jumps(images)
    for ahead in (True, False):
        wanted = [t for t in frames if (t > start if ahead else t < start)]
        if not wanted:
            continue
        labels = [label] if label == CAVITY else [CAVITY, label]
        carried = [
            propagate(
                images, mask, start, wanted, label=each, spacing=cine.pixel_size, onto=None, should_stop=should_stop
            )
            for each in labels
        ]
        before = start
        for steps in zip(*carried, strict=False):
            frame = steps[0][0]
            if jumps[min(before, frame) : max(before, frame)].any():
                nothing = checked_mask(onto.get(frame, np.zeros(cine.shape, np.uint8)), label)
                yield Followed(frame, nothing, 0.0, np.zeros(cine.shape, bool), goes_on=False)
                break
            before = frame
            base = checked_mask(onto.get(frame, np.zeros(cine.shape, np.uint8)), label)
            found = _outlined(prompter, cine, sector, frame, steps[0][1], steps[-1][1], base, label, enough)
            yield found
            if not found.goes_on:
                break


def _outlined(  # noqa: PLR0917 - one step of `_follow`
    prompter: Prompter,
    cine: Cine,
    sector: Sector,
    frame: int,
    cavity: NDArray[np.uint8],
    carried: NDArray[np.uint8],
    base: NDArray[np.uint8],
    label: int,
    enough: float,
) -> Followed:
    marks = landmarks(cavity, cine.pixel_size, apex_down=sector.apex_down, label=CAVITY)
    moved = outlines(carried, label)[0]
    if marks is None or not _inside(marks.as_array(), cine.shape):
        return Followed(frame, base, 0.0, moved, goes_on=False)  # it has left the picture
    under = base if label == CAVITY or (base == CAVITY).any() else cavity
    found = prompter.outline(cine, sector, frame, Prompts(marks), label, under)
    now = outlines(found.mask, label)[0]
    if not now.any():
        return Followed(frame, base, 0.0, moved, goes_on=False)
    confidence = min(found.confidence, float(dice(now, moved)))
    return Followed(frame, put(base, carried == label, label), confidence, now ^ moved, goes_on=confidence >= enough)


def _jumps(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return after which frames the picture is suddenly another one, (T - 1,): a cut, or a probe that was moved.

    The pictures are compared small, so that speckle does not count, by what their correlation lacks of 1.
    """
    from PIL import Image

    if len(images) < 2:
        return np.zeros(max(len(images) - 1, 0), bool)
    small = np.stack([np.asarray(Image.fromarray(image).resize(_SMALL, Image.Resampling.BOX)) for image in images])
    flat = small.reshape(len(small), -1).astype(np.float64)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    lack = 1 - (flat[1:] * flat[:-1]).sum(1)
    found: NDArray[np.bool_] = lack > max(_JUMP, _TIMES * float(np.median(lack)))
    return found


def _inside(points: NDArray[np.float64], shape: tuple[int, int]) -> bool:
    return bool((points >= -0.5).all() and (points <= np.array(shape)).all())
