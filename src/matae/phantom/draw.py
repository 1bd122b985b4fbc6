"""Random hearts, probes and machines.

The ranges of the pose, the size of the ventricle and the grey levels were set beside public apical four-chamber
frames; they are wide on purpose, since phantoms also pre-train networks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.phantom.config import (
    Appearance,
    Chambers,
    LeftVentricle,
    Motion,
    PhantomConfig,
    PhantomError,
    Pose,
    Screen,
    SectorConfig,
)
from matae.phantom.hold import holding
from matae.phantom.shape import beating_ventricle

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["random_heart"]


def _normal(rng: np.random.Generator, mean: float, spread: float, low: float, high: float) -> float:
    return float(np.clip(rng.normal(mean, spread), low, high))


def _ventricle(rng: np.random.Generator, ef: float) -> LeftVentricle:
    dilated = float(np.clip((50.0 - ef) / 35.0, 0, 1)) * rng.uniform(0.2, 1.0)  # weak hearts tend to be large
    length = _normal(rng, 80 + 9 * dilated, 8, 60, 108)
    ratio = _normal(rng, 0.54 + 0.08 * dilated, 0.05, 0.40, 0.74)
    wall = _normal(rng, 9.5, 1.6, 6, 15)
    slope = _normal(rng, 2.0, 4.5, -12, 13)
    papillary = tuple(
        (float(rng.uniform(0.35, 0.68)), float(rng.uniform(10, 24)), float(rng.uniform(3, 9)))
        for _ in range(int(rng.choice(3, p=(0.45, 0.4, 0.15))))
    )
    return LeftVentricle(
        long_axis_mm=length, diameter_mm=length * ratio, bluntness=float(rng.uniform(1.7, 3.4)),
        taper=float(rng.uniform(0.02, 0.38)), bend_mm=_normal(rng, 1.5, 2.2, -4, 6),
        sigmoid_mm=_normal(rng, 0.0, 1.1, -2.5, 2.5), annulus_slant_deg=slope,
        septum_mm=wall * float(rng.uniform(0.9, 1.35)), lateral_wall_mm=wall * float(rng.uniform(0.8, 1.2)),
        apical_wall_mm=wall * float(rng.uniform(0.5, 0.9)), papillary=papillary,
    )  # fmt: skip


def _chambers(rng: np.random.Generator) -> Chambers:
    atria = rng.uniform((34, 32, 32, 30), (62, 56, 56, 54))
    return Chambers(
        right_ventricle_mm=_normal(rng, 30, 6, 16, 46), right_ventricle_apex=float(rng.uniform(0.08, 0.38)),
        left_atrium_mm=(float(atria[0]), float(atria[1])), right_atrium_mm=(float(atria[2]), float(atria[3])),
        tricuspid_offset_mm=float(rng.uniform(2, 9)),
    )  # fmt: skip


def _motion(rng: np.random.Generator, ef: float) -> Motion:
    weak: list[tuple[int, float, float, float]] = []
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 3))):
            side = int(rng.choice((-1, 1)))
            weak.append(
                (side, float(rng.uniform(0.15, 0.75)), float(rng.uniform(0.12, 0.3)), float(rng.uniform(0.3, 1)))
            )
    return Motion(
        heart_rate=_normal(rng, 70, 14, 45, 120), ef_percent=ef, longitudinal_share=float(rng.uniform(0.12, 0.30)),
        rapid_filling=float(rng.uniform(0.5, 0.85)), start_phase=0.0,
        rr_variability=float(rng.uniform(0.03, 0.2)) if rng.random() < 0.12 else 0.0,
        rocking_deg=_normal(rng, 1.0, 1.5, -3, 4), drift_mm=float(rng.uniform(0, 1.5)), hypokinesia=tuple(weak),
    )  # fmt: skip


def _sector(rng: np.random.Generator) -> SectorConfig:
    tight = rng.random() < 0.6
    margin = rng.uniform(0.0, 0.03, 4) if tight else rng.uniform(0.0, 0.14, 4)
    return SectorConfig(
        angle_deg=float(rng.uniform(60, 98)), depth_mm=_normal(rng, 152, 22, 110, 205),
        near_mm=float(rng.uniform(0, 4)) if rng.random() < 0.6 else float(rng.uniform(4, 14)),
        roll_deg=_normal(rng, 0, 4, -10, 10) if rng.random() < 0.25 else 0.0,
        margin=(float(margin[0]), float(margin[1]), float(margin[2]), float(margin[3])),
        pixel_aspect=float(rng.uniform(0.75, 1.33)) if rng.random() < 0.15 else 1.0,
    )  # fmt: skip


def _appearance(rng: np.random.Generator) -> Appearance:
    shadows = [
        (
            float(rng.uniform(-0.5, 0.5)),
            float(rng.uniform(2, 8)),
            float(rng.uniform(4, 20)),
            float(rng.choice((0, 30, 60))),
        )
        for _ in range(int(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))))
    ]
    shadows += [
        (edge * 0.5, float(rng.uniform(4, 12)), float(rng.uniform(6, 24)), 0.0)
        for edge in (-1, 1)
        if rng.random() < 0.35
    ]
    median = float(np.clip(rng.lognormal(np.log(78), 0.36), 16, 150))
    return Appearance(
        blood_db=_normal(rng, -14.5, 4, -28, -6), background_db=_normal(rng, -2, 4, -12, 6),
        lung_db=_normal(rng, -4, 6, -20, 6), septum_db=_normal(rng, 0, 3, -7, 6),
        lateral_db=_normal(rng, -3.5, 4, -15, 4), apex_db=_normal(rng, -5, 3.5, -13, 3),
        patchiness_db=float(rng.uniform(2.0, 6.0)), specular_db=float(rng.uniform(1, 8)),
        valve_db=_normal(rng, 2, 3.5, -8, 9), annulus_db=_normal(rng, 5, 3, -3, 11),
        pericardium_db=_normal(rng, 6, 4, -2, 14), posterior_db=_normal(rng, 13.5, 5, 0, 24),
        axial_mm=float(rng.uniform(0.45, 1.0)), lateral_deg=float(rng.uniform(0.55, 1.2)),
        side_lobe=float(rng.uniform(0.0, 0.1)), attenuation_db=_normal(rng, -4.5, 5, -16, 10),
        tgc_ripple_db=float(rng.uniform(0, 3)), shadows=tuple(shadows),
        near_clutter_db=_normal(rng, 0, 5, -12, 10), near_clutter_mm=float(rng.uniform(4, 22)),
        haze_db=_normal(rng, -22, 5, -36, -11), noise_db=_normal(rng, -20, 5, -36, -8),
        median_grey=median, bright_grey=float(np.clip(median * rng.uniform(1.7, 2.6) + rng.uniform(5, 40), 0, 252)),
        gamma=float(rng.uniform(0.8, 1.35)), toe=float(rng.uniform(0.0, 0.6)),
        speckle_reduction=float(np.clip(rng.normal(0.58, 0.14), 0, 0.8)),
    )  # fmt: skip


def _screen(rng: np.random.Generator) -> Screen:
    if rng.random() < 0.7:
        return Screen()
    marks = rng.random(6) < 0.5
    return Screen(
        text_lines=int(rng.integers(0, 7)), depth_scale=bool(marks[0]), grey_bar=bool(marks[1]), marker=bool(marks[2]),
        buttons=bool(marks[3]), ecg=bool(marks[4]), overlap=bool(rng.random() < 0.15), level=int(rng.integers(90, 256)),
    )  # fmt: skip


def _outline(ventricle: LeftVentricle, motion: Motion, pose: Pose) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Outline of the resting cavity right of and below the apex of the fan, mm."""
    rest = beating_ventricle(ventricle, motion, np.zeros(1)).rest
    edges = rest.inner.astype(np.float64)
    s = np.linspace(0, rest.length, edges.shape[1])
    s = np.concatenate([s, s, [rest.length + rest.slant * edges[0, -1], rest.length + rest.slant * edges[1, -1]]])
    x = np.concatenate([edges[0], edges[1], edges[:, -1]])
    angle = np.radians(pose.tilt_deg)
    right = pose.apex_offset_mm + s * np.sin(angle) + x * np.cos(angle)
    down = pose.apex_depth_mm + s * np.cos(angle) - x * np.sin(angle)
    return (-right if pose.mirrored else right), down


