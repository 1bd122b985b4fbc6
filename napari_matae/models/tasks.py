"""What the Models section asks of the registry and a study, off the GUI thread.

Each piece of work opens the study for itself: a study belongs to the thread that opened it.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import MataeError, TrainError
from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from matae.exchange import Progress
    from matae.learn import Forgotten, Verdict
    from matae.learn.events import Event
    from matae.learn.options import ComparisonOptions
    from matae.models import ModelEntry
    from matae.models.seal import Keyed

    Tick = Callable[[Progress], None]
    Stop = Callable[[], bool]

__all__ = ["ModelFacts", "SubjectFacts", "compare", "forget", "list_facts", "list_subjects", "what_goes"]

_STOPPED = "Stopped; nothing was compared and nothing was changed."
_HELD_OUT = "held-out patients"


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model, to be listed.

    Parameters
    ----------
    name
        Its name.
    kind
        ``package``, ``imported``, or how it was retrained.
    parent
        What it was trained from; empty where nothing is stated.
    made
        Day it was made here; empty for those of the package.
    licence
        First line of it.
    dice
        Dice on held-out patients of the study it was retrained in; None where its card has none.
    release
        Labels it learnt from; empty where nothing is stated.
    verdict
        Why it was offered, or was not; empty where nobody compared it.
    why_not
        Why no verdict offers it in the place of the model in use; empty if one does.
    in_use
        Whether it is the one in use.
    problem
        What is wrong with its files; empty if they are whole.
    text
        Its card, to be read.
    """

    name: str
    kind: str = ""
    parent: str = ""
    made: str = ""
    licence: str = ""
    dice: float | None = None
    release: str = ""
    verdict: str = ""
    why_not: str = ""
    in_use: bool = False
    problem: str = ""
    text: str = ""


@dataclass(frozen=True)
class SubjectFacts:
    """What would go with a subject.

    Parameters
    ----------
    subject
        Pseudonym.
    content_ids
        Its cines.
    n_frames
        Labelled frames of them.
    releases
        Releases that hold some of them.
    models
        Models on this machine that learnt from them.
    """

    subject: str
    content_ids: tuple[str, ...]
    n_frames: int
    releases: tuple[str, ...]
    models: tuple[str, ...]


def list_facts(target: str, _tick: Tick, should_stop: Stop) -> list[ModelFacts]:
    """Return all models, the one in use first; one in use that is gone is listed as broken.

    Whether a verdict is genuine only the study `target` can tell; empty if none is open.
    """
    from matae.models import current_model, list_models

    used = current_model()
    found = []
    with _key_of(target) as keyed:
        for entry in list_models():
            if should_stop():
                break
            found.append(_facts(entry, used, keyed))
    if used not in {facts.name for facts in found}:
        gone = f"{used} is in use, but no longer on this machine; go back to the model before it."
        found.insert(0, ModelFacts(used, "gone", in_use=True, problem=gone, text=gone))
    return found


@contextmanager
def _key_of(target: str) -> Iterator[Keyed | None]:
    """Give what a study seals verdicts with; None if there is none, or it cannot be opened."""
    with ExitStack() as stack:
        keyed = None
        with suppress(MataeError):  # the models are listed all the same; their verdicts are then not checked
            keyed = stack.enter_context(own_connection(target)).keyed if target else None
        yield keyed


def _facts(entry: ModelEntry, used: str, keyed: Keyed | None) -> ModelFacts:
    from matae.models import card_text, what_is_broken
    from matae.models.seal import why_not_offered

    in_use = entry.name == used
    problem = what_is_broken(entry)
    try:
        card = entry.card
    except MataeError as error:
        return ModelFacts(entry.name, "broken", in_use=in_use, problem=str(error), text=str(error))
    training, figures = card.training, card.figures
    retrained = training.get("retrain")
    retrained = retrained if isinstance(retrained, dict) else {}
    kind = "package" if entry.bundled else str(retrained.get("kind", "imported"))
    release, verdict = retrained.get("release"), figures.get("verdict")
    dice = _inner(figures.get(_HELD_OUT), "dice", "after")
    return ModelFacts(
        entry.name,
        kind,
        parent=str((card.parent or {}).get("name", "")),
        made="" if entry.bundled else _day(entry.folder / "model.safetensors"),
        licence=card.licence.partition("\n")[0],
        dice=dice if isinstance(dice, float) else None,
        release=f"{release.get('name')} {release.get('number')}" if isinstance(release, dict) else "",
        verdict=str(verdict.get("sentence", "")) if isinstance(verdict, dict) else "",
        why_not=why_not_offered(card, used, keyed),
        in_use=in_use,
        problem=problem,
        text=f"{card_text(card)}\n\nFolder: {entry.folder}",
    )


def _inner(values: object, *keys: str) -> object:
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _day(path: Path) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
    except OSError:
        return ""


def compare(target: str, options: ComparisonOptions, folder: Path, tick: Tick, should_stop: Stop) -> Verdict:
    """Compare two models on a side of the study; outlines of the frames that differ most go into a folder."""
    from matae.exchange import Progress
    from matae.learn import compare_models
    from matae.train.progress import StoppedError

    start = time.monotonic()

    def tell(done: int, total: int) -> None:
        left = (time.monotonic() - start) * (total - done) / done if done else None
        tick(Progress(done, total, left, "Comparing clips"))

    try:
        with own_connection(target) as study:
            return compare_models(
                study, options.before, options.after, split=options.split, device=options.device, folder=folder,
                progress=tell, should_stop=should_stop,
            )  # fmt: skip
    except StoppedError:
        raise TrainError(_STOPPED) from None


def list_subjects(target: str) -> list[str]:
    """Return the subjects of a study, in order."""
    with own_connection(target) as study:
        return sorted({cine.subject for cine in study.cines() if cine.subject} | set(study.splits()))


def what_goes(target: str, subject: str) -> SubjectFacts:
    """Return what would go if a subject were forgotten.

    Raises
    ------
    StoreError
        If there is no such subject.
    """
    from matae.errors import StoreError
    from matae.learn import models_trained_on

    with own_connection(target) as study:
        cines = [cine for cine in study.cines() if cine.subject == subject]
        if not cines and subject not in study.splits():
            raise StoreError(f"There is no subject {subject} in {study.name} any more; choose another.")
        mine = {cine.content_id for cine in cines}
        releases = [
            f"{release.name} {release.number}"
            for release in study.releases()
            if any(frame.content_id in mine for frame in study.release_frames(release.name, release.number))
        ]
        models = [entry.name for entry in models_trained_on(study, subject)]
    return SubjectFacts(subject, tuple(sorted(mine)), sum(c.n_labelled for c in cines), tuple(releases), tuple(models))


def forget(target: str, subject: str, again: bool, tick: Tick, should_stop: Stop) -> Forgotten:
    """Forget a subject, and train the models that learnt from it anew where wished, apart from the viewer."""
    from matae.exchange import Progress
    from matae.learn import forget_patient, retrain_apart
    from matae.learn.events import Stage, Started, Step

    name = ""

    def emit(event: Event) -> None:
        nonlocal name
        if isinstance(event, Started):
            name = event.name
        elif isinstance(event, Step):
            tick(Progress(event.step, event.steps, event.seconds_left, f"Training {name} anew, step"))
        elif isinstance(event, Stage) and event.total:
            tick(Progress(event.done, event.total, None, event.stage.capitalize()))

    with own_connection(target) as study:
        return forget_patient(study, subject, again=again, train=retrain_apart, emit=emit, should_stop=should_stop)
