"""Valve leaflets: bright curves that swing on the annulus, drawn as points that carry their own scatterers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.anatomy import Layout
    from matae.phantom.shape import Instant

__all__ = ["Leaflets", "draw_leaflets", "leaflet_points"]

_POINTS = 60


@dataclass(frozen=True, eq=False)
class Leaflets:
    """Random but fixed properties of the leaflets of one heart.

    Parameters
    ----------
    strength
        Complex amplitude of each point of the four leaflets (mitral septal and lateral, tricuspid lateral and
        septal), (4, 60).
    rough
        Offset of each point across the leaflet, mm, (4, 60).
    tenting_mm
        How far into the ventricle the leaflets meet when closed.
    meet
        Where they meet, as a fraction of the mitral annulus from its septal hinge.
    billow_mm
        How far the closed leaflets bow.
    """

    strength: NDArray[np.complex64]
    rough: NDArray[np.float32]
    tenting_mm: float
    meet: float
    billow_mm: float


def draw_leaflets(rng: np.random.Generator) -> Leaflets:
    """Draw the properties of the leaflets."""
    shape = (4, _POINTS)
    points = rng.standard_normal((2, *shape))
    wave = 0.7 + 0.6 * np.abs(
        np.sin(np.linspace(0, 1, _POINTS) * rng.uniform(2, 9, (4, 1)) + rng.uniform(0, 6, (4, 1)))
    )
    strength = (points[0] + 1j * points[1]) * wave
    rough = rng.standard_normal(shape) * 0.5
    tent, meet, billow = rng.uniform(1.5, 9.0), rng.uniform(0.45, 0.72), rng.uniform(-2.0, 3.0)
    return Leaflets(strength.astype(np.complex64), rough.astype(np.float32), tent, meet, billow)


def _curve(
    hinge: NDArray[np.float64], tip: NDArray[np.float64], bow: float, rough: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Quadratic curve from hinge to tip that bows by `bow` mm to its left, (60, 2)."""
    along = tip - hinge
    normal = np.array([along[1], -along[0]]) / max(float(np.hypot(*along)), 1e-6)
    u = np.linspace(0.0, 1.0, _POINTS)[:, None]
    return hinge + along * u + normal * (4 * bow * u * (1 - u) + rough[:, None])


def _pair(
    hinges: tuple[NDArray[np.float64], NDArray[np.float64]],
    opening: float,
    leaflets: Leaflets,
    rows: tuple[int, int],
    lengths: tuple[float, float],
) -> list[NDArray[np.float64]]:
    """Both leaflets of a valve: closed they meet, open they point to the apex."""
    gap = hinges[1] - hinges[0]
    closed = hinges[0] + leaflets.meet * gap + np.array([-leaflets.tenting_mm, 0.0])
    curves = []
    for number in (0, 1):
        hinge, inward = hinges[number], 1.0 if number == 0 else -1.0
        shut = closed - hinge
        reach = max(float(np.hypot(*shut)), lengths[number])
        shut_angle = np.arctan2(shut[1] * inward, -shut[0])
        angle = shut_angle + (0.22 - shut_angle) * opening
        length = np.hypot(*shut) + (reach - np.hypot(*shut)) * opening
        tip = hinge + length * np.array([-np.cos(angle), inward * np.sin(angle)])
        bow = inward * (leaflets.billow_mm * (1 - opening) + 2.0 * opening)
        curves.append(_curve(hinge, tip, bow, leaflets.rough[rows[number]]))
    return curves


def leaflet_points(
    leaflets: Leaflets, now: Instant, rest: Instant, place: Layout, opening: float
) -> NDArray[np.float32]:
    """Points of the four leaflets at one instant in heart coordinates, (4, 60, 2) as (s, x).

    Parameters
    ----------
    leaflets
        Properties of the leaflets.
    now, rest
        The ventricle at this instant and at end-diastole.
    place
        Where the tricuspid valve is at end-diastole; it descends with the mitral annulus, and a little more.
    opening
        0 closed to 1 open.
    """
    edges = now.inner[:, -1].astype(np.float64)
    hinges = np.stack([now.length + now.slant * edges, edges], 1)
    gap = float(edges[1] - edges[0])
    mitral = _pair((hinges[0], hinges[1]), opening, leaflets, (0, 1), (0.68 * gap, 0.45 * gap))
    descent = 1.15 * (now.length - rest.length)
    septal, lateral = (np.array(hinge) + np.array([descent + now.slant * hinge[1], 0.0]) for hinge in place.tricuspid)
    septal[1] += float(now.outer[0, -1] - rest.outer[0, -1])
    width = float(septal[1] - lateral[1])
    tricuspid = _pair((lateral, septal), opening, leaflets, (2, 3), (0.6 * width, 0.4 * width))
    return np.stack([*mitral, *tricuspid]).astype(np.float32)
