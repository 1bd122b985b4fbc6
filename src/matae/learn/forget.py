"""Forget a patient: out of the study, and out of every model that learnt from them.

Exact, because training always starts from the base: a model that is trained anew without the patient is what it would
have been had they never been there. Models keep subjects under the study's key only, so this must be asked before the
study forgets.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matae.errors import MataeError, ModelError
from matae.learn.options import RetrainOptions
from matae.learn.run import Plan, retrain, runs_home
from matae.train.watch import never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from matae.learn.events import Event
    from matae.learn.verdict import Verdict
    from matae.models import ModelEntry
    from matae.store import Study

__all__ = ["Forgotten", "forget_patient", "models_trained_on"]


@dataclass(frozen=True)
class Forgotten:
    """What forgetting a patient did.

    Parameters
    ----------
    n_cines
        Cines that went from the study.
    removed
        Models that had learnt from the patient and are gone.
    retrained
        Model to the verdict of the one trained anew in its place.
    failed
        Model to the sentence why it could not be trained anew.
    in_use
        The model in use afterwards.
    """

    n_cines: int
    removed: tuple[str, ...]
    retrained: dict[str, Verdict]
    failed: dict[str, str]
    in_use: str


def models_trained_on(study: Study, subject: str) -> list[ModelEntry]:
    """Return the models on this machine that learnt from a subject of this study."""
    from matae.models import list_models

    keyed, code = study.keyed(subject), study.keyed("study")
    found = []
    for entry in list_models():
        facts = _facts(entry)
        if facts.get("study") == code and keyed in facts.get("subjects", ()):
            found.append(entry)
    return found


def _facts(entry: ModelEntry) -> dict[str, Any]:
    try:
        facts = entry.card.training.get("retrain")
    except MataeError:
        return {}
    return facts if isinstance(facts, dict) else {}


def forget_patient(
    study: Study,
    subject: str,
    *,
    again: bool = True,
    emit: Callable[[Event], None] = lambda _: None,
    should_stop: Callable[[], bool] = never,
) -> Forgotten:
    """Forget a subject: the study, its releases, and the models on this machine.

    Models that learnt from the subject are removed first, so that a crash on the way never leaves one behind that
    nobody could find any more; the study follows, then each model is trained anew from its base.

    Parameters
    ----------
    study
        An open study.
    subject
        Pseudonym.
    again
        Train the removed models anew, with the choices they were made with.
    emit, should_stop
        As for `matae.learn.run.retrain`, for each of them.

    Raises
    ------
    StoreError
        If there is no such subject; nothing was changed.
    """
    from matae.errors import StoreError
    from matae.models import current_model, promote, remove_model

    if subject not in {summary.subject for summary in study.cines()} | set(study.splits()):
        raise StoreError(f"There is no subject {subject} in {study.name}; look at 'napari-matae study status'.")
    affected = models_trained_on(study, subject)
    used = current_model()
    runs = _runs(study)
    chosen = {entry.name: _options(entry, runs) for entry in affected}
    for entry in affected:
        remove_model(entry.name)
    # Runs keep weights and labels of everybody; those of this study go.
    for folder in runs:
        shutil.rmtree(folder, ignore_errors=True)
    n_cines = study.forget_subject(subject)
    retrained: dict[str, Verdict] = {}
    failed: dict[str, str] = {}
    for name, options in chosen.items() if again else ():
        try:
            verdict = retrain(study, options, emit=emit, should_stop=should_stop)
        except MataeError as error:
            failed[name] = str(error)
            continue
        retrained[name] = verdict
        if name == used and verdict.offered:
            try:
                promote(name)
            except ModelError as error:
                failed[name] = str(error)
    return Forgotten(n_cines, tuple(chosen), retrained, failed, current_model())


def _runs(study: Study) -> dict[Path, RetrainOptions]:
    """Return the runs of a study, with what was chosen for each."""
    found, code = {}, study.keyed("study")
    for path in runs_home().glob("*/plan.json"):
        with suppress(MataeError):
            plan = Plan.read(path.parent)
            if plan is not None and plan.study == code:
                found[path.parent] = plan.options
    return found


def _options(entry: ModelEntry, runs: Mapping[Path, RetrainOptions]) -> RetrainOptions:
    """Return the choices a model was made with: those of its run, else what its card says."""
    facts = _facts(entry)
    options = RetrainOptions.from_json(facts.get("options", {}))
    options = next((chosen for chosen in runs.values() if chosen.name == entry.name), options)
    steps = entry.card.training.get("steps")
    # The same steps as before: then the seed decides everything.
    return replace(options, name=entry.name, steps=steps if isinstance(steps, int) else 0, against=options.base)
