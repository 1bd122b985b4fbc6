"""What runs when no model is named: the one in use, also after another was promoted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from matae.cli import app
from matae.models import current_model, promote
from matae.phantom import make_phantom
from matae.segment import SegmentOptions


def test_a_promoted_model_is_what_segment_takes(tiny_default: str, tiny_model: str, tmp_path: Path) -> None:
    assert SegmentOptions().model == current_model() == tiny_default
    promote(tiny_model, anyway=True)
    assert SegmentOptions().model == tiny_model
    np.save(tmp_path / "clip.npy", make_phantom(0, n_frames=2, shape=(64, 64)).cine.frames)
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["segment", str(tmp_path / "clip.npy"), "--out", str(out), "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert json.loads((out / "clip.json").read_text("utf-8"))["run"]["model"] == tiny_model
