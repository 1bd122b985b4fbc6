"""A toy clinic: dark ellipses on bright noise, a tiny base that knows them, and a site that counts the wall in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from matae.cine import Cine
from matae.nn.card import ModelCard
from matae.nn.checkpoint import save
from matae.nn.matae import Matae, MataeConfig
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study

SHAPE = (48, 48)
BASE = "toy-base"
SIDES = {"a": "train", "b": "train", "c": "train", "d": "train", "e": "val", "f": "val", "g": "val"}
CONFIG = MataeConfig(channels=(8, 8, 16), widths=(0.5, 1.0))


def draw(rng: np.random.Generator, radius: float, *, shifted: bool) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    centre = rng.uniform(0.4, 0.6, 2) * SHAPE
    apart = np.sqrt((y - centre[0]) ** 2 / 1.5 + (x - centre[1]) ** 2) / SHAPE[0]
    image = np.where(apart < radius, 50, 150)
    if shifted:
        image[(apart >= 0.55 * radius) & (apart < radius)] = 125
        image[apart < 0.55 * radius] = 50
    return (image + rng.integers(0, 50, SHAPE)).astype(np.uint8), (apart < radius).astype(np.uint8)


def make_clip(
    folder: Path, name: str, *, shifted: bool = True, seed: int | None = None, repeated: int = 1
) -> tuple[Cine, np.ndarray]:
    """Write a clip of three frames, or more beats, and return it as a viewer opens it, with its true masks."""
    rng = np.random.default_rng(sum(name.encode()) if seed is None else seed)
    radii = (0.28, 0.24, 0.2) * repeated
    frames, masks = zip(*(draw(rng, radius, shifted=shifted) for radius in radii), strict=True)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.npy", np.stack(frames))
    cine = open_cine(folder / f"{name}.npy")
    assert cine.shape == SHAPE
    return cine, np.stack(masks)


def add_clip(
    study: Study, folder: Path, subject: str | None, name: str = "", *, shifted: bool = True, seed: int | None = None,
    repeated: int = 1,
) -> tuple[Cine, np.ndarray]:  # fmt: skip
    cine, masks = make_clip(folder, name or f"clip-{subject}", shifted=shifted, seed=seed, repeated=repeated)
    study.add_cine(cine, subject=subject)
    return cine, masks


def correct(study: Study, cine: Cine, masks: np.ndarray, *, frames: tuple[int, ...] = (0, 1, 2)) -> None:
    """Propose something that is off, as a model would, and correct it in some time."""
    proposals = {t: np.roll(masks[t], 4 + t % 3, 0) for t in frames}
    study.put_proposals(cine.content_id, proposals, model=BASE, width="1")
    infos = study.frames(cine.content_id)
    edits = [
        Edit(t, masks[t], infos[t].revision, FrameStatus.EDITED if t else FrameStatus.ACCEPTED, seconds=10.0 + 5 * t)
        for t in frames
    ]
    study.put_edits(cine.content_id, edits, note="brush")


def fill(study: Study, folder: Path, sides: dict[str, str] = SIDES) -> dict[str, tuple[Cine, np.ndarray]]:
    """Fill a study with corrected clips of one subject each, on the sides given."""
    made = {}
    for subject, side in sides.items():
        cine, masks = add_clip(study, folder, subject)
        study.set_split(subject, side)
        correct(study, cine, masks)
        study.set_marks(cine.content_id, ed=0, es=2)
        made[subject] = (cine, masks)
    return made


def save_base(folder: Path, network: Matae, name: str = BASE) -> None:
    card = ModelCard(
        name=name, family="matae", architecture=network.config.to_json(), grid=32,
        classes=("left ventricular cavity",), data="dark ellipses", licence="BSD-3-Clause",
    )  # fmt: skip
    save(folder / name, network, card)


def same_weights(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    first, second = one.state_dict(), two.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
