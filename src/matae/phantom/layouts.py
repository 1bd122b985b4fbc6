"""Pictures and short clips of sectors whose outline is exactly known, to hold a finder of sectors against.

The tissue is speckle, patches and chambers without the anatomy of a heart (`matae.phantom.make_phantom` has that):
a finder may use what moves and what shows, never what it is. Speckle is the envelope of complex Gaussian noise
(Burckhardt, IEEE Trans Sonics Ultrason 1978), log compressed; tissue is deformed from frame to frame, blood is another
in each, and whatever is outside stands still but for the ECG's cursor.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from matae.cine import Cine
from matae.phantom.config import PhantomError
from matae.phantom.layout_plan import KINDS, LayoutPlan, plan_layout
from matae.phantom.scanner_screen import draw_screen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.cine import Box
    from matae.phantom.layout_plan import LayoutFan, LayoutLook

    Field = NDArray[np.float32]

__all__ = ["SectorLayout", "make_layout"]

_POLAR = (260, 180)  # samples in depth and across


@dataclass(frozen=True, eq=False)
class SectorLayout:
    """A picture or clip and where its sectors are.

    Parameters
    ----------
    cine
        The frames; no region is stated.
    sectors
        Pixels of each sector, (Y, X) bool: one, of kind ``dual`` two.
    apex_down
        Whether the tip of the fan is at the bottom.
    plan
        What it was made from.
    seed
        Seed of plan and speckle.
    """

    cine: Cine
    sectors: tuple[NDArray[np.bool_], ...]
    apex_down: bool
    plan: LayoutPlan
    seed: int


def make_layout(kind: str, seed: int, *, n_frames: int = 1, plan: LayoutPlan | None = None) -> SectorLayout:
    """Make a still or a clip of a kind of layout.

    Parameters
    ----------
    kind
        One of `matae.phantom.layout_plan.KINDS`.
    seed
        The same arguments give the same bytes on the same platform.
    n_frames
        Number of frames, 1 to 200.
    plan
        What to draw; `plan_layout(kind, seed)` when None.

    Raises
    ------
    PhantomError
        If an argument makes no layout.
    """
    plan = plan_layout(kind, seed) if plan is None else plan
    if not 1 <= n_frames <= 200:
        raise PhantomError(f"Phantom: a layout of {n_frames} frames; give 1 to 200.")
    rng = np.random.default_rng([seed, list(KINDS).index(kind), 0x1A70])
    look, shape = plan.look, plan.shape
    masks = [fan.mask(shape) for fan in plan.fans]
    scenes = [_Scene.drawn(fan, mask, look, rng) for fan, mask in zip(plan.fans, masks, strict=True)]
    ground = look.background + look.gradient * np.linspace(-0.5, 0.5, shape[0])[:, None]
    ground = np.broadcast_to(ground, shape).astype(np.float32)
    furniture = draw_screen(plan.screen, shape, 2.5, 0.1, rng)
    inside = np.logical_or.reduce(masks)
    allowed = np.ones(shape, bool) if plan.screen.overlap else ~inside
    marks = np.zeros(shape, np.float32)
    if plan.logo is not None:
        _draw_logo(marks, plan.logo, rng)
    if plan.colour_bar is not None:
        _draw_bar(marks, plan.colour_bar)
    frames = np.empty((n_frames, *shape), np.uint8)
    phase = rng.uniform(0, 2 * np.pi)
    for number in range(n_frames):
        noise = look.background_noise * rng.standard_normal(shape, dtype=np.float32) if look.background_noise else 0
        frame = ground + noise
        beat = phase + 2 * np.pi * number / max(n_frames, 8)
        for scene in scenes:
            frame[scene.mask] = scene.grey(beat, rng)
        frame = np.where((marks > 0) & allowed, marks, frame)
        picture = np.rint(np.clip(frame, 0, 255)).astype(np.uint8)
        furniture.draw(picture, allowed, number / max(n_frames - 1, 1))
        frames[number] = _finished(picture, look)
    sectors = tuple(masks)
    if plan.turned:
        frames, sectors = frames[:, ::-1].copy(), tuple(mask[::-1].copy() for mask in sectors)
    cine = Cine(frames, None, None, Path(f"{kind}-{seed}"), info={"synthetic": True, "seed": seed})
    return SectorLayout(cine, sectors, plan.turned, plan, seed)


@dataclass(frozen=True, eq=False)
class _Scene:
    """What lies in one fan: a map of tissue in polar samples, and where the pixels of the fan look it up."""

    mask: NDArray[np.bool_]
    row: Field
    column: Field
    tissue: Field  # dB with the tissue's own speckle
    loss: Field  # dB lost by depth and shadows, which do not move
    blood: Field  # dB of what is another in each frame
    look: LayoutLook
    amount: float

    @classmethod
    def drawn(cls, fan: LayoutFan, mask: NDArray[np.bool_], look: LayoutLook, rng: np.random.Generator) -> _Scene:
        radius, angle = fan.polar(mask.shape)
        rows, columns = _POLAR
        row = (radius[mask] - fan.near) / max(fan.far - fan.near, 1e-6) * (rows - 1)
        column = (angle[mask] - fan.left) / (fan.right - fan.left) * (columns - 1)
        depth = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        across = np.linspace(-0.5, 0.5, columns, dtype=np.float32)[None]
        patches = (_smooth(rng, 14.0) * 3.5 + _smooth(rng, 40.0) * 2.5) * np.float32(rng.uniform(0.7, 1.8))
        level = patches - 1.0
        for _ in range(int(rng.integers(2, 5))):
            level = _with_chamber(level, depth, across, rng)
        near = np.exp(-((depth / 0.06) ** 2)) * rng.uniform(-4, 10)
        level = level + near.astype(np.float32) + _speckle_db(rng)
        loss = -look.attenuation_db * depth + np.zeros_like(level)
        for at, half, drop in look.shadows:
            loss -= np.float32(drop) * np.clip(1.5 - np.abs(across - at) / max(half, 1e-3) * 1.5, 0, 1)
        if look.dark_near:
            loss -= 40.0 * np.clip((look.dark_near - depth) / 0.03 + 0.5, 0, 1)
        blood = look.noise_db + 6.0 * (depth - 1.0) + np.zeros_like(level)
        row, column, level, loss, blood = (np.asarray(part, np.float32) for part in (row, column, level, loss, blood))
        return cls(mask, row, column, level, loss, blood, look, float(rng.uniform(0.01, 0.035)))

    def grey(self, beat: float, rng: np.random.Generator) -> Field:
        """Return the grey levels of the pixels of the fan at an instant of the beat."""
        rows, columns = _POLAR
        depth, across = self.row / rows, self.column / columns
        bump = np.sin(np.pi * np.clip(depth, 0, 1)) * np.float32(self.amount)
        row = self.row + np.float32(rows * np.sin(beat)) * bump * (0.6 + 0.4 * np.sin(5 * across))
        column = self.column + np.float32(columns * np.sin(beat + 0.7)) * bump * np.cos(3 * depth)
        # Tissue moves, what dims it does not.
        tissue = _looked_up(self.tissue, np.asarray(row, np.float32), np.asarray(column, np.float32)) + _looked_up(
            self.loss, self.row, self.column
        )
        noise = _looked_up(self.blood + _speckle_db(rng), self.row, self.column)
        level = np.maximum(tissue, noise)
        return np.asarray(self.look.tissue_grey + self.look.grey_per_db * level, np.float32)


def _looked_up(table: Field, row: Field, column: Field) -> Field:
    found: Field = ndimage.map_coordinates(table, [row, column], order=1, mode="nearest")
    return found


def _smooth(rng: np.random.Generator, sigma: float) -> Field:
    """Return smooth noise of unit variance over the polar samples."""
    coarse = max(1, int(sigma // 4))
    shape = [side // coarse + 2 for side in _POLAR]
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), sigma / coarse, mode="wrap")
    fine = ndimage.zoom(noise, coarse, order=1)[: _POLAR[0], : _POLAR[1]]
    return np.asarray(fine / fine.std(), np.float32)


def _speckle_db(rng: np.random.Generator) -> Field:
    """Return the speckle of fully developed echoes in dB, half of it removed as by a scanner's filter."""
    field = rng.standard_normal((2, *_POLAR), dtype=np.float32)
    for part in field:
        ndimage.gaussian_filter(part, (0.8, 1.2), output=part)
    power = np.hypot(field[0], field[1])
    level: Field = 10.0 * np.log10(power / power.mean() + np.float32(1e-3))
    return level


