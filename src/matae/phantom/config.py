"""What a phantom is made of: physical parameters in millimetres, milliseconds, degrees and decibels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from matae.errors import MataeError

__all__ = [
    "VIEWS",
    "Appearance",
    "Chambers",
    "LeftVentricle",
    "Motion",
    "PhantomConfig",
    "PhantomError",
    "Pose",
    "Screen",
    "SectorConfig",
]

VIEWS = ("A4C", "A2C", "A3C", "A5C")
"""Apical views that a heart can be shown in. The five-chamber view is the four-chamber one with the aortic root; the
three-chamber view shows the root, the outflow tract of the right ventricle and no right atrium."""


class PhantomError(MataeError):
    """A phantom cannot be made as asked."""


@dataclass(frozen=True)
class LeftVentricle:
    """The left ventricle at end-diastole.

    Parameters
    ----------
    long_axis_mm
        Apex to the middle of the mitral annulus.
    diameter_mm
        Widest in-plane section.
    bluntness
        Roundness of the apex: 2 is half an ellipse, more is blunter, less is more pointed.
    taper
        Fraction by which the base is narrower than the widest part would continue.
    bend_mm, sigmoid_mm
        Sideways shift of the middle (positive: towards the lateral wall), and of the apical against the basal half.
    annulus_slant_deg
        Slant of the mitral annulus against the perpendicular of the long axis (positive: lateral side further
        from the apex).
    septum_mm, lateral_wall_mm, apical_wall_mm
        Wall thickness.
    papillary
        Position (0 apex to 1 base), height and width in mm of papillary muscles on the lateral wall. They are
        part of the cavity, as in the CAMUS protocol.
    """

    long_axis_mm: float = 82.0
    diameter_mm: float = 46.0
    bluntness: float = 2.2
    taper: float = 0.18
    bend_mm: float = 2.0
    sigmoid_mm: float = 0.0
    annulus_slant_deg: float = 3.0
    septum_mm: float = 10.0
    lateral_wall_mm: float = 9.0
    apical_wall_mm: float = 6.5
    papillary: tuple[tuple[float, float, float], ...] = ((0.52, 18.0, 7.0),)


@dataclass(frozen=True)
class Chambers:
    """The other chambers at end-diastole, in mm.

    Parameters
    ----------
    right_ventricle_mm
        Widest distance from the septum to the free wall.
    right_ventricle_apex
        Where the right ventricle ends, as a fraction of the left one's long axis from its apex.
    left_atrium_mm, right_atrium_mm
        Length and width.
    tricuspid_offset_mm
        How much nearer to the apex the tricuspid annulus lies.
    aorta_mm
        Diameter of the aortic root, in the views that show it.
    """

    right_ventricle_mm: float = 30.0
    right_ventricle_apex: float = 0.22
    left_atrium_mm: tuple[float, float] = (46.0, 42.0)
    right_atrium_mm: tuple[float, float] = (44.0, 40.0)
    tricuspid_offset_mm: float = 5.0
    aorta_mm: float = 30.0


@dataclass(frozen=True)
class Motion:
    """How the heart beats.

    Parameters
    ----------
    heart_rate
        Beats per minute.
    ef_percent
        Ejection fraction of an undisturbed beat.
    longitudinal_share
        Exponent p of long-axis shortening: the long axis at end-systole is (1 - EF)^p of that at end-diastole.
        1/3 is equal shortening in all directions; hearts are near 0.22.
    rapid_filling
        Share of the stroke volume that returns before the atrial kick.
    start_phase
        Phase of the first frame, 0 at the R wave to 1 at the next.
    rr_variability
        Standard deviation of the RR interval as a fraction of it; long pauses fill and eject more.
    rocking_deg
        Rotation of the whole heart about its apex at end-systole.
    drift_mm
        Slow drift (breathing, the probe) of the whole heart, amplitude.
    hypokinesia
        Segments that contract less: (side: -1 septal or +1 lateral, centre 0 apex to 1 base, half length,
        strength 0 to 1).
    """

    heart_rate: float = 66.0
    ef_percent: float = 58.0
    longitudinal_share: float = 0.22
    rapid_filling: float = 0.72
    start_phase: float = 0.0
    rr_variability: float = 0.0
    rocking_deg: float = 1.5
    drift_mm: float = 0.6
    hypokinesia: tuple[tuple[int, float, float, float], ...] = ()


@dataclass(frozen=True)
class Pose:
    """Where the heart lies under the probe.

    Parameters
    ----------
    apex_depth_mm, apex_offset_mm
        End-diastolic apex of the cavity, measured from the apex of the fan: down and to the right.
    tilt_deg
        Direction of the long axis against the vertical (positive: the base points to the right).
    mirrored
        True puts the left ventricle on the left of the image.
    """

    apex_depth_mm: float = 30.0
    apex_offset_mm: float = -4.0
    tilt_deg: float = 8.0
    mirrored: bool = False


@dataclass(frozen=True)
class SectorConfig:
    """The fan and its place in the image.

    Parameters
    ----------
    angle_deg
        Opening angle.
    depth_mm, near_mm
        Largest and smallest distance from the (virtual) apex of the fan.
    roll_deg
        Rotation of the fan in the image.
    margin
        Empty share of the image on each side of the fan, as (top, bottom, left, right).
    pixel_aspect
        Height of a pixel divided by its width.
    """

    angle_deg: float = 75.0
    depth_mm: float = 155.0
    near_mm: float = 3.0
    roll_deg: float = 0.0
    margin: tuple[float, float, float, float] = (0.03, 0.03, 0.02, 0.02)
    pixel_aspect: float = 1.0


@dataclass(frozen=True)
class Appearance:
    """Tissue and machine, levels in dB relative to the myocardium.

    Parameters
    ----------
    blood_db, background_db, lung_db
        Backscatter of blood (with its haze), of the tissue around the heart, and beyond the lateral wall.
    septum_db, lateral_db, apex_db
        Offsets of the three parts of the wall; strongly negative is wall drop-out.
    patchiness_db
        Standard deviation of the slow variation of tissue backscatter.
    specular_db
        Gain of a boundary that faces the probe, loss of one that runs along the beam.
    valve_db, annulus_db, pericardium_db, posterior_db
        Leaflets, the fibrous annulus, the pericardial line, the bright band behind the atria.
    axial_mm, lateral_deg
        Standard deviations of the point spread function; the lateral one is an angle, so blur grows with depth.
    side_lobe
        Amplitude of the side lobes as a fraction of the main lobe.
    attenuation_db
        Loss left over after time-gain compensation, from the probe to the far end (negative: over-compensated).
    tgc_ripple_db
        Uneven time-gain compensation with depth.
    shadows
        Angular drop-outs: (angle as a fraction of the fan -0.5 to 0.5, half width in degrees, depth in dB, depth
        in mm at which it begins).
    near_clutter_db, near_clutter_mm
        Level and reach of near-field clutter and its reverberation rings.
    haze_db
        Level of static haze over parts of the fan.
    noise_db
        Electronic noise at the far end of the fan.
    median_grey, bright_grey
        Grey levels that the median and the 95th percentile of the fan reach in the first frame: together they are
        the gain and the dynamic range of the log compression. The dynamic range is kept above 40 dB, at the cost
        of the bright level.
    gamma
        Exponent of the grey map.
    toe
        Softness of its dark end, as a fraction of the median grey: echo-free regions fade to dark grey, not to black.
    speckle_reduction
        Share of the speckle that the machine's adaptive filter removes from the log image, 0 to 1.
    """

    blood_db: float = -20.0
    background_db: float = -3.0
    lung_db: float = -8.0
    septum_db: float = 2.0
    lateral_db: float = -2.0
    apex_db: float = -2.0
    patchiness_db: float = 3.0
    specular_db: float = 5.0
    valve_db: float = 3.0
    annulus_db: float = 6.0
    pericardium_db: float = 8.0
    posterior_db: float = 8.0
    axial_mm: float = 0.55
    lateral_deg: float = 0.6
    side_lobe: float = 0.04
    attenuation_db: float = 4.0
    tgc_ripple_db: float = 1.5
    shadows: tuple[tuple[float, float, float, float], ...] = ()
    near_clutter_db: float = 2.0
    near_clutter_mm: float = 9.0
    haze_db: float = -22.0
    noise_db: float = -26.0
    median_grey: float = 65.0
    bright_grey: float = 160.0
    gamma: float = 1.0
    toe: float = 0.3
    speckle_reduction: float = 0.55


@dataclass(frozen=True)
class Screen:
    """What a scanner draws around the fan (and sometimes over its corners).

    Parameters
    ----------
    text_lines
        Lines of text-like marks.
    depth_scale, grey_bar, marker, buttons, ecg
        Ticks beside the fan, a grey wedge, the orientation mark, a row of buttons, an ECG strip with a cursor.
    overlap
        True lets the marks cover the corners of the fan; masks do not change.
    level
        Grey level of the marks, 0 to 255.
    """

    text_lines: int = 0
    depth_scale: bool = False
    grey_bar: bool = False
    marker: bool = False
    buttons: bool = False
    ecg: bool = False
    overlap: bool = False
    level: int = 200


@dataclass(frozen=True)
class PhantomConfig:
    """Everything that determines a phantom, besides the seed of its speckle.

    Parameters
    ----------
    ventricle, chambers, motion, pose, sector, appearance, screen
        See the classes.
    view
        One of `VIEWS`.

    Raises
    ------
    PhantomError
        If a value is not finite or makes no heart, no beat or no fan.
    """

    ventricle: LeftVentricle = field(default_factory=LeftVentricle)
    chambers: Chambers = field(default_factory=Chambers)
    motion: Motion = field(default_factory=Motion)
    pose: Pose = field(default_factory=Pose)
    sector: SectorConfig = field(default_factory=SectorConfig)
    appearance: Appearance = field(default_factory=Appearance)
    screen: Screen = field(default_factory=Screen)
    view: str = "A4C"

    def __post_init__(self) -> None:
        """Refuse values outside the ranges the model was made for."""
        if self.view not in VIEWS:
            raise PhantomError(f"Phantom: there is no view {self.view}; give one of {', '.join(VIEWS)}.")
        for part in (self.ventricle, self.chambers, self.motion, self.pose, self.sector, self.appearance):
            for entry in fields(part):
                value = getattr(part, entry.name)
                if isinstance(value, float) and not math.isfinite(value):
                    raise PhantomError(f"Phantom: {entry.name} is {value}; give a finite number.")
        for name, value, low, high, unit in (
            ("long axis", self.ventricle.long_axis_mm, 20, 160, "mm"),
            ("diameter", self.ventricle.diameter_mm, 8, 120, "mm"),
            ("apical bluntness", self.ventricle.bluntness, 1.2, 6, ""),
            ("basal taper", self.ventricle.taper, 0, 0.6, ""),
            ("annulus slant", self.ventricle.annulus_slant_deg, -25, 25, "degrees"),
            ("septum", self.ventricle.septum_mm, 2, 30, "mm"),
            ("lateral wall", self.ventricle.lateral_wall_mm, 2, 30, "mm"),
            ("apical wall", self.ventricle.apical_wall_mm, 1, 30, "mm"),
            ("right ventricle", self.chambers.right_ventricle_mm, 5, 100, "mm"),
            ("apex of the right ventricle", self.chambers.right_ventricle_apex, 0, 0.8, ""),
            ("tricuspid offset", self.chambers.tricuspid_offset_mm, -10, 20, "mm"),
            ("aortic root", self.chambers.aorta_mm, 10, 80, "mm"),
            *(("atrial size", size, 10, 150, "mm") for size in self.chambers.left_atrium_mm),
            *(("atrial size", size, 10, 150, "mm") for size in self.chambers.right_atrium_mm),
            ("heart rate", self.motion.heart_rate, 30, 220, "beats per minute"),
            ("ejection fraction", self.motion.ef_percent, 1, 85, "%"),
            ("longitudinal share", self.motion.longitudinal_share, 0, 0.5, ""),
            ("share of rapid filling", self.motion.rapid_filling, 0.2, 0.95, ""),
            ("RR variability", self.motion.rr_variability, 0, 0.4, ""),
            ("sector angle", self.sector.angle_deg, 20, 140, "degrees"),
            ("depth", self.sector.depth_mm, 50, 350, "mm"),
            ("near radius", self.sector.near_mm, 0, 40, "mm"),
            ("sector roll", self.sector.roll_deg, -30, 30, "degrees"),
            ("axial blur", self.appearance.axial_mm, 0.05, 5, "mm"),
            ("lateral blur", self.appearance.lateral_deg, 0.05, 5, "degrees"),
            ("share of speckle reduction", self.appearance.speckle_reduction, 0, 1, ""),
            ("share of side lobes", self.appearance.side_lobe, 0, 1, ""),
            ("reach of the near-field clutter", self.appearance.near_clutter_mm, 0.5, 100, "mm"),
            ("exponent of the grey map", self.appearance.gamma, 0.2, 5, ""),
            ("toe of the grey map", self.appearance.toe, 0, 2, ""),
            ("pixel aspect", self.sector.pixel_aspect, 0.4, 2.5, ""),
        ):
            if not low <= value <= high:
                raise PhantomError(
                    f"Phantom: {name} of {value:g} {unit}".rstrip() + f"; give one from {low:g} to {high:g}."
                )
        if len(self.sector.margin) != 4 or min(self.sector.margin) < 0 or max(self.sector.margin) > 0.4:
            raise PhantomError("Phantom: give the four margins of the sector as fractions from 0 to 0.4.")
