r"""The left ventricle as a stack of disks, and the map from moving to resting tissue.

Heart coordinates are millimetres: `s` runs along the long axis from the apex of the cavity (0) to the middle of the
mitral annulus (L), `x` across it, negative towards the septum. In the image plane the cavity is

.. math:: \{(s, x) : s \ge 0,\; x_l(s) \le x \le x_r(s),\; s \le L + x \tan\beta\}

with edges :math:`x_{l,r} = c(q) \mp R\,f(q)\,g_{l,r}(q)`, :math:`q = \min(s/L, 1)`,
:math:`f = \sqrt{1-(1-q)^n}\,(1-\tau q^3)` scaled to a maximum of 1, a bend c that vanishes at both ends, and regional
factors g. The body is *defined* as the stack of disks perpendicular to the long axis that have the in-plane width w(s)
as diameter (they may be shifted sideways against each other), so by Cavalieri's principle

.. math:: V = \frac{\pi}{4} \int w(s)^2\,\mathrm{d}s,

which is what single-plane summation of disks (Simpson) measures on the mask. The epicardium is the same kind of body
around it, and its radius at each instant is the one that keeps the volume of the myocardium: walls thicken in systole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.config import LeftVentricle, Motion

__all__ = ["Beating", "Instant", "beating_ventricle"]

_SAMPLES = 513
_FINE = 1601
_GRID = np.linspace(0.0, 1.0, _SAMPLES)
_COUNT = np.arange(float(_FINE))


@dataclass(frozen=True, eq=False)
class Instant:
    """The ventricle at one instant.

    Parameters
    ----------
    length
        Long axis of the cavity, mm.
    slant
        Tangent of the slant of the annulus.
    cap
        Thickness of the apical wall, mm.
    inner, outer
        Left and right edge in mm of the cavity on `q` in 0..1 of [0, length], and of the epicardium on 0..1 of
        [-cap, length], (2, 513) each.
    contraction
        0 at end-diastole to 1 at end-systole.
    """

    length: float
    slant: float
    cap: float
    inner: NDArray[np.float32]
    outer: NDArray[np.float32]
    contraction: float

    def cavity_edges(self, s: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Left and right edge of the cavity at positions `s` along the long axis, mm."""
        return _sample(self.inner, s / np.float32(self.length))

    def wall_edges(self, s: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Left and right edge of the epicardium at positions `s`, mm."""
        cap = np.float32(self.cap)
        return _sample(self.outer, (s + cap) / np.float32(self.length + self.cap))

    def volume_ml(self) -> float:
        """Volume of the cavity: the integral of the squared in-plane width, see the module."""
        return _volume(self.inner, 0.0, self.length, self.slant)

    def labels(self, s: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return 1 in the cavity, 2 in the myocardium, 0 elsewhere, at points in heart coordinates."""
        above = s <= self.length + self.slant * x
        left, right = self.cavity_edges(s)
        cavity = above & (s >= 0) & (x >= left) & (x <= right)
        left, right = self.wall_edges(s)
        wall = above & (s >= -self.cap) & (x >= left) & (x <= right)
        return np.where(cavity, np.uint8(1), np.where(wall, np.uint8(2), np.uint8(0)))


def _sample(table: NDArray[np.float32], q: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Interpolate both rows of a uniform table linearly at `q`, clamped to 0..1."""
    place = np.clip(q, 0, 1) * np.float32(_SAMPLES - 1)
    index = np.minimum(place.astype(np.int32), _SAMPLES - 2)
    part = place - index
    step = np.diff(table, axis=1)
    return table[0].take(index) + step[0].take(index) * part, table[1].take(index) + step[1].take(index) * part


def _volume(edges: NDArray[np.float32], start: float, length: float, slant: float) -> float:
    """Volume in mL of the stack of disks between `edges`, cut by the slanted annulus."""
    reach = abs(slant) * float(np.abs(edges[:, -1]).max())
    end = length + reach
    s = _COUNT * ((end - start) / (_FINE - 1)) + start  # what numpy's linspace does, which takes longer to begin
    s[-1] = end
    q = np.minimum((s - start) / (length - start), 1.0)
    left, right = np.interp(q, _GRID, edges[0]), np.interp(q, _GRID, edges[1])
    if slant > 0:
        left = np.maximum(left, (s - length) / slant)
    elif slant < 0:
        right = np.minimum(right, (s - length) / slant)
    width = np.maximum(right - left, 0.0)
    # The width is linear between samples, so its square integrates exactly as a frustum.
    area = (width[1:] ** 2 + width[1:] * width[:-1] + width[:-1] ** 2) / 3.0
    return float(np.pi / 4.0 * area.sum() * (s[1] - s[0]) / 1000.0)


@dataclass(frozen=True, eq=False)
class Beating:
    """The ventricle over time.

    Parameters
    ----------
    rest
        End-diastole, the reference to which tissue points are mapped back.
    instants
        One for each frame.
    volumes_ml
        Cavity volume of each frame, (T,).
    """

    rest: Instant
    instants: tuple[Instant, ...]
    volumes_ml: NDArray[np.float64]


def _profile(ventricle: LeftVentricle, q: NDArray[np.float64]) -> NDArray[np.float64]:
    raw = np.sqrt(1.0 - (1.0 - q) ** ventricle.bluntness) * (1.0 - ventricle.taper * q**3)
    shape: NDArray[np.float64] = raw / raw.max()
    return shape


@dataclass(frozen=True, eq=False)
class _Form:
    """What a body of any radius has at one instant, along the long axis: its profile, its bend, its sides' factors."""

    profile: NDArray[np.float64]
    bend: NDArray[np.float64]
    factors: NDArray[np.float64]

    @classmethod
    def of(cls, ventricle: LeftVentricle, motion: Motion, contraction: float) -> _Form:
        q = _GRID
        bend = ventricle.bend_mm * np.sin(np.pi * q) + ventricle.sigmoid_mm * np.sin(2 * np.pi * q)
        factors = np.ones((2, _SAMPLES))
        for side, middle, reach, strength in motion.hypokinesia:
            stay = strength * np.exp(-0.5 * ((q - middle) / max(reach, 0.05)) ** 2) * np.clip(4 * q * (1 - q), 0, 1)
            factors[0 if side < 0 else 1] += 0.45 * contraction * motion.ef_percent / 100.0 * stay
        return cls(_profile(ventricle, q), bend, factors)

    def edges(self, ventricle: LeftVentricle, radius: float, sides: tuple[float, float]) -> NDArray[np.float32]:
        """Edges of a body of the given radius; `sides` scales its septal and lateral half."""
        half = radius * self.profile
        centre = 2.0 * radius / ventricle.diameter_mm * self.bend
        edges = np.empty((2, _SAMPLES), np.float32)
        edges[0] = centre - half * sides[0] * self.factors[0]
        edges[1] = centre + half * sides[1] * self.factors[1]
        return edges


def _solve(
    ventricle: LeftVentricle,
    form: _Form,
    volume: float,
    *,
    first: float,
    sides: tuple[float, float],
    span: tuple[float, float, float],
) -> NDArray[np.float32]:
    """Edges of the body that holds `volume`: a fixed point, since volume goes nearly with the square of the radius."""
    radius = first
    for _ in range(6):
        radius *= float(np.sqrt(volume / _volume(form.edges(ventricle, radius, sides), *span)))
    return form.edges(ventricle, radius, sides)


def beating_ventricle(ventricle: LeftVentricle, motion: Motion, contraction: NDArray[np.float64]) -> Beating:
    """Return the ventricle at each frame.

    Parameters
    ----------
    ventricle
        The shape at end-diastole.
    motion
        Ejection fraction, longitudinal share and regional motion.
    contraction
        0 at end-diastole to 1 at end-systole, (T,).
    """
    slant = float(np.tan(np.radians(ventricle.annulus_slant_deg)))
    cap, rest_length = ventricle.apical_wall_mm, ventricle.long_axis_mm
    radius = ventricle.diameter_mm / 2.0
    mean_wall = (ventricle.septum_mm + ventricle.lateral_wall_mm) / 2.0
    outer_radius = radius + mean_wall
    # Septal and lateral half of the epicardium differ so that each wall has its own thickness at end-diastole.
    sides = ((radius + ventricle.septum_mm) / outer_radius, (radius + ventricle.lateral_wall_mm) / outer_radius)
    form = _Form.of(ventricle, motion, 0.0)
    inner, outer = form.edges(ventricle, radius, (1.0, 1.0)), form.edges(ventricle, outer_radius, sides)
    rest = Instant(rest_length, slant, cap, inner, outer, 0.0)
    end_diastolic = rest.volume_ml()
    muscle = _volume(outer, -cap, rest_length, slant) - end_diastolic
    ejected = motion.ef_percent / 100.0
    shortest = (1.0 - ejected) ** motion.longitudinal_share
    instants = []
    for now in contraction:
        length = rest_length * (1.0 - now * (1.0 - shortest))
        volume = end_diastolic * (1.0 - ejected * now)
        form = _Form.of(ventricle, motion, float(now))
        inner = _solve(ventricle, form, volume, first=radius, sides=(1.0, 1.0), span=(0.0, length, slant))
        # The same regional factors act outside, so an akinetic segment neither moves in nor thickens.
        span = (-cap, length, slant)
        outer = _solve(ventricle, form, volume + muscle, first=outer_radius, sides=sides, span=span)
        instants.append(Instant(length, slant, cap, inner, outer, float(now)))
    volumes = np.array([instant.volume_ml() for instant in instants])
    return Beating(rest, tuple(instants), volumes)
