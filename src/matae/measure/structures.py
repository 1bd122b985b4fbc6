"""What stands beside the cavity in a mask: the left atrium and the wall, measured in the frames of a beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import CAVITY
from matae.measure.atrium import AtrialVolume, atrial_volume, cut_atrium, is_cut_off
from matae.measure.uncertainty import QualityFlag
from matae.measure.wall import DENSITY, Wall, measure_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matae.measure.beat_measurement import BeatValues
    from matae.measure.disks import Disks
    from matae.measure.frames import FrameShape
    from matae.measure.inputs import Inputs
    from matae.measure.measurement import Measurement

__all__ = ["BeatStructures", "kept_structures", "mean_of", "measure_structures", "structure_flags"]


@dataclass(frozen=True, eq=False)
class BeatStructures:
    """Atrium and wall of one beat.

    Parameters
    ----------
    atrium_es, atrium_ed
        The left atrium at the ventricle's end-systole, when it is largest, and at its end-diastole; None without one.
    wall
        The ventricle's wall at end-diastole; None without one.
    atrium_cut_off
        The edge of the sector cuts the atrium at end-systole.
    """

    atrium_es: Disks | None
    atrium_ed: Disks | None
    wall: Wall | None
    atrium_cut_off: bool = False

    @property
    def largest(self) -> AtrialVolume | None:
        """Volume of the atrium at end-systole."""
        return None if self.atrium_es is None else atrial_volume(self.atrium_es)

    @property
    def emptying_percent(self) -> float | None:
        """Share of the atrium's volume by disks that leaves it from end-systole to end-diastole."""
        if self.atrium_es is None or self.atrium_ed is None:
            return None
        return 100.0 * (self.atrium_es.volume - self.atrium_ed.volume) / self.atrium_es.volume

    @property
    def mass_g(self) -> float | None:
        """Mass of the wall by disks, g; only of a calibrated clip."""
        calibrated = self.wall is not None and self.wall.epicardium.calibrated
        return DENSITY * self.wall.volume if self.wall is not None and calibrated else None

    @property
    def area_length_mass_g(self) -> float | None:
        """Mass of the wall by area-length, g; only of a calibrated clip."""
        calibrated = self.wall is not None and self.wall.epicardium.calibrated
        return DENSITY * self.wall.area_length_volume if self.wall is not None and calibrated else None


def measure_structures(values: BeatValues, inputs: Inputs, view: str | None = None) -> BeatStructures:
    """Measure the left atrium and the wall in the frames of a beat.

    Masks whose cavity has another number than that of `matae.anatomy` say nothing of the other structures.

    Parameters
    ----------
    values
        The beat, with its cavity.
    inputs
        What the clip is measured from.
    view
        Standard view.
    """
    if inputs.options.label != CAVITY:
        return BeatStructures(None, None, None)
    ed, es = (inputs.mask(frame) for frame in values.frames)
    spacing = inputs.cine.pixel_size
    atrium = cut_atrium(es, values.volumes.es.landmarks, spacing)
    return BeatStructures(
        atrium,
        cut_atrium(ed, values.volumes.ed.landmarks, spacing),
        measure_wall(ed, values.volumes.ed, spacing, view=view, mirrored=inputs.options.mirrored),
        atrium is not None and inputs.sector is not None and is_cut_off(es, atrium, inputs.sector, spacing),
    )


def structure_flags(beats: Sequence[BeatValues], structures: Sequence[BeatStructures]) -> tuple[QualityFlag, ...]:
    """Return what to know before the numbers of atrium and wall are believed."""
    cut = tuple(
        sorted({values.beat.es for values, beside in zip(beats, structures, strict=True) if beside.atrium_cut_off})
    )
    if not cut:
        return ()
    text = "The edge of the sector cuts the left atrium: its volume is too small."
    return (QualityFlag("atrium-outside", text, cut, "note"),)


def mean_of(
    structures: Sequence[BeatStructures], what: Callable[[BeatStructures], float | None]
) -> float | None:  # fmt: skip
    """Return the mean of something over the beats that have it; None where none has."""
    found = [value for beside in structures if (value := what(beside)) is not None and np.isfinite(value)]
    return float(np.mean(found)) if found else None


def kept_structures(before: Measurement, shapes: tuple[FrameShape, ...]) -> dict[tuple[int, int], BeatStructures]:
    """Return what was measured beside the cavity, by end-diastole and end-systole, where neither frame changed."""
    return {
        values.frames: found
        for values, found in zip(before.beats, before.structures, strict=True)
        if all(shapes[frame] is before.shapes[frame] for frame in values.frames)
    }
