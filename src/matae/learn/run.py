"""Retrain: a study's corrections in, a judged model out. The one function behind the command line and the dock.

Training always starts from the base with all corrections so far, so that what one patient contributed can be taken
back exactly. A run lives in a folder; killed at any moment it goes on from there.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from matae.errors import ModelError
from matae.files import write_atomic, writing_to
from matae.learn.channel import PausedError, RunCallbacks, newly
from matae.learn.data import NothingLearntError, read_data
from matae.learn.events import Done, Event, Stage, Verdicts
from matae.learn.folders import PLAN, VERDICT, new_run_folder, runs_home
from matae.learn.options import RetrainOptions
from matae.learn.plan import Plan, base_card, new_plan, start_run
from matae.learn.run_lock import claim
from matae.learn.training import MODEL, TRAINING, is_made, make_model
from matae.learn.verdict import Verdict
from matae.train.progress import StoppedError, never

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matae.learn.data import RunData
    from matae.store import Study

__all__ = [
    "PLAN",
    "VERDICT",
    "PausedError",
    "Plan",
    "go_on",
    "new_plan",
    "new_run_folder",
    "retrain",
    "runs_home",
    "start_run",
]


def retrain(
    study: Study,
    options: RetrainOptions | None = None,
    *,
    folder: Path | None = None,
    emit: Callable[[Event], None] = lambda _: None,
    should_stop: Callable[[], bool] = never,
    should_pause: Callable[[], bool] = never,
) -> Verdict:
    """Retrain a model on a study's corrections, and judge it against the model in use.

    The new model is in the registry afterwards, with its verdict in its card; it is not put into use, see
    `matae.models.promote`.

    Parameters
    ----------
    study
        An open study; its splits are completed, and the labels frozen as a release.
    options
        What the person chose; the defaults if None. A run that goes on keeps those it began with.
    folder
        Folder of the run: a run found in it goes on. A new one if None.
    emit
        Told everything that happens.
    should_stop
        Asked several times a second; True ends the training, the best so far is kept and judged. A wish to stop that
        comes up while it is judged puts the run aside: the model stays, and is judged when the run goes on.
    should_pause
        The same, but puts the run aside; it goes on when called again with its folder.

    Returns
    -------
    Verdict
        Also in ``verdict.json`` in the folder.

    Raises
    ------
    TrainError, ModelError, StoreError, OutputError, DeviceError
        With what to do next; `matae.learn.run_lock.BusyError` if another process works in the folder.
    PausedError
        If it was put aside.
    """
    folder = folder or start_run(study, options or RetrainOptions())
    with claim(folder):
        return go_on(study, folder, options, link=RunCallbacks(emit, should_stop, should_pause))


def go_on(study: Study, folder: Path, options: RetrainOptions | None = None, *, link: RunCallbacks) -> Verdict:
    """Do what `retrain` does in a folder that the caller holds (`matae.learn.run_lock.claim`)."""
    plan = Plan.read(folder)
    if plan is None:
        plan = new_plan(study, options or RetrainOptions())
        plan.write(folder)
    plan.check_study(study)
    if (folder / VERDICT).is_file():
        return _tell(Verdict.read(folder / VERDICT), link)
    try:
        data, plan = _learn(study, plan, folder, link)
    except NothingLearntError:
        shutil.rmtree(folder / TRAINING, ignore_errors=True)
        replace(plan, release=None, steps=0, drawn_s=0.0).write(folder)  # as if it had never begun
        raise
    return _tell(_judge(study, plan, data, folder, link), link)


def _learn(study: Study, plan: Plan, folder: Path, link: RunCallbacks) -> tuple[RunData, Plan]:
    from matae.learn.blinded import without_hidden_scores
    from matae.models import load_model

    base = base_card(plan.options)
    network, _ = load_model(plan.options.base)
    data, plan = read_data(study, plan, folder, network=network, base=base, link=link)
    if not is_made(plan):
        link = without_hidden_scores(link, data.corrections, study.hidden_from(study.rater))
        plan = make_model(study, plan, data, folder, network=network, base=base, link=link)
    return data, plan


def _judge(study: Study, plan: Plan, data: RunData, folder: Path, link: RunCallbacks) -> Verdict:
    from matae.learn.blinded import without_hidden
    from matae.learn.comparison import judge
    from matae.models import find_model, rewrite_card
    from matae.models.seal import sealed

    options = plan.options
    link.emit(Stage("judging"))
    is_stopped = newly(link.should_stop)  # the wish that ended the training is fulfilled
    try:
        verdict = judge(
            study, data.corrections, name=options.name, against=_against(options, link), device=options.device,
            guard=data.replay.guard, guard_known=data.has_say, kept=data.kept, folder=folder,
            progress=link.stage("judging"), notify=link.notify, should_stop=lambda: link.should_pause() or is_stopped(),
        )  # fmt: skip
    except StoppedError:
        sentence = f"{options.name} was made and not judged; go on with the run to have its verdict."
        raise PausedError(sentence) from None
    card = find_model(options.name).card
    # The card says the same to everybody: no more than somebody may see who has read nothing.
    figures = without_hidden(verdict, study.hidden_from("")).card_figures()
    figures["verdict"] = sealed(figures["verdict"], study.keyed)
    rewrite_card(options.name, replace(card, figures=figures))
    with writing_to(folder):
        write_atomic(folder / VERDICT, json.dumps(verdict.to_json(), indent=1, allow_nan=False).encode())
        # The state of the training is large, and of no more use.
        shutil.rmtree(folder / TRAINING, ignore_errors=True)
        shutil.rmtree(folder / MODEL, ignore_errors=True)
    return verdict


def _against(options: RetrainOptions, link: RunCallbacks) -> str:
    """Return the model to compare with: the base, where the one that was in use is gone by now."""
    from matae.models import find_model

    try:
        return find_model(options.against).name
    except ModelError:
        link.notify(f"{options.against} is gone; the new model is compared with its base {options.base}.")
        return options.base


def _tell(verdict: Verdict, link: RunCallbacks) -> Verdict:
    link.emit(Verdicts(verdict.to_json()))
    link.emit(Done(verdict.name))
    return verdict
