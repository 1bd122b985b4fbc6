"""``train``: settings and data that are wrong, then a model that is used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cli_makers import one_line
from command_line import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Discs on noise: six patients, two of them for validation."""
    from PIL import Image

    folder = tmp_path / "labelled"
    rows, columns = np.mgrid[:32, :32]
    lines = ["frame,patient,split,phase"]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(6):
        mask = np.hypot(rows - 16, columns - 12 - number) < 8
        image = np.random.default_rng(number).integers(0, 60, mask.shape) + 120 * ~mask
        Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"f{number}.png")
        Image.fromarray((mask * 255).astype(np.uint8)).save(folder / "masks" / f"f{number}.png")
        lines.append(f"f{number},p{number},{'val' if number > 3 else 'train'},ED")
    (folder / "index.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def settings(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 3", "is no TOML file"),
        ("stepz = 3", "has no setting 'stepz'; there are steps,"),
        ("steps = 3.5", "steps is 3.5, but must be like"),
        ("steps = true", "steps is True"),
        ("augment = 3", "augment is 3"),
        ("[augment]\nscale = [1]", "scale is [1]"),
        ("[augment]\nspin = 1", "has no setting 'spin'"),
    ],
)
def test_train_with_wrong_settings(tmp_path, labelled, out, tiny_model, *, text, message) -> None:
    result = run("train", "--data", labelled, "--out", out, "--config", settings(tmp_path, text))
    assert message in one_line(result)


def test_train_without_data(tmp_path, out, tiny_model) -> None:
    one_line(run("train", "--data", tmp_path / "nowhere", "--out", out))
    assert "cannot be read" in one_line(
        run("train", "--data", tmp_path, "--out", out, "--config", tmp_path / "no.toml")
    )
    assert "named twice" in one_line(run("train", "--data", tmp_path, "--data", tmp_path, "--out", out))
    assert run("train", "--out", out).exit_code == 2
    assert run("train", "--data", tmp_path, "--out", out, "--device", "tpu").exit_code == 2


def test_train_then_import_and_segment(tmp_path, labelled, clip, out, tiny_model) -> None:
    # Numbers may be whole where the setting is not, and lists stand for pairs.
    file = settings(
        tmp_path, "steps = 2\nbatch = 2\ngrid = 32\ncheck_every = 1\nlr = 1e-3\n[augment]\nscale = [1, 1.1]\n"
    )
    arguments = ("train", "--data", labelled, "--out", tmp_path / "mine", "--init", tiny_model, "--config", file)
    result = run(*arguments, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("mine  ")
    assert "step 2/2, loss " in result.stderr
    assert "Dice at width 1/8: " in result.stderr
    card = json.loads((tmp_path / "mine" / "card.json").read_text("utf-8"))
    assert card["parent"]["name"] == tiny_model
    assert card["training"]["augment"]["scale"] == [1.0, 1.1]
    assert run("models", "import", tmp_path / "mine").exit_code == 0
    assert run("segment", clip, "--out", out, "--model", "mine", "--no-overlay").exit_code == 0


def test_train_stopped(tmp_path, labelled, out, tiny_model, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("matae.train.run.train", interrupt)
    result = run("train", "--data", labelled, "--out", out)
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr
