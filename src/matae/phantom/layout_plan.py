"""Layouts of a scanner's screen: where the sector lies, what cuts it, and what stands around it.

A layout states its sector exactly, so that whatever looks for sectors can be held against it. The ranges are those of
pictures that are sent around: screens of several makers, crops of data sets, zoomed and cut sectors, low gain, two
pictures side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.cine import Box
from matae.phantom.config import PhantomError, Screen

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KINDS", "LayoutFan", "LayoutLook", "LayoutPlan", "plan_layout"]

KINDS = {
    "plain": "a fan on black, nothing around it",
    "furniture": "text, logo, scales, grey bar, buttons and an ECG around the fan, some over its lower edge",
    "wide": "85 to 110 degrees, square and wide screens",
    "curved": "a curved array: the near field is a broad arc",
    "zoomed": "the tip of the fan lies above the picture, or above the scanner's window",
    "cut": "one side or both cut by the picture, or by the scanner's window",
    "small": "112 pixels a side, the fan touches the borders, the black is noisy from compression",
    "dark": "low gain on black; a side, the depth or the near field does not show",
    "grey": "a background that is not black: one grey, a gradient, or noise",
    "dual": "two fans side by side",
    "turned": "the tip of the fan at the bottom",
    "full": "tissue fills the whole picture: there is no edge of a fan to be seen",
}
"""Kinds of layouts, and what each shows."""

_SHAPES = ((256, 256), (240, 320), (480, 640), (582, 582), (600, 800), (434, 636))


class LayoutFan(NamedTuple):
    """A fan and the window that cuts it, in pixels, pixel centres at integers; angles in radians from the vertical."""

    y: float
    x: float
    left: float
    right: float
    near: float
    far: float
    window: Box
    aspect: float = 1.0  # height of a pixel divided by its width; radii are in widths

    def polar(self, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return radius and angle of the pixels of a picture, (Y, X) each."""
        dy = ((np.arange(shape[0]) - self.y) * self.aspect)[:, None].astype(np.float32)
        dx = (np.arange(shape[1]) - self.x)[None].astype(np.float32)
        return np.hypot(dy, dx), np.arctan2(dx, dy)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels whose centres lie in the fan and in its window, (Y, X)."""
        radius, angle = self.polar(shape)
        inside = (radius >= self.near) & (radius <= self.far) & (angle >= self.left) & (angle <= self.right)
        seen = np.zeros(shape, bool)
        seen[self.window.y0 : self.window.y1, self.window.x0 : self.window.x1] = True
        return np.asarray(inside & seen)


@dataclass(frozen=True)
class LayoutLook:
    """Grey levels of a layout.

    Parameters
    ----------
    tissue_grey
        Grey level of tissue of 0 dB.
    grey_per_db
        Slope of the log compression.
    noise_db
        Electronic noise at the far end.
    attenuation_db
        Loss from the tip to the far end.
    shadows
        Angle as a fraction of the fan -0.5 to 0.5, half width as such a fraction, depth in dB, each.
    dark_near
        Share of the depth, from the tip, that does not show.
    background
        Grey level around the fan.
    gradient
        Difference of that level from the top to the bottom of the picture.
    background_noise
        Standard deviation of the noise around the fan, in grey levels, another in each frame.
    blur
        Standard deviation of the blur of the whole picture, in pixels.
    jpeg
        Quality at which each frame is compressed, or None.
    """

    tissue_grey: float = 90.0
    grey_per_db: float = 4.2
    noise_db: float = -26.0
    attenuation_db: float = 4.0
    shadows: tuple[tuple[float, float, float], ...] = ()
    dark_near: float = 0.0
    background: float = 0.0
    gradient: float = 0.0
    background_noise: float = 0.0
    blur: float = 0.0
    jpeg: int | None = None


@dataclass(frozen=True)
class LayoutPlan:
    """Everything of a layout but its speckle: shape of the picture, fans, looks and what is drawn around them."""

    kind: str
    shape: tuple[int, int]
    fans: tuple[LayoutFan, ...]
    look: LayoutLook
    screen: Screen
    logo: Box | None = None
    colour_bar: Box | None = None
    turned: bool = False


def plan_layout(kind: str, seed: int) -> LayoutPlan:
    """Draw a layout.

    Parameters
    ----------
    kind
        One of `KINDS`.
    seed
        The same kind and seed give the same layout.

    Raises
    ------
    PhantomError
        If there is no such kind, or the seed is negative.
    """
    if kind not in KINDS:
        raise PhantomError(f"Phantom: no layout is called '{kind}'; choose one of {', '.join(KINDS)}.")
    if seed < 0:
        raise PhantomError(f"Phantom: a seed of {seed}; give 0 or more.")
    rng = np.random.default_rng([seed, list(KINDS).index(kind), 0x5EC7])
    shape = _shape(kind, rng)
    look = _look(kind, rng)
    whole = Box(0, 0, *shape)
    if kind == "dual":
        gap, middle = int(shape[1] * rng.uniform(0.0, 0.02)), shape[1] // 2
        halves = (Box(0, 0, shape[0], middle - gap), Box(0, middle + gap, shape[0], shape[1]))
        unit = _unit_fan(kind, rng)
        margin = rng.uniform(0.01, 0.05, 4)
        fans = tuple(_laid(unit, half, margin) for half in halves)
    elif kind == "full":
        fans = (_filling(whole, rng),)
    else:
        fans = (_cut(kind, _laid(_unit_fan(kind, rng), whole, _margins(kind, rng)), whole, rng),)
    screen, logo, bar = _around(kind, shape, rng)
    return LayoutPlan(kind, shape, fans, look, screen, logo, bar, kind == "turned")


def _shape(kind: str, rng: np.random.Generator) -> tuple[int, int]:
    if kind == "small":
        return (112, 112)
    if kind == "dual":
        return ((480, 640), (600, 800), (434, 636))[int(rng.integers(3))]
    if kind == "wide" and rng.random() < 0.4:
        return (582, 582)
    rows, columns = _SHAPES[int(rng.integers(len(_SHAPES)))]
    return rows, columns


def _unit_fan(kind: str, rng: np.random.Generator) -> LayoutFan:
    """Return a fan of depth 1 with its tip at the origin."""
    low, high = {"wide": (85, 110), "curved": (50, 80), "dual": (50, 85), "cut": (65, 105)}.get(kind, (40, 95))
    angle = math.radians(rng.uniform(low, high))
    near = rng.uniform(0.15, 0.42) if kind == "curved" else rng.uniform(0.0, 0.09)
    roll = math.radians(rng.normal(0, 5)) if rng.random() < 0.2 else 0.0
    roll = float(np.clip(roll, -0.15, 0.15))
    aspect = float(rng.uniform(0.8, 1.25)) if kind == "small" and rng.random() < 0.3 else 1.0
    return LayoutFan(0.0, 0.0, roll - angle / 2, roll + angle / 2, near, 1.0, Box(0, 0, 1, 1), aspect)


def _margins(kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the empty share above, below, left and right of the fan."""
    if kind == "small":
        return rng.uniform(0.0, 0.02, 4)
    if kind == "furniture":
        return rng.uniform((0.04, 0.08, 0.06, 0.06), (0.12, 0.2, 0.16, 0.16))
    return rng.uniform(0.01, 0.12, 4)


