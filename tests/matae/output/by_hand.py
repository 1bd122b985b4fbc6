"""A cine and its segmentation, made by hand: writing results must need no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matae.cine import Cine, Spacing
from matae.segment import Segmentation
from matae.segment.sector import Sector

TIMES = np.array([0.0, 0.02, 0.04, 0.07, 0.09, 0.11])  # one frame came late


def disc(shape: tuple[int, int], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) < radius).astype(np.uint8)


def make_cine(
    n_frames: int = 6, shape: tuple[int, int] = (45, 61), *, timed: bool = True, calibrated: bool = True,
    name: str = "clip.avi", seed: int = 0,
) -> Cine:  # fmt: skip
    frames = np.random.default_rng(seed).integers(0, 90, (n_frames, *shape), dtype=np.uint8)
    return Cine(
        frames,
        TIMES[:n_frames].copy() if timed else None,
        Spacing(y=0.5, x=0.25) if calibrated else None,
        Path("a persons name") / name,
        warnings=("Something the reader saw.",),
    )


def make_result(cine: Cine, radii: list[float] | None = None) -> Segmentation:
    radii = radii or [8.0 + t for t in range(cine.n_frames)]
    masks = np.stack([disc(cine.shape, radius) for radius in radii])
    corners = np.array([[0, 0], [0, cine.shape[1] - 1], [cine.shape[0] - 1, 30]], dtype=np.float64)
    run = {"model": "by hand", "width": "1", "frames": cine.n_frames, "seconds": 0.5, "frames_per_second": 12.0}
    return Segmentation(
        masks=masks,
        probability=masks * 255,
        area_px=masks.sum((1, 2)).astype(np.float64),
        sector=Sector(corners, "user", apex_down=True),
        run=run,
        notices=["Memory ran out."],
    )
