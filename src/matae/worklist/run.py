"""Work off the queue of a study: clip after clip, in processes of their own, until it is empty or somebody pauses it.

The queue is in the study, so whatever happens to the program, the next one goes on where it was. Several programs may
work off one queue: each clip goes to one of them. With a study on a server they may be on several computers, and a clip
whose file is not on this one is left to those that have it.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from matae.cluster.local import LocalPool
from matae.cluster.pool import run_pool
from matae.errors import MataeError, StoreError
from matae.jobs import Failure
from matae.read import is_there
from matae.segment import SegmentOptions
from matae.store.queue import TAKE_S
from matae.worklist.segmenting import StudyJob, StudySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from matae.cluster.worker import Refusal
    from matae.jobs import Outcome
    from matae.store import QueueCounts, QueuedClip, Study
    from matae.worklist.segmenting import StudyOutcome

__all__ = ["Done", "WorkSettings", "work_off"]

_GONE = "bring it back, or add it from where it is now."


@dataclass(frozen=True)
class WorkSettings:
    """How a queue is worked off.

    Parameters
    ----------
    options
        Model, width, device and backend.
    processes
        Clips at a time.
    again
        Segment also what has masks already.
    lease_s
        Seconds for which a clip is taken without being renewed.
    """

    options: SegmentOptions = field(default_factory=SegmentOptions)
    processes: int = 1
    again: bool = False
    lease_s: float = TAKE_S


@dataclass(frozen=True)
class Done:
    """A clip of the queue is done, or could not be.

    Parameters
    ----------
    path
        Its file.
    content_id
        Under which it is in the study; empty where it failed.
    problem
        Why it failed, a sentence; empty where it did not.
    skipped
        It had masks already.
    counts
        How far the queue is.
    notices
        Sentences the user should see, such as why nothing was outlined.
    """

    path: Path
    content_id: str
    problem: str
    skipped: bool
    counts: QueueCounts
    notices: tuple[str, ...] = ()


def work_off(
    study: Study,
    settings: WorkSettings | None = None,
    *,
    paused: Callable[[], bool] = lambda: False,
    leave: Callable[[], bool] = lambda: False,
    notify: Callable[[str], None] = lambda _: None,
) -> Iterator[Done]:
    """Segment and measure what waits in the queue of a study.

    Parameters
    ----------
    study
        Open, under the name of whoever started it; the processes open it once more.
    settings
        How.
    paused
        Asked before each clip: no other is begun once it says so, and those under way are finished.
    leave
        Asked twice a second: once it says so, the processes are ended in the midst of their clips, which wait again.
    notify
        Told of processes that were lost.

    Yields
    ------
    Done
        As each clip ends, in any order.

    Raises
    ------
    MataeError
        If nothing can be done: no model, no device, or the study cannot be written to.
    """
    settings = settings or WorkSettings()
    file = Path(study.target)
    out = file.parent if "://" not in study.target else Path(tempfile.gettempdir())
    common = StudySettings(study.target, out, settings.options, settings.again)
    at_work: dict[Path, QueuedClip] = {}

    on_server, elsewhere, past = "://" in study.target, set[int](), 0

    def jobs() -> Iterator[StudyJob]:
        nonlocal past
        while not (paused() or leave()):
            clip = study.take_next(seconds=settings.lease_s, after=past)
            if clip is None and elsewhere:
                # One before those that were skipped may wait by now. They are named only here: named with every clip
                # that is taken, a list that grows would make many of them slow.
                clip = study.take_next(seconds=settings.lease_s, without=elsewhere)
            if clip is None:
                return
            if not is_there(clip.path):
                if on_server:
                    elsewhere.add(clip.id)
                    past = max(past, clip.id)
                    study.give_back_taken(clip.id)
                    continue
                at_work[clip.path] = clip
                lost.append(Failure(clip.path, f"{clip.path.name} is not where it was; {_GONE}"))
                continue
            try:
                job = StudyJob(_ref_of(clip), replace(common, again=common.again or clip.again))
            except MataeError as error:
                at_work[clip.path] = clip
                lost.append(Failure(clip.path, str(error)))
                continue
            at_work[job.ref.path.absolute()] = clip
            yield job

    lost: list[Failure] = []
    pool = _RenewingPool(settings.processes, study, settings.lease_s, leave)
    try:
        for outcome in run_pool(jobs(), pool, notify):
            while lost:
                yield _finished(study, at_work, lost.pop())
            yield _finished(study, at_work, outcome)
        while lost:
            yield _finished(study, at_work, lost.pop())
    except _LeftError:
        return
    finally:
        with suppress(StoreError):
            study.give_back_taken()


def _finished(study: Study, at_work: dict[Path, QueuedClip], outcome: Outcome | Failure) -> Done:
    clip = at_work.pop(outcome.source.absolute(), None) or at_work.pop(outcome.source)
    if isinstance(outcome, Failure):
        study.finish_queued(clip.id, note=outcome.message)
        return Done(clip.path, "", outcome.message, skipped=False, counts=study.queue_counts())
    made: StudyOutcome | Any = outcome
    study.finish_queued(clip.id, content_id=made.content_id)
    counts = study.queue_counts()
    return Done(clip.path, made.content_id, "", skipped=made.skipped, counts=counts, notices=made.notices)


def _ref_of(clip: QueuedClip) -> Any:
    from matae.read import CineRef, list_cines

    if clip.kind:
        return CineRef(clip.path, clip.label, clip.kind, dict(clip.info))
    found = list_cines(clip.path).only()
    if found is None:
        raise MataeError(f"{clip.path.name} holds several clips; add its folder.")
    return found


class _LeftError(Exception):
    """Whoever started the work does not wait for its end."""


class _RenewingPool(LocalPool):
    """Processes of this machine, and what they are at work on is said to be taken for as long as they are."""

    def __init__(self, count: int, study: Study, lease_s: float, leave: Callable[[], bool]) -> None:
        super().__init__(count)
        self._leave = leave
        self._study, self._lease_s = study, lease_s
        self._renewed = time.monotonic()

    def wait(self, seconds: float) -> Sequence[tuple[int, Outcome | Failure | Refusal]]:
        """Return what was answered; renew what is taken meanwhile."""
        if self._leave():
            raise _LeftError
        now = time.monotonic()
        if now - self._renewed > self._lease_s / 3:
            self._study.renew_taken(seconds=self._lease_s)
            self._renewed = now
        return super().wait(seconds)
