"""What comparisons of trainings in `benchmarks` rest on: each run counts once, and no frame is changed by its use."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

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