def _laid(unit: LayoutFan, room: Box, margin: NDArray[np.float64]) -> LayoutFan:
    """Return a fan as large as the margins of a room allow, in the middle of what they leave."""
    angles = np.linspace(unit.left, unit.right, 91)
    y = np.concatenate([radius * np.cos(angles) for radius in (unit.near, 1.0)]) / unit.aspect
    x = np.concatenate([radius * np.sin(angles) for radius in (unit.near, 1.0)])
    top, bottom, left, right = (margin * [room.height, room.height, room.width, room.width]).tolist()
    free = (room.height - 1 - top - bottom, room.width - 1 - left - right)
    size = min(free[0] / np.ptp(y), free[1] / np.ptp(x))
    return unit._replace(
        y=float(room.y0 + top + (free[0] - size * np.ptp(y)) / 2 - size * y.min()),
        x=float(room.x0 + left + (free[1] - size * np.ptp(x)) / 2 - size * x.min()),
        near=unit.near * size, far=float(size), window=room,
    )  # fmt: skip


def _cut(kind: str, fan: LayoutFan, whole: Box, rng: np.random.Generator) -> LayoutFan:
    """Return the fan with the window that its kind cuts it by."""
    rows, columns = whole.height, whole.width
    if kind == "zoomed":
        # The tip moves up out of the picture, and the fan grows to fill it.
        grown = float(rng.uniform(1.1, 1.5))
        up = float(rng.uniform(0.06, 0.3)) * fan.far * grown
        inset = [int(value) for value in rng.uniform(0.02, 0.08, 4) * [rows, rows, columns, columns]]
        window = whole
        if rng.random() < 0.5:  # a window within the screen, else the picture itself cuts
            window = Box(inset[0], inset[2], rows - inset[1], columns - inset[3])
        far = min(fan.far * grown, window.y1 - 1 - (window.y0 - up) - float(rng.uniform(-0.1, 0.1)) * rows)
        return fan._replace(y=window.y0 - up, near=fan.near * grown, far=float(far), window=window)
    if kind == "cut":
        edges = fan.far * np.sin([fan.left, fan.right]) + fan.x
        share = rng.uniform(0.08, 0.35, 2) * [1, rng.random() < 0.7]
        if rng.random() < 0.5:
            share = share[::-1]
        width = float(np.ptp(edges))
        x0, x1 = max(0.0, edges[0] + share[0] * width / 2), min(columns, edges[1] - share[1] * width / 2)
        bottom = rows if rng.random() < 0.6 else int(fan.y + fan.far * rng.uniform(0.9, 0.99))
        window = Box(0, round(x0) if share[0] else 0, min(rows, bottom), round(x1) if share[1] else columns)
        if rng.random() < 0.5:
            # The picture is cut at the window: the fan is laid again into a picture whose border cuts it.
            grown = columns / max(window.width, 1)
            far = min(fan.far * grown, (rows - 1 - fan.y) * float(rng.uniform(0.9, 1.15)))
            return fan._replace(x=(fan.x - window.x0) * grown, near=fan.near * grown, far=far, window=whole)
        return fan._replace(window=window)
    if kind == "small" and rng.random() < 0.3:
        return fan._replace(far=fan.far * float(rng.uniform(1.0, 1.12)))  # beyond the lower border
    return fan._replace(window=whole)


