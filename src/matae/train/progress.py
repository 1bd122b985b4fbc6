"""How a caller follows a run step by step, and ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StoppedError", "TrainingProgress", "Watch", "never"]


class StoppedError(Exception):
    """The caller asked to stop in the midst of a step or a validation; neither leaves a trace."""


def never() -> bool:
    """Return False: nobody asks to stop."""
    return False


@dataclass(frozen=True)
class TrainingProgress:
    """Where a run is after a step.

    Parameters
    ----------
    step, steps
        Steps done, and in all.
    epoch
        How often each training frame was seen by now, on average.
    loss
        Loss of the widest network in this step.
    seconds, seconds_left
        Time so far, over all resumptions, and an estimate of the rest.
    chunk
        Frames that go through the network at a time: fewer than the batch once memory ran out.
    """

    step: int
    steps: int
    epoch: float
    loss: float
    seconds: float
    seconds_left: float
    chunk: int


@dataclass(frozen=True)
class Watch:
    """What a caller wants to hear, and to say.

    Parameters
    ----------
    should_stop
        Asked several times a step; True ends the run, which keeps what it has.
    step
        Called after each step.
    notice
        Called with a sentence on what happened on the way.
    """

    should_stop: Callable[[], bool] = never
    step: Callable[[TrainingProgress], None] = lambda _: None
    notice: Callable[[str], None] = lambda _: None
