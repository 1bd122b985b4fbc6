"""What is compared takes turns: a program that wakes up meanwhile slows a run of everything, not every run of one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from matae.segment import Segmenter
from matae.speed.timing import summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from matae.cine import Cine
    from matae.segment import Sector, SegmentOptions
    from matae.speed.timing import Clock

__all__ = ["Runner", "SpeedClip", "make_ready", "take_turns"]

_LOADED_BY = 0.6  # of the time: later, nothing more is loaded, since it could not be run


class SpeedClip(NamedTuple):
    """A clip in memory and in a file."""

    name: str
    cine: Cine
    sector: Sector
    path: Path


@dataclass(eq=False)
class Runner:
    """A width on a backend, ready to run, and the frames a second it reached on each clip."""

    segmenter: Segmenter
    rates: dict[str, list[float]] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a clip, as JSON values."""
        run = self.segmenter.describe()
        known = {key: run[key] for key in ("width", "backend", "precision")}
        return [known | {"clip": name, "frames_per_second": summarise(rates, 1)} for name, rates in self.rates.items()]


def make_ready(
    options: Sequence[SegmentOptions], clock: Clock, notify: Callable[[str], None] = lambda _: None
) -> list[Runner]:
    """Load the networks: those of PyTorch in any case, the others while there is time to run them too.

    Parameters
    ----------
    options
        What is to be compared; those of PyTorch come first.
    clock
        The time there is.
    notify
        Told what was left out.
    """
    ready: list[Runner] = []
    left_out: dict[str, list[str]] = {}
    for one in options:
        if one.backend != "torch" and clock.used > _LOADED_BY * clock.seconds:
            clock.skip(1)
            left_out.setdefault(one.backend, []).append(one.width)
            continue
        clock.tell(f"Loading width {one.width} on {one.backend}")
        ready.append(Runner(Segmenter(one)))
    for backend, widths in left_out.items():
        notify(f"{backend} was left out at width {', '.join(widths)} for want of time; give more with --seconds.")
    return ready


def take_turns(runners: Sequence[Runner], clips: Sequence[SpeedClip], repeats: int, clock: Clock) -> None:
    """Run everything in turn, as often as was asked for or as the time allows, at least once.

    Parameters
    ----------
    runners
        What is compared; their rates are filled in.
    clips
        What each segments.
    repeats
        Turns of each.
    clock
        The time there is; a run that would use up that of the others is cut short.
    """
    left = repeats * len(runners) * len(clips)
    for number in range(repeats):
        if number and clock.used > clock.seconds:
            return
        clock.tell("Segmenting")
        for runner in runners:
            for clip in clips:
                share = max(clock.seconds - clock.used, 0.0) / left
                if not number:
                    _frames_per_second(runner.segmenter, clip, share / 2)  # the first run compiles kernels
                rate = _frames_per_second(runner.segmenter, clip, share)
                runner.rates.setdefault(clip.name, []).append(rate)
                left -= 1


def _frames_per_second(segmenter: Segmenter, clip: SpeedClip, limit: float) -> float:
    """Return the frames a second from native frame to cleaned native mask; no frame begins after the limit."""
    start = time.perf_counter()

    def in_time() -> Iterator[int]:
        for number in range(clip.cine.n_frames):
            if number and time.perf_counter() - start > limit:
                return
            yield number

    done = sum(1 for _ in segmenter.stream(clip.cine, clip.sector, in_time()))
    return done / (time.perf_counter() - start)
