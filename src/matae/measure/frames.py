"""What is measured in each frame by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matae.measure.contour import Outline, trace_outline
from matae.measure.disks import Disks, cut_disks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from matae.cine import Spacing
    from matae.measure.landmarks import Landmarks

__all__ = ["FrameShape", "measure_frame", "measure_frames"]


@dataclass(frozen=True, eq=False)
class FrameShape:
    """The cavity in one frame.

    Parameters
    ----------
    disks
        The cavity cut into disks with its landmarks; None where there is no cavity to measure.
    parts, holes, on_border
        What was wrong with the mask, see `matae.measure.contour.Outline`.
    area_px
        Pixels of the largest part, its holes filled.
    points
        The outline of the largest part, (N, 2) as (y, x) in pixels; (0, 2) where there is no cavity.
    """

    disks: Disks | None
    parts: int
    holes: int
    on_border: bool
    area_px: int
    points: NDArray[np.float64] = field(repr=False)

    @property
    def landmarks(self) -> Landmarks | None:
        """Apex and hinge points."""
        return None if self.disks is None else self.disks.landmarks


def measure_frame(
    mask: ArrayLike,
    spacing: Spacing | None = None,
    *,
    landmarks: Landmarks | None = None,
    apex_down: bool = False,
    label: int | None = None,
) -> FrameShape:
    """Measure the cavity of one frame; parameters as `matae.measure.disks.disks`.

    Raises
    ------
    MeasureError
        If it is no single frame.
    """
    found: Outline = trace_outline(mask, label)
    disks = cut_disks(found.points, spacing, landmarks=landmarks, apex_down=apex_down)
    return FrameShape(disks, found.parts, found.holes, found.on_border, found.area_px, found.points)


def measure_frames(
    masks: NDArray[np.uint8],
    spacing: Spacing | None = None,
    *,
    landmarks: Mapping[int, Landmarks] | None = None,
    apex_down: bool = False,
    label: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FrameShape, ...]:
    """Measure the cavity of every frame.

    Parameters
    ----------
    masks
        (T, Y, X).
    spacing
        Pixel size in mm, or None.
    landmarks
        Placed by hand, by frame.
    apex_down
        The apex is at the bottom of the picture.
    label
        Class to take; everything but 0 when None.
    progress
        Called with (frames done, frames in all); what it raises ends the work.
    """
    placed = landmarks or {}
    found = []
    for number, mask in enumerate(masks):
        found.append(measure_frame(mask, spacing, landmarks=placed.get(number), apex_down=apex_down, label=label))
        if progress is not None:
            progress(number + 1, len(masks))
    return tuple(found)
