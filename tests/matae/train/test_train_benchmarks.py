"""What comparisons of trainings in `benchmarks` rest on: each run counts once, and no frame is changed by its use."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def low_label(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("low_label")


@pytest.fixture
def nnunet(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS / "performance"))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "other_networks"))
    return importlib.import_module("nnunet")


def test_a_run_that_was_judged_elsewhere_later_counts_once(low_label: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    assert low_label.kept(None, []) == low_label.kept(path, []) == []
    one = {"base": "matae", "method": "plain", "patients": 5, "seed": 1, "steps": 9, "batch": 8, "grid": 96, "dice": {}}
    other = one | {"seed": 2}
    judged = one | {"on": {"restyled": {}}}
    path.write_text("".join(f"{json.dumps(each)}\n" for each in (one, other, judged)) + '{"base": "torn')
    assert low_label.kept(path, ["restyled"]) == [judged]
    assert low_label.kept(path, ["restyled", "changed"]) == []
    assert low_label.kept(path, []) == [judged, other]


def test_augmentation_in_place_leaves_the_frames_as_they_are(nnunet: ModuleType) -> None:
    def change(image: torch.Tensor, segmentation: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"image": image.mul_(2), "segmentation": segmentation.add_(1)}

    images, masks = torch.ones(3, 1, 4, 4), torch.ones(3, 1, 4, 4, dtype=torch.int16)
    drawn = iter(nnunet.Drawn(images, masks, change, 1))
    for _ in range(9):
        image, truth = next(drawn)
        assert (image == 2).all()
        assert (truth == 2).all()
    assert (images == 1).all()
    assert (masks == 1).all()


def test_a_run_of_another_network_with_another_batch_is_not_taken_for_done(
    nnunet: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = BENCHMARKS / "other_networks" / "__main__.py"
    spec = importlib.util.spec_from_file_location("other_networks_main", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    taught: list[tuple[str, int, int]] = []

    def run(name: str, _: object, args: argparse.Namespace, seed: int) -> dict[str, object]:
        taught.append((name, args.batch, args.workers))
        (one,) = (each for each in module.wanted(args) if (each["network"], each["seed"]) == (name, seed))
        scores = {"1": [[0.9, 0.8]] * 3}
        return one | {"workers": args.workers, "parameters": 1, "steps": 2, "dice": scores}

    held_out = SimpleNamespace(phases=("ED", "ES"), patients=("a", "b"))
    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr("matae.train.data.load_folders", lambda *_, **__: (held_out, held_out))
    out = tmp_path / "runs.jsonl"

    def call(*more: str) -> list[tuple[str, int, int]]:
        taught.clear()
        monkeypatch.setattr(sys, "argv", ["x", "--data", "d", "--out", str(out), *more])
        module.main()
        return list(taught)

    assert call() == [("matae", 0, 0), ("nnunet-2d", 0, 0)]
    assert call() == []
    assert call("--batch", "16") == [("nnunet-2d", 16, 0)]  # which is what ours has anyway
    assert call("--batch", "32", "--networks", "matae") == [("matae", 32, 0)]
    assert call("--workers", "2") == [("nnunet-2d", 0, 2)]  # ours draws the same with any
    capsys.readouterr()
    call("--workers", "2")
    assert "| matae | 1 | 1 | 2 | 16 |" in capsys.readouterr().out  # a run with another batch is in no table
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    out.write_text("".join(json.dumps({k: v for k, v in each.items() if k != "workers"}) + "\n" for each in lines))
    assert call() == [("nnunet-2d", 0, 0)]  # nobody can tell what those were
