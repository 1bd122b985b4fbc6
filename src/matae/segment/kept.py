"""The segmenter that was used last, kept for the next time: viewer and workers run one model again and again."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.segment.run import Segmenter, SegmentOptions

__all__ = ["forget_kept", "kept_segmenter", "make_kept", "one_network"]

one_network = threading.Lock()
"""Held by whoever works on clip after clip: two networks at once would share the cores of one process."""


class _Kept:
    lock = threading.Lock()
    making = threading.RLock()
    segmenter: Segmenter | None = None
    under: object = None
    latest: object = None  # what the one that was made last was made for


@contextmanager
def kept_segmenter(
    options: SegmentOptions,
    frame_rate: float | None = None,
    grid: int | None = None,
    *,
    job: str = "",
    measures: bool = True,
    chooses: bool = True,
) -> Iterator[Segmenter]:
    """Have the segmenter for some options: the one of the last time where it is the same, and nobody runs it.

    Parameters
    ----------
    options, frame_rate, grid, measures
        As for `matae.segment.Segmenter`.
    job
        What many clips have in common that are segmented in a row. For all of them a full GPU is left once, or
        given fewer frames once, not once a clip. A run without this, such as a person's next one, tries it again.
    chooses
        Whether another width or runtime is taken where by now another one would be chosen. Else the one that is kept
        goes on with the clip it ran on.

    Raises
    ------
    ModelError, DeviceError
        As `matae.segment.Segmenter`.
    """
    from matae.segment import Segmenter

    base = _base(options)
    # While one is being made everybody waits: mostly it is the one they want, and two at once take twice the time each.
    with _Kept.making:
        segmenter = _taken((*base, job), (*base, ""))  # whoever comes while it runs makes one of their own
        if segmenter is not None and not chooses:
            if grid is not None and options.grid == "auto":
                segmenter.grid = grid  # what is said of it before it runs is said of this clip
        elif segmenter is None or not segmenter.still_fits(options, frame_rate, grid):
            segmenter = None  # two at once need twice the memory
            segmenter = Segmenter(options, frame_rate, grid, measures=measures)
        _Kept.latest = base
    said = len(segmenter.notices)
    is_sound = False
    try:
        yield segmenter
        is_sound = True
    except GeneratorExit:
        is_sound = True  # a run that was left
        raise
    finally:
        # One that had to make do with less memory, or was slower than measured, is made anew the next time.
        is_whole = not segmenter.made_do and len(segmenter.notices) == said and not segmenter.made_room
        if is_sound and (is_whole or (job and segmenter.made_room)):
            with _Kept.lock:
                _Kept.segmenter, _Kept.under = segmenter, (*base, "") if is_whole else (*base, job)


def make_kept(options: SegmentOptions, *, measures: bool = True) -> None:
    """Make the segmenter for some options and keep it, unless it is there already, or being used.

    Whoever asks for it meanwhile waits for this one.

    Parameters
    ----------
    options, measures
        As for `kept_segmenter`.

    Raises
    ------
    ModelError, DeviceError
        As `matae.segment.Segmenter`.
    """
    with _Kept.making:
        if _Kept.latest != _base(options):
            with kept_segmenter(options, measures=measures):
                pass


def forget_kept() -> None:
    """Let go of the segmenter that is kept."""
    _taken()
    _Kept.latest = None


def _base(options: SegmentOptions) -> tuple[object, ...]:
    """Return what a segmenter is kept under; the rate only decides what auto chooses, which is asked anew."""
    from matae.models import find_model
    from matae.threads import most_threads

    return replace(options, rate=None), find_model(options.model).card.sha256, most_threads()


def _taken(*under: object) -> Segmenter | None:
    with _Kept.lock:
        segmenter = _Kept.segmenter if _Kept.under in under else None
        _Kept.segmenter = _Kept.under = None
    return segmenter
