"""The corrected clips, opened: native pixels to judge on, and frames as the network sees them to learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import CAVITY
from matae.errors import MataeError, TrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.learn.gather import Clip
    from matae.segment import Sector
    from matae.store import Study
    from matae.train.data import LabelledFrames

__all__ = ["Case", "load_side", "open_cases"]

_FULL = 0.6  # of the sector: no cavity fills as much, an inverted mask does


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

    @property
    def classes(self) -> tuple[int, ...]:
        """The structures that were outlined in the clip: the cavity, and every other that is in one of its masks.

        Of a structure that is in none of them nobody knows whether it is absent or was left out.
        """
        found = {CAVITY}.union(*(np.unique(mask).tolist() for mask in self.masks.values()))
        return tuple(sorted(found - {0}))

    def looks_inverted(self) -> list[int]:
        """Return the frames whose cavity fills most of the sector, as in an inverted mask."""
        inside = self.sector.mask(self.cine.shape)
        return [t for t, mask in self.masks.items() if (mask[inside] == 1).mean() > _FULL]


def open_cases(
    study: Study,
    clips: Sequence[Clip],
    *,
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> Iterator[Case]:
    """Open clips one after the other; one whose file is gone is left out, with a notice."""
    from matae.exchange.export.source import open_stored

    for done, clip in enumerate(clips):
        if progress is not None:
            progress(done, len(clips))
        entry = study.cine(clip.content_id)
        try:
            source = open_stored(study, entry)
            sector = source.sector
        except MataeError as error:
            notify(f"{entry.stem} was left out: {error}")
            continue
        masks = {t: mask for t, revision in sorted(clip.frames.items())
                 if (mask := study.mask(clip.content_id, t, revision=revision)) is not None}  # fmt: skip
        marks = study.marks(clip.content_id)
        phases = {t: "ED" if t == marks.ed else "ES" if t == marks.es else "" for t in masks}
        yield Case(clip, source.cine, sector, masks, phases)
    if progress is not None:
        progress(len(clips), len(clips))


def load_side(
    study: Study,
    clips: Sequence[Clip],
    size: int,
    *,
    known: Sequence[int] = (),
    odd_labels: bool = False,
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> tuple[LabelledFrames, set[str]]:
    """Load the frames of one side as a network of a grid of `size` pixels sees them.

    Parameters
    ----------
    study, clips
        Where the frames are.
    size
        Side of the network's grid.
    known
        Classes that are kept; all if empty.
    odd_labels
        Take masks that look inverted.
    progress, notify
        Told of (clips done, in all), and of clips that were left out.

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
    from matae.placement import Placement
    from matae.train.data import LabelledFrames, picture_digest

    images, masks, names, patients, phases, spacing, annotated = [], [], [], [], [], [], []
    digests: set[str] = set()
    full = 0
    for case in open_cases(study, clips, progress=progress, notify=notify):
        place = Placement.of(case.cine, case.sector, size)
        pixel = place.pixel_size(case.cine.spacing)
        frames = sorted(case.masks)
        full += len(case.looks_inverted())
        for t in frames:
            images.append(place.image(np.asarray(case.cine.frames[t])))
            mask = case.masks[t]
            masks.append(place.mask(np.where(np.isin(mask, known), mask, np.uint8(0)) if known else mask))
            names.append(f"{case.clip.content_id[:12]}_{t}")
            patients.append(case.clip.patient)
            phases.append(case.phases[t])
            spacing.append(float("nan") if pixel is None else math.sqrt(pixel[0] * pixel[1]))
            annotated.append(tuple(c for c in case.classes if not known or c in known))
            digests.add(picture_digest(case.cine.frames[t]))
    if not images:
        raise TrainError("None of the corrected clips can be opened; bring their files back to where they were.")
    if full > len(images) / 2 and not odd_labels:
        raise TrainError(
            f"In {full} of {len(images)} frames the cavity fills most of the picture, as in an inverted mask; look at "
            "the labels, and correct or reject them."
        )
    found = LabelledFrames(
        np.stack(images), np.stack(masks), tuple(names), tuple(patients), tuple(phases), np.array(spacing),
        annotated=tuple(annotated),
    )  # fmt: skip
    return found, digests - {""}
