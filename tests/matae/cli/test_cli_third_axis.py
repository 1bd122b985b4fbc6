"""``--third-axis time``: a volume file that is a cine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk  # noqa: N813
from typer.testing import CliRunner

from matae.cli import app

if TYPE_CHECKING:
    from pathlib import Path


def test_measure_takes_the_third_axis_for_time(tmp_path: Path) -> None:
    y, x = np.mgrid[:60, :80]
    masks = np.stack([((y - 30) / 20) ** 2 + ((x - 40) / (8 + abs(6 - t))) ** 2 < 1 for t in range(12)])
    for name, values in (("a.nii", masks * 100), ("a_mask.nii", masks)):
        image = sitk.GetImageFromArray(values.astype(np.uint8))
        image.SetSpacing((0.5, 0.5, 0.5))
        sitk.WriteImage(image, str(tmp_path / name))
    command = ["measure", str(tmp_path / "a.nii"), "--mask", str(tmp_path / "a_mask.nii"), "--json"]
    refused = CliRunner().invoke(app, [*command, str(tmp_path / "a.json")])
    assert refused.exit_code == 1
    taken = CliRunner().invoke(app, [*command, str(tmp_path / "b.json"), "--third-axis", "time"])
    assert taken.exit_code == 0, taken.output
    assert json.loads((tmp_path / "b.json").read_text())["ef_percent"] > 0
