"""The corrections of a study, each side apart: what is learnt from, and what only measures.

Labels are frozen as a release before anything starts, so that a run that goes on tomorrow sees what it began with.
Subjects appear under the study's key only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import TrainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matae.learn.options import RetrainOptions
    from matae.store import FrameInfo, FrameStatus, Study

__all__ = ["RELEASE", "SIDES", "Clip", "Corrections", "choose_labels", "current_corrections", "gather"]

SIDES = ("train", "val", "test")
RELEASE = "retrain"


@dataclass(frozen=True)
class Clip:
    """The frozen labels of one cine.

    Parameters
    ----------
    content_id
        Of the cine.
    patient
        Its subject, under the study's key.
    side
        ``train``, ``val`` or ``test``.
    frames
        Frame and the revision of its label.
    """

    content_id: str
    patient: str
    side: str
    frames: Mapping[int, int]


@dataclass(frozen=True, eq=False)
class Corrections:
    """The corrections a run works with.

    Parameters
    ----------
    release
        Name and number of the release they are frozen in.
    clips
        All clips of all sides.
    notices
        What was left out, a sentence each.
    """

    release: tuple[str, int]
    clips: tuple[Clip, ...]
    notices: tuple[str, ...] = ()

    def side(self, *sides: str) -> list[Clip]:
        """Return the clips of one side, or of several."""
        return [clip for clip in self.clips if clip.side in sides]

    def patients(self, *sides: str) -> list[str]:
        """Return the patients of one side, or of several, in order."""
        return sorted({clip.patient for clip in self.side(*sides)})

    def count(self, *sides: str) -> int:
        """Return the number of labelled frames of one side, or of several."""
        return sum(len(clip.frames) for clip in self.side(*sides))


def choose_labels(study: Study, options: RetrainOptions) -> tuple[dict[str, dict[int, FrameInfo]], list[str]]:
    """Return the labels a retraining would use, by cine; subjects without a side are drawn one, nobody moves.

    Returns
    -------
    dict
        Content id to the chosen frames.
    list of str
        What is left out, and why.
    """
    study.assign_splits()
    chosen: dict[str, dict[int, FrameInfo]] = {}
    unnamed = undecided = 0
    several = {content_id for content_id, n in study.clips_read().items() if n > 1}
    for summary in study.cines():
        if not any(summary.counts.get(status, 0) for status in _statuses(options)):
            continue
        if summary.known_subject is None or summary.split not in SIDES:
            unnamed += 1
            continue
        if summary.content_id in several and study.undecided(summary.content_id):
            undecided += 1
            continue
        infos = study.frames(summary.content_id)
        chosen[summary.content_id] = {t: info for t, info in infos.items() if info.status.value in options.statuses}
    notices = []
    if unnamed:
        clips = "1 labelled clip" if unnamed == 1 else f"{unnamed} labelled clips"
        were = "was" if unnamed == 1 else "were"
        notices.append(f"{clips} of unknown patient {were} left out; say which patient each one shows.")
    if undecided:
        clips = "1 clip" if undecided == 1 else f"{undecided} clips"
        notices.append(f"{clips} whose blind readers differ, with nobody having chosen, left out; adjudicate first.")
    return chosen, notices


def _statuses(options: RetrainOptions) -> list[FrameStatus]:
    from matae.store import FrameStatus

    return [FrameStatus(status) for status in options.statuses]


def gather(study: Study, options: RetrainOptions, *, release: tuple[str, int] | None = None) -> Corrections:
    """Freeze the labels as a release, or take up those of one.

    Parameters
    ----------
    study, options
        Where the labels are, and what is wanted.
    release
        Of a run that goes on; a new one if None.

    Raises
    ------
    TrainError
        If the release is gone.
    """
    notices: list[str] = []
    if release is None:
        chosen, notices = choose_labels(study, options)
        made = study.add_release(
            RELEASE, {c: list(infos) for c, infos in chosen.items() if infos}, {"kind": "retrain", "base": options.base}
        )
        release = (made.name, made.number)
    rows = study.release_frames(*release)
    if not rows:
        raise TrainError("The labels this run began with are gone from the study; start a new retraining.")
    clips: dict[str, dict[int, int]] = {}
    for row in rows:
        clips.setdefault(row.content_id, {})[row.frame] = row.revision
    return Corrections(release, _sided(study, clips), tuple(notices))


def current_corrections(study: Study, options: RetrainOptions) -> Corrections:
    """Return the labels as they are now, frozen nowhere: to compare models, not to train one."""
    chosen, notices = choose_labels(study, options)
    clips = {c: {t: info.revision for t, info in infos.items()} for c, infos in chosen.items() if infos}
    return Corrections(("", 0), _sided(study, clips), tuple(notices))


def _sided(study: Study, clips: Mapping[str, Mapping[int, int]]) -> tuple[Clip, ...]:
    sides = study.splits()
    found = []
    for content_id, frames in clips.items():
        subject = study.cine(content_id).known_subject
        if subject is not None and sides.get(subject) in SIDES:
            found.append(Clip(content_id, study.keyed(subject), sides[subject], frames))
    # In an order that no import or machine changes: the same labels make the same batches.
    return tuple(sorted(found, key=lambda c: (c.patient, c.content_id)))
