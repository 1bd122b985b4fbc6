"""Width and backend by measurement: the largest width that keeps up with the clip, on the quickest backend.

Measured once on a computer, in about two seconds at most, and kept under what it holds for: the processor, how many of
them may be used, the versions, the weights. What does not fit into that time is measured at a later start. A run that
was several times quicker or slower than measured has it measured again, and so has a computer that was busier then than
it is now: it would go on with a narrower width than it can do.

``MATAE_MEASURE=0`` measures nothing: a rule decides then, the same on every day.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MataeError
from matae.files import write_atomic
from matae.nn.widths import format_width, parse_width
from matae.segment.backends import BACKENDS, choose_backend, installed_backends
from matae.segment.backends.compiled import cache_folder
from matae.segment.backends.hardware import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matae.segment.backends import Backend, ModelSource
    from matae.segment.run import SegmentOptions

__all__ = [
    "DEFAULT_RATE", "Choice", "Speeds", "best_of", "choose_speed", "is_measuring", "quicker", "to_choose_from",
    "wanted_rate",
]  # fmt: skip

DEFAULT_RATE = 30.0
"""Frames a second to keep up with where no clip states its own and nobody asks for another."""

_SPARE = 1.25  # a frame is more than its network: it is placed, brought back and cleaned
_BUDGET_SECONDS = 2.0
_PASSES = 3
_ALIKE = 1.1  # a backend this much slower than the quickest is as good, if it starts sooner
_FACTOR = 3.0  # off by that, a measurement does not hold any more
_QUIETER = 0.5  # of the processors that others kept busy during a measurement and leave now: it is made again
_VERSION = 2


@dataclass(frozen=True)
class Choice:
    """What to run, and why in words.

    Parameters
    ----------
    width
        Of the network.
    backend
        ``torch``, ``openvino`` or ``onnxruntime``.
    words
        A sentence for the person.
    """

    width: float
    backend: str
    words: str = ""


@dataclass
class Speeds:
    """Frames a second of a model's network on this computer, by backend and width.

    Parameters
    ----------
    of
        What they hold for: `fingerprint` and the weights' digest.
    rates
        Frames a second by backend and width, a rate of 0 where a backend failed.
    load
        Processes that wanted a processor as it was measured, for each processor there is.
    """

    of: dict[str, str]
    rates: dict[str, dict[str, float]] = field(default_factory=dict)
    load: float = 0.0

    @classmethod
    def read(cls, sha256: str, notify: Callable[[str], None] = lambda _: None, *, however_busy: bool = False) -> Speeds:
        """Return what is known of the weights with this digest; nothing if nobody measured or the file is damaged.

        Parameters
        ----------
        sha256
            The digest.
        notify
            Called with a sentence for the person.
        however_busy
            Whether to take what was measured while the computer was busier than now, too.
        """
        speeds = cls(fingerprint() | {"weights": sha256})
        try:
            known = json.loads(speeds._path.read_text("utf-8"))
            rates = {
                str(name): {str(width): float(rate) for width, rate in by_width.items()}
                for name, by_width in known["rates"].items()
            }
            load = float(known["load"]) if known.get("version") == _VERSION else 0.0
        except FileNotFoundError:
            return speeds
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            notify("What was measured of this computer's speed cannot be read; it is measured anew.")
            return speeds
        if known.get("of") == speeds.of and known.get("version") == _VERSION:
            speeds.rates, speeds.load = rates, load
        if not however_busy and speeds.load > _load() + _QUIETER:
            speeds.rates, speeds.load = {}, 0.0
        return speeds

    def write(self) -> None:
        """Keep it; a full or read-only disk has it measured again, no more."""
        kept = {"version": _VERSION, "of": self.of, "rates": self.rates, "load": self.load}
        with suppress(OSError, MataeError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path, json.dumps(kept).encode())

    @property
    def _path(self) -> Path:
        digest = hashlib.sha256(json.dumps(self.of, sort_keys=True).encode()).hexdigest()
        return cache_folder() / "speed" / f"{digest[:24]}.json"

    def rate(self, backend: str, width: float) -> float | None:
        """Return frames a second, None where it was not measured."""
        return self.rates.get(backend, {}).get(format_width(width))

    def note(self, backend: str, width: float, rate: float) -> None:
        """Take note of a measurement."""
        self.rates.setdefault(backend, {})[format_width(width)] = round(rate, 2)

    def is_off(self, backend: str, width: float, rate: float, shrunk: float = 1.0) -> bool:
        """Return whether a run shows that a measurement does not hold any more.

        Parameters
        ----------
        backend, width
            What ran.
        rate
            Frames a second that it did.
        shrunk
            Side of the grid that was measured, by that of the run: its speed goes by something between the side and
            the pixels.
        """
        known = self.rate(backend, width)
        least, most = sorted((shrunk, shrunk**2))
        return known is not None and known > 0 and not known * least / _FACTOR < rate < known * most * _FACTOR

    def forget(self) -> None:
        """Have everything measured again at the next start."""
        self.rates.clear()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def best(self, width: float, backends: Sequence[str]) -> tuple[str, float] | None:
        """Return the backend to take at a width and its frames a second; None where none was measured.

        Where two are alike it is the one that starts without PyTorch.
        """
        known = [(name, rate) for name in backends if (rate := self.rate(name, width))]
        if not known:
            return None
        most = max(rate for _, rate in known)
        alike = [pair for pair in known if pair[1] * _ALIKE >= most]
        return max(alike, key=lambda pair: (pair[0] != "torch", pair[1]))


def is_measuring() -> bool:
    """Return whether ``auto`` may measure."""
    return os.environ.get("MATAE_MEASURE", "1").strip() != "0"


def choose_speed(
    source: ModelSource,
    widths: Sequence[float],
    backends: Sequence[str],
    wanted: float,
    *,
    times: float = 1.0,
    measures: bool = True,
    notify: Callable[[str], None] = lambda _: None,
    make: Callable[[str, float], Backend] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Choice, Speeds]:
    """Return the largest width that keeps up and the backend to run it on, measuring what is not known yet.

    Parameters
    ----------
    source
        The model.
    widths
        Those to choose from.
    backends
        Those to choose from, all of them for the CPU.
    wanted
        Frames a second to keep up with.
    times
        How many times as quick as measured the clip's own grid is at least, see `quicker`.
    measures
        Whether what is not known yet is measured. If not, what is known decides where anything is: somebody waits.
    notify
        Called with a sentence for the person.
    make
        Returns a backend at a width, for tests.
    clock
        Seconds, for tests.
    """
    widths = sorted(widths)
    speeds = Speeds.read(source.card.sha256, notify, however_busy=not measures)
    if not measures and any(speeds.best(width, backends) is not None for width in widths):
        return _chosen(speeds, widths, backends, wanted, times), speeds
    maker = make or (lambda name, width: choose_backend(name, source, width, notify=notify, remade=notify))
    until: float | None = None
    while (candidate := _next(speeds, widths, backends, wanted / times)) is not None:
        # From the first one on, which loads the runtime: a slow computer must come to know; the rest at later starts.
        if until is not None and clock() > until:
            break
        speeds.note(*candidate, _measure(maker, *candidate, source.card.grid, clock))
        until = clock() + _BUDGET_SECONDS if until is None else until
    if until is not None:
        speeds.load = max(speeds.load, _load())
        speeds.write()
    return _chosen(speeds, widths, backends, wanted, times), speeds


def best_of(
    speeds: Speeds,
    options: SegmentOptions,
    widths: Sequence[float],
    frame_rate: float | None = None,
    times: float = 1.0,
) -> Choice:
    """Return what to take of what was measured so far, without measuring.

    Parameters
    ----------
    speeds
        What was measured.
    options
        What a person asked for.
    widths
        Those of the model.
    frame_rate
        Of the clip; None where it is not known.
    times
        As for `choose_speed`.
    """
    widths, backends = to_choose_from(options, widths)
    return _chosen(speeds, sorted(widths), backends, wanted_rate(options, frame_rate), times)


def quicker(own: int, grid: int) -> float:
    """Return how many times as quick a network is at least on another grid than that it was measured on.

    On a smaller one by the side, where most of it goes by the pixels: what a pass costs whatever its size is the same
    on every grid. On a larger one by the pixels.

    Examples
    --------
    >>> quicker(224, 112)
    2.0
    >>> quicker(224, 448)
    0.25
    """
    return min(own / grid, (own / grid) ** 2)


def to_choose_from(options: SegmentOptions, widths: Sequence[float]) -> tuple[tuple[float, ...], list[str]]:
    """Return the widths and the backends that what a person asked for leaves to choose from."""
    if options.width != "auto":
        asked = parse_width(options.width)
        widths = [width for width in widths if abs(width - asked) < 1e-6]
    wanted = BACKENDS[1:] if options.backend == "auto" else (options.backend,)
    installed = installed_backends()
    # One that is asked for and not installed is not left out: what makes it says so.
    return tuple(widths), [name for name in wanted if name in installed or name == options.backend]


def wanted_rate(options: SegmentOptions, frame_rate: float | None) -> float:
    """Return the frames a second to keep up with."""
    return options.rate or frame_rate or DEFAULT_RATE


def _next(speeds: Speeds, widths: Sequence[float], backends: Sequence[str], wanted: float) -> tuple[str, float] | None:
    """Return the next backend and width whose speed could change the choice."""
    first = backends[0]
    for width in widths:
        rate = speeds.rate(first, width)
        if rate is None:
            return first, width
        if rate < wanted * _SPARE / _FACTOR:  # wider ones are out of reach for any backend
            break
    # The others where they may be quicker: at the width that keeps up, and the next wider one.
    width = _fitting(speeds, widths, backends, wanted)[0]
    wider = [w for w in widths if w > width][:1]
    for each in (width, *wider):
        for name in backends:
            if speeds.rate(name, each) is None:
                return name, each
    return None


def _measure(
    make: Callable[[str, float], Backend], name: str, width: float, grid: int, clock: Callable[[], float]
) -> float:
    """Return frames a second of one pass after another; 0 where the backend fails."""
    try:
        backend = make(name, width)
        # As many as run side by side: one alone would leave the other processors idle.
        pictures = np.random.default_rng(0).integers(0, 256, (backend.batch, grid, grid), dtype=np.uint8)
        backend.begin()
        seconds = []
        for _ in range(1 + _PASSES):  # the first one compiles kernels
            start = clock()
            backend(pictures)
            seconds.append(clock() - start)
    except Exception:  # noqa: BLE001 - what fails here is not chosen, and the others are sound
        return 0.0
    return len(pictures) / max(min(seconds[1:]), 1e-6)  # what else wants the processor only makes a pass longer


def _load() -> float:
    """Return how many processes want each processor, a mean of the last minute; 0 where the system does not tell."""
    from matae.threads import processors

    return os.getloadavg()[0] / processors() if hasattr(os, "getloadavg") else 0.0


def _fitting(
    speeds: Speeds, widths: Sequence[float], backends: Sequence[str], wanted: float
) -> tuple[float, str, float]:
    """Return width, backend and rate: the largest that keeps up, else the quickest."""
    known = [(width, *best) for width in widths if (best := speeds.best(width, backends)) is not None]
    if not known:
        return widths[0], backends[0], 0.0
    keep_up = [one for one in known if one[2] >= wanted * _SPARE]
    return keep_up[-1] if keep_up else max(known, key=lambda one: one[2])


def _chosen(
    speeds: Speeds, widths: Sequence[float], backends: Sequence[str], wanted: float, times: float = 1.0
) -> Choice:
    width, backend, rate = _fitting(speeds, widths, backends, wanted / times)
    rate *= times
    # Only the model's own grid was measured: what is concluded from it is not said as if somebody had seen it.
    does = f"does {rate:.0f} frames a second" if times == 1 else f"does about {rate:.0f} frames a second at this grid"
    what = f"width {format_width(width)} on {backend} {does} on this computer"
    if len(widths) == 1:
        return Choice(width, backend, f"Chosen by measurement: {what}.")
    if rate >= wanted * _SPARE:
        why = f"the largest width that keeps up with {wanted:.4g}"
    else:
        why = f"no width keeps up with {wanted:.4g}, this is the quickest"
    return Choice(width, backend, f"Chosen by measurement: {what}; {why}.")
