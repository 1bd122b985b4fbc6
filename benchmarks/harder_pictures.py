"""Pictures to learn doubt from: training patients and synthetic hearts, changed in ways that judge nothing elsewhere.

`benchmarks/reliability.py` judges on validation patients, restyled, changed in seven ways, and on phantoms as they
come. What is fitted may have seen none of those. Here are training patients as they are, restyled as in training, and
changed by one to three of ten ways, none of which is one of the seven (but for a tilt, of 45 degrees there and of 8 to
40 here); and phantoms of other seeds, never as they come, and some of them in the two-chamber view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from reliability import Pair, camus, restyled
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Grey = NDArray[np.float32]

__all__ = ["changed_harder", "made_sets", "phantoms_of"]


def changed_harder(pair: Pair, rng: np.random.Generator) -> Pair:
    """Return a pair changed in one to three ways."""
    both = (pair.pictures.astype(np.float32), pair.cavities)
    for way in rng.permutation(len(_MOVED) + len(_GREY))[: int(rng.integers(1, 4))]:
        if way >= len(_MOVED):
            both = (_GREY[way - len(_MOVED)](both[0], rng), both[1])
            continue
        both = _MOVED[way](*both, rng)
    return pair._replace(pictures=both[0].clip(0, 255).astype(np.uint8), cavities=both[1])


def _drawn_from(where: NDArray[np.float64], pictures: Grey, cavities: NDArray[np.bool_]) -> tuple[Grey, NDArray]:
    """Return both, each pixel taken from another place, (2, Y, X)."""
    taken = np.stack([ndimage.map_coordinates(one, where, order=1) for one in pictures])
    inside = np.stack([ndimage.map_coordinates(one.astype(np.uint8), where, order=0) for one in cavities]) > 0
    return taken, inside


def _scaled(pictures: Grey, cavities: NDArray, down: float, across: float) -> tuple[Grey, NDArray]:
    middle = (np.array(pictures.shape[1:]) - 1)[:, None, None] / 2
    where = middle + (np.indices(pictures.shape[1:]) - middle) * np.array([down, across])[:, None, None]
    return _drawn_from(where, pictures, cavities)


def _stretched(pictures: Grey, cavities: NDArray, rng: np.random.Generator) -> tuple[Grey, NDArray]:
    return _scaled(pictures, cavities, 1.0, float(np.exp(rng.uniform(-0.3, 0.3))))


def _smaller(pictures: Grey, cavities: NDArray, rng: np.random.Generator) -> tuple[Grey, NDArray]:
    zoom = float(rng.uniform(1.2, 1.8))
    return _scaled(pictures, cavities, zoom, zoom)


def _larger(pictures: Grey, cavities: NDArray, rng: np.random.Generator) -> tuple[Grey, NDArray]:
    zoom = float(rng.uniform(0.65, 0.85))
    return _scaled(pictures, cavities, zoom, zoom)


def _tilted(pictures: Grey, cavities: NDArray, rng: np.random.Generator) -> tuple[Grey, NDArray]:
    angle = float(rng.uniform(8, 40) * rng.choice([-1, 1]))
    turned = ndimage.rotate(pictures, angle, (2, 1), reshape=False, order=1)
    return turned, ndimage.rotate(cavities.astype(np.uint8), angle, (2, 1), reshape=False, order=0) > 0


def _waved(pictures: Grey, cavities: NDArray, rng: np.random.Generator) -> tuple[Grey, NDArray]:
    moved = ndimage.gaussian_filter(rng.normal(0, 1, (2, *pictures.shape[1:])), (0, 24, 24))
    moved *= rng.uniform(4, 10) / np.abs(moved).max()
    return _drawn_from(np.indices(pictures.shape[1:]) + moved, pictures, cavities)


def _banded(pictures: Grey, rng: np.random.Generator) -> Grey:
    """Leave no signal in a band along the beams."""
    rows, columns = pictures.shape[1:]
    y, x = np.indices((rows, columns)) / np.array([rows, columns])[:, None, None]
    at, wide, slope = rng.uniform(0.3, 0.7), rng.uniform(0.04, 0.14), rng.uniform(-0.5, 0.5)
    dark = np.abs(x - at - slope * (y - 0.3)) < wide
    return (pictures * np.where(dark, rng.uniform(0, 0.3), 1)).astype(np.float32)


def _smeared(pictures: Grey, rng: np.random.Generator) -> Grey:
    return ndimage.uniform_filter1d(pictures, int(rng.integers(7, 17)), axis=2)


def _grainy(pictures: Grey, rng: np.random.Generator) -> Grey:
    grains = ndimage.gaussian_filter(rng.normal(0, 1, pictures.shape), (0, 1.2, 2.5))
    return (pictures * np.exp(rng.uniform(0.25, 0.7) * grains / grains.std())).astype(np.float32)


def _hazy(pictures: Grey, rng: np.random.Generator) -> Grey:
    rows, columns = pictures.shape[1:]
    y, x = np.indices((rows, columns)) / np.array([rows, columns])[:, None, None]
    away = (x - rng.uniform(0.3, 0.7)) ** 2 + (y - rng.uniform(0.2, 0.7)) ** 2
    haze = rng.uniform(20, 70) * np.exp(-away / rng.uniform(0.02, 0.1))
    return np.where(pictures > 0, pictures + haze, 0).astype(np.float32)


def _coarse(pictures: Grey, rng: np.random.Generator) -> Grey:
    step = int(rng.integers(3, 6))
    rows, columns = pictures.shape[1:]
    return pictures[:, ::step, ::step].repeat(step, 1).repeat(step, 2)[:, :rows, :columns]


_MOVED: tuple[Callable[..., tuple[Grey, NDArray]], ...] = (_stretched, _smaller, _larger, _tilted, _waved)
_GREY: tuple[Callable[..., Grey], ...] = (_banded, _smeared, _grainy, _hazy, _coarse)


def phantoms_of(view: str, count: int, first: int) -> Iterator[Pair]:
    """Yield synthetic hearts in a view, in the scanner's style that their seed draws."""
    from matae.phantom import make_phantom, random_heart

    for seed in range(first, first + count):
        heart = random_heart(seed, view=view)
        made = make_phantom(seed, n_frames=12, frame_rate=12.0, shape=(256, 256), config=heart)
        areas = (made.masks == 1).sum(axis=(1, 2))
        both = [int(areas.argmax()), int(areas.argmin())]
        yield Pair(f"phantom-{view}-{seed}", made.cine.frames[both], made.masks[both] == 1, None, view)


