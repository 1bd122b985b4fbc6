"""The corrections of a study, each side apart: what is learnt from, and what only measures.

Labels are frozen as a release before anything starts, so that a run that goes on tomorrow sees what it began with.
Subjects appear under the study's key only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MataeError, TrainError
from matae.learn.options import MIN_FRAMES, MIN_PATIENTS, RetrainOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment import Sector
    from matae.segment.grid import Placement
    from matae.store import FrameInfo, FrameStatus, Study
    from matae.train.data import LabelledFrames

__all__ = [
    "SIDES",
    "Case",
    "Clip",
    "Corrections",
    "check_corrections",
    "choose_labels",
    "current_corrections",
    "gather",
    "load_side",
    "open_cases",
    "refuse_leak",
]

SIDES = ("train", "val", "test")
RELEASE = "retrain"
_SIZE = 256  # as in `matae.train.data`: the networks' grids are smaller
_FULL = 0.6  # of the sector: no cavity fills as much, an inverted mask does


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
class Case:
    """One clip, opened.

    Parameters
    ----------
    clip
        What it is.
    cine, sector
        Its pixels, and the part of them the network sees.
    masks
        Frame to label, native pixels.
    phases
        Frame to "ED", "ES" or "".
    """

    clip: Clip
    cine: Cine
    sector: Sector
    masks: dict[int, NDArray[np.uint8]]
    phases: dict[int, str]


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
    unnamed = 0
    for summary in study.cines():
        if not any(summary.counts.get(status, 0) for status in _statuses(options)):
            continue
        if summary.subject is None or summary.split not in SIDES:
            unnamed += 1
            continue
        infos = study.frames(summary.content_id)
        chosen[summary.content_id] = {t: info for t, info in infos.items() if info.status.value in options.statuses}
    notices = []
    if unnamed:
        clips = "1 labelled clip" if unnamed == 1 else f"{unnamed} labelled clips"
        notices.append(f"{clips} without a subject were left out; name the subject so that a side can be drawn.")
    return chosen, notices


def _statuses(options: RetrainOptions) -> list[FrameStatus]:
    from matae.store import FrameStatus

    return [FrameStatus(status) for status in options.statuses]


def check_corrections(study: Study, options: RetrainOptions, classes: Sequence[str]) -> list[str]:
    """Refuse corrections that nothing can be learnt or shown from; return what would be left out.

    Parameters
    ----------
    study, options
        Where they are, and what is wanted.
    classes
        Names of the classes of the base.

    Raises
    ------
    TrainError
        With what to do next.
    """
    options.check()
    chosen, notices = choose_labels(study, options)
    sides = study.splits()
    by_side: dict[str, dict[str, int]] = {side: {} for side in SIDES}
    for content_id, infos in chosen.items():
        subject = study.cine(content_id).subject or ""
        side = by_side[sides[subject]]
        side[subject] = side.get(subject, 0) + len(infos)
    n_train = sum(by_side["train"].values())
    patients = [subject for subject, n in by_side["train"].items() if n]
    if n_train < MIN_FRAMES:
        raise TrainError(
            f"There are {n_train} corrected frames of training patients; correct or accept at least {MIN_FRAMES}"
            + (f". {notices[0]}" if notices else ", of several patients.")
        )
    if len(patients) < MIN_PATIENTS:
        raise TrainError(
            f"All {n_train} corrected frames of the training side are of one patient, whom the model would learn by "
            "heart; correct frames of at least one more."
        )
    if not sum(by_side["val"].values()):
        raise TrainError(_no_held_out(sides))
    train = [(c, t, i) for c, infos in chosen.items() for t, i in infos.items()
             if sides[study.cine(c).subject or ""] == "train"]  # fmt: skip
    if all(info.model and not info.edited for _, _, info in train):
        raise TrainError(
            f"All {n_train} frames are exactly what the model proposed, so there is nothing to learn from them; "
            "correct frames whose outline is off, then retrain."
        )
    _check_classes(study, chosen, classes)
    return notices


def _no_held_out(sides: Mapping[str, str]) -> str:
    waiting = sorted(subject for subject, side in sides.items() if side == "val")
    if waiting:
        named = ", ".join(waiting[:3]) + (" and others" if len(waiting) > 3 else "")
        return (
            "No validation patient has corrected frames, so nobody could say whether the model got better; correct "
            f"some frames of {named}."
        )
    return (
        "No patient was drawn for validation, so nobody could say whether the model got better; add cines of more "
        "patients and correct some frames of them."
    )


def _check_classes(study: Study, chosen: Mapping[str, Mapping[int, FrameInfo]], classes: Sequence[str]) -> None:
    for content_id, infos in chosen.items():
        for frame in infos:
            mask = study.mask(content_id, frame)
            highest = 0 if mask is None else int(mask.max(initial=0))
            if highest > len(classes):
                raise TrainError(
                    f"Frame {frame + 1} of {study.cine(content_id).stem} has labels of class {highest}, but the model "
                    f"finds {len(classes)} ({', '.join(classes)}); remove those labels, or start from a model with as "
                    "many classes."
                )


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
        subject = study.cine(content_id).subject
        if subject is not None and sides.get(subject) in SIDES:
            found.append(Clip(content_id, study.keyed(subject), sides[subject], frames))
    # In an order that no import or machine changes: the same labels make the same batches.
    return tuple(sorted(found, key=lambda c: (c.patient, c.content_id)))


def open_cases(
    study: Study,
    clips: Sequence[Clip],
    *,
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> Iterator[Case]:
    """Open clips one after the other; one whose file is gone is left out, with a notice."""
    from matae.exchange.plan import open_source
    from matae.segment.choice import choose_sector

    for done, clip in enumerate(clips):
        if progress is not None:
            progress(done, len(clips))
        entry = study.cine(clip.content_id)
        try:
            cine, _ = open_source(study, entry)
            sector = choose_sector(cine)
        except MataeError as error:
            notify(f"{entry.stem} was left out: {error}")
            continue
        masks = {t: mask for t, revision in sorted(clip.frames.items())
                 if (mask := study.mask(clip.content_id, t, revision=revision)) is not None}  # fmt: skip
        marks = study.marks(clip.content_id)
        phases = {t: "ED" if t == marks.ed else "ES" if t == marks.es else "" for t in masks}
        yield Case(clip, cine, sector, masks, phases)
    if progress is not None:
        progress(len(clips), len(clips))


def load_side(
    study: Study,
    clips: Sequence[Clip],
    *,
    odd_labels: bool = False,
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> tuple[LabelledFrames, set[str]]:
    """Load the frames of one side as the network sees them, all at one size.

    Returns
    -------
    LabelledFrames
        Sector only, padded to a square; patients under the study's key.
    set of str
        Digests of the native frames, to tell whether one of them is on another side too.

    Raises
    ------
    TrainError
        If no clip can be opened, or most masks look inverted.
    """
    from matae.segment.grid import Placement
    from matae.train.data import LabelledFrames

    images, masks, names, patients, phases, spacing = [], [], [], [], [], []
    digests: set[str] = set()
    full = 0
    for case in open_cases(study, clips, progress=progress, notify=notify):
        place = Placement.of(case.cine, case.sector, _SIZE)
        frames = sorted(case.masks)
        grid = place.to_grid(np.asarray(case.cine.frames[frames]))[:, 0]
        for t, picture in zip(frames, grid, strict=True):
            images.append((picture * 255).round().clamp(0, 255).byte().numpy())
            masks.append(_placed(case.masks[t], place))
            names.append(f"{case.clip.content_id[:12]}_{t}")
            patients.append(case.clip.patient)
            phases.append(case.phases[t])
            box = place.box
            long_side = max(box.height * case.cine.pixel_aspect[0], box.width * case.cine.pixel_aspect[1])
            spacing.append(float("nan") if case.cine.spacing is None else long_side / _SIZE)
            native = np.ascontiguousarray(case.cine.frames[t])
            if np.ptp(native):  # blank frames are all alike
                digests.add(hashlib.sha256(native.data).hexdigest())
            inside = case.masks[t][box.y0 : box.y1, box.x0 : box.x1][place.inside]
            full += bool((inside == 1).mean() > _FULL)
    if not images:
        raise TrainError("None of the corrected clips can be opened; bring their files back to where they were.")
    if full > len(images) / 2 and not odd_labels:
        raise TrainError(
            f"In {full} of {len(images)} frames the cavity fills most of the picture, as in an inverted mask; look at "
            "the labels, and correct or reject them."
        )
    found = LabelledFrames(
        np.stack(images), np.stack(masks), tuple(names), tuple(patients), tuple(phases), np.array(spacing)
    )
    return found, digests


def _placed(mask: NDArray[np.uint8], place: Placement) -> NDArray[np.uint8]:
    """Return a native mask where `Placement.to_grid` puts its picture; every pixel keeps one class."""
    import torch
    from torch.nn import functional as F

    box = place.box
    part = torch.from_numpy(mask[box.y0 : box.y1, box.x0 : box.x1].copy())[None, None]
    if place.apex_down:
        part = part.flip(-2)
    part = F.interpolate(part, (place.height, place.width), mode="nearest-exact")[0, 0]
    square = np.zeros((place.grid, place.grid), np.uint8)
    top, left = (place.grid - place.height) // 2, (place.grid - place.width) // 2
    square[top : top + place.height, left : left + place.width] = part.numpy()
    return square


def refuse_leak(train: set[str], held_out: set[str]) -> None:
    """Refuse frames that are on both sides, under whatever name.

    Raises
    ------
    TrainError
        If the very same picture is in a training and in a held-out clip.
    """
    both = len(train & held_out)
    if both:
        raise TrainError(
            f"{both} frame{'s are' if both > 1 else ' is'} in a clip of a training patient and in one of a held-out "
            "patient, so the figures would flatter; one person seems to be in the study under two names: give both "
            "clips one subject."
        )
