"""Several runs of the same work, the figures that stand for them, and the time there is for all of it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Clock", "median_seconds", "seconds_of", "summarise"]


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_seconds(work: Callable[[], object], runs: int) -> float:
    """Return the median time of several runs, after one that is not counted.

    Parameters
    ----------
    work
        What to time.
    runs
        How often.
    """
    work()
    return statistics.median(seconds_of(work) for _ in range(runs))


def summarise(values: Sequence[float], digits: int) -> dict[str, Any]:
    """Return the figures of several runs as JSON values: median, range and number of runs.

    Parameters
    ----------
    values
        One of each run; not empty.
    digits
        Digits after the point that mean anything.
    """
    least, median, most = (round(value, digits) for value in (min(values), statistics.median(values), max(values)))
    return {"median": median, "range": [least, most], "runs": len(values)}


@dataclass
class Clock:
    """The time that may be used, and who is told what is going on.

    Parameters
    ----------
    seconds
        About how long all may take.
    total
        Steps in all.
    progress
        Called with what begins now, the steps done and the steps in all.
    done
        Steps that began, or were left out.
    """

    seconds: float
    total: int
    progress: Callable[[str, int, int], None] | None = None
    done: int = 0
    _started: float = field(default_factory=time.perf_counter)

    @property
    def used(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def tell(self, what: str) -> None:
        """Say what begins now."""
        if self.progress is not None:
            self.progress(what, self.done, self.total)
        self.done += 1

    def skip(self, steps: int) -> None:
        """Leave out steps."""
        self.done += steps
