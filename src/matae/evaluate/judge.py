"""One cine, or still, and one width of a model: its labelled frames segmented and compared with their references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.measure.disks import disks
from matae.metrics import FrameScore, score_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Spacing
    from matae.evaluate.classes import PairedClass
    from matae.labelled import LabelledCine, LabelledRef
    from matae.segment import Sector, Segmenter

__all__ = ["PHASES", "Judged", "judge"]

PHASES = ("ED", "ES")


@dataclass(frozen=True)
class Judged:
    """What there is to say of one labelled frame; small and picklable.

    Parameters
    ----------
    score
        Its figures.
    apex_down
        Whether its apex is at the bottom of the picture.
    volumes
        Cavity of the reference and as found, mL or cubic pixels, None where there is no cavity; empty of a frame that
        is neither end-diastole nor end-systole.
    """

    score: FrameScore
    apex_down: bool
    volumes: tuple[float | None, ...]


def judge(
    segmenter: Segmenter, classes: Sequence[PairedClass], ref: LabelledRef, case: LabelledCine, place: Sector,
    *, is_placed: bool,
) -> list[Judged]:  # fmt: skip
    """Segment the labelled frames of a cine and score them.

    Parameters
    ----------
    segmenter
        The model at one width.
    classes
        What is compared.
    ref, case
        The cine, and what is stated of it.
    place
        Part of the picture the network sees.
    is_placed
        As for `matae.segment.Segmenter.stream`.
    """
    cavity = next((c for c in classes if c.theirs == 1), None)
    judged = []
    for found in segmenter.stream(case.cine, place, sorted(case.masks), is_placed=is_placed):
        reference, phase = case.masks[found.index], case.phases[found.index]
        spacing = case.cine.spacing
        scores, accuracy = score_frame(found.mask, reference, [(c.ours, c.theirs) for c in classes], spacing)
        score = FrameScore(
            id=f"{ref.id}:{found.index}" if ref.is_clip else ref.id,
            patient=ref.patient,
            phase=phase,
            view=ref.view,
            quality=ref.quality,
            spacing=spacing,
            sector=place.source,
            classes=scores,
            pixel_accuracy=accuracy,
        )
        volumes: tuple[float | None, ...] = ()
        if cavity is not None and phase in PHASES:
            both = (reference == cavity.theirs, found.mask == cavity.ours)
            volumes = tuple(_volume(mask, spacing, apex_down=place.apex_down) for mask in both)
        judged.append(Judged(score, place.apex_down, volumes))
    return judged


def _volume(mask: NDArray[np.bool_], spacing: Spacing | None, *, apex_down: bool) -> float | None:
    stack = disks(mask, spacing, apex_down=apex_down)
    return None if stack is None else stack.volume
