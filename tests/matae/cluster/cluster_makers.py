"""Clips of moving noise, the jobs for them, and the tiny model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny_models import save_tiny

from matae.cluster.measuring import MeasureJob, MeasureSettings, plan_measures
from matae.jobs import FileJob, JobSettings, find_inputs, plan
from matae.segment import SegmentOptions

__all__ = ["jobs_of", "make_clips", "measures_of", "save_tiny"]


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


def measures_of(clips: list[Path], out: Path) -> list[MeasureJob]:
    """Return jobs that measure clips by a given mask: real work, for which a process need not load torch."""
    rows, columns = np.mgrid[:60, :80]
    size = 1 - 0.2 * np.sin(np.linspace(0, np.pi, 5))
    inside = [((rows - 30) / (20 * s)) ** 2 + ((columns - 40) / (9 * s)) ** 2 < 1 for s in size]
    np.save(out.parent / "masks.npy", np.array(inside, np.uint8))
    refs, failures = find_inputs(clips)
    assert not failures
    return plan_measures(refs, MeasureSettings(out, masks=out.parent / "masks.npy", sector="whole"))
