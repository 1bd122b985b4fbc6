"""Refusals that teach: what nothing can be learnt or shown from, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import class_name
from matae.errors import TrainError
from matae.learn.gather import SIDES, choose_labels
from matae.learn.options import MIN_FRAMES, MIN_PATIENTS
from matae.nn.regions import Regions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from matae.learn.options import RetrainOptions
    from matae.store import Study

__all__ = ["check_corrections", "refuse_leak", "refuse_replayed", "unknown_structures"]


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
    masks = (study.mask(content_id, frame) for content_id, infos in chosen.items() for frame in infos)
    left_out = unknown_structures((mask for mask in masks if mask is not None), classes)
    return [*notices, left_out] if left_out else notices


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


def unknown_structures(masks: Iterable[NDArray[np.uint8]], classes: Sequence[str]) -> str:
    """Return a sentence on structures that are outlined and that the base does not find; empty where it finds all.

    Parameters
    ----------
    masks
        Of the frames that are learnt from, (Y, X) each.
    classes
        Names of the classes of the base.
    """
    known = Regions.alone(classes).values
    frames, found = 0, set[int]()
    for mask in masks:
        if more := set(np.unique(mask).tolist()) - {0, *known}:
            frames, found = frames + 1, found | more
    if not found:
        return ""
    names = " and ".join(class_name(value) for value in sorted(found))
    where = f"{frames} frame{' outlines' if frames == 1 else 's outline'}"
    return (
        f"{where} the {names} too, which the base does not find: only the {', '.join(classes)} is learnt; start from "
        "a model of those structures to learn them."
    )


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


def refuse_replayed(folder: str, mixed_in: set[str], held_out: set[str]) -> None:
    """Refuse a folder to mix in that holds pictures of held-out patients, under whatever name.

    Raises
    ------
    TrainError
        If one of its training pictures is in a held-out clip.
    """
    both = len(mixed_in & held_out - {""})
    if both:
        raise TrainError(
            f"{both} training picture{'s' * (both > 1)} of {folder} {'are' if both > 1 else 'is'} in a clip of a "
            "held-out patient of the study, so the figures would flatter; take that patient out of the folder, or mix "
            "in another."
        )
