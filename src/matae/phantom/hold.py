"""A fan that holds the cavity at every instant: as the heart beats, rocks about its apex and drifts with breathing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.phantom.scan import HeartFrame
from matae.phantom.shape import beating_ventricle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.config import PhantomConfig, SectorConfig
    from matae.phantom.shape import Instant

__all__ = ["DRIFT_HZ", "drift_start", "holding"]

DRIFT_HZ = (0.21, 0.27)
"""How often a heart drifts to the right and back, and down and up, in a second."""
_INSTANTS = 9
_BREATHING = 2 * np.pi * np.array(DRIFT_HZ) * np.linspace(0, 100 / 3, 128)[:, None]
"""Phases of the drift to the right and down until it begins again, (128, 2)."""
_STRONGEST = 1.15  # contraction of a beat after a long pause, where beats are irregular
_SPARE_DEG, _SPARE_MM = 1.0, 1.0  # around a cavity for which a fan is made larger


def drift_start(seed: int) -> NDArray[np.float64]:
    """Return where the drift of a phantom begins, to the right and down, in radians."""
    stream = np.random.SeedSequence(seed).spawn(2)[1]
    return np.random.default_rng(stream).uniform(0, 2 * np.pi, 2)


def holding(config: PhantomConfig, seed: int) -> SectorConfig:
    """Return the fan of a phantom, made larger where its cavity leaves it at some time; else as it is.

    Parameters
    ----------
    config
        The heart and its fan.
    seed
        Of the phantom, which says how it drifts.
    """
    sector, motion = config.sector, config.motion
    strongest = _STRONGEST if motion.rr_variability else 1.0
    beating = beating_ventricle(config.ventricle, motion, np.linspace(0, strongest, _INSTANTS))
    start = drift_start(seed)
    drift = motion.drift_mm * (np.sin(_BREATHING + start) - np.sin(start))
    points = [
        HeartFrame(config.pose, motion.rocking_deg * instant.contraction).to_probe(*_outline(instant))
        for instant in beating.instants
    ]
    right, down = (np.concatenate(part) for part in zip(*points, strict=True))
    side = -1.0 if config.pose.mirrored else 1.0
    right, down = right + side * drift[:, :1], down + drift[:, 1:]
    angle = 2.0 * float(np.abs(np.degrees(np.arctan2(right, down)) - sector.roll_deg).max())
    away = np.hypot(right, down)
    far, near = float(away.max()), float(away.min())
    if angle > sector.angle_deg:
        sector = replace(sector, angle_deg=angle + 2 * _SPARE_DEG)
    if far > sector.depth_mm:
        sector = replace(sector, depth_mm=far + _SPARE_MM)
    if near < sector.near_mm:
        sector = replace(sector, near_mm=max(0.0, near - _SPARE_MM))
    return sector


def _outline(instant: Instant) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return points of the edge of a cavity, in heart coordinates."""
    left, right = instant.inner[:, ::8]
    s = np.linspace(0, instant.length, left.size, dtype=np.float32)
    hinges = instant.inner[:, -1]
    return np.concatenate([s, s, instant.length + instant.slant * hinges]), np.concatenate([left, right, hinges])
