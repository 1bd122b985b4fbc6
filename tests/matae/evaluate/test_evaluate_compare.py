"""The table of `benchmarks/compare.py`: what it refuses, and that it says what the figures allow."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from evaluate_makers import save_network, write_index_folder

from matae.evaluate import evaluate

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "compare.py"


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def figures(dice: np.ndarray, *, ef: float = 5.0) -> dict:
    """Return what `evaluate` would have written for these Dice of pairs of frames of a patient."""
    phases = ("ED", "ES")
    frames = [
        {"id": f"f{i:03}", "patient": f"p{i // 2}", "phase": phases[i % 2], "dice": d, "hd95_mm": 10 * (1 - d)}
        for i, d in enumerate(dice.tolist())
    ]
    overlap = {"frame_mean": float(dice.mean()), "ci95": [float(dice.min()), float(dice.max())]}
    return {
        "dice": overlap, "iou": overlap, "pixel_accuracy": 0.99, "hd95_mm": 3.0, "assd_mm": 1.0, "hd95_px": None,
        "assd_px": None, "by_phase": {phase: {"dice": overlap} for phase in phases}, "n_frames": len(dice),
        "n_patients": len(dice) // 2, "ef": {"mae": ef, "bias": -1.0},
        "cost": {"parameters": 43798, "gflop": 0.047, "file_bytes": 5_640_000, "training_seconds": None},
        "data": {"name": "data", "split": "val"}, "frames": frames,
        "patients": [{"patient": f"p{i}", "view": "", "clip": "", "ef_predicted": 50 + ef, "ef_reference": 50.0}
                     for i in range(len(dice) // 2)],
    }  # fmt: skip


BASE = np.random.default_rng(0).normal(0.92, 0.03, 60).clip(0, 1)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    noise = np.random.default_rng(1).normal(0, 0.004, 60)
    made = {"base": BASE, "better": BASE + 0.01 + noise, "worse": BASE - 0.01 + noise, "same": BASE + noise}
    paths = {}
    for name, dice in made.items():
        paths[name] = tmp_path / f"{name}.json"
        paths[name].write_text(json.dumps(figures(dice)))
    return paths


def test_what_cannot_be_compared_is_refused(
    compare: ModuleType, files: dict[str, Path], tmp_path: Path, capsys
) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text(json.dumps(figures(BASE[:20])))
    (tmp_path / "bare.json").write_text("{}")
    base = f"base={files['base']}"
    for arguments, words in (
        ([str(files["base"])], "is not NAME=FILE.json"),
        (["a=nowhere.json"], "nowhere.json is missing; write it with"),
        ([f"a={tmp_path}"], "evaluate.json is missing"),
        ([f"a={tmp_path}/broken.json"], "is no JSON"),
        ([f"a={tmp_path}/bare.json"], "holds no figures"),
        ([base, base], "Two rows are called base"),
        ([base, f"a={tmp_path}/other.json"], "on 20 frames and base on 60, not the same"),
        ([base, "--baseline", "none"], "There is no row none; there are base"),
        ([base, "--pair", "base"], "'base' is no pair"),
    ):
        assert compare.main(arguments) == 1
        said = capsys.readouterr().err
        assert words in said
        assert said.count("\n") == 1


def test_rows_help_or_harm_only_where_the_interval_leaves_zero_out(
    compare: ModuleType, files: dict[str, Path], capsys
) -> None:
    assert compare.main([*(f"{name}={path}" for name, path in files.items()), "--baseline", "base"]) == 0
    said = capsys.readouterr().out
    ends = {
        line.split(" | ")[0].strip("| "): line
        for line in said.splitlines()
        if line.endswith(("helps |", "harms |", "help |"))
    }
    assert ends["better"].endswith(" helps |")
    assert ends["worse"].endswith(" harms |")
    assert ends["same"].endswith(" does not help |")
    assert "base" not in ends
    better = np.array([frame["dice"] for frame in json.loads(files["better"].read_text())["frames"]])
    assert f"| better | base | {100 * (better - BASE).mean():+.2f} (" in said
    assert "What 14 random test frames would have said" in said
    assert "| 43,798 | 0.047 | 5.64 | - |" in said


def test_a_section_is_replaced_and_the_rest_kept(
    compare: ModuleType, files: dict[str, Path], tmp_path: Path, capsys
) -> None:
    out = tmp_path / "models-compared.md"
    for name, section in (("base", "one"), ("same", "two"), ("better", "one")):
        assert compare.main([f"{name}={files[name]}", "--out", str(out), "--section", section]) == 0
    out.write_text("My words.\n\n" + out.read_text())
    assert compare.main([f"worse={files['worse']}", "--out", str(out), "--section", "two"]) == 0
    text = out.read_text()
    assert text.startswith("My words.\n\n# Models compared\n")
    assert "| better |" in text
    assert "| worse |" in text
    assert "| base |" not in text
    assert "| same |" not in text
    assert text.count("<!-- compare one begin -->") == text.count("<!-- compare one end -->") == 1
    out.write_text(text.replace("<!-- compare one end -->", ""))
    assert compare.main([f"base={files['base']}", "--out", str(out), "--section", "one"]) == 1
    assert "one marker of 'one' without the other" in capsys.readouterr().err


def test_what_evaluate_writes_is_what_compare_reads(
    compare: ModuleType, tmp_path: Path, matae_home: Path, capsys
) -> None:
    folder, run = write_index_folder(tmp_path / "data"), tmp_path / "run"
    run.mkdir()
    found = evaluate(folder, model=save_network(matae_home, "net"), width="all", split="val", device="cpu")
    (run / "evaluate.json").write_text(json.dumps(found))
    assert compare.main([f"net={run}", f"one={run}@1/2", "--baseline", "net 1", "--pair", "one:net 1/2"]) == 0
    said = capsys.readouterr().out
    for width, figures_ in found["widths"].items():
        assert f"| net {width} | {figures_['dice']['frame_mean']:.4f}" in said
    assert "| one | net 1/2 | +0.00 (+0.00 to +0.00)" in said
    assert compare.main([f"one={run}@1/3"]) == 1
    assert "has no width 1/3; it has 1/2, 1." in capsys.readouterr().err
