"""A phantom: a synthetic apical cine with the truth beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Cine
from matae.phantom.anatomy import backscatter, ellipse_depth, layout
from matae.phantom.config import PhantomConfig, PhantomError
from matae.phantom.cycle import cardiac_cycle
from matae.phantom.draw import random_heart
from matae.phantom.hold import DRIFT_HZ, drift_start
from matae.phantom.imaging import amplitude, make_scanner, white
from matae.phantom.scan import HeartFrame, ScanGeometry, make_fan
from matae.phantom.scanner_screen import draw_screen
from matae.phantom.shape import beating_ventricle
from matae.phantom.tissue import to_rest
from matae.phantom.valves import draw_leaflets, leaflet_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.anatomy import Layout
    from matae.phantom.cycle import HeartStates
    from matae.phantom.imaging import Scanner
    from matae.phantom.shape import Beating

__all__ = ["LABELS", "Phantom", "make_phantom"]

LABELS = {"background": 0, "left ventricular cavity": 1, "myocardium": 2, "left atrium": 3}
"""Values of `Phantom.labels`, numbered as in CAMUS."""

_BLOOD_MEMORY = 0.55  # correlation of blood speckle from frame to frame at 50 Hz
_LEAFLET_GAIN = 0.9
_MOST_PIXELS = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic cine and everything that is exactly known about it.

    Parameters
    ----------
    cine
        The clip, calibrated and timed, with its end-diastolic and end-systolic frame.
    masks
        Cavity of the left ventricle, (T, Y, X) uint8, 1 inside: the exact section, sampled at pixel centres.
        Only what lies in the fan is marked.
    labels
        The same with myocardium and left atrium, (T, Y, X) uint8, see `LABELS`.
    volumes_ml
        Exact volume of the cavity, (T,): single-plane disks of the exact shape, see `matae.phantom.shape`.
    long_axis_mm
        Apex to the middle of the mitral annulus, (T,).
    landmarks
        Apex, septal and lateral hinge of the mitral annulus as pixel positions (y, x), (T, 3, 2).
    sector
        Pixels of the fan, (Y, X) bool.
    config, seed
        What it was made from.
    """

    cine: Cine
    masks: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    volumes_ml: NDArray[np.float64]
    long_axis_mm: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    sector: NDArray[np.bool_]
    config: PhantomConfig
    seed: int

    @property
    def ejection_fraction(self) -> float:
        """Ejection fraction in percent, from the largest and the smallest volume of the clip."""
        largest, smallest = float(self.volumes_ml.max()), float(self.volumes_ml.min())
        return 100.0 * (largest - smallest) / largest


@dataclass(frozen=True, eq=False)
class _Scene:
    """What the probe looks at, frame by frame."""

    config: PhantomConfig
    fan: ScanGeometry
    beating: Beating
    poses: list[HeartFrame]
    place: Layout
    cycle: HeartStates


