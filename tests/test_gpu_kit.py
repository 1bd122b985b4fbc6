"""The GPU kit on the CPU: what is missing or hangs first, then a dry run of all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
KIT = ROOT / "scripts" / "gpu"
# What a machine that only computes may lack; the engine must do without it on this path.
ABSENT = (
    "PyQt6", "SQLAlchemy", "SimpleITK", "alembic", "av", "distributed", "imagecodecs", "imageio", "matplotlib", "monai",
    "napari", "nibabel", "openvino", "platformdirs", "psutil", "pydantic", "pydicom", "pyjpegls", "pyqtgraph", "qtpy",
    "rich", "sqlalchemy", "superqt", "tensorboard", "tifffile", "typer",
)  # fmt: skip
BLOCKER = f"""
import importlib.machinery

class Without:
    def __init__(self, found):
        self.found = found

    def __call__(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {ABSENT!r} else self.found(name, path, target)

importlib.machinery.PathFinder.find_spec = Without(importlib.machinery.PathFinder.find_spec)
"""


def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "site").mkdir(exist_ok=True)
    (tmp_path / "site" / "sitecustomize.py").write_text(BLOCKER, encoding="utf-8")
    path = os.pathsep.join(map(str, (tmp_path / "site", ROOT / "src", ROOT)))
    return os.environ | {
        "PYTHONPATH": path,
        "MATAE_HOME": str(tmp_path / "home"),
        "MATAE_CACHE": str(tmp_path / "cache"),
        # npe2, installed here beside pytest, is a plug-in of it that needs pydantic.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import a module of the kit as its own programs do."""
    import importlib

    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(KIT))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:  # their names are short, and not theirs alone
        if getattr(sys.modules[name], "__file__", None) and str(KIT) in str(sys.modules[name].__file__):
            del sys.modules[name]


def run(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(KIT), *map(str, arguments)], capture_output=True, text=True, check=False, **more
    )


def test_a_dry_run_with_nothing_but_what_computes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    # On a busy computer each stage may take many times as long: none is to be cut short here.
    done = run("--dry", "--minutes", 90, "--out", out, env=environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "gpu.json").read_text("utf-8"))
    stages = report["stages"]
    assert list(stages) == ["gpu_tests", "agreement", "speed", "throughput", "training"]
    assert {name: found["state"] for name, found in stages.items()} == dict.fromkeys(stages, "done")
    assert {row["outcome"] for row in stages["gpu_tests"]["tests"]} == {"passed", "skipped"}
    assert all(row["dice_least"] > 0.99 for row in stages["agreement"]["rows"])
    assert {row["network"] for row in stages["speed"]["published"]} == {"unet-published", "matae-published"}
    assert set(stages["speed"]["times_unet_published"]) == {"1/2", "1"}
    assert stages["training"]["finished"]
    card = json.loads((out / "training" / "card.json").read_text("utf-8"))
    assert card["classes"] == ["left ventricular cavity", "left ventricular myocardium", "left atrium"]
    assert card["licence"] == "made up"  # the terms of the frames go with what was trained on them
    assert {path.name for path in out.iterdir()} == {
        "gpu.json", "gpu.md", "log.txt", "made-up.npz", "record.json", "training"
    }  # fmt: skip
    (kept,) = json.loads((out / "record.json").read_text("utf-8"))["runs"]
    assert kept["command"].startswith("sh scripts/gpu.sh --dry")
    assert kept["output"] == (out / "gpu.md").read_text("utf-8").splitlines()
    text = (out / "gpu.md").read_text("utf-8")
    assert "a dry run: these figures mean nothing" in text
    assert "## speed" in text
    assert "[5/5] training: done" in (out / "log.txt").read_text("utf-8")


