"""Pictures to tell views by, as a network sees them: synthetic hearts in every view, other planes, and what is no echo.

What is synthetic is made from a seed; photographs, textures, texts and scans come with installed packages.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Cine
from matae.phantom import make_phantom, random_heart
from matae.phantom.frames import placement_of
from matae.phantom.planes import PLANES, make_plane
from matae.placement import Placement
from matae.segment import find_sector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

__all__ = ["CLASSES", "NO_HEART", "Shown", "hearts", "no_echoes", "planes"]

CLASSES = ("A4C", "A2C", "other apical", "not apical", "not an echo")
APICAL = {"A4C": "A4C", "A2C": "A2C", "A3C": "other apical", "A5C": "other apical"}
NO_HEART = PLANES[-1]
HELD_OUT = (  # pictures of packages that only judge
    "coins", "gravel", "moon", "retina", "rocket", "text", "phantom", "motorcycle_right", "multipage", "CT_small",
    "grace_hopper", "dots",
)  # fmt: skip
_LEARNT = (
    "astronaut", "brick", "camera", "cell", "chelsea", "chessboard_GRAY", "coffee", "clock_motion", "color", "grass",
    "horse", "hubble_deep_field", "ihc", "logo", "microaneurysms", "motorcycle_left", "page", "MR_small",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture as the network sees it, what it is, and from what it was made."""

    picture: Picture
    kind: str
    source: str


def hearts(seeds: range, grid: int) -> Iterator[Shown]:
    """Yield each heart in every apical view, at a random instant."""
    for seed in seeds:
        for view, kind in APICAL.items():
            config = random_heart(seed, start_phase=None, view=view)
            made = make_phantom(seed, n_frames=1, config=config)
            yield Shown(placement_of(made, grid).image(made.cine.frames[0]), kind, f"phantom {view}")


def planes(seeds: range, grid: int) -> Iterator[Shown]:
    """Yield each synthetic plane that is not apical, at a random instant."""
    for seed in seeds:
        for plane in PLANES:
            cine = make_plane(seed, plane)
            yield Shown(Placement.of(cine, find_sector(cine), grid).image(cine.frames[0]), "not apical", plane)


def no_echoes(rng: np.random.Generator, grid: int, each: int, *, held_out: bool) -> Iterator[Shown]:
    """Yield parts of photographs, textures, texts and scans, and noise, as whole pictures and cut to a fan."""
    pictures = {name: _read(name) for name in (HELD_OUT if held_out else _LEARNT)}
    for name, whole in pictures.items():
        for _ in range(each):
            yield Shown(_placed(_part(whole, rng), rng, grid), "not an echo", name)
    for number in range(3 * each):
        kinds = (_blobs, _words) if held_out else (_white, _smooth, _flat, _stripes)
        yield Shown(_placed(kinds[number % len(kinds)](rng), rng, grid), "not an echo", "noise")


def _read(name: str) -> Picture:
    import matplotlib  # noqa: PLC0415
    import scipy.ndimage  # noqa: PLC0415
    import skimage  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415
    from pydicom import dcmread  # noqa: PLC0415
    from pydicom.data import get_testdata_file  # noqa: PLC0415

    if name.endswith("_small"):
        pixels = dcmread(str(get_testdata_file(f"{name}.dcm"))).pixel_array.astype(np.float64)
        low, high = np.percentile(pixels, (1, 99))
        return np.asarray(((pixels - low) / (high - low)).clip(0, 1) * 255, np.uint8)
    folders = (
        Path(skimage.__file__).parent / "data", Path(matplotlib.get_data_path()) / "sample_data",
        Path(scipy.ndimage.__file__).parent / "tests",
    )  # fmt: skip
    found = next(path for folder in folders for path in sorted(folder.glob(f"{name}.*")) if path.suffix != ".xml")
    with Image.open(found) as picture:
        return np.asarray(picture.convert("L"))


def _part(whole: Picture, rng: np.random.Generator) -> Picture:
    share = rng.uniform(0.4, 1.0)
    rows, columns = (max(24, int(n * share)) for n in whole.shape)
    top, left = (int(rng.integers(0, max(1, n - m + 1))) for n, m in zip(whole.shape, (rows, columns), strict=True))
    part = np.rot90(whole[top : top + rows, left : left + columns], int(rng.integers(4)))
    return np.asarray(255 - part if rng.random() < 0.3 else part, np.uint8)


def _placed(picture: Picture, rng: np.random.Generator, grid: int) -> Picture:
    if rng.random() < 0.35:
        picture = _in_fan(picture, rng)
    cine = Cine(np.ascontiguousarray(picture)[None], None, None, Path("picture"))
    return Placement.of(cine, find_sector(cine), grid).image(cine.frames[0])


def _in_fan(picture: Picture, rng: np.random.Generator) -> Picture:
    y, x = np.indices(picture.shape, np.float64)
    down, right = y + 1, x - picture.shape[1] / 2
    half = np.radians(rng.uniform(32, 48))
    inside = (np.abs(np.arctan2(right, down)) < half) & (np.hypot(down, right) < picture.shape[0])
    return np.asarray(np.where(inside, picture, 0), np.uint8)


def _white(rng: np.random.Generator) -> Picture:
    return np.asarray(rng.integers(0, 256, (200, 240)), np.uint8)


def _smooth(rng: np.random.Generator) -> Picture:
    from scipy import ndimage  # noqa: PLC0415

    field = ndimage.gaussian_filter(rng.standard_normal((200, 240)), rng.uniform(1, 20))
    return np.asarray((field - field.min()) / np.ptp(field) * 255, np.uint8)


def _flat(rng: np.random.Generator) -> Picture:
    y, x = np.indices((200, 240), np.float64)
    slope = rng.uniform(-0.5, 0.5, 2) * (rng.random() < 0.7)
    return np.asarray((rng.uniform(0, 255) + slope[0] * y + slope[1] * x).clip(0, 255), np.uint8)


def _stripes(rng: np.random.Generator) -> Picture:
    y, x = np.indices((200, 240), np.float64)
    wave = rng.normal(0, 0.3, 2)
    return np.asarray(127 + 120 * np.sin(wave[0] * y + wave[1] * x), np.uint8)


def _blobs(rng: np.random.Generator) -> Picture:
    from skimage.data import binary_blobs  # noqa: PLC0415

    found = binary_blobs(220, blob_size_fraction=float(rng.uniform(0.05, 0.3)), rng=int(rng.integers(2**31)))
    return np.asarray(found * rng.integers(60, 256) + rng.integers(0, 30, (220, 220)), np.uint8).clip(0, 255)


def _words(rng: np.random.Generator) -> Picture:
    from PIL import Image, ImageDraw  # noqa: PLC0415

    picture = Image.new("L", (260, 200), int(rng.integers(0, 40)))
    pen = ImageDraw.Draw(picture)
    for row in range(5, 190, int(rng.integers(12, 26))):
        word = "".join(chr(int(c)) for c in rng.integers(48, 123, int(rng.integers(4, 30))))
        pen.text((int(rng.integers(2, 60)), row), word, fill=int(rng.integers(120, 256)))
    return np.asarray(picture)