def make_phantom(
    seed: int = 0,
    *,
    n_frames: int | None = None,
    frame_rate: float = 50.0,
    shape: tuple[int, int] = (256, 256),
    config: PhantomConfig | None = None,
) -> Phantom:
    """Make a synthetic apical cine with exact masks and volumes; of the four-chamber view if nothing else is asked.

    The same arguments give the same bytes on the same platform.

    Parameters
    ----------
    seed
        Seed of the speckle, and of the heart when `config` is not given.
    n_frames
        Number of frames; one beat when None.
    frame_rate
        Frames a second, 1 to 1000.
    shape
        Rows and columns, 32 to 2048 each.
    config
        What to image; `random_heart(seed)` when None.

    Raises
    ------
    PhantomError
        If an argument makes no cine.
    """
    if seed < 0:
        raise PhantomError(f"Phantom: a seed of {seed}; give 0 or more.")
    if not 1 <= frame_rate <= 1000:
        raise PhantomError(f"Phantom: a frame rate of {frame_rate:g} Hz; give one from 1 to 1000.")
    if len(shape) != 2 or not all(32 <= side <= 2048 for side in shape):
        raise PhantomError(f"Phantom: frames of {' x '.join(map(str, shape))}; give rows and columns from 32 to 2048.")
    config = random_heart(seed) if config is None else config
    if n_frames is None:
        n_frames = max(2, int(np.ceil(60.0 / config.motion.heart_rate * frame_rate)) + 1)
    if not 1 <= n_frames <= 20000:
        raise PhantomError(f"Phantom: {n_frames} frames; give 1 to 20000.")
    if n_frames * shape[0] * shape[1] > _MOST_PIXELS:
        raise PhantomError(f"Phantom: {n_frames} frames of this size do not fit in memory; give fewer or smaller ones.")
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)]
    times = np.arange(n_frames) / frame_rate
    cycle = cardiac_cycle(times, config.motion, streams[0])
    beating = beating_ventricle(config.ventricle, config.motion, cycle.contraction)
    fan = make_fan(config.sector, (int(shape[0]), int(shape[1])))
    poses = _poses(config, cycle, times, drift_start(seed))
    place = layout(config.chambers, beating.rest, config.view)
    truth = _truth(fan, beating, poses, place)
    frames = _image(_Scene(config, fan, beating, poses, place, cycle), frame_rate, streams[2])
    screen = config.screen
    beats = max(float(times[-1]) * config.motion.heart_rate / 60.0, 1.0)
    furniture = draw_screen(screen, frames.shape[1:], beats, float(cycle.phase[0]), streams[3])
    allowed = np.ones_like(fan.inside) if screen.overlap else ~fan.inside
    for number, frame in enumerate(frames):
        furniture.draw(frame, allowed, number / max(n_frames - 1, 1))
    volumes = beating.volumes_ml
    cine = Cine(
        frames=frames, frame_times=times, spacing=fan.spacing, source=Path(f"phantom-{seed}"), region=fan.box,
        view=config.view, heart_rate=config.motion.heart_rate,
        ed_frame=int(volumes.argmax()), es_frame=int(volumes.argmin()),
        timing_note="Exact: the cine is synthetic.", spacing_note="Exact: the cine is synthetic.",
        info={"synthetic": True, "seed": seed},
    )  # fmt: skip
    lengths = np.array([instant.length for instant in beating.instants])
    labels, landmarks = truth
    masks = (labels == 1).astype(np.uint8)
    return Phantom(cine, masks, labels, volumes, lengths, landmarks, fan.inside, config, seed)


def _poses(
    config: PhantomConfig, cycle: HeartStates, times: NDArray[np.float64], start: NDArray[np.float64]
) -> list[HeartFrame]:
    """Pose of the heart at each frame: rocking with the beat, drift with breathing (about 0.25 Hz)."""
    motion = config.motion
    drift = motion.drift_mm * np.sin(2 * np.pi * np.array(DRIFT_HZ) * times[:, None] + start)
    drift = drift - drift[0]  # the pose is that of the first frame
    return [
        HeartFrame(config.pose, motion.rocking_deg * float(c), float(d[0]), float(d[1]))
        for c, d in zip(cycle.contraction, drift, strict=True)
    ]