def _with_chamber(level: Field, depth: Field, across: Field, rng: np.random.Generator) -> Field:
    """Return a map with one more echo-free chamber and its wall."""
    at = rng.uniform((0.25, -0.3), (0.8, 0.3))
    half = rng.uniform((0.1, 0.08), (0.28, 0.22))
    rho = np.hypot((depth - at[0]) / half[0], (across - at[1]) / half[1])
    wall = 6.0 * np.exp(-(((rho - 1.1) / 0.12) ** 2)) * rng.uniform(0, 1)
    drop = rng.uniform(14, 40) * np.clip((1.0 - rho) / 0.15, 0, 1)
    return np.asarray(level + wall - drop, np.float32)


def _draw_logo(marks: Field, box: Box, rng: np.random.Generator) -> None:
    y, x = np.mgrid[-1 : 1 : box.height * 1j, -1 : 1 : box.width * 1j]
    ring = np.abs(np.hypot(y, x) - rng.uniform(0.5, 0.8)) < 0.2
    marks[box.y0 : box.y1, box.x0 : box.x1] = np.where(ring, rng.uniform(90, 255), 0)


def _draw_bar(marks: Field, box: Box) -> None:
    # A colour bar in grey: bright at both ends, dark in the middle.
    marks[box.y0 : box.y1, box.x0 : box.x1] = (20 + 200 * np.abs(np.linspace(-1, 1, box.height)))[:, None]


def _finished(picture: NDArray[np.uint8], look: LayoutLook) -> NDArray[np.uint8]:
    """Return the picture as it is sent: blurred by scaling, and compressed."""
    if look.blur:
        picture = np.rint(ndimage.gaussian_filter(picture.astype(np.float32), look.blur)).astype(np.uint8)
    if look.jpeg is None:
        return picture
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=look.jpeg)
    with Image.open(buffer) as read:
        return np.array(read)
