"""The frames between two corrected ones of a clip, as pseudo-labels of a retraining.

Which ones they are is settled with the other uncorrected frames (`matae.learn.uncorrected`). Their masks are made anew
from the frozen labels when a run goes on, and are the same again.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from matae.edit import EditError
from matae.learn.clips import open_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matae.learn.gather import Clip
    from matae.store import Study
    from matae.train.pseudo_labels import PseudoLabelled

__all__ = ["between", "label_clips"]


def between(corrected: Sequence[int], n_frames: int) -> list[int]:
    """Return the frames of a clip that lie between two of its corrected ones, near enough to one of them."""
    from matae.train.pseudo_labels import FARTHEST

    there = sorted(t for t in corrected if t < n_frames)
    return [
        t for first, last in pairwise(there) for t in range(first + 1, last) if min(t - first, last - t) <= FARTHEST
    ]


def label_clips(
    study: Study,
    clips: Sequence[Clip],
    chosen: Mapping[str, Sequence[int]],
    size: int,
    *,
    known: Sequence[int] = (),
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> tuple[PseudoLabelled | None, set[str]]:
    """Return pseudo-labelled frames as a network of a grid of `size` pixels sees them.

    Parameters
    ----------
    study, clips
        Training patients' corrected clips.
    chosen
        The frames wanted, by cine.
    size
        Side of the network's grid.
    known
        Classes that are kept; all if empty.
    progress, notify
        Told of (clips done, in all), and of clips that were left out.

    Returns
    -------
    PseudoLabelled or None
        None where there are none.
    set of str
        Digests of the native frames, to tell whether one of them is on another side too.
    """
    from matae.placement import Placement
    from matae.train.data import LabelledFrames, picture_digest
    from matae.train.pseudo_labels import PseudoLabelled, label_between

    images, masks, weights, names, patients, annotated = [], [], [], [], [], []
    digests: set[str] = set()
    # A clip whose file is gone was said to be left out when its corrected frames were read.
    some = [clip for clip in clips if chosen.get(clip.content_id)]
    for case in open_cases(study, some, progress=progress):
        place = Placement.of(case.cine, case.sector, size)
        classes = tuple(c for c in case.classes if not known or c in known)
        frames = np.asarray(case.cine.frames)
        wanted = set(chosen[case.clip.content_id]) & set(between(list(case.masks), len(frames)))
        try:
            for one in label_between(frames, case.masks, wanted, labels=classes, spacing=case.cine.pixel_size):
                images.append(place.image(frames[one.frame]))
                masks.append(place.mask(one.mask))
                # What was taken off is placed: around the sector nothing is, and there the mask is empty for sure.
                top = one.weight.max()
                weights.append(top - place.image(top - one.weight))
                names.append(f"{case.clip.content_id[:12]}_{one.frame}")
                patients.append(case.clip.patient)
                annotated.append(classes)
                digests.add(picture_digest(frames[one.frame]))
        except EditError as error:
            notify(f"Nothing was filled between the corrected frames of a clip: {error}")
    if not images:
        return None, set()
    found = LabelledFrames(
        np.stack(images), np.stack(masks), tuple(names), tuple(patients), ("",) * len(names),
        np.full(len(names), np.nan), annotated=tuple(annotated),
    )  # fmt: skip
    return PseudoLabelled(found, np.stack(weights)), digests - {""}