def _truth(
    fan: ScanGeometry, beating: Beating, poses: list[HeartFrame], place: Layout
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Label maps (T, Y, X) and landmarks (T, 3, 2)."""
    labels = np.zeros((len(poses), *fan.inside.shape), np.uint8)
    landmarks = np.zeros((len(poses), 3, 2))
    pixel_x, pixel_y = fan.pixel_x[fan.inside], fan.pixel_y[fan.inside]
    for number, (instant, pose) in enumerate(zip(beating.instants, poses, strict=True)):
        s, x = pose.to_heart(pixel_x, pixel_y)
        label = instant.labels(s, x)
        near = (label == 0) & (s > instant.length + instant.slant * x) & (s < place.roof)
        s0, x0 = to_rest(s[near], x[near], instant, beating.rest, place.roof)
        label[near] = np.where(ellipse_depth(s0, x0, place.atria.left) > 0, np.uint8(3), np.uint8(0))
        labels[number][fan.inside] = label
        edge = instant.inner[:, -1]
        points_s = np.array([0.0, *(instant.length + instant.slant * edge)], np.float32)
        right, down = pose.to_probe(points_s, np.array([instant.inner[0, 0], *edge], np.float32))
        landmarks[number, :, 0] = (down - fan.pixel_y[0, 0]) / fan.spacing.y
        landmarks[number, :, 1] = (right - fan.pixel_x[0, 0]) / fan.spacing.x
    return labels, landmarks


def _lookup(table: NDArray[np.float32], row: NDArray[np.float32], column: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear samples (K, R, A) of maps stored as (R, A, K), mirrored at the borders."""
    rows, columns, depth = table.shape
    # Tissue that was outside the fan at end-diastole shows its mirror image; clamping would smear it into blocks.
    row = np.clip((rows - 1) - np.abs((rows - 1) - np.abs(row)), 0, rows - 1.001)
    column = np.clip((columns - 1) - np.abs((columns - 1) - np.abs(column)), 0, columns - 1.001)
    r0, c0 = row.astype(np.int32), column.astype(np.int32)
    dr, dc = (row - r0).ravel()[:, None], (column - c0).ravel()[:, None]
    flat, corner = table.reshape(-1, depth), (r0 * columns + c0).ravel()
    top = flat.take(corner, 0) * (1 - dc) + flat.take(corner + 1, 0) * dc
    bottom = flat.take(corner + columns, 0) * (1 - dc) + flat.take(corner + columns + 1, 0) * dc
    return np.ascontiguousarray((top + (bottom - top) * dr).T).reshape(depth, *row.shape)


def _image(scene: _Scene, frame_rate: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Frames (T, Y, X)."""
    config, fan, beating, poses, place = scene.config, scene.fan, scene.beating, scene.poses, scene.place
    look = config.appearance
    scanner = make_scanner(fan, look, rng)
    home = HeartFrame(config.pose)
    polar_x, polar_y = fan.points()
    s0, x0 = home.to_heart(polar_x, polar_y)
    level = backscatter(s0, x0, fan.radii[:, None], config=config, rest=beating.rest, place=place, rng=rng)
    table = np.stack([amplitude(level), *scanner.speckle(rng)], -1)
    leaflets = draw_leaflets(rng)
    blood_gain = amplitude(look.blood_db) * np.float32(scanner.white_gain)
    memory = np.float32(_BLOOD_MEMORY ** (50.0 / frame_rate))
    blood = white(level.shape, rng)
    frames = np.zeros((len(poses), *fan.inside.shape), np.uint8)
    curve = None
    for number, (instant, pose) in enumerate(zip(beating.instants, poses, strict=True)):
        s, x = pose.to_heart(polar_x, polar_y)
        s0, x0 = to_rest(s, x, instant, beating.rest, place.roof)
        row, column = fan.index(*home.to_probe(s0, x0))
        tissue = _lookup(table, row, column)
        blood = memory * blood + np.sqrt(1 - memory**2) * white(level.shape, rng)
        echoes = tissue[1:] * tissue[0] + blood * blood_gain
        points = leaflet_points(leaflets, instant, beating.rest, place, float(scene.cycle.mitral_opening[number]))
        shown = slice(None) if place.right_atrium else slice(2)  # the tricuspid valve lies between right chambers
        _splat(echoes, scanner, pose, points[shown], leaflets.strength[shown] * amplitude(look.valve_db))
        image = fan.to_image(scanner.envelope(echoes, rng))
        if curve is None:
            curve = scanner.curve(image[fan.inside])
        grey = scanner.grey(image[fan.inside], curve)
        frames[number][fan.inside] = np.rint(grey).astype(np.uint8)
    return frames


def _splat(
    echoes: NDArray[np.float32], scanner: Scanner, pose: HeartFrame, points: NDArray[np.float32],
    strength: NDArray[np.complex64],
) -> None:  # fmt: skip
    """Add point scatterers at heart coordinates (..., 2) to the echoes (2, R, A), spread over the nearest samples."""
    row, column = scanner.fan.index(*pose.to_probe(points[..., 0].ravel(), points[..., 1].ravel()))
    rows, columns = echoes.shape[1:]
    r0, c0 = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    inside = (r0 >= 0) & (r0 < rows - 1) & (c0 >= 0) & (c0 < columns - 1)
    r0, c0, value = r0[inside], c0[inside], strength.ravel()[inside]
    dr, dc = row[inside] - r0, column[inside] - c0
    # A point of a line is one of those that share a resolution cell; the nearer, the fewer samples a mm has.
    value = value * np.float32(_LEAFLET_GAIN * scanner.sigma[0] * np.sqrt(scanner.sigma[1]))
    for step_r, step_c, weight in (
        (0, 0, (1 - dr) * (1 - dc)), (0, 1, (1 - dr) * dc), (1, 0, dr * (1 - dc)), (1, 1, dr * dc),
    ):  # fmt: skip
        for component, part in ((0, value.real), (1, value.imag)):
            np.add.at(echoes[component], (r0 + step_r, c0 + step_c), (part * weight).astype(np.float32))
