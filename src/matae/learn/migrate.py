"""What a study of an earlier version lacks, and mending what can be mended: patients, and what models know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import MataeError
from matae.learn.forget import facts_of
from matae.learn.gather import SIDES
from matae.learn.plan import code_of, is_same_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from matae.store import CineEntry, CineSummary, Study

__all__ = ["Mended", "mend_study", "what_is_lacking"]


@dataclass(frozen=True)
class Mended:
    """What was mended.

    Parameters
    ----------
    models
        Models on this machine whose use of clips is noted now, and of how many.
    named
        Clips whose patient is known now, by the word of their files.
    left
        Why the others stay as they are, a sentence each.
    """

    models: dict[str, int]
    named: tuple[CineEntry, ...]
    left: tuple[str, ...]


def what_is_lacking(study: Study) -> list[str]:
    """Return what a study made by an earlier version lacks, a sentence each; none of it is damage."""
    from matae.store.types import SubjectSource

    cines = study.cines()
    by_source = {source: [c for c in cines if c.subject_source is source] for source in SubjectSource}
    guessed, earlier = by_source[SubjectSource.GUESSED], by_source[SubjectSource.EARLIER]
    found = []
    if guessed:
        found.append(
            f"The patient of {_clips(guessed)} was guessed from the file's name by an earlier version and counts as "
            "unknown: 'study migrate' asks the files, 'study patient' lists what is left."
        )
    unknown = [cine for cine in cines if cine.subject is None and cine.n_labelled]
    if unknown:
        found.append(f"Nobody has said whom {_clips(unknown)} with labels show: 'study patient' lists and names them.")
    if earlier:
        found.append(f"The patient code of {_clips(earlier)} was given before the study noted by whom.")
    if guessed or earlier:
        found.append(
            "Sectors, flips and pixel sizes that were set by hand before the study kept them are not in it: where you "
            "set one, set it again."
        )
    models = _uses(study)
    if models:
        found.append(f"It is not noted which clips {', '.join(models)} learnt from: 'study migrate' reads their cards.")
    return found


def mend_study(
    study: Study,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Mended:
    """Note what models on this machine know, then ask the files whose patient nobody said.

    Parameters
    ----------
    study
        An open study.
    progress
        Called with (clips read again, in all).

    Raises
    ------
    StoreError
        If the study cannot be written to.
    """
    noted = {}
    for name, (trained, judged) in _uses(study).items():
        study.note_model_use(name, "trained", trained)
        study.note_model_use(name, "judged", judged)
        noted[name] = len(trained | judged)
    cines = [cine for cine in study.cines() if _is_open(cine)]
    named, left = [], []
    for done, cine in enumerate(cines):
        if progress is not None:
            progress(done, len(cines))
        entry, sentence = _ask_file(study, cine)
        if entry is not None and cine.known_subject is None:
            named.append(entry)
        if sentence:
            left.append(sentence)
    if progress is not None:
        progress(len(cines), len(cines))
    return Mended(noted, tuple(named), tuple(left))


def _is_open(cine: CineSummary) -> bool:
    """Return whether the file of a cine can say more than the study knows."""
    from matae.store.types import SubjectSource

    return cine.known_subject is None or (cine.subject_source is SubjectSource.EARLIER and not cine.is_stated)


def _ask_file(study: Study, cine: CineSummary) -> tuple[CineEntry | None, str]:
    """Return a cine's entry where its patient is known now, else None and why not."""
    from matae.read import open_cine

    is_unknown = cine.known_subject is None
    path = study.path_of(cine.content_id)
    if not path.name or not path.exists():
        return None, f"{cine.stem}: its file is not where it was; open it from where it is now." if is_unknown else ""
    try:
        opened = open_cine(path)
    except MataeError as error:
        return None, f"{cine.stem}: {error}" if is_unknown else ""
    if opened.content_id != cine.content_id:
        return None, f"{cine.stem}: its file shows other pixels by now." if is_unknown else ""
    entry = study.add_as_stated(opened)
    note = f"{cine.stem}: {entry.subject_note}" if entry.subject_note else ""
    return (None if entry.known_subject is None else entry), note


def _uses(study: Study) -> dict[str, tuple[set[str], set[str]]]:
    """Return, by their cards, which cines models on this machine were trained and judged with and that is not noted."""
    from matae.models import list_models

    code, known, sides = code_of(study), study.models_noted(), study.splits()
    subjects = {cine.content_id: cine.subject for cine in study.cines()}
    keyed = {study.keyed(content_id): content_id for content_id in subjects}
    found = {}
    for entry in list_models():
        facts = facts_of(entry)
        if entry.name in known or not is_same_code(facts.get("study"), code):
            continue
        stored = facts.get("clips")
        codes = stored if isinstance(stored, list) else []
        trained = {c for key, c in keyed.items() if any(is_same_code(code_, key) for code_ in codes)}
        judged = {c for c in _released(study, facts) - trained if sides.get(subjects.get(c) or "") in SIDES}
        if trained or judged:
            found[entry.name] = trained, judged
    return found


def _released(study: Study, facts: dict[str, Any]) -> set[str]:
    release = facts.get("release")
    if not isinstance(release, dict):
        return set()
    rows = study.release_frames(str(release.get("name", "")), int(release.get("number", 0) or 0))
    return {row.content_id for row in rows}


def _clips(cines: list[CineSummary]) -> str:
    return "1 clip" if len(cines) == 1 else f"{len(cines)} clips"
