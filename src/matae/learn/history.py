"""The runs of a study that are kept: unfinished ones to go on with, finished ones to read again."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.files import writing_to
from matae.learn.folders import PLAN, VERDICT, runs_home
from matae.learn.plan import Plan, code_of, is_same_code
from matae.learn.run_lock import is_claimed
from matae.learn.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matae.store import Study

__all__ = ["FinishedRun", "RunInfo", "discard_run", "finished_runs", "unfinished_runs"]


@dataclass(frozen=True)
class RunInfo:
    """A run that was begun and has no verdict yet.

    Parameters
    ----------
    folder
        To go on with it, or discard it.
    name, base, kind
        The model it makes, the one it starts from, ``quick`` or ``full``.
    steps
        Planned steps; 0 before they are.
    under_way
        Whether a process is at work on it.
    """

    folder: Path
    name: str
    base: str
    kind: str
    steps: int
    under_way: bool = False


@dataclass(frozen=True)
class FinishedRun:
    """A run that has its verdict.

    Parameters
    ----------
    folder
        For `matae.learn.load_overlay`.
    name, against
        The model it made, which may have been removed since, and the one it was compared with.
    time
        When the verdict was written, UTC.
    outcome
        What it says, one of `matae.learn.verdict.OUTCOMES`.
    """

    folder: Path
    name: str
    against: str
    time: datetime
    outcome: str

    def verdict(self) -> Verdict:
        """Read the whole verdict.

        Raises
        ------
        TrainError
            If it is gone or damaged by now.
        """
        return Verdict.read(self.folder / VERDICT)


def unfinished_runs(study: Study) -> list[RunInfo]:
    """Return the runs of a study that were begun and have no verdict, the oldest first."""
    return [
        RunInfo(folder, plan.options.name, plan.options.base, plan.options.kind, plan.steps, is_claimed(folder))
        for folder, plan in runs_of(study)
        if not (folder / VERDICT).exists()
    ]


def finished_runs(study: Study) -> list[FinishedRun]:
    """Return the runs of a study that have a verdict, the newest last; damaged ones are left out."""
    found = []
    for folder, _ in runs_of(study):
        with suppress(TrainError, OSError):
            verdict = Verdict.read(folder / VERDICT)
            time = datetime.fromtimestamp((folder / VERDICT).stat().st_mtime, UTC)
            found.append(FinishedRun(folder, verdict.name, verdict.against, time, verdict.outcome))
    return sorted(found, key=lambda run: run.time)


def runs_of(study: Study) -> Iterator[tuple[Path, Plan]]:
    """Yield the folder and the plan of each run of a study, the oldest first; damaged plans are passed over."""
    code = code_of(study)
    for path in sorted(runs_home().glob(f"*/{PLAN}")):
        with suppress(TrainError):
            plan = Plan.read(path.parent)
            if plan is not None and is_same_code(plan.study, code):
                yield path.parent, plan


def discard_run(folder: Path) -> None:
    """Delete a run; a model it has put into the registry stays.

    Raises
    ------
    TrainError
        If it is under way.
    OutputError
        If the folder cannot be written.
    """
    if is_claimed(folder):
        raise TrainError("This run is under way; stop it first, or wait until it is over.")
    with writing_to(folder.parent):
        shutil.rmtree(folder)
