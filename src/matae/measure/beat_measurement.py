"""What one beat gives: volumes, motion, and how strongly it follows the outline."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from matae.measure.disks import SinglePlane, pair
from matae.measure.motion import AnnulusMotion, Segment, annulus_motion, contour_shortening, wall_motion
from matae.measure.uncertainty import boundary_sensitivity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.measure.beat import Beat
    from matae.measure.frames import FrameShape
    from matae.measure.inputs import Inputs

__all__ = ["BeatValues", "agreement_of_widths", "ef_by_width", "measure_beat"]


@dataclass(frozen=True, eq=False)
class BeatValues:
    """What one beat gives.

    Parameters
    ----------
    beat
        Its frames, and who chose them.
    volumes
        Volumes and ejection fraction by disks and by area-length, with the disks of both frames.
    annulus
        Travel of the mitral annulus.
    shortening_percent
        Shortening of the contour, negative; not speckle-tracking strain.
    segments
        Motion of the wall in six segments.
    sensitivity
        `matae.measure.uncertainty.boundary_sensitivity`.
    """

    beat: Beat
    volumes: SinglePlane
    annulus: AnnulusMotion
    shortening_percent: float
    segments: tuple[Segment, ...]
    sensitivity: float

    @property
    def frames(self) -> tuple[int, int]:
        """End-diastolic and end-systolic frame."""
        return self.beat.ed, self.beat.es


def measure_beat(
    beat: Beat, shapes: Sequence[FrameShape], inputs: Inputs, view: str | None = None
) -> BeatValues | None:
    """Return what a beat gives, None without a cavity at end-diastole or end-systole."""
    ed, es = shapes[beat.ed].disks, shapes[beat.es].disks
    if ed is None or es is None:
        return None
    volumes = pair(ed, es)
    if volumes is None:
        return None
    spacing = inputs.cine.pixel_size
    return BeatValues(
        beat=beat,
        volumes=volumes,
        annulus=annulus_motion(ed.landmarks, es.landmarks, spacing),
        shortening_percent=contour_shortening(ed, es, spacing),
        segments=wall_motion(
            shapes[beat.ed].points, shapes[beat.es].points, ed.landmarks, es.landmarks,
            spacing=spacing, view=view, mirrored=inputs.options.mirrored,
        ),
        sensitivity=boundary_sensitivity(ed, es),
    )  # fmt: skip


def ef_by_width(inputs: Inputs, beats: Sequence[BeatValues]) -> dict[str, float]:
    """Return the ejection fraction by width, mean over the beats for which a width has both frames."""
    found: dict[str, float] = {}
    for width, masks in inputs.width_masks.items():
        values = []
        for beat in beats:
            if not all(frame in masks for frame in beat.frames):
                continue
            ed, es = (inputs.shape_of(frame, masks[frame]).disks for frame in beat.frames)
            if ed is not None and es is not None and (single := pair(ed, es)) is not None:
                values.append(single.ef_percent)
        if values:
            found[width] = float(np.mean(values))
    return found


def agreement_of_widths(inputs: Inputs, beats: Sequence[BeatValues]) -> dict[int, float]:
    """Return by frame how far the widths outline the same cavity: the mean Dice of two of them.

    Of the frames behind the ejection fraction alone, as far as two widths or more have outlined them and the mask that
    is measured is that of one of them.
    """
    from matae.metrics import dice

    found = {}
    for frame in {frame for beat in beats for frame in beat.frames}:
        outlined = [held[frame] for held in inputs.width_masks.values() if frame in held]
        if len(outlined) > 1 and any(np.array_equal(inputs.mask(frame), mask) for mask in outlined):
            masks = [mask == inputs.options.label for mask in outlined]
            found[frame] = float(np.mean([dice(one, other) for one, other in combinations(masks, 2)]))
    return found
