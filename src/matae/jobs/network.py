"""The network of a process: loaded once for all its files, used by one thread at a time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from matae.models import find_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.segment import Segmenter, SegmentOptions

__all__ = ["forget", "loaded", "one_network"]

one_network = threading.Lock()
"""Held by whoever runs a network: two at once would share the cores of one process, and its notices."""


@contextmanager
def loaded(options: SegmentOptions, frame_rate: float | None = None, grid: int | None = None) -> Iterator[Segmenter]:
    """Have the segmenter for some options: that of the file before where it is the same.

    Parameters
    ----------
    options, frame_rate, grid
        As for `matae.segment.Segmenter`.

    Raises
    ------
    ModelError, DeviceError
        As `matae.segment.Segmenter`.
    """
    card = find_model(options.model).card
    if options.width != "auto" or options.grid != "auto" or grid == card.grid:
        grid = None  # it chooses nothing then, and clips of all sizes share a model
    if options.width == "auto" and options.rate is None and frame_rate is not None:
        # Clips of nearly the same rate share a model.
        options = replace(options, rate=float(round(frame_rate)) or frame_rate)
    # Asked for by its digest too: a worker that runs for weeks must notice a model that was replaced.
    segmenter = _loaded(options, card.sha256, grid)
    said = len(segmenter.notices)
    try:
        yield segmenter
    finally:
        if len(segmenter.notices) > said:
            # It had to make do with less memory: the next file starts afresh, or says so itself.
            forget()


def forget() -> None:
    """Let go of the segmenter that is kept."""
    _loaded.cache_clear()


@lru_cache(maxsize=1)
def _loaded(options: SegmentOptions, _sha256: str, grid: int | None) -> Segmenter:
    from matae.segment import Segmenter

    return Segmenter(options, grid=grid)
