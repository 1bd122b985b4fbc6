"""What scatters where at end-diastole: chambers, walls, annuli, pericardium and surroundings.

Everything is a map of backscatter in dB (relative to the myocardium) over heart coordinates at end-diastole. It is
drawn once; each frame looks it up at the resting place of its tissue, so it moves and deforms with the heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.config import Appearance, Chambers, LeftVentricle, PhantomConfig
    from matae.phantom.shape import Instant

    Field = NDArray[np.float32]

__all__ = ["Atria", "Layout", "backscatter", "layout"]

_EMPTY_DB = -60.0  # inside chambers there is only blood, which is added frame by frame


@dataclass(frozen=True)
class Atria:
    """The left and the right atrium as cut super-ellipses: centre and half axes (s, x), mm."""

    left: tuple[float, float, float, float]
    right: tuple[float, float, float, float]


@dataclass(frozen=True)
class Layout:
    """Where things lie at end-diastole, mm in heart coordinates.

    Parameters
    ----------
    atria
        Both atria.
    roof
        Back wall of the atria along the axis.
    tricuspid
        Septal and lateral hinge (s, x) of the tricuspid valve.
    aorta
        The aortic root as a super-ellipse, None where the view does not show it.
    right_ventricle, right_atrium
        Whether the view shows them.
    """

    atria: Atria
    roof: float
    tricuspid: tuple[tuple[float, float], tuple[float, float]]
    aorta: tuple[float, float, float, float] | None = None
    right_ventricle: bool = True
    right_atrium: bool = True


def layout(chambers: Chambers, rest: Instant, view: str = "A4C") -> Layout:
    """Place the other chambers around the resting left ventricle, as a view shows them."""
    base = np.array([rest.length], np.float32)
    edge_left = float(rest.cavity_edges(base)[0][0])
    wall_left = float(rest.wall_edges(base)[0][0])
    septum = edge_left + 0.35 * (wall_left - edge_left)  # the interatrial septum continues the left part of the septum
    la_length, la_width = chambers.left_atrium_mm
    ra_length, ra_width = chambers.right_atrium_mm
    start_l, start_r = rest.length, rest.length - chambers.tricuspid_offset_mm
    left = (start_l + 0.42 * la_length, septum + 1.3 + la_width / 2, 0.58 * la_length, la_width / 2)
    right = (start_r + 0.42 * ra_length, septum - 1.3 - ra_width / 2, 0.58 * ra_length, ra_width / 2)
    roof = max(start_l + la_length, start_r + ra_length) + 3.0
    width = min(0.9 * chambers.right_ventricle_mm, ra_width)
    tricuspid = ((start_r, wall_left - 0.5), (start_r, wall_left - width))
    if view == "A4C":
        return Layout(Atria(left, right), roof, tricuspid)
    if view == "A2C":  # the atrium lies in line with the ventricle
        middle = float(rest.cavity_edges(base)[0][0] + rest.cavity_edges(base)[1][0]) / 2
        left = (left[0], middle, left[2], left[3])
        return Layout(Atria(left, right), roof, tricuspid, right_ventricle=False, right_atrium=False)
    # The root leaves the ventricle at the septal end of the annulus; the atrium is pushed aside by it.
    half = chambers.aorta_mm / 2
    root = (start_l + 0.9 * half, edge_left + 0.55 * half, 1.9 * half, half)
    left = (left[0] + 4.0, root[1] + half + 2.0 + left[3], left[2], left[3])
    return Layout(Atria(left, right), roof, tricuspid, aorta=root, right_atrium=view == "A5C")


def ellipse_depth(s: Field, x: Field, ellipse: tuple[float, float, float, float]) -> Field:
    """Approximate depth in mm inside a super-ellipse (exponent 2.6), negative outside."""
    centre_s, centre_x, half_s, half_x = (np.float32(value) for value in ellipse)
    rho = (np.abs((s - centre_s) / half_s) ** 2.6 + np.abs((x - centre_x) / half_x) ** 2.6) ** np.float32(1 / 2.6)
    depth: Field = (1 - rho) * min(half_s, half_x)
    return depth


def _cover(depth: Field, soft: float = 0.8) -> Field:
    """Turn a depth in mm into coverage 0..1 with a soft edge."""
    return np.asarray(np.clip(depth / np.float32(2 * soft) + np.float32(0.5), 0, 1), np.float32)


def _paint(under: Field, level: Field | float, cover: Field) -> Field:
    return np.asarray(under + (np.asarray(level, np.float32) - under) * cover, np.float32)


def _slow_noise(shape: tuple[int, int], cells: tuple[float, float], rng: np.random.Generator) -> Field:
    """Smooth unit-variance noise over the polar grid with features of `cells` samples."""
    coarse = rng.standard_normal((int(shape[0] / cells[0]) + 4, int(shape[1] / cells[1]) + 4))
    zoom = (shape[0] / (coarse.shape[0] - 3), shape[1] / (coarse.shape[1] - 3))
    fine = ndimage.zoom(coarse, zoom, order=2)[: shape[0], : shape[1]]
    noise: Field = ((fine - fine.mean()) / fine.std()).astype(np.float32)
    return noise


def _right_ventricle(s: Field, gap: Field, length: float, slant: Field, chambers: Chambers) -> Field:
    """Depth in mm inside the right ventricle; `gap` is the distance left of the septum."""
    apex = chambers.right_ventricle_apex * length
    base = length - chambers.tricuspid_offset_mm + slant
    along = np.clip((s - apex) / (base - apex), 0, 1)
    width = chambers.right_ventricle_mm * np.sqrt(along) * (1.12 - 0.3 * along**3)
    depth = np.minimum(np.minimum(gap, width - gap), np.minimum(base - s, (s - apex) * 0.7))
    return np.asarray(depth, np.float32)


def _around(
    s: Field, x: Field, right_edge: Field, *, look: Appearance, place: Layout, rng: np.random.Generator
) -> Field:
    """Tissue around the heart: background, the lung beside it, the pericardium, the bright band behind the atria."""
    patches = _slow_noise(s.shape, (s.shape[0] / 9, s.shape[1] / 9), rng)
    level = look.background_db + 1.3 * look.patchiness_db * patches
    level = _paint(level, look.lung_db + look.patchiness_db * patches, _cover(x - right_edge - 4.0, 3.0))
    streak = np.clip(_slow_noise(s.shape, (s.shape[0] / 10, s.shape[1] / 12), rng) + 0.3, 0, 1.2)
    band = np.exp(-0.5 * ((s - place.roof - 6.0 + 0.004 * x**2) / 8.0) ** 2)
    level = level + band * look.posterior_db * (0.35 + 0.65 * streak)
    line = np.exp(-0.5 * ((x - right_edge - 1.5) / 1.2) ** 2) * ((s > 0) & (s < place.roof))
    return np.asarray(level + line * look.pericardium_db * streak, np.float32)


def _muscle(s: Field, x: Field, look: Appearance, rest: Instant, rng: np.random.Generator) -> Field:
    """Myocardium: septal, lateral and apical levels, and patches of two sizes."""
    patches = _slow_noise(s.shape, (s.shape[0] / 16, s.shape[1] / 10), rng)
    patches = 0.75 * patches + 0.65 * _slow_noise(s.shape, (s.shape[0] / 50, s.shape[1] / 26), rng)
    lateral = np.clip(x / 20.0 + 0.5, 0, 1)
    apical = np.clip(1.0 - s / (0.35 * rest.length), 0, 1)
    level = look.septum_db + (look.lateral_db - look.septum_db) * lateral + look.apex_db * apical
    return np.asarray(level + look.patchiness_db * patches, np.float32)


def _papillary(s: Field, x: Field, ventricle: LeftVentricle, rest: Instant) -> Field:
    """Coverage of the papillary muscles, which lean on the lateral wall."""
    cover = np.zeros_like(s)
    for place, height, width in ventricle.papillary:
        at = np.array([place * rest.length], np.float32)
        wall = float(rest.cavity_edges(at)[1][0])
        depth = ellipse_depth(
            s, x + np.float32(0.12) * (s - at[0]), (float(at[0]), wall - 0.35 * width, height / 2, width / 2)
        )
        cover = np.maximum(cover, _cover(depth, 1.2))
    return cover


def backscatter(
    s: Field,
    x: Field,
    radius: Field,
    *,
    config: PhantomConfig,
    rest: Instant,
    place: Layout,
    rng: np.random.Generator,
) -> Field:
    """Return backscatter in dB on a polar grid at end-diastole.

    Parameters
    ----------
    s, x
        Heart coordinates of the polar samples at end-diastole, (R, A).
    radius
        Distance of the samples from the apex of the fan in mm, (R, 1) or (R, A).
    config
        Anatomy and appearance.
    rest, place
        The ventricle at end-diastole, and the other chambers.
    rng
        Draws the patches.

    Returns
    -------
    numpy.ndarray
        (R, A), with -60 dB in the chambers.
    """
    look, chambers = config.appearance, config.chambers
    left, right = rest.cavity_edges(s)
    out_left, out_right = rest.wall_edges(s)
    slant = np.clip(np.float32(rest.slant) * x, -10, 10)
    base = rest.length + slant
    # Real walls are no tubes: their outer edge, and everything beyond it, is drawn at a slightly wandering place.
    wander = _slow_noise(s.shape, (s.shape[0] / 22, s.shape[1] / 16), rng)
    level = _around(s, x, out_right, look=look, place=place, rng=rng)
    muscle = _muscle(s, x, look, rest, rng)
    absent = np.full_like(s, -1e3)
    ventricle_r, atrium_r = absent, absent
    if place.right_ventricle:
        ventricle_r = _right_ventricle(s, out_left - x, rest.length, slant, chambers)
        ventricle_r = np.asarray(ventricle_r + 1.3 * wander, np.float32)
    if place.right_atrium:
        atrium_r = ellipse_depth(s, x, place.atria.right) - wander
    atrium_l = ellipse_depth(s, x, place.atria.left) + wander
    wall = np.minimum(np.minimum(x - out_left, out_right - x), np.minimum(s + rest.cap, base + 2.0 - s))
    level = _paint(level, muscle - 1.0, _cover(ventricle_r + np.float32(4.5), 1.5))
    atria = np.asarray(np.maximum(atrium_l, atrium_r) + 2.5, np.float32)
    level = _paint(level, muscle - 1.0, _cover(atria, 1.2))
    level = _paint(level, muscle, _cover(np.asarray(wall + 0.9 * wander, np.float32), 1.5))
    cavity = np.minimum(np.minimum(x - left, right - x), np.minimum(s * 1.5, base + 2.5 - s)) + 0.25 * wander
    for depth in (ventricle_r, atrium_r, np.minimum(atrium_l, s - base + 1.5), cavity):
        level = _paint(level, _EMPTY_DB, _cover(depth, 0.6))
    if place.aorta is not None:
        level = _paint_root(level, ellipse_depth(s, x, place.aorta), cavity, s - base, look)
    level = _paint(level, muscle + 1.0, _papillary(s, x, config.ventricle, rest) * _cover(cavity + 1.0))
    level = level + _specular(level, radius, look.specular_db)
    hinges = [(rest.length + rest.slant * edge, edge) for edge in (float(rest.inner[0, -1]), float(rest.inner[1, -1]))]
    for number, (hinge_s, hinge_x) in enumerate([*hinges, *(place.tricuspid if place.right_atrium else ())]):
        size = 2.6 if number < 2 else 2.0
        blob = np.exp(-0.5 * (((s - hinge_s - 1.0) / size) ** 2 + ((x - hinge_x * 1.03) / size) ** 2))
        level = np.maximum(level, look.annulus_db + 9.0 * np.log(np.maximum(blob, 1e-6)))
    return level.astype(np.float32)


def _paint_root(level: Field, root: Field, cavity: Field, beyond: Field, look: Appearance) -> Field:
    """Draw the aortic root: a bright wall around blood that goes over into the ventricle, and its closed valve."""
    outside = _cover(np.asarray(-cavity, np.float32), 1.0)
    level = _paint(level, look.annulus_db - 2.0, _cover(root + np.float32(2.0), 0.8) * outside)
    level = _paint(level, _EMPTY_DB, _cover(root, 0.6))
    valve = np.exp(-0.5 * ((beyond - 4.0) / 0.8) ** 2) * _cover(root)
    return np.asarray(np.maximum(level, look.valve_db + 9.0 * np.log(np.maximum(valve, 1e-6))), np.float32)


def _specular(level: Field, radius: Field, gain_db: float) -> Field:
    """Brighten boundaries that face the probe and dim those along the beam."""
    smooth = ndimage.gaussian_filter(np.maximum(level, -18.0), (2.0, 1.5))
    rows, columns = level.shape
    step_r = (radius[-1, 0] - radius[0, 0]) / (rows - 1)
    down = ndimage.sobel(smooth, 0) / (8 * step_r)
    # The fan is taken as 72 degrees wide: the ratio of the two slopes need not be exact.
    across = ndimage.sobel(smooth, 1) / (8 * np.maximum(radius, 5.0) * np.float32(1.26 / columns))
    steep = np.hypot(down, across)
    facing = (down / np.maximum(steep, 1e-3)) ** 2
    edge = np.clip(steep / 2.0, 0, 1)
    bonus: Field = ndimage.gaussian_filter((gain_db * edge * (1.6 * facing - 0.6)).astype(np.float32), 0.8)
    return bonus
