"""Makes what the command line is given, and reads the one line that it refuses with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def one_line(result: Result) -> str:
    assert result.exit_code == 1, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("napari-matae: ")
    assert lines[0].endswith(".")
    assert "Traceback" not in result.output
    return lines[0]


def make_clip(path: Path, n_frames: int = 5, seed: int = 0) -> Path:
    """Write a fan of moving noise, without frame rate or calibration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:60, :80]
    fan = np.abs(columns - 40) < 4 + 0.7 * rows
    noise = np.random.default_rng(seed).integers(20, 200, (n_frames, 60, 80))
    np.save(path, (noise * fan).astype(np.uint8))
    return path
