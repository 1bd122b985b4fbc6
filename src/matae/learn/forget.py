"""Forget a patient: out of the study, and out of every model that learnt from them.

Exact, because training always starts from the base: a model that is trained anew without the patient is what it would
have been had they never been there. Models keep subjects under the study's key only, so this must be asked before the
study forgets.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matae.errors import MataeError, StoreError, TrainError
from matae.learn.channel import PausedError
from matae.learn.folders import VERDICT
from matae.learn.history import runs_of
from matae.learn.options import RetrainOptions
from matae.learn.plan import is_same_code
from matae.learn.run import retrain
from matae.learn.run_lock import BusyError, claim
from matae.learn.uncorrected import Uncorrected
from matae.learn.verdict import Verdict
from matae.records import RecordError
from matae.train.progress import never

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path
    from typing import Any

    from matae.learn.events import Event
    from matae.learn.plan import Plan
    from matae.models import ModelEntry
    from matae.store import Study

__all__ = ["Forgotten", "facts_of", "forget_patient", "models_trained_on"]


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
    was_in_use
        The model in use before.
    """

    n_cines: int
    removed: tuple[str, ...]
    retrained: dict[str, Verdict]
    failed: dict[str, str]
    in_use: str
    was_in_use: str

    @property
    def change(self) -> str:
        """That another model is in use now, in a sentence; empty if it is the same one and it was not made anew."""
        if self.was_in_use not in self.removed:
            return ""
        if self.in_use == self.was_in_use:
            return f"{self.in_use} was made anew without them and stays in use; its masks may differ from before."
        return (
            f"The model in use has changed: {self.was_in_use} learnt from them and is gone, {self.in_use} is in use "
            "now. New masks may be worse: look at a few before you go on."
        )


def models_trained_on(study: Study, subject: str) -> list[ModelEntry]:
    """Return the models on this machine that learnt from a subject of this study."""
    from matae.models import list_models

    keyed, code = study.keyed(subject), study.keyed("study")
    found = []
    for entry in list_models():
        facts = facts_of(entry)
        if is_same_code(facts.get("study"), code) and any(is_same_code(s, keyed) for s in facts.get("subjects", ())):
            found.append(entry)
    return found


def facts_of(entry: ModelEntry) -> dict[str, Any]:
    """Return what the card of a model says of its retraining; empty where it was not retrained."""
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
    train: Callable[..., Verdict] = retrain,
    emit: Callable[[Event], None] = lambda _: None,
    should_stop: Callable[[], bool] = never,
) -> Forgotten:
    """Forget a subject: the study, its releases, and the models on this machine.

    Models that learnt from the subject are removed first, so that a crash on the way never leaves one behind that
    nobody could find any more; the study follows, then each model is trained anew from its base. Runs of the study go,
    with the verdicts in them, but for finished ones in which the subject took no part: those still say what learning
    from the others came to (`matae.learn.forecast`).

    Parameters
    ----------
    study
        An open study.
    subject
        Pseudonym.
    again
        Train the removed models anew, with the choices they were made with.
    train
        What trains them: `matae.learn.run.retrain` here, or `matae.learn.client.retrain_apart` in a process of its own.
    emit, should_stop
        As for `matae.learn.run.retrain`, for each of them.

    Raises
    ------
    StoreError
        If there is no such subject; nothing was changed.
    TrainError
        If a retraining of this study is under way, which would bring the subject back; nothing was changed.
    """
    from matae.models import current_model, promote, remove_model

    if subject not in {summary.subject for summary in study.cines()} | set(study.splits()):
        raise StoreError(f"There is no subject {subject} in {study.name}; look at 'napari-matae study status'.")
    used = current_model()
    with ExitStack() as stack:
        runs = dict(runs_of(study))
        try:
            for folder in runs:
                stack.enter_context(claim(folder))
        except BusyError:
            raise TrainError(
                f"A retraining of this study is under way and may have learnt from {subject}; stop it or wait until it "
                "is over, then forget them."
            ) from None
        made_with = {plan.options.name: plan.options for plan in runs.values()}
        chosen = {entry.name: _options(entry, made_with) for entry in models_trained_on(study, subject)}
        going = _runs_with(study, subject, runs, chosen)
        for name in chosen:
            remove_model(name)
        # Runs keep weights and labels of everybody in them.
        for folder in going:
            shutil.rmtree(folder, ignore_errors=True)
        n_cines = study.forget_subject(subject)
    for folder in going:
        shutil.rmtree(folder, ignore_errors=True)  # what was held open: Windows deletes no such file
    retrained: dict[str, Verdict] = {}
    failed: dict[str, str] = {}
    # The one that was in use first: the others are judged against the one that is in use after it.
    for name, options in sorted(chosen.items(), key=lambda item: item[0] != used) if again else ():
        if options is None:
            failed[name] = (
                "The frames that were mixed in came from a folder nobody knows any more; retrain it, choosing one."
            )
            continue
        try:
            # Judged against what is in use by now, which it would replace: any other verdict offers it to nobody.
            chosen_now = replace(options, against=current_model())
            retrained[name] = verdict = train(study, chosen_now, emit=emit, should_stop=should_stop)
            if name == used and verdict.offered:
                promote(name, keyed=study.keyed)
        except (MataeError, PausedError) as error:
            failed[name] = str(error)
    return Forgotten(n_cines, tuple(chosen), retrained, failed, current_model(), used)


def _runs_with(study: Study, subject: str, runs: Mapping[Path, Plan], removed: Collection[str]) -> list[Path]:
    """Return the folders of the runs that a subject took part in, who is in the study still, and of unfinished ones.

    A run that compared its model with one that learnt from them is among them: half of its figures come from that.
    """
    theirs = {cine.content_id for cine in study.cines() if cine.subject == subject}
    found = {folder for folder, plan in runs.items() if _took_part(study, subject, theirs, folder, plan)}
    made = {*removed, *(runs[folder].options.name for folder in found)}
    return [folder for folder, plan in runs.items() if folder in found or plan.options.against in made]


def _took_part(study: Study, subject: str, theirs: AbstractSet[str], folder: Path, plan: Plan) -> bool:
    """Return whether a label of a subject was frozen for a run, or an uncorrected frame of theirs taught or guarded."""
    if plan.release is None:
        return True
    try:
        verdict, uncorrected = Verdict.read(folder / VERDICT), Uncorrected.read(folder) or Uncorrected()
    except TrainError:
        return True  # unfinished, or nobody can tell
    frozen = {row.content_id for row in study.release_frames(*plan.release)}
    looked_at = uncorrected.guard.keys() | uncorrected.learnt.keys() | uncorrected.between.keys()
    judged = {frame.patient for side in (verdict.held_out, verdict.agreement) for frame in side.frames}
    return not frozen or not theirs.isdisjoint(frozen | looked_at) or study.keyed(subject) in judged


def _options(entry: ModelEntry, made_with: Mapping[str, RetrainOptions]) -> RetrainOptions | None:
    """Return the choices a model was made with: those of its run, else what its card says; None if that is too little.

    With the same steps as before the seed decides everything.
    """
    facts, steps = facts_of(entry), entry.card.training.get("steps")
    options = made_with.get(entry.name)
    if options is None:
        if "replay" not in facts.get("options", {}):  # a folder's: its path is not in the card
            return None
        try:
            options = RetrainOptions.from_json(facts["options"])
        except RecordError:
            return None
    return replace(options, name=entry.name, steps=steps if isinstance(steps, int) else 0)
