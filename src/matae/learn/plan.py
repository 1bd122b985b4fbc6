"""The plan of a run: what was chosen and frozen, checked before anything begins, and kept so that it can go on."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.files import write_atomic, writing_to
from matae.learn.folders import PLAN, VERDICT, new_run_folder, runs_home
from matae.learn.options import RetrainOptions  # noqa: TC001 - a type that `load_record` looks up
from matae.records import load_record

if TYPE_CHECKING:
    from pathlib import Path

    from matae.nn.card import ModelCard
    from matae.store import Study

__all__ = ["Plan", "base_card", "code_of", "free_name", "new_plan", "start_run"]


_LEAST_LEFT = 0.1  # of the time, however long drawing took: nobody wants a run that learns nothing


@dataclass(frozen=True)
class Plan:
    """What a run needs to go on: no path, no password, nobody's name.

    Parameters
    ----------
    options
        What the person chose, the model's name filled in.
    study
        Code of the study it belongs to.
    release
        Name and number of the frozen labels; None before they are.
    steps
        Planned steps; 0 before they are.
    drawn_s
        Seconds that went into phantoms drawn for this run alone; they count towards the time of its training.
    """

    options: RetrainOptions
    study: str
    release: tuple[str, int] | None = None
    steps: int = 0
    drawn_s: float = 0.0

    @property
    def timed_options(self) -> RetrainOptions:
        """The options with the seconds that are left for the training: a tenth of those chosen at least."""
        seconds = self.options.seconds
        return replace(self.options, seconds=max(seconds - self.drawn_s, _LEAST_LEFT * seconds))

    def write(self, folder: Path) -> None:
        """Write it into the run's folder."""
        values = {
            "options": self.options.to_json(),
            "study": self.study,
            "release": self.release,
            "steps": self.steps,
            "drawn_s": self.drawn_s,
        }
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / PLAN, json.dumps(values, indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> Plan | None:
        """Read the plan of a run; None where there is none.

        Raises
        ------
        TrainError
            If it is damaged.
        """
        try:
            return load_record(cls, json.loads((folder / PLAN).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise TrainError(f"The plan of the run {folder.name} is damaged; start a new retraining.") from None

    def check_study(self, study: Study) -> None:
        """Refuse another study than the one the run belongs to.

        Raises
        ------
        TrainError
            If it is another.
        """
        if not is_same_code(self.study, code_of(study)):
            raise TrainError("This run belongs to another study; open that one to go on.")


def code_of(study: Study) -> str:
    """Return the code of a study, which says nothing outside it."""
    return study.keyed("study")


_SHORTEST = 12
"""Digits of the codes that earlier versions wrote into cards and plans."""


def is_same_code(stored: object, code: str) -> bool:
    """Return whether a code in a card or a plan is this one, or the beginning of it as earlier versions wrote it."""
    return isinstance(stored, str) and len(stored) >= _SHORTEST and code.startswith(stored)


def new_plan(study: Study, options: RetrainOptions) -> Plan:
    """Check what a person chose and return the plan of a new run; see `matae.learn.retrain` for what is refused."""
    from matae.learn.preconditions import check_corrections
    from matae.models import check_name, current_model

    options.check()
    base = base_card(options)
    if options.name:
        check_name(options.name)
        _refuse_taken(options.name)
    check_corrections(study, options, base.classes)
    name = options.name or free_name(f"{options.base}-{options.kind}-1")
    return Plan(replace(options, name=name, against=options.against or current_model()), code_of(study))


def start_run(study: Study, options: RetrainOptions) -> Path:
    """Check what a person chose, and return the folder of a new run that waits to be gone on with."""
    plan = new_plan(study, options)
    folder = new_run_folder()
    plan.write(folder)
    return folder


def base_card(options: RetrainOptions) -> ModelCard:
    """Return the card of the base.

    Raises
    ------
    ModelError
        If there is no such model.
    TrainError
        If it was itself retrained.
    """
    from matae.models import find_model

    card = find_model(options.base).card
    if isinstance(card.training.get("retrain"), dict):
        raise TrainError(
            f"{options.base} was itself retrained; start from its base {card.training['retrain'].get('base')}: all "
            "corrections so far are learnt anew."
        )
    return card


def free_name(wanted: str) -> str:
    """Return a name that no model has and no unfinished run will give: the one wanted, or one counted on from it."""
    from matae.models import list_models

    taken = {entry.name.casefold() for entry in list_models()} | _promised()
    stem, dash, number = wanted.rpartition("-")
    if not (dash and number.isdecimal()):
        stem, number = wanted, "1"
    name, count = wanted, int(number)
    while name.casefold() in taken:
        count += 1
        name = f"{stem}-{count}"
    return name


def _refuse_taken(name: str) -> None:
    """Refuse a name that is another's, before hours went into a model that cannot have it."""
    from matae.models import list_models

    if name.casefold() in {entry.name.casefold() for entry in list_models()}:
        raise TrainError(f"There is a model '{name}' already; choose another name.")
    if name.casefold() in _promised():
        raise TrainError(f"An unfinished run makes a model '{name}'; go on with it, or choose another name.")


def _promised() -> set[str]:
    """Return the names of the models that unfinished runs will make, in small letters."""
    found = set()
    for path in runs_home().glob(f"*/{PLAN}"):
        with suppress(TrainError):
            plan = Plan.read(path.parent)
            if plan is not None and not (path.parent / VERDICT).exists():
                found.add(plan.options.name.casefold())
    return found
