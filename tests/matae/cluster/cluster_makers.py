"""Clips of moving noise, the jobs for them, and the tiny model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny_models import save_tiny

from matae.jobs import FileJob, JobSettings, find_inputs, plan
from matae.segment import SegmentOptions

__all__ = ["jobs_of", "make_clips", "save_tiny"]


def make_clips(folder: Path, count: int, n_frames: int = 5) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:60, :80]
    fan = np.abs(columns - 40) < 4 + 0.7 * rows
    made = []
    for seed in range(count):
        noise = np.random.default_rng(seed).integers(20, 200, (n_frames, 60, 80))
        made.append(folder / f"clip{seed}.npy")
        np.save(made[-1], (noise * fan).astype(np.uint8))
    return made


def jobs_of(clips: list[Path], out: Path, **settings: object) -> list[FileJob]:
    refs, failures = find_inputs(clips)
    assert not failures
    options = SegmentOptions(model="tiny", width="1", device="cpu")
    return plan(refs, JobSettings(out, options, overlay=False, **settings))  # type: ignore[arg-type]
