"""Segments off the GUI thread, as events for it."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from matae.errors import MataeError
from napari_matae.background.events import Finished, Notice, Started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.cine import Cine
    from matae.segment import FrameMask, Sector, SegmentOptions

__all__ = [
    "again_events", "give_way", "leave_a_core", "look_again", "look_at", "make_curve_ready", "make_ready",
    "measure_the_rest", "probe", "segment_events",
]  # fmt: skip

_LEAST_IMPORTANT = 19


def segment_events(
    cine: Cine, sector: Sector, frames: list[int], options: SegmentOptions, go: threading.Event | None = None
) -> Iterator[Started | FrameMask | Notice | Finished]:
    """Segment frames one by one, as events for the GUI thread; `Finished` with what ran.

    Whether the clip is an echo at all is asked first: no outline appears that is taken away again.

    Parameters
    ----------
    cine, sector, frames, options
        As for `matae.segment.Segmenter.stream`.
    go
        Waited for after `Started`: the GUI makes its layer before the network competes with it for the processor.
    """
    from matae.segment.kept import kept_segmenter
    from matae.segment.notices import take_notices
    from matae.view import why_not_outlined

    leave_a_core()
    with kept_segmenter(options, cine.frame_rate, _grid(cine, sector, options), measures=False) as segmenter:
        yield Started(segmenter.describe())
        if go is not None:
            go.wait()
        for text in segmenter.lasting_notices:
            yield Notice(text)
        said = len(segmenter.notices)
        # Mostly asked when the clip was opened (`warm_up`), and asked again when it is measured.
        why = why_not_outlined(cine, sector, segmenter.card.name)
        for text in take_notices():
            yield Notice(text)
        for result in _nothing(cine, frames) if why else segmenter.stream(cine, sector, frames):
            yield _judged(result)
            for text in segmenter.notices[said:]:
                yield Notice(text)
            said = len(segmenter.notices)
        for text in segmenter.notices[said:]:
            yield Notice(text)
        if why:
            yield Notice(why)
        run = segmenter.describe()
    make_curve_ready()  # what the window does next asks for the beats
    # Outside: whoever hears of the end may leave this generator where it is, and the model is free for the next.
    yield Finished(run)


def _judged(result: FrameMask) -> FrameMask:
    """Return a result that knows what its probabilities imply: the GUI thread asks, and would sum them up itself."""
    _ = result.implied_dice
    return result


def _nothing(cine: Cine, frames: list[int]) -> Iterator[FrameMask]:
    """Outline nothing on any frame."""
    import numpy as np

    from matae.segment import FrameMask

    for frame in frames:
        yield FrameMask(frame, np.zeros(cine.shape, np.uint8), np.zeros(cine.shape, np.uint8), 0)


def leave_a_core() -> None:
    """Keep one core for the viewer: torch's threads wait for each other, so one that is held up holds up all."""
    from matae.threads import reserve, set_network_threads

    reserve(1)
    if "torch" in sys.modules:  # else a network may run without it
        set_network_threads()


def give_way() -> None:
    """Let this thread run where nobody else wants to; a thread has a priority of its own on Linux only."""
    if hasattr(os, "setpriority") and os.name == "posix":
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LEAST_IMPORTANT)


def again_events(
    cine: Cine, sector: Sector, frame: int, options: SegmentOptions, arrived: threading.Event | None = None
) -> Iterator[Started | FrameMask]:
    """Segment one frame once more, as events for the GUI thread; `Started` says what runs.

    Parameters
    ----------
    cine, sector, frame, options
        As for `matae.segment.Segmenter.stream`; the model is the one that is kept from the run before,
        also where another width would be chosen by now: to make that takes seconds, and the other frames are by this.
    arrived
        Set when the mask was yielded and the next event is asked for: the worker has handed it to Qt by then. Set also
        where none will come.
    """
    from matae.segment.kept import kept_segmenter

    try:
        leave_a_core()
        with kept_segmenter(
            options, cine.frame_rate, _grid(cine, sector, options), measures=False, chooses=False
        ) as segmenter:
            yield Started(segmenter.describe())
            for result in map(_judged, segmenter.stream(cine, sector, [frame])):
                yield result
                if arrived is not None:
                    arrived.set()
    finally:
        if arrived is not None:
            arrived.set()


def _grid(cine: Cine, sector: Sector, options: SegmentOptions) -> int:
    from matae.models import find_model
    from matae.segment.grid import clip_grid

    return clip_grid(find_model(options.model).card, cine, sector)


def probe() -> bool:
    """Return whether there is a GPU; torch is loaded for the answer where there is a driver of one.

    Where nothing is measured, torch is what runs the first mask: then it is loaded in any case.
    """
    from matae.segment.auto import is_measuring
    from matae.segment.backends.hardware import may_have_gpu
    from matae.segment.device import has_gpu

    return has_gpu() if may_have_gpu() or not is_measuring() else False


def look_at(cine: Cine, sector: Sector) -> None:
    """Ask the model in use how well it knows the pictures of a clip, and which view it takes them for.

    Segmenting and measuring want the same answer, and have it at once then: also of a clip whose view is stated, which
    is outlined unasked. What is loaded for it, torch and the weights, takes longer than the rest of a first click.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network sees.
    """
    from matae.models import current_model
    from matae.segment.out_of_distribution import familiarity
    from matae.view import why_not_outlined

    leave_a_core()
    with suppress(MataeError):  # what is wrong with a model or a sector is said when it is run
        model = current_model()
        why_not_outlined(cine, sector, model, familiarity(cine, sector, model))


def look_again(cine: Cine, sector: Sector) -> None:
    """Look at a clip whose sector is another one now: the frame on screen follows the next outline, and goes first.

    Parameters
    ----------
    cine, sector
        As for `look_at`.
    """
    give_way()
    look_at(cine, sector)


def make_ready() -> None:
    """Load the model in use, and measure how quick this computer is with it where nothing is known of that."""
    from matae.segment import SegmentOptions
    from matae.segment.kept import make_kept

    leave_a_core()
    with suppress(MataeError):  # a model that cannot be loaded is said when it is run
        make_kept(SegmentOptions(), measures=False)


def make_curve_ready() -> None:
    """Load what finds the beats in the curve, which the window would wait for."""
    import scipy.signal  # noqa: F401


def measure_the_rest() -> None:
    """Measure the speeds that are missing, which takes seconds, and which no mask waits for."""
    from matae.segment import SegmentOptions
    from matae.segment.run import measure_speeds

    leave_a_core()
    with suppress(MataeError):
        measure_speeds(SegmentOptions())
