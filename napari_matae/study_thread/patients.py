"""What the study is asked and told about whom cines show, and the words for it; runs in the study's own thread."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from matae.store.types import SubjectSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matae.store import Study
    from matae.store.types import CineEntry, CineSummary

__all__ = ["Scope", "name_clip", "name_clips", "name_files", "scopes_of", "state_of", "why_unknown"]


class Scope(StrEnum):
    """Which clips a person means."""

    NUMBER = "all clips of this patient number"
    CLIP = "this clip"
    ONLY = "this clip alone: its number is wrong"
    FOLDER = "all clips of this folder"


_SOURCES = {
    SubjectSource.FILE: "By the patient number in the file, under the study's key.",
    SubjectSource.DATA_SET: "As the data set names the patient.",
    SubjectSource.PERSON: "As a reader said.",
    SubjectSource.CORRECTED: "As a reader said of this clip alone, against the number in its file.",
    SubjectSource.EARLIER: "Given before the study noted by whom.",
}
_GUESSED = (
    "▲ Unknown: an earlier version guessed this code from the name of the file. Confirm it, or give the right one."
)
_NOBODY = "Neither the file nor a person says which patient it shows."


def scopes_of(entry: CineEntry) -> tuple[Scope, ...]:
    """Return which clips can be meant beside a cine, the usual first."""
    if not entry.is_stated:
        return Scope.CLIP, Scope.FOLDER
    if entry.subject_source is SubjectSource.CORRECTED:
        return Scope.ONLY, Scope.FOLDER
    return Scope.NUMBER, Scope.ONLY, Scope.FOLDER


def state_of(entry: CineEntry) -> str:
    """Return a sentence on who says whom a cine shows, or why nobody does."""
    if entry.subject_source is SubjectSource.GUESSED:
        return " ".join(filter(None, (_GUESSED, entry.subject_note)))
    if entry.subject is None or entry.subject_source is None:
        return f"▲ Unknown: {entry.subject_note or _NOBODY}"
    return " ".join(filter(None, (_SOURCES[entry.subject_source], entry.subject_note)))


def why_unknown(summary: CineSummary) -> str:
    """Return why the patient of a cine is unknown, for a table."""
    if summary.subject_source is SubjectSource.GUESSED:
        return f"only guessed: {summary.subject}"
    return "nobody has said"


def name_clip(study: Study, content_id: str, code: str, scope: Scope) -> str:
    """Say whom a cine shows, and with it others; return what was done, a sentence.

    Raises
    ------
    StoreError
        If something depends on whom one of them showed so far; nothing is changed then.
    """
    if scope is Scope.FOLDER:
        path = study.path_of(content_id)
        said = study.set_folder_subject(path.parent, code)
        words = f"{_clips(len(said))} of the folder {path.parent.name} and those opened from it later show {code}."
        if all(entry.content_id != content_id for entry in said):
            words += " This one keeps the patient that its file states."
        return words
    said = study.set_subjects({content_id: code}, only=scope is Scope.ONLY)
    return f"This clip shows {code}." if len(said) == 1 else f"This clip and {_more(len(said) - 1)} show {code}."


def name_clips(study: Study, content_ids: Sequence[str], code: str) -> str:
    """Say that cines show one person, and return what was done; all or none."""
    said = study.set_subjects(dict.fromkeys(content_ids, code))
    return f"{_clips(len(said))} {'shows' if len(said) == 1 else 'show'} {code}."


def name_files(study: Study, paths: Sequence[Path], code: str) -> str:
    """Say that the cines of files show one person, now or when they are opened; return what was done; all or none."""
    said = study.set_path_subjects(paths, code)
    later = len(paths) - len(said)
    words = f"{_clips(len(said))} of the study {'shows' if len(said) == 1 else 'show'} {code}."
    if later:
        others = "Another" if later == 1 else f"{later:,} others"
        words += f" {others} will when opened, unless the file or data set states the patient."
    return words if said else words.partition(". ")[2]


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count:,} clips"


def _more(count: int) -> str:
    return "another one of the same number" if count == 1 else f"{count:,} others of the same number"
