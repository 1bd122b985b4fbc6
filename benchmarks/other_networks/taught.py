"""What a training is told and returns, and the clock that ends it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Lesson(NamedTuple):
    """How a network is taught."""

    grid: int
    batch: int
    seconds: float
    seed: int
    device: str
    workers: int = 0  # processes that augment, of the networks that do so on the processor


class Taught(NamedTuple):
    """A network's masks of the held-out frames, and what it took."""

    masks: dict[str, NDArray]  # by width as it is written, (N, Y, X)
    parameters: int
    steps: int
    batch: int


class Clock:
    """Seconds since it was made: of the processor on a CPU, of the clock on a GPU."""

    def __init__(self, device: str) -> None:
        self._now = time.process_time if device == "cpu" else time.perf_counter
        self._start = self._now()

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self._now() - self._start