def _fit(sector: SectorConfig, ventricle: LeftVentricle, motion: Motion, pose: Pose) -> SectorConfig:
    """Widen and deepen the fan until it holds the cavity with a margin for rocking and drift."""
    right, down = _outline(ventricle, motion, pose)
    angle = np.degrees(np.arctan2(right, down)) - sector.roll_deg
    wide = 2.0 * float(np.abs(angle).max()) + 8.0
    deep = float(np.hypot(right, down).max()) + 8.0
    return replace(sector, angle_deg=max(sector.angle_deg, wide), depth_mm=max(sector.depth_mm, deep))


def random_heart(
    seed: int,
    *,
    ef_percent: float | None = None,
    start_phase: float | None = 0.0,
    clipped: bool = False,
    screen: Screen | None = None,
    view: str = "A4C",
) -> PhantomConfig:
    """Draw a heart, a probe position and a machine.

    Parameters
    ----------
    seed
        The same seed gives the same heart.
    ef_percent
        Ejection fraction; drawn from 15 to 75 % when None.
    start_phase
        Phase of the first frame, 0 at the R wave; drawn when None, which single training frames want.
    clipped
        True keeps poses in which the fan cuts the cavity, as foreshortened or badly centred clips do; otherwise the
        fan is widened until it holds the cavity, in a clip of any length that is made with the same seed.
    screen
        Marks around the fan; drawn (mostly none) when None.
    view
        One of `matae.phantom.config.VIEWS`. The same seed gives the same left ventricle, probe and machine in each.

    Raises
    ------
    PhantomError
        If the seed is negative, the ejection fraction impossible or the view none of those.
    """
    if seed < 0:
        raise PhantomError(f"Phantom: a seed of {seed}; give 0 or more.")
    rng = np.random.default_rng([seed, 0x4A4C])
    ef = float(np.clip(rng.normal(52, 14), 15, 75))
    ef = ef if ef_percent is None else float(ef_percent)
    ventricle, chambers, motion, sector = _ventricle(rng, ef), _chambers(rng), _motion(rng, ef), _sector(rng)
    appearance, marks = _appearance(rng), _screen(rng)
    for _ in range(60):
        tilt = _normal(rng, 10, 8, -10, 30)
        pose = Pose(
            apex_depth_mm=_normal(rng, 32, 7, 16, 55), apex_offset_mm=_normal(rng, -4 - 0.25 * tilt, 6, -26, 20),
            tilt_deg=tilt, mirrored=False,
        )  # fmt: skip
        fits = _fit(sector, ventricle, motion, pose)
        if fits.angle_deg <= min(sector.angle_deg + (20.0 if clipped else 4.0), 118.0 if clipped else 98.0):
            break
    # Drawn in any case, so that the rest of the heart does not depend on who asks for the phase.
    phase = float(rng.random())
    motion = replace(motion, start_phase=phase if start_phase is None else start_phase)
    pose = replace(pose, mirrored=bool(rng.random() < 0.04))
    if not clipped:
        sector = _fit(sector, ventricle, motion, pose)
    if view in ("A3C", "A5C"):
        chambers, pose = _with_root(chambers, pose, view, np.random.default_rng([seed, 0x4A5C]))
    config = PhantomConfig(ventricle, chambers, motion, pose, sector, appearance, screen or marks, view)
    return config if clipped else replace(config, sector=holding(config, seed))


def _with_root(chambers: Chambers, pose: Pose, view: str, rng: np.random.Generator) -> tuple[Chambers, Pose]:
    """Draw the aortic root; of the right ventricle, a three-chamber view shows the outflow tract, on the right."""
    chambers = replace(chambers, aorta_mm=_normal(rng, 31, 3.5, 22, 42))
    if view == "A5C":
        return chambers, pose
    outflow = replace(
        chambers,
        right_ventricle_mm=float(rng.uniform(16, 28)), right_ventricle_apex=float(rng.uniform(0.42, 0.62)),
        tricuspid_offset_mm=float(rng.uniform(-8, 2)),
    )  # fmt: skip
    return outflow, replace(pose, mirrored=not pose.mirrored)
