"""From scatterers to grey levels: speckle, point spread, shadows, clutter, noise, and log compression.

Speckle is the sum of many random echoes in a resolution cell, a circular complex Gaussian whose envelope is Rayleigh
distributed (Burckhardt, IEEE Trans Sonics Ultrason 1978). Tissue carries its own complex noise in its end-diastolic
place; every frame looks it up where the tissue has moved to, multiplies it by the backscatter, and blurs it with a
point spread function whose lateral width is an angle, so that it grows with depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.config import Appearance
    from matae.phantom.scan import ScanGeometry

    Field = NDArray[np.float32]

__all__ = ["Scanner", "amplitude", "make_scanner", "white"]


_APERTURE_MM = 14.0
_LEAST_DYNAMIC_RANGE_DB = 40.0


def white(shape: tuple[int, ...], rng: np.random.Generator) -> Field:
    """Real and imaginary part of unit-variance white noise, (2, *shape) float32."""
    return rng.standard_normal((2, *shape), dtype=np.float32) * np.float32(np.sqrt(0.5))


def amplitude(level: Field | float) -> Field:
    """Amplitude of a level in dB."""
    return np.float32(10.0) ** (np.asarray(level, np.float32) * np.float32(0.05))


def _speckle(shape: tuple[int, ...], sigma: tuple[float, float], rng: np.random.Generator) -> Field:
    noise = white(shape, rng)
    for component in noise:
        ndimage.gaussian_filter(component, (0.6 * sigma[0], 0.6 * sigma[1]), output=component, truncate=3.0)
    unit: Field = noise / np.float32(noise.std() * np.sqrt(2.0))
    return unit


@dataclass(frozen=True, eq=False)
class Scanner:
    """The parts of image formation that stay fixed during a clip.

    Parameters
    ----------
    fan
        Geometry.
    look
        Levels and blur.
    gain
        Amplitude gain of echoes: attenuation, uneven TGC, shadows, (R, A).
    clutter
        Static echoes that do not move with the heart: near field, reverberation, haze, (2, R, A).
    noise
        Amplitude of electronic noise, (R, 1).
    sigma
        Axial and lateral standard deviation of the point spread function, in polar samples.
    white_gain
        Factor that makes white noise as strong as tissue of 0 dB once both are blurred.
    """

    fan: ScanGeometry
    look: Appearance
    gain: Field
    clutter: Field
    noise: Field
    sigma: tuple[float, float]
    white_gain: float

    def speckle(self, rng: np.random.Generator) -> Field:
        """Tissue noise, pre-blurred by part of the point spread so that moving it does not alias, (2, R, A)."""
        return _speckle(self.gain.shape, self.sigma, rng)

    def envelope(self, echoes: Field, rng: np.random.Generator) -> Field:
        """Return the log envelope in dB, (R, A), of complex echoes (2, R, A)."""
        field = echoes * self.gain + self.clutter
        field += white(self.gain.shape, rng) * (self.noise * np.float32(self.white_gain))
        rest = (0.8 * self.sigma[0], 0.8 * self.sigma[1])
        for component in field:
            ndimage.gaussian_filter(component, rest, output=component, truncate=3.0)
        self._widen_near(field)
        power = np.hypot(field[0], field[1])
        if self.look.side_lobe > 0:
            wide = ndimage.uniform_filter1d(power, max(3, int(10 * self.sigma[1])), axis=1)
            power += np.float32(self.look.side_lobe) * wide
        level = 20.0 * np.log10(power + np.float32(1e-5))
        if self.look.speckle_reduction > 0:
            calm = ndimage.gaussian_filter(level, (1.8 * self.sigma[0] + 0.5, 1.3 * self.sigma[1] + 0.5), truncate=2.5)
            level = level + np.float32(self.look.speckle_reduction) * (calm - level)
        return np.asarray(level, np.float32)

    def _widen_near(self, field: Field) -> None:
        """Near the probe a beam is as wide as its aperture, not an angle: blur the first rows further, in place."""
        rows = int(np.searchsorted(self.fan.radii, 3.0 * _APERTURE_MM))
        if rows == 0:
            return
        weight = np.exp(-((self.fan.radii[:rows] / _APERTURE_MM) ** 2)).astype(np.float32)[:, None]
        wide = max(8.0 * self.sigma[1], 0.04 * field.shape[2])
        for component in field:
            near = ndimage.gaussian_filter1d(component[:rows], wide, axis=1, truncate=2.5)
            # Blurring noise costs amplitude; the gain gives it back.
            near *= np.float32(np.sqrt(wide / max(self.sigma[1], 0.5)))
            component[:rows] += weight * (near - component[:rows])

    def curve(self, level: Field) -> tuple[float, float]:
        """Slope (grey per dB) and offset of the log compression that give a frame its median and bright grey.

        Parameters
        ----------
        level
            Log envelope of the pixels inside the fan, (N,).
        """
        middle, bright = np.percentile(level, (50, 95))
        span = max(float(bright - middle), 1e-3)
        low, high = (255.0 * (grey / 255.0) ** (1.0 / self.look.gamma) for grey in self.targets())
        slope = min((high - low) / span, 255.0 / _LEAST_DYNAMIC_RANGE_DB)
        return slope, low - slope * float(middle)

    def targets(self) -> tuple[float, float]:
        """Median and bright grey level, kept apart and inside the grey scale."""
        middle = min(max(self.look.median_grey, 1.0), 250.0)
        return middle, min(max(self.look.bright_grey, middle + 2.0), 255.0)

    def grey(self, level: Field, curve: tuple[float, float]) -> Field:
        """Log-compress levels in dB to grey levels 0 to 255 (float)."""
        linear = level * np.float32(curve[0]) + np.float32(curve[1])
        toe = np.float32(self.look.toe * self.targets()[0])
        if toe > 0:
            linear = toe * np.logaddexp(linear / toe, np.float32(0))
        linear = np.clip(linear / np.float32(255.0), 0, 1)
        return np.asarray(255.0 * linear**self.look.gamma, np.float32)


def _bumps(axis: Field, places: NDArray[np.float64], widths: NDArray[np.float64]) -> Field:
    return np.exp(-0.5 * ((axis[:, None] - places) / widths) ** 2).astype(np.float32)


def _near_field(fan: ScanGeometry, look: Appearance, rng: np.random.Generator) -> Field:
    """Amplitude of near-field clutter with a few reverberation rings, (R, A)."""
    depth = fan.radii - fan.radii[0]
    decay = np.exp(-((depth / look.near_clutter_mm) ** 1.4))
    first = rng.uniform(3.0, 8.0)
    places = first * np.arange(1, 6) * rng.uniform(0.95, 1.05, 5)
    rings = _bumps(fan.radii - fan.radii[0], places, np.full(5, 0.9)) @ (
        0.75 ** np.arange(5) * rng.uniform(0.2, 1.2, 5)
    )
    lateral = 1.0 + 0.35 * np.sin(fan.angles * rng.uniform(2, 6) + rng.uniform(0, 6))
    body = decay[:, None] * lateral + (rings * np.exp(-depth / (2.2 * look.near_clutter_mm)))[:, None]
    return np.asarray(amplitude(look.near_clutter_db) * body, np.float32)


def _haze(fan: ScanGeometry, look: Appearance, rng: np.random.Generator) -> Field:
    """Amplitude of static haze: a base level and a few wide blobs, (R, A)."""
    haze = np.full((fan.radii.size, fan.angles.size), amplitude(look.haze_db), np.float32)
    span = float(fan.angles[-1] - fan.angles[0])
    reach = float(fan.radii[-1])
    for _ in range(int(rng.integers(0, 4))):
        radial = _bumps(
            fan.radii, np.array([rng.uniform(0.1, 0.8) * reach]), np.array([rng.uniform(0.08, 0.3) * reach])
        )
        across = _bumps(
            fan.angles, np.array([rng.uniform(-0.5, 0.5) * span]), np.array([rng.uniform(0.06, 0.25) * span])
        )
        haze += amplitude(look.haze_db + rng.uniform(4, 14)) * radial * across[:, 0]
    return haze


def make_scanner(fan: ScanGeometry, look: Appearance, rng: np.random.Generator) -> Scanner:
    """Set up image formation.

    Parameters
    ----------
    fan
        Geometry.
    look
        Levels and blur.
    rng
        Draws clutter, haze and TGC ripple.
    """
    step_r = float(fan.radii[1] - fan.radii[0])
    step_a = float(np.degrees(fan.angles[1] - fan.angles[0]))
    # Coarse images get an anti-aliasing blur: a pixel averages what the finer polar grid resolves.
    sigma = (
        float(np.hypot(look.axial_mm / step_r, 0.35 * fan.spacing.y / step_r)),
        float(max(look.lateral_deg / step_a, 0.5)),
    )
    relative = fan.radii / fan.radii[-1]
    ripple = look.tgc_ripple_db * np.sin(relative * rng.uniform(4, 14) + rng.uniform(0, 6))
    gain_db = (-look.attenuation_db * relative + ripple)[:, None] + np.zeros((1, fan.angles.size))
    span = float(fan.angles[-1] - fan.angles[0])
    for place, half_width, depth_db, start in look.shadows:
        across = np.exp(-0.5 * ((fan.angles - place * span) / np.radians(half_width)) ** 2)
        onset = np.clip((fan.radii - start) / 8.0, 0, 1)
        gain_db = gain_db - depth_db * onset[:, None] * across
    gain = amplitude(gain_db.astype(np.float32))
    static = np.hypot(_near_field(fan, look, rng), _haze(fan, look, rng) * np.sqrt(gain))
    clutter = _speckle(gain.shape, sigma, rng)
    # Layers near the probe are wide: reverberation is smeared across beams, which makes it look like rings.
    layered = ndimage.gaussian_filter1d(clutter, 6.0 * sigma[1] + 0.08 * gain.shape[1], axis=2)
    layered /= np.float32(layered.std() * np.sqrt(2.0))
    near = np.exp(-(((fan.radii - fan.radii[0]) / (2.0 * look.near_clutter_mm)) ** 2))[:, None]
    clutter = (clutter * (1 - near) + layered * near) * static
    # A Gaussian of standard deviation v keeps 1 / (2 sqrt(pi) v) of the variance of white noise along an axis.
    white_gain = float(np.prod([np.sqrt(0.6 * 2 * np.sqrt(np.pi) * max(0.8 * v, 0.29)) for v in sigma]))
    noise = amplitude(look.noise_db) * (0.25 + 0.75 * relative**2)[:, None]
    return Scanner(fan, look, gain, clutter.astype(np.float32), noise.astype(np.float32), sigma, white_gain)