def test_without_a_gpu_it_says_so(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    main = _main(kit)
    monkeypatch.setattr(sys, "argv", ["gpu", "--out", str(tmp_path / "out")])
    for name in ("MATAE_HOME", "MATAE_CACHE"):  # it sets them for the processes that it starts
        monkeypatch.setenv(name, str(tmp_path))
    assert main.main() == 1
    assert (
        capsys.readouterr().out.strip() == "There is no CUDA GPU that PyTorch can use here; try --dry, or --device cpu."
    )


def test_a_stage_that_is_not_there(tmp_path: Path) -> None:
    done = run("--dry", "--only", "speed,coffee", "--out", tmp_path / "out", env=environment(tmp_path))
    assert done.returncode == 2
    assert "there is no stage coffee" in done.stderr


STUCK = """
import sys, time
sys.path.insert(0, {kit!r})
from stage import run_stage

def work(stage):
    stage.row("rows", width="1", frames_per_second=12.5)
    time.sleep(600)

sys.exit(run_stage("stuck", work))
"""


def test_a_stage_that_hangs_is_ended_and_what_it_found_is_kept(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = _main(kit)
    (tmp_path / "stuck.py").write_text(STUCK.format(kit=str(KIT)), encoding="utf-8")
    monkeypatch.setattr(main, "HERE", tmp_path)
    monkeypatch.setattr(main, "GRACE", 0.2)
    with (tmp_path / "log.txt").open("w", encoding="utf-8") as log:
        began = time.monotonic()
        code = main._run("stuck", 3.0, main._Log(log), ["--out", str(tmp_path), "--seconds", "3"])
    assert code != 0
    assert time.monotonic() - began < 300  # of 600
    assert "did not stop on time" in (tmp_path / "log.txt").read_text("utf-8")
    found = main._taken(tmp_path / "stuck.json")
    assert found["rows"] == [{"width": "1", "frames_per_second": 12.5}]
    assert found["state"] == "began"


def _main(kit: Any) -> Any:
    import importlib.util

    kit("stage")
    spec = importlib.util.spec_from_file_location("gpu_kit_main", KIT / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_stage_that_fails_says_why(tmp_path: Path, kit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stage = kit("stage")

    def work(found: Any) -> None:
        found.row("rows", width="1")
        raise RuntimeError("no kernel image is available")

    assert stage.run_stage("speed", work, ["--out", str(tmp_path), "--seconds", "5"]) == 1
    report = json.loads((tmp_path / "speed.json").read_text("utf-8"))
    assert report["state"] == "failed"
    assert report["error"] == "RuntimeError: no kernel image is available"
    assert report["rows"] == [{"width": "1"}]


def test_no_report_at_all(tmp_path: Path, kit: Any) -> None:
    assert _main(kit)._taken(tmp_path / "gone.json") == {"state": "no report"}


@pytest.mark.parametrize("most", [1.0, 0.03])
def test_pieces_come_together_again(tmp_path: Path, kit: Any, most: float) -> None:
    out = tmp_path / "out"
    (out / "training").mkdir(parents=True)
    for name, size in (("model.safetensors", 9_000), ("state.safetensors", 40_000), ("card.json", 20)):
        (out / "training" / name).write_bytes(os.urandom(size))
    kept = {path.name: path.read_bytes() for path in (out / "training").iterdir()}
    (out / "gpu.json").write_text("{}", encoding="utf-8")
    kit("pieces").pack_back(out, 0.02, most)
    pieces = sorted(out.glob("results.tar.*"))
    assert all(piece.stat().st_size <= 0.02 * 2**20 for piece in pieces)
    assert (out / "gpu.json").is_file()
    assert not (out / "training").exists()
    whole = tmp_path / "whole.tar"
    whole.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    with tarfile.open(whole) as tar:
        tar.extractall(tmp_path / "back", filter="data")
    back = {path.name: path.read_bytes() for path in (tmp_path / "back" / "training").iterdir()}
    if most < 1:
        kept.pop("state.safetensors")  # too large to come back
    assert back == kept


def test_a_training_is_planned_to_end_in_time_and_then_kept_to(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = kit("training")
    recipe = ROOT / "scripts" / "recipes" / "matae-apical-gpu.toml"
    stage = SimpleNamespace(left=300.0, seconds=300.0, dry=False, device="cpu", recipe=recipe, init=None)
    monkeypatch.setattr(training, "step_seconds", lambda *_: (0.1, None))
    first = training.planned(stage, tmp_path)
    assert first.steps == int(0.85 * (300 - training.END_SECONDS) / 0.1)
    assert first.check_every == 200
    monkeypatch.setattr(training, "step_seconds", lambda *_: pytest.fail("a run that goes on is not planned anew"))
    stage.left = 100.0
    assert training.planned(stage, tmp_path) == first
    for other in ({"recipe": recipe.with_name("matae-lv.toml")}, {"init": "matae-lv"}):
        with pytest.raises(ValueError, match="holds a run by matae-apical-gpu"):
            training.planned(SimpleNamespace(**(vars(stage) | other)), tmp_path)
