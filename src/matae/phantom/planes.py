"""Synthetic pictures that are no apical view: parasternal long and short axis, subcostal, and tissue without a heart.

They are there to be told from apical views, not to be measured: a plane is a few ellipses of blood in muscle, drawn in
millimetres under the probe, imaged by the same scanner as the apical phantoms (`matae.phantom.imaging`). Chambers
squeeze with the beat; speckle does not follow the tissue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Cine
from matae.phantom.config import PhantomError
from matae.phantom.cycle import cardiac_cycle
from matae.phantom.draw import random_heart
from matae.phantom.imaging import amplitude, make_scanner, white
from matae.phantom.scan import make_fan
from matae.phantom.scanner_screen import draw_screen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.config import Appearance

    Field = NDArray[np.float32]

__all__ = ["PLANES", "make_plane"]

PLANES = ("PLAX", "PSAX-papillary", "PSAX-aortic", "subcostal", "no-heart")
"""Parasternal long axis; short axis at the papillary muscles and at the aortic valve; subcostal four-chamber; tissue
with vessels and no heart."""

_EMPTY_DB = -60.0  # blood is added frame by frame


@dataclass(frozen=True)
class _Chamber:
    """An ellipse of blood in a wall, mm, turned by degrees; in systole its axes lose a share."""

    centre: tuple[float, float]
    half: tuple[float, float]
    wall: float
    squeeze: float = 0.0
    turn: float = 0.0


@dataclass(frozen=True)
class _Line:
    """A bright line between two points in mm."""

    start: tuple[float, float]
    end: tuple[float, float]
    width: float
    level: float


@dataclass(frozen=True)
class _Place:
    """Where the middle of the heart lies under the probe, mm, and how it is turned (degrees) and scaled."""

    tilt: float
    depth: float
    offset: float
    scale: float


@dataclass(frozen=True)
class _Plane:
    """What lies in a plane, in mm right of and below the middle of the heart; later parts lie over earlier ones.

    Parameters
    ----------
    chambers
        Blood in muscle.
    blobs
        Muscle inside blood: centre and radius.
    lines
        Valves and the pericardium.
    place
        Where it lies.
    liver_mm
        Depth to which the liver reaches; 0 is none.
    """

    chambers: tuple[_Chamber, ...]
    blobs: tuple[tuple[float, float, float], ...]
    lines: tuple[_Line, ...]
    place: _Place
    liver_mm: float = 0.0


def make_plane(
    seed: int, plane: str, *, n_frames: int = 1, frame_rate: float = 50.0, shape: tuple[int, int] = (256, 256)
) -> Cine:
    """Make a synthetic cine of a plane that is no apical view.

    The same arguments give the same bytes on the same platform.

    Parameters
    ----------
    seed
        Seed of the heart, the probe, the machine (as `random_heart` draws it) and the speckle.
    plane
        One of `PLANES`.
    n_frames, frame_rate, shape
        Frames, frames a second, rows and columns.

    Returns
    -------
    Cine
        Calibrated and timed, without a stated view.

    Raises
    ------
    PhantomError
        If there is no such plane, or no cine of that size.
    """
    if plane not in PLANES:
        raise PhantomError(f"Phantom: there is no plane {plane}; give one of {', '.join(PLANES)}.")
    fits = len(shape) == 2 and all(32 <= n <= 2048 for n in shape)
    if seed < 0 or not 1 <= n_frames <= 1000 or not 1 <= frame_rate <= 1000 or not fits:
        raise PhantomError("Phantom: give a seed of 0 or more, 1 to 1000 frames and 32 to 2048 rows and columns.")
    config = random_heart(seed, start_phase=None)
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence([seed, PLANES.index(plane)]).spawn(4)]
    drawn = _DRAW[plane](streams[0])
    look, fan = config.appearance, make_fan(config.sector, shape)
    times = np.arange(n_frames) / frame_rate
    cycle = cardiac_cycle(times, config.motion, streams[1])
    scanner = make_scanner(fan, look, streams[2])
    x, y = fan.points()
    texture, patches = scanner.speckle(streams[2]), _patches(x, y, streams[2])
    blood_gain = amplitude(look.blood_db) * np.float32(scanner.white_gain)
    frames = np.zeros((n_frames, *fan.inside.shape), np.uint8)
    curve = None
    for number, contraction in enumerate(cycle.contraction):
        level = _level(drawn, x, y, float(contraction), look) + np.float32(look.patchiness_db) * patches
        echoes = texture * amplitude(level) + white(level.shape, streams[2]) * blood_gain
        image = fan.to_image(scanner.envelope(echoes, streams[2]))
        curve = curve or scanner.curve(image[fan.inside])
        frames[number][fan.inside] = np.rint(scanner.grey(image[fan.inside], curve)).astype(np.uint8)
    furniture = draw_screen(config.screen, shape, 1.0, float(cycle.phase[0]), streams[3])
    for number, frame in enumerate(frames):
        furniture.draw(frame, ~fan.inside, number / max(n_frames - 1, 1))
    return Cine(
        frames=frames, frame_times=times if n_frames > 1 else None, spacing=fan.spacing,
        source=Path(f"plane-{plane}-{seed}"), region=fan.box,
        timing_note="Exact: the cine is synthetic.", spacing_note="Exact: the cine is synthetic.",
        info={"synthetic": True, "seed": seed, "plane": plane},
    )  # fmt: skip


def _patches(x: Field, y: Field, rng: np.random.Generator) -> Field:
    """Slow variation of tissue of unit variance: a few waves of random direction."""
    waves = np.zeros_like(x)
    for _ in range(6):
        along, start = rng.normal(0, 0.12, 2), rng.uniform(0, 2 * np.pi)
        waves += np.sin(np.float32(along[0]) * x + np.float32(along[1]) * y + np.float32(start)).astype(np.float32)
    found: Field = waves / np.float32(np.sqrt(3.0))
    return found


def _cover(depth: Field, soft: float) -> Field:
    return np.asarray(np.clip(depth / np.float32(2 * soft) + np.float32(0.5), 0, 1), np.float32)


def _level(plane: _Plane, x: Field, y: Field, contraction: float, look: Appearance) -> Field:
    """Backscatter in dB at points right of and below the apex of the fan, in mm."""
    place = plane.place
    angle = np.radians(place.tilt)
    right, down = (x - place.offset) / place.scale, (y - place.depth) / place.scale
    u = np.asarray(right * np.cos(angle) + down * np.sin(angle), np.float32)
    v = np.asarray(down * np.cos(angle) - right * np.sin(angle), np.float32)
    level = np.full_like(x, look.background_db)
    if plane.liver_mm:
        level += np.float32(3.0) * _cover(np.asarray(plane.liver_mm - np.hypot(x, y), np.float32), 4.0)
    for chamber in plane.chambers:
        share = 1.0 - chamber.squeeze * contraction
        half = (chamber.half[0] * share, chamber.half[1] * share)
        depth = _ellipse(u, v, chamber, half)
        # The wall keeps its area as the blood in it is squeezed out.
        mean = (chamber.half[0] + chamber.half[1]) / 2
        thick = np.sqrt((mean + chamber.wall) ** 2 - mean**2 * (1 - share**2)) - mean * share
        level += (look.septum_db - level) * _cover(np.asarray(depth + np.float32(thick), np.float32), 1.2)
        level += (_EMPTY_DB - level) * _cover(depth, 0.7)
    for a, b, radius in plane.blobs:
        level += (look.lateral_db - level) * _cover(np.asarray(radius - np.hypot(u - a, v - b), np.float32), 1.0)
    for line in plane.lines:
        near = np.exp(-0.5 * (_distance(u, v, line) / line.width) ** 2)
        level = np.maximum(level, line.level + 9.0 * np.log(np.maximum(near, 1e-6)))
    return np.asarray(level, np.float32)


def _ellipse(u: Field, v: Field, chamber: _Chamber, half: tuple[float, float]) -> Field:
    """Approximate depth in mm inside an ellipse."""
    turn = np.radians(chamber.turn)
    a, b = u - chamber.centre[0], v - chamber.centre[1]
    along, across = a * np.cos(turn) + b * np.sin(turn), b * np.cos(turn) - a * np.sin(turn)
    depth = (1 - np.hypot(along / half[0], across / half[1])) * min(half)
    return np.asarray(depth, np.float32)


def _distance(u: Field, v: Field, line: _Line) -> Field:
    start, along = np.array(line.start), np.array(line.end) - np.array(line.start)
    share = np.clip(((u - start[0]) * along[0] + (v - start[1]) * along[1]) / max(float(along @ along), 1e-6), 0, 1)
    return np.asarray(np.hypot(u - start[0] - share * along[0], v - start[1] - share * along[1]), np.float32)


def _place(rng: np.random.Generator, tilt: float) -> _Place:
    return _Place(
        tilt=float(rng.normal(tilt, 8)), depth=float(rng.uniform(62, 88)), offset=float(rng.normal(0, 8)),
        scale=float(rng.uniform(0.85, 1.2)),
    )  # fmt: skip


def _long_axis(rng: np.random.Generator) -> _Plane:
    length, width, wall = rng.uniform(32, 42), rng.uniform(19, 26), rng.uniform(8, 13)
    chambers = (
        _Chamber((5, -width - wall - 12), (rng.uniform(30, 44), rng.uniform(8, 14)), 4, 0.15),
        _Chamber((length + 12, 17), (rng.uniform(18, 26), rng.uniform(16, 22)), 3, -0.1),
        _Chamber((length + 16, -11), (rng.uniform(24, 32), rng.uniform(12, 16)), 2.5),
        _Chamber((-8, 0), (length, width), wall, rng.uniform(0.1, 0.32)),
        _Chamber((length + 8, 38 + width * 0.3), (10, 10), 2),
    )
    root = length - 10
    lines = (
        _Line((root, -10), (root - rng.uniform(10, 20), rng.uniform(0, 8)), 1.0, 4),
        _Line((root - 2, width * 0.8), (root - rng.uniform(8, 16), rng.uniform(4, 9)), 1.0, 3),
        _Line((root + 10, -22), (root + 10, -2), 0.8, 3),
        _Line((-length, width + wall * 0.8), (length * 0.6, width + wall + 3), 1.3, rng.uniform(6, 12)),
    )
    return _Plane(chambers, (), lines, _place(rng, 8))


def _papillary(rng: np.random.Generator) -> _Plane:
    radius, wall = rng.uniform(19, 28), rng.uniform(8, 14)
    outer = radius + wall
    side = rng.uniform(30, 70)
    right = (-0.75 * outer * np.cos(np.radians(side - 30)), -0.75 * outer * np.sin(np.radians(side)))
    chambers = (
        _Chamber(right, (outer * rng.uniform(0.8, 1.0), outer * rng.uniform(0.65, 0.9)), 4, 0.12, 30),
        _Chamber((0, 0), (radius, radius * rng.uniform(0.9, 1.1)), wall, rng.uniform(0.15, 0.4), rng.uniform(0, 90)),
    )
    angles = np.radians([rng.uniform(20, 50), rng.uniform(130, 160)])
    size = rng.uniform(4, 7, 2)
    blobs = tuple(
        (float(0.72 * radius * np.cos(a)), float(0.72 * radius * np.sin(a)), float(r))
        for a, r in zip(angles, size, strict=True)
    )
    lines = (_Line((-0.4 * outer, 0.95 * outer), (0.7 * outer, 0.75 * outer), 1.4, rng.uniform(4, 10)),)
    return _Plane(chambers, blobs if rng.random() < 0.8 else (), lines, _place(rng, 0))


def _aortic(rng: np.random.Generator) -> _Plane:
    radius = rng.uniform(13, 18)
    chambers = (
        _Chamber((-6, -radius - 13), (rng.uniform(34, 44), rng.uniform(11, 16)), 4, 0.1, -8),
        _Chamber((radius + 17, -8), (rng.uniform(9, 12), rng.uniform(20, 30)), 2.5, 0.05, 10),
        _Chamber((-radius - 18, 12), (rng.uniform(14, 20), rng.uniform(16, 22)), 2.5, -0.08),
        _Chamber((5, radius + 21), (rng.uniform(24, 32), rng.uniform(15, 21)), 2.5, -0.08),
        _Chamber((0, 0), (radius, radius), 2.5),
    )
    turn = rng.uniform(0, 360)
    ends = [np.radians(turn + 120 * k) for k in range(3)]
    lines = tuple(
        _Line((0.0, 0.0), (float(radius * np.cos(a)), float(radius * np.sin(a))), 0.8, rng.uniform(0, 6)) for a in ends
    )
    return _Plane(chambers, (), lines, _place(rng, 0))


def _subcostal(rng: np.random.Generator) -> _Plane:
    length, width = rng.uniform(32, 42), rng.uniform(17, 23)
    chambers = (
        _Chamber((-24, -26), (rng.uniform(16, 22), rng.uniform(13, 18)), 2.5, -0.1),
        _Chamber((24, -27), (rng.uniform(26, 34), rng.uniform(9, 14)), 4, 0.18),
        _Chamber((-26, 6), (rng.uniform(16, 22), rng.uniform(14, 19)), 2.5, -0.1),
        _Chamber((length - 4, 6), (length, width), rng.uniform(8, 12), rng.uniform(0.1, 0.3)),
    )
    lines = (
        _Line((-2, -14), (-2, 20), 0.9, 3), _Line((-4, -38), (-3, -18), 0.9, 2),
        _Line((-40, -40), (70, -40), 1.3, rng.uniform(4, 10)),
    )  # fmt: skip
    place = replace(_place(rng, 28), depth=float(rng.uniform(88, 108)))
    return _Plane(chambers, (), lines, place, place.depth - rng.uniform(28, 40))


def _no_heart(rng: np.random.Generator) -> _Plane:
    vessels = tuple(
        _Chamber(
            (float(rng.uniform(-55, 55)), float(rng.uniform(-50, 60))),
            (float(rng.uniform(3, 14)), float(rng.uniform(2.5, 7))), float(rng.uniform(0.5, 2)),
            turn=float(rng.uniform(0, 180)),
        )
        for _ in range(int(rng.integers(0, 7)))
    )  # fmt: skip
    lines = tuple(
        _Line(
            (float(rng.uniform(-70, 0)), y), (float(rng.uniform(0, 70)), y + float(rng.uniform(-20, 20))), 1.2,
            float(rng.uniform(2, 12)),
        )
        for y in rng.uniform(-60, 60, int(rng.integers(0, 5)))
    )  # fmt: skip
    liver = float(rng.uniform(0, 160))
    return _Plane(vessels, (), lines, _place(rng, 0), liver)


_DRAW = {
    "PLAX": _long_axis, "PSAX-papillary": _papillary, "PSAX-aortic": _aortic, "subcostal": _subcostal,
    "no-heart": _no_heart,
}  # fmt: skip
