"""Prompts for the frames of a clip, from a file, to masks: what the command line does, and scripts may."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import CAVITY, CLASS_NAMES, class_of_name
from matae.edit.region import EditError
from matae.errors import MataeError
from matae.prompt import ENOUGH
from matae.prompt.prompts import PromptError, Prompts
from matae.prompt.through import follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.prompt.outline import Prompter
    from matae.segment.sector import Sector

__all__ = ["ClipOutlines", "PromptRequest", "outline_clip", "read_requests"]

_LARGEST = 4_000_000  # bytes; prompts are a few numbers a frame


@dataclass(frozen=True)
class PromptRequest:
    """What was pointed at in a frame, and of which structure.

    Parameters
    ----------
    frame
        0-based.
    prompts
        In native pixels.
    label
        The structure's class.
    """

    frame: int
    prompts: Prompts
    label: int = CAVITY


@dataclass(frozen=True, eq=False)
class ClipOutlines:
    """The masks of a clip after prompts.

    Parameters
    ----------
    masks
        Class of every pixel, (T, Y, X) uint8.
    confidence
        By frame, the Dice that the head guesses of the structure outlined last; see `matae.prompt.follow` for frames
        that were not pointed at.
    ended
        By frame, why a mask was not taken there: the confidence it would have had.
    """

    masks: NDArray[np.uint8]
    confidence: dict[int, float]
    ended: dict[int, float]

    def to_json(self) -> dict[str, Any]:
        """Return the confidences as JSON values, frames counted from 1."""

        def counted(values: dict[int, float]) -> dict[str, float]:
            return {str(frame + 1): round(value, 4) for frame, value in sorted(values.items())}

        return {"confidence": counted(self.confidence), "ended": counted(self.ended)}


def read_requests(path: Path) -> list[PromptRequest]:
    """Read prompts from a JSON file: a list with an object a frame, frames counted from 1.

    ``{"frame": 3, "structure": "left atrium", "landmarks": {"apex": [y, x], "left": [y, x], "right": [y, x]},
    "box": [top, left, bottom, right], "positive": [[y, x]], "negative": [[y, x]]}``; what is not given is left out, and
    without a structure it is the left ventricular cavity.

    Raises
    ------
    PromptError
        If the file cannot be read or is no such list.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise PromptError(f"{path.name} is too large for a list of prompts; give one object a frame.")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PromptError(f"{path.name} is no readable JSON ({error}); give a list with an object a frame.") from None
    if not isinstance(values, list) or not values or not all(isinstance(one, dict) for one in values):
        raise PromptError(f"{path.name} is no list of prompts; give a list with an object a frame.")
    return [_request(dict(one), path.name) for one in values]


def _request(values: dict[str, Any], name: str) -> PromptRequest:
    frame, structure = values.pop("frame", None), values.pop("structure", CLASS_NAMES[0])
    if not isinstance(frame, int) or isinstance(frame, bool) or frame < 1:
        raise PromptError(f"{name}: {frame!r:.40} is no frame; count frames from 1.")
    label = class_of_name(structure) if isinstance(structure, str) else None
    if not label:
        raise PromptError(f"{name}: {structure!r:.40} is no structure; choose among {', '.join(CLASS_NAMES)}.")
    at = frame - 1
    try:
        return PromptRequest(at, Prompts.from_json(values), label)
    except MataeError as error:
        raise PromptError(f"{name}, frame {at + 1}: {error}") from None


def outline_clip(
    prompter: Prompter,
    cine: Cine,
    sector: Sector,
    requests: Sequence[PromptRequest],
    masks: NDArray[np.uint8] | None = None,
    *,
    through: bool = False,
    enough: float = ENOUGH,
    progress: Callable[[int, int], None] | None = None,
) -> ClipOutlines:
    """Outline frames of a clip from prompts, and take the outlines through the beat.

    Parameters
    ----------
    prompter
        Outlines the frames.
    cine, sector
        The clip, and the part of its picture the network sees.
    requests
        What was pointed at, in the order given: a later one of the same frame goes on from the mask of the one before.
    masks
        Masks that the clip has, (T, Y, X); none if None.
    through
        Take the cavity of each frame with prompts to the frames without, as far as it can be trusted; between two of
        them each goes half of the way.
    enough
        Confidence below which it ends.
    progress
        Called with (frames done, frames at most).

    Raises
    ------
    PromptError
        If there is no request, a frame is not in the clip, or a prompt cannot be used.
    EditError
        If `masks` are not those of the clip, or a frame has no cavity to follow.
    SegmentError
        If the sector lies outside the picture.
    """
    if not requests:
        raise PromptError("There is no prompt; point at something in at least one frame.")
    found = np.zeros(cine.frames.shape, np.uint8) if masks is None else masks.copy()
    if found.shape != cine.frames.shape:
        raise PromptError(f"The masks of {found.shape} do not fit the clip of {cine.frames.shape}; give its own.")
    confidence: dict[int, float] = {}
    for request in requests:
        if not 0 <= request.frame < cine.n_frames:
            raise PromptError(f"Frame {request.frame + 1} is not in the clip; choose from 1 to {cine.n_frames}.")
        with _named(request.frame):
            done = prompter.outline(cine, sector, request.frame, request.prompts, request.label, found[request.frame])
        found[request.frame], confidence[request.frame] = done.mask, done.confidence
    ended: dict[int, float] = {}
    if through:
        prompted = sorted(confidence)
        for start in prompted:
            frames = _share(start, prompted, cine.n_frames)
            onto = {t: found[t].copy() for t in frames}
            with _named(start):
                steps = follow(prompter, cine, sector, start, found[start].copy(), frames, onto=onto, enough=enough)
            for step in steps:
                if step.goes_on:
                    found[step.frame], confidence[step.frame] = step.mask, step.confidence
                else:
                    ended[step.frame] = step.confidence
                if progress is not None:
                    progress(len(confidence), cine.n_frames)
    return ClipOutlines(found, confidence, ended)


def _share(start: int, prompted: Sequence[int], n_frames: int) -> list[int]:
    """Return the frames nearer to one frame with prompts than to any other; the earlier one wins a tie."""
    return [
        t for t in range(n_frames) if t not in prompted and min(prompted, key=lambda p: (abs(p - t), p)) == start
    ]  # fmt: skip


@contextmanager
def _named(frame: int) -> Iterator[None]:
    """Say in an error which frame it is about."""
    try:
        yield
    except (EditError, PromptError) as error:
        raise type(error)(f"Frame {frame + 1}: {error}") from None
