"""``phantom``: what cannot be made, then a folder that ``train`` takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from matae.cli import app
from matae.train.data import load_folders


@pytest.mark.parametrize(
    "options", [["--hearts", "1"], ["--hearts", "4", "--held-out", "4"], ["--size", "8"], ["--seed", "-1"]]
)
def test_wrong_use_makes_nothing(tmp_path: Path, options: list[str]) -> None:
    out = tmp_path / "out"
    assert CliRunner().invoke(app, ["phantom", "--out", str(out), *options]).exit_code == 2
    assert not out.exists()


def test_a_folder_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    result = CliRunner().invoke(app, ["phantom", "--out", str(tmp_path / "out"), "--hearts", "2", "--held-out", "1"])
    assert result.exit_code == 1
    assert result.stderr.strip().splitlines()[-1].startswith("napari-matae: ")


def test_synthetic_frames_are_ready_to_train_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["phantom", "--out", str(out), "--hearts", "3", "--held-out", "1", "--size", "64", "--seed", "3"]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == f"6 frames  {out}\n"
    train, val = load_folders([out])
    assert (len(train), len(val)) == (4, 2)
