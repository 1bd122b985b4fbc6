"""Pictures for the measurements: the packed frames, or synthetic ones where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["pictures", "write_made_up"]


def pictures(path: Path | None, count: int, size: int) -> NDArray[np.uint8]:
    """Return grey pictures (count, size, size) uint8: validation frames of a packed file, or fans of noise."""
    if path is None:
        return np.stack([_fan(size, seed)[0] for seed in range(count)])
    from matae.train.data import load_folders

    views = sorted({ref.view for ref in _listed(path)})
    _, held_out = load_folders([path], size, views=views)
    return np.ascontiguousarray(np.resize(held_out.images[:count], (count, size, size)))


def _listed(path: Path) -> tuple[object, ...]:
    from matae.labelled import open_labelled

    return open_labelled(path, view="all").refs


def write_made_up(path: Path, size: int, patients: int = 6) -> None:
    """Write a packed file of synthetic frames: to try everything where no data may go."""
    from matae.labelled.packed import write_packed

    images, labels, facts = [], [], []
    for number in range(patients):
        for view in ("A4C", "A2C"):
            for phase in ("ED", "ES"):
                image, mask = _fan(size, len(images), 0.3 if phase == "ED" else 0.22)
                images.append(image)
                labels.append(mask)
                facts.append({
                    "frame": f"p{number}_{view}_{phase}", "patient": f"p{number}", "view": view, "phase": phase,
                    "split": "val" if number % 3 == 0 else "train", "spacing_mm": 0.5,
                })  # fmt: skip
    write_packed(path, images, labels, facts, "made up")


def _fan(size: int, seed: int, radius: float = 0.25) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a fan of noise with a dark cavity in a bright wall, an atrium below it, and their labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    across = (x - 0.5 + rng.uniform(-0.05, 0.05)) / 0.6
    up = y - 0.4 + rng.uniform(-0.05, 0.05)
    labels = np.zeros((size, size), np.uint8)
    labels[(y - 0.78) ** 2 + across**2 < 0.15**2] = 3
    labels[up**2 + across**2 < (radius + 0.07) ** 2] = 2
    labels[up**2 + across**2 < radius**2] = 1
    grey = np.choose(labels, (70, 20, 150, 25)) + rng.integers(0, 40, (size, size))
    inside = np.abs(x - 0.5) < 0.05 + 0.5 * y
    return (grey * inside).astype(np.uint8), np.where(inside, labels, 0).astype(np.uint8)
