"""Frames through the stages of segmenting, each stage in a thread of its own, a few batches under way at most.

While the network runs on one batch, the next is read and placed on the grid, and the one before is brought back to
native pixels and cleaned by whoever takes the results. Most of each stage runs outside Python's lock. However long a
clip is, `SLOTS` batches are held at once and no more.
"""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from matae.nn.regions import Regions
from matae.segment.restore import frame_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.placement import Placement
    from matae.segment.backends import Backend
    from matae.segment.results import FrameMask

__all__ = ["SLOTS", "HostStages", "Stages", "run_directly", "run_stages"]

SLOTS = 3
"""Batches under way at once: one is placed, one is in the network, one is finished."""

_Placed = TypeVar("_Placed")
_Inferred = TypeVar("_Inferred")


class Stages(Protocol[_Placed, _Inferred]):
    """What is done with a batch of frames, one stage after another."""

    @property
    def batch(self) -> int:
        """Frames the network takes at a time now."""
        ...

    def begin(self) -> None:
        """Get the network's thread ready; called in it."""
        ...

    def place(self, frames: Sequence[int]) -> _Placed:
        """Read frames, and put them where the network can take them."""
        ...

    def infer(self, placed: _Placed) -> _Inferred:
        """Run the network."""
        ...

    def finish(self, frames: Sequence[int], inferred: _Inferred) -> Iterator[FrameMask]:
        """Bring the results back to native pixels and clean them, frame by frame."""
        ...


class HostStages:
    """Stages around a backend that gives its logits in main memory.

    Parameters
    ----------
    backend
        Runs the network.
    cine
        Whose frames are segmented.
    placement
        Where they lie on the grid.
    regions
        What each logit stands for; one class each, by its place, if None.

    Attributes
    ----------
    frames, seconds
        Frames the network has seen, and how long it took.
    """

    def __init__(self, backend: Backend, cine: Cine, placement: Placement, regions: Regions | None = None) -> None:
        self._backend, self._cine, self._placement, self._regions = backend, cine, placement, regions
        self.frames, self.seconds = 0, 0.0

    @property
    def batch(self) -> int:
        """Frames the network takes at a time now."""
        return self._backend.batch

    def begin(self) -> None:
        """Take the threads that there are now."""
        self._backend.begin()

    def place(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """Return frames on the grid, (N, grid, grid) uint8."""
        return self._placement.pictures(np.asarray(self._cine.frames[list(frames)]))

    def infer(self, placed: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits (N, classes, grid, grid)."""
        start = time.perf_counter()
        logits = self._backend(placed)
        if self.frames:  # the first pass also compiles kernels
            self.seconds += time.perf_counter() - start
        self.frames += len(placed)
        return logits

    def finish(self, frames: Sequence[int], inferred: NDArray[np.float32]) -> Iterator[FrameMask]:
        """Yield one frame at a time: a batch of large pictures would need more memory than the network does."""
        for index, logits in zip(frames, inferred, strict=True):
            regions = self._regions or Regions.numbered(len(logits))
            yield frame_mask(index, logits, self._placement, self._cine.shape, regions)


def run_directly(stages: Stages[Any, Any], frames: Sequence[int]) -> Iterator[FrameMask]:
    """Yield a few frames without threads, which would only cost time.

    Parameters
    ----------
    stages
        What is done with them.
    frames
        0-based, in the order wanted; at most a batch.
    """
    stages.begin()
    yield from stages.finish(frames, stages.infer(stages.place(frames)))


def run_stages(
    stages: Stages[Any, Any], frames: Iterable[int], check: Callable[[Sequence[int]], None] = lambda _: None
) -> Iterator[FrameMask]:
    """Yield frames as they are done, in the order wanted.

    Parameters
    ----------
    stages
        What is done with a batch.
    frames
        0-based, in the order wanted. It is read late, in another thread: `SLOTS` batches under way at most.
    check
        Called with each batch before it is read; raises what is wrong with it.

    Yields
    ------
    FrameMask
        A frame's result.
    """
    line = _Line(stages, iter(frames), check)
    line.start()
    try:
        while (item := line.done.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield from stages.finish(*item)
            del item  # let go of before another may begin
            line.slots.release()
    finally:
        line.stop()


_END = object()


class _Line:
    """The two threads in front of whoever takes the results. The slots bound what lies in the queues."""

    def __init__(self, stages: Stages[Any, Any], frames: Iterator[int], check: Callable[[Sequence[int]], None]) -> None:
        self._stages, self._frames, self._check = stages, frames, check
        self.slots = threading.Semaphore(SLOTS)
        self._placed: SimpleQueue[Any] = SimpleQueue()
        self.done: SimpleQueue[Any] = SimpleQueue()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(work, out), name=f"matae-{work.__name__.strip('_')}", daemon=True)
            for work, out in ((self._place, self._placed), (self._infer, self.done))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads after the batch they are at."""
        self._stopped.set()
        self.slots.release()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[], None], out: SimpleQueue[Any]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever takes the results
            out.put(error)
        else:
            out.put(_END)

    def _place(self) -> None:
        while True:
            self.slots.acquire()
            if self._stopped.is_set():
                return
            batch = [t for _, t in zip(range(self._stages.batch), self._frames, strict=False)]
            if not batch:
                return
            self._check(batch)
            self._placed.put((batch, self._stages.place(batch)))

    def _infer(self) -> None:
        self._stages.begin()
        while (item := self._placed.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            if self._stopped.is_set():
                continue
            batch, inferred = item[0], self._stages.infer(item[1])
            del item
            self.done.put((batch, inferred))
            del inferred
