"""What a retraining run says while it works: typed, one JSON line each."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar, get_args

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "Done",
    "Event",
    "Failed",
    "Notice",
    "Stage",
    "Started",
    "Step",
    "Stopped",
    "Stopping",
    "Validation",
    "Verdicts",
    "dump_event",
    "load_event",
]


@dataclass(frozen=True)
class Started:
    """The run has its data; training begins, or goes on at `step`.

    Parameters
    ----------
    name
        Of the model that will come out.
    base
        Model it starts from.
    kind
        ``quick`` or ``full``.
    device
        As people know it.
    steps, seconds
        Planned optimiser steps, and the time budget.
    step
        0, or where a run that was killed goes on.
    n_frames, n_patients
        Frames to learn from.
    n_held_out_frames, n_held_out_patients
        Frames of validation patients: checks on the way look at them, or at some of them.
    n_replay
        Frames mixed in so that nothing is forgotten.
    n_unlabelled
        Frames nobody corrected that teach by self-training.
    n_pseudo_labelled
        Frames between corrected ones that were filled and teach as pseudo-labels.
    n_checked
        Held-out frames that each check on the way looks at; 0 in runs of versions that did not say.
    """

    kind_of: ClassVar[str] = "started"
    name: str
    base: str
    kind: str
    device: str
    steps: int
    seconds: float
    step: int
    n_frames: int
    n_patients: int
    n_held_out_frames: int
    n_held_out_patients: int
    n_replay: int
    n_unlabelled: int = 0
    n_pseudo_labelled: int = 0
    n_checked: int = 0

    @property
    def held_out(self) -> str:
        """The held-out frames in words, and how many of them a check looks at where it leaves some out."""
        some = f"{self.n_checked:,} of " if 0 < self.n_checked < self.n_held_out_frames else ""
        return f"{some}{self.n_held_out_frames:,} frames of {self.n_held_out_patients:,} held-out patients"


@dataclass(frozen=True)
class Stage:
    """What the run does: ``reading``, ``filling``, ``replay``, ``training`` or ``judging``; `done` of `total`."""

    kind_of: ClassVar[str] = "stage"
    stage: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Step:
    """A training step: its loss, how often each frame was seen, seconds so far and left, memory in MB."""

    kind_of: ClassVar[str] = "step"
    step: int
    steps: int
    epoch: float
    loss: float | None
    seconds: float
    seconds_left: float
    memory_mb: float
    chunk: int


@dataclass(frozen=True)
class Validation:
    """Frame-mean Dice and IoU of the frozen validation patients at each width ("1/8", ..., "1"), on the network's grid.

    `best` is the step whose weights are kept if the run ends now. Step 0 is where
    the training begins: the base, for ``quick`` after its batch statistics were adapted to the site.
    """

    kind_of: ClassVar[str] = "validation"
    step: int
    loss: float | None
    seconds: float
    dice: dict[str, float] = field(default_factory=dict)
    iou: dict[str, float] = field(default_factory=dict)
    best: int = 0


@dataclass(frozen=True)
class Notice:
    """Something worth knowing happened; a sentence."""

    kind_of: ClassVar[str] = "notice"
    sentence: str


@dataclass(frozen=True)
class Stopping:
    """The wish to stop was heard; said at once."""

    kind_of: ClassVar[str] = "stopping"


@dataclass(frozen=True)
class Stopped:
    """Training ended because somebody stopped it; the weights of step `best` are kept and judged next."""

    kind_of: ClassVar[str] = "stopped"
    step: int
    best: int


@dataclass(frozen=True)
class Verdicts:
    """The verdict is there: `matae.learn.verdict.Verdict` as JSON values."""

    kind_of: ClassVar[str] = "verdict"
    verdict: dict[str, Any]


@dataclass(frozen=True)
class Done:
    """The run is over; the model is in the registry under this name, not in use yet."""

    kind_of: ClassVar[str] = "done"
    name: str


@dataclass(frozen=True)
class Failed:
    """The run is over without a model; one sentence for the person. `resumable`: it can be started again."""

    kind_of: ClassVar[str] = "failed"
    sentence: str
    resumable: bool = False


Event = Started | Stage | Step | Validation | Notice | Stopping | Stopped | Verdicts | Done | Failed
_KINDS = {kind.kind_of: kind for kind in get_args(Event)}


def dump_event(event: Event) -> str:
    """Return an event as one line of JSON, numbers that are none as null."""
    return json.dumps({"event": event.kind_of} | _finite(asdict(event)), allow_nan=False)


def load_event(line: str) -> Event | None:
    """Return the event of a line; None for a line that holds none that is known here, as after a crash."""
    try:
        values = json.loads(line)
        kind = _KINDS[values.pop("event")]
        known = {f.name: values[f.name] for f in fields(kind) if f.name in values}
        if not all(_is_of(known[f.name], str(f.type)) for f in fields(kind) if f.name in known):
            return None  # of another version
        made: Event = kind(**known)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return made


def _is_of(value: Any, kind: str) -> bool:
    """Return whether a JSON value can be that of a field: thousands are read at once, so by hand; no number is null."""
    inner = value.values() if isinstance(value, dict) else [value]
    if isinstance(value, dict) != kind.startswith("dict"):
        return False
    if "float" in kind:
        return all(one is None or type(one) in (int, float) for one in inner)
    plain = {"int": int, "bool": bool, "str": str}.get(kind)
    return plain is None or type(value) is plain


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