def made_sets(data: Path, share: float = 1.0) -> dict[str, Iterator[Pair]]:
    """Return the sets by name; `share` of each, for a quick look."""
    a4c, a2c = data / "camus-a4c-256", data / "camus-a2c-256"

    def train(folder: Path, count: int, first: int) -> Iterator[Pair]:
        return camus(folder, max(1, round(share * count)), "train", first)

    def hearts(view: str, count: int, first: int) -> Iterator[Pair]:
        return phantoms_of(view, max(1, round(share * count)), first)

    def each(pairs: Iterator[Pair], change: Callable[..., Pair], seed: int) -> Iterator[Pair]:
        return (change(pair, np.random.default_rng(seed + number)) for number, pair in enumerate(pairs))

    return {
        "A4C": train(a4c, 30, 0),
        "A4C harder": each(train(a4c, 110, 30), changed_harder, 1000),
        "A4C restyled": each(train(a4c, 80, 140), restyled, 2000),
        "A2C": train(a2c, 30, 220),
        "A2C harder": each(train(a2c, 50, 250), changed_harder, 3000),
        "A2C restyled": each(train(a2c, 40, 300), restyled, 4000),
        "phantoms A4C, restyled": each(hearts("A4C", 40, 71_000), restyled, 5000),
        "phantoms A2C, harder": each(hearts("A2C", 30, 72_000), changed_harder, 6000),
    }
