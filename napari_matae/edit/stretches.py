"""Stretches of frames between corrected ones: what is to be interpolated, what was filled, what is accepted at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.store.types import FrameStatus
from napari_matae.session.undo_stack import steps_done

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_matae.session.open_cine import OpenCine

__all__ = ["FILLERS", "filled_frames", "gaps_to_fill", "span_to_accept"]

FILLERS = ("interpolation", "filling", "propagation")
"""How the steps begin, in the history, that fill several frames from corrected ones."""


_GAP_S, _GAP_FRAMES = 1.0, 30
"""How long a gap may be for interpolation to reach beyond it: no longer than a beat; frames where no rate is known."""
_KEYS = (FrameStatus.EDITED, FrameStatus.ACCEPTED)


def gaps_to_fill(current: OpenCine, here: int) -> tuple[list[int], list[int]]:
    """Return the corrected frames around one, and the predicted frames between them that can be interpolated.

    Between two corrected frames it is their gap. On a corrected frame it is the gap before it, and those before that as
    long as each is shorter than a beat: whoever corrects end-diastole, end-systole and end-diastole fills the beat at
    once. Where nothing lies before it, it is the gap after it.

    Parameters
    ----------
    current
        The cine.
    here
        0-based frame on screen.

    Returns
    -------
    list of int, list of int
        Both empty where there is no gap.
    """
    keys = current.with_status(*_KEYS)
    gap = _gap(here, keys)
    if gap is None:
        return [], []
    first, last = gap
    if last == here:
        rate = current.cine.frame_rate
        longest = _GAP_FRAMES if rate is None else max(2, round(_GAP_S * rate))
        for key in reversed([t for t in keys if t < first]):
            if first - key > longest:
                break
            first = key
    frames = [t for t in range(first + 1, last) if not current.is_manual(t)]
    beside = {max(k for k in keys if k < t) for t in frames} | {min(k for k in keys if k > t) for t in frames}
    return sorted(beside), frames


def filled_frames(current: OpenCine) -> set[int]:
    """Return the frames whose mask is the one that a tool filled in: nobody has drawn on them since.

    The history of the cine tells, this sitting's and what of earlier ones was read back from the study. A frame that
    somebody else changed meanwhile is not among them.
    """
    found: set[int] = set()
    for step in steps_done(current):
        fills = step.text.lower().startswith(FILLERS)
        for change in step.changes:
            if change.patch is None:
                continue
            fits = current.recorded is not None and change.patch.fits(current.recorded[change.frame], forward=False)
            if fills and fits:
                found.add(change.frame)
            else:
                found.discard(change.frame)
    return {t for t in found if current.status.get(t) is FrameStatus.EDITED}


def span_to_accept(current: OpenCine, here: int) -> tuple[int, int] | None:
    """Return the first and last frame of the stretch around one that can be accepted as a whole.

    It begins and ends with a frame that a person corrected or accepted. Between the two that are next to `here`, frames
    may be as predicted; beyond them it goes on over corrected and filled frames, as far as there is no gap, so that a
    filled beat is one stretch. Where the stretch runs out in filled frames it ends at the last corrected one: what was
    propagated into the open has nothing on its far side that would hold it.

    Parameters
    ----------
    current
        The cine.
    here
        0-based frame on screen.

    Returns
    -------
    tuple of int, or None
        None where there are no two such frames.
    """
    filled = filled_frames(current)
    keys = [t for t in current.with_status(*_KEYS) if t not in filled]
    inside = filled | set(current.with_status(FrameStatus.REJECTED))  # rejected ones stay so, and do not end it
    first, last = _grown(here, here, keys, inside) if here in keys else (here, here)
    if first == last:
        gap = _gap(here, keys)
        if gap is None:
            return None
        first, last = _grown(*gap, keys, inside)
    return first, last


def _gap(here: int, keys: Sequence[int]) -> tuple[int, int] | None:
    """Return the keys on both sides of a frame; a key itself closes the gap before it."""
    before, after = [t for t in keys if t < here], [t for t in keys if t > here]
    if here in keys:
        if before and here - before[-1] > 1:
            return before[-1], here
        return (here, after[0]) if after else ((before[-1], here) if before else None)
    return (before[-1], after[0]) if before and after else None


def _grown(first: int, last: int, keys: Sequence[int], inside: set[int]) -> tuple[int, int]:
    """Return a stretch that goes on to further keys where all frames up to them are filled."""
    for key in reversed([t for t in keys if t < first]):
        if not all(t in inside for t in range(key + 1, first)):
            break
        first = key
    for key in [t for t in keys if t > last]:
        if not all(t in inside for t in range(last + 1, key)):
            break
        last = key
    return first, last
