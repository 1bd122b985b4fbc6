"""What the Retrain section asks of a study, off the GUI thread: whether it can learn, and runs begun or gone on with.

Each piece of work opens the study for itself: a study belongs to the thread that opened it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from matae.errors import MataeError
from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from matae.learn import FinishedRun, LearnRun, RetrainOptions, RunInfo
    from matae.learn.events import Event
    from matae.learn.verdict import Verdict
    from matae.store import Study
    from matae.store.types import CineSummary

__all__ = ["OpenedRun", "OpenedVerdict", "Readiness", "discard", "go_on", "look", "open_verdict", "start", "tidy_up"]


@dataclass(frozen=True)
class Readiness:
    """Whether something can be learnt.

    Parameters
    ----------
    ready
        Whether it can.
    sentence
        From how much; or what is missing, with what to do next.
    runs
        Runs of the study that were begun and have no verdict.
    finished
        Those that have one, the newest first.
    """

    ready: bool
    sentence: str
    runs: tuple[RunInfo, ...] = ()
    finished: tuple[FinishedRun, ...] = ()


@dataclass(frozen=True, eq=False)
class OpenedRun:
    """A run whose process was started.

    Parameters
    ----------
    run
        To be followed.
    past
        What it said in earlier sittings.
    """

    run: LearnRun
    past: tuple[Event, ...] = ()


@dataclass(frozen=True, eq=False)
class OpenedVerdict:
    """A verdict that was read again.

    Parameters
    ----------
    run
        Of which run.
    verdict
        The whole of it.
    past
        What the run said, for its curves.
    """

    run: FinishedRun
    verdict: Verdict
    past: tuple[Event, ...] = ()


def look(target: str, options: RetrainOptions) -> Readiness:
    """Return whether a study's corrections can be learnt from with these choices."""
    from matae.learn import finished_runs, unfinished_runs
    from matae.learn.forecast import earlier_points, forecast, forecast_sentence
    from matae.learn.gather import current_corrections
    from matae.learn.plan import new_plan

    with own_connection(target) as opened:
        runs, finished = tuple(unfinished_runs(opened)), tuple(reversed(finished_runs(opened)))
        study = cast("Study", _Undrawn(opened))
        try:
            new_plan(study, options)  # it only checks: nothing is written before a run has a folder
            found = current_corrections(study, options)
            expected = forecast(earlier_points(opened, options))
        except MataeError as error:
            sentence = " ".join(part for part in (str(error), _held_back(study, options)) if part)
            return Readiness(ready=False, sentence=sentence, runs=runs, finished=finished)
    held_out = "val", "test"
    sentence = (
        f"{_frames(found.count('train'))} of {_patients(len(found.patients('train')))} to learn from, "
        f"{_frames(found.count(*held_out))} of {_patients(len(found.patients(*held_out)), 'held-out ')} to judge by."
    )
    more = [] if expected is None else [forecast_sentence(expected)]
    return Readiness(ready=True, sentence=" ".join([sentence, *found.notices, *more]), runs=runs, finished=finished)


def _held_back(study: Study, options: RetrainOptions) -> str:
    """Return how many corrected frames are there and not learnt from, because of their patients' side."""
    from matae.learn.gather import current_corrections

    try:
        found = current_corrections(study, options)
    except MataeError:
        return ""
    count = found.count("val", "test")
    verb = "is" if count == 1 else "are"
    return f"{_frames(count)} {verb} of held-out patients: they judge a model and are not learnt from." if count else ""


class _Undrawn:
    """A study with the sides that its subjects would be drawn on; drawing them is for a run, not for a look.

    Parameters
    ----------
    study
        An open study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def assign_splits(self) -> dict[str, str]:
        return self.splits()

    def splits(self) -> dict[str, str]:
        known = self._study.splits()
        subjects = {summary.known_subject for summary in self._study.cines()} - {None} - set(known)
        return known | {subject: self._study.side_for(subject) for subject in subjects if subject is not None}

    def cines(self) -> list[CineSummary]:
        sides = self.splits()
        return [
            summary if summary.known_subject is None else replace(summary, split=sides[summary.known_subject])
            for summary in self._study.cines()
        ]


def _frames(number: int) -> str:
    return f"{number:,} corrected frame{'s' * (number != 1)}"


def _patients(number: int, which: str = "") -> str:
    return f"{number:,} {which}patient{'s' * (number != 1)}"


def start(target: str, options: RetrainOptions, should_stop: Callable[[], bool]) -> OpenedRun:
    """Start a new run; see `matae.learn.LearnRun.start` for what is refused."""
    from matae.learn import LearnRun

    with own_connection(target) as study:
        return _unless_left(LearnRun.start(study, options), (), should_stop)


def go_on(target: str, folder: Path, should_stop: Callable[[], bool]) -> OpenedRun:
    """Go on with a run; see `matae.learn.LearnRun.resume` for what is refused."""
    from matae.learn import LearnRun

    past = _past(folder)
    with own_connection(target) as study:
        return _unless_left(LearnRun.resume(study, folder), past, should_stop)


def _unless_left(run: LearnRun, past: tuple[Event, ...], should_stop: Callable[[], bool]) -> OpenedRun:
    if should_stop():  # the dock was closed meanwhile: nobody is there to follow it
        run.close()
    return OpenedRun(run, past)


def _past(folder: Path) -> tuple[Event, ...]:
    from matae.learn.events import Started, Step, Validation, load_event
    from matae.learn.worker import EVENTS

    with suppress(OSError):
        text = (folder / EVENTS).read_text(encoding="utf-8", errors="replace")
        found = (load_event(line) for line in text.splitlines())
        return tuple(event for event in found if isinstance(event, (Started, Step, Validation)))
    return ()


def open_verdict(run: FinishedRun) -> OpenedVerdict:
    """Read the verdict of a run again; see `matae.learn.FinishedRun.verdict` for what is refused."""
    return OpenedVerdict(run, run.verdict(), _past(run.folder))


def discard(folder: Path) -> None:
    """Delete a run; see `matae.learn.discard_run`."""
    from matae.learn import discard_run

    discard_run(folder)


def tidy_up(run: LearnRun) -> None:
    """Wait for the process of a run that is over; one that was refused before it learnt anything leaves nothing."""
    from matae.learn import discard_run
    from matae.learn.plan import Plan

    run.close()
    if run.failed is not None and not run.failed.resumable:
        with suppress(MataeError):
            plan = Plan.read(run.folder)
            if plan is not None and not plan.steps:
                discard_run(run.folder)