def _filling(whole: Box, rng: np.random.Generator) -> LayoutFan:
    """Return a fan that holds the whole picture."""
    up = float(rng.uniform(0.6, 1.2)) * max(whole)
    half = math.atan2(whole.width, up) + 0.05
    return LayoutFan(-up, whole.width / 2, -half, half, 0.0, up + 2.0 * whole.height + whole.width, whole)


def _look(kind: str, rng: np.random.Generator) -> LayoutLook:
    look = LayoutLook(
        tissue_grey=float(rng.uniform(65, 130)), grey_per_db=float(rng.uniform(3.2, 5.2)),
        noise_db=float(rng.uniform(-34, -18)), attenuation_db=float(rng.uniform(-4, 8)),
        shadows=_shadows(rng, 0.4, (6, 16)), blur=float(rng.choice((0.0, 0.5))),
        jpeg=int(rng.integers(60, 95)) if rng.random() < 0.4 else None,
    )  # fmt: skip
    if kind == "small":
        return replace(look, blur=float(rng.uniform(0.4, 0.9)), jpeg=int(rng.integers(35, 85)))
    if kind == "dark":
        side: tuple[tuple[float, float, float], ...] = ()
        if rng.random() < 0.5:  # up to half of the fan is black
            width = float(rng.uniform(0.1, 0.5))
            side = ((float(rng.choice((-0.5, 0.5))), width, float(rng.uniform(18, 45))),)
        return replace(
            look, tissue_grey=float(rng.uniform(16, 50)), attenuation_db=float(rng.uniform(-2, 14)),
            dark_near=float(rng.uniform(0.02, 0.15)) if rng.random() < 0.3 else 0.0,
            shadows=side or _shadows(rng, 0.9, (10, 30)),
        )  # fmt: skip
    if kind == "grey":
        return replace(
            look, background=float(rng.uniform(8, 70)), gradient=float(rng.choice((0.0, rng.uniform(-20, 20)))),
            background_noise=float(rng.choice((0.0, 0.0, rng.uniform(0.5, 3.0)))),
        )  # fmt: skip
    return look


def _shadows(
    rng: np.random.Generator, chance: float, depth: tuple[float, float]
) -> tuple[tuple[float, float, float], ...]:
    count = int(rng.integers(1, 3)) if rng.random() < chance else 0
    return tuple(
        (float(rng.uniform(-0.5, 0.5)), float(rng.uniform(0.03, 0.12)), float(rng.uniform(*depth)))
        for _ in range(count)
    )


def _around(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Screen, Box | None, Box | None]:
    """Return marks of the screen, the place of a logo and that of a colour bar."""
    rows, columns = shape
    chance = {"furniture": 0.75, "dual": 0.4, "grey": 0.4, "turned": 0.4, "dark": 0.3, "wide": 0.4}.get(kind, 0.0)
    if kind in {"cut", "zoomed", "curved"}:
        chance = 0.25
    draws = rng.random(8) < chance
    screen = Screen(
        text_lines=int(rng.integers(2, 7)) if draws[0] else 0, depth_scale=bool(draws[1]), grey_bar=bool(draws[2]),
        marker=bool(draws[3]), buttons=bool(draws[4]) and kind != "turned", ecg=bool(draws[5]),
        overlap=bool(rng.random() < 0.5), level=int(rng.integers(90, 256)),
    )  # fmt: skip
    height, width = rows // 12, columns // 12
    at = int(rng.uniform(0.0, 0.12) * rows), int(rng.uniform(0.02, 0.1) * columns)
    logo = Box(at[0], at[1], at[0] + height, at[1] + width) if draws[6] else None
    left = int(rng.uniform(0.94, 0.97) * columns)
    bar = Box(int(0.1 * rows), left, int(0.45 * rows), left + max(2, columns // 50)) if draws[7] else None
    return screen, logo, bar
