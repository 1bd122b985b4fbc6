"""The segmenter that was used last, kept for the next time: a viewer runs the same model again and again."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.segment.run import Segmenter, SegmentOptions

__all__ = ["forget_kept", "kept_segmenter"]


class _Kept:
    lock = threading.Lock()
    segmenter: Segmenter | None = None
    under: object = None


@contextmanager
def kept_segmenter(options: SegmentOptions, frame_rate: float | None = None) -> Iterator[Segmenter]:
    """Have the segmenter for some options: the one of the last time where it is the same, and nobody runs it.

    Parameters
    ----------
    options, frame_rate
        As for `matae.segment.Segmenter`.

    Raises
    ------
    ModelError, DeviceError
        As `matae.segment.Segmenter`.
    """
    from matae.segment import Segmenter

    if not _Kept.lock.acquire(blocking=False):
        # Somebody's run is under way, or is ending: theirs stays theirs.
        yield Segmenter(options, frame_rate)
        return
    try:
        segmenter = _last(options, frame_rate)
        said = len(segmenter.notices)
        yield segmenter
        if len(segmenter.notices) > said:
            # It had to make do with less memory, or was slower than measured: the next run starts afresh.
            _forget()
    except Exception:
        _forget()
        raise
    finally:
        _Kept.lock.release()


def forget_kept() -> None:
    """Let go of the segmenter that is kept, where nobody runs it."""
    if _Kept.lock.acquire(blocking=False):
        _forget()
        _Kept.lock.release()


def _forget() -> None:
    _Kept.segmenter = _Kept.under = None


def _last(options: SegmentOptions, frame_rate: float | None) -> Segmenter:
    from matae.models import find_model
    from matae.segment import Segmenter
    from matae.threads import most_threads

    sha256 = find_model(options.model).card.sha256
    # The rate only decides what auto chooses, which is asked below.
    under = (replace(options, rate=None), sha256, most_threads())
    kept = _Kept.segmenter
    if kept is not None and _Kept.under == under and kept.still_fits(options, frame_rate):
        return kept
    _forget()  # two at once need twice the memory
    _Kept.segmenter = segmenter = Segmenter(options, frame_rate)
    if segmenter.lasting_notices:
        _forget()
    else:
        _Kept.under = under
    return segmenter
