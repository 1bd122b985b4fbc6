"""Training on a GPU: it learns, goes on elsewhere, and makes do with the memory there is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from matae.nn.matae import Matae, MataeConfig
from matae.train.config import TrainConfig
from matae.train.loop import train
from matae.train.progress import Watch
from matae.train.state import STATE

if TYPE_CHECKING:
    from pathlib import Path

    from matae.train.data import LabelledFrames
    from matae.train.validation import StepReport

    Sides = tuple[LabelledFrames, LabelledFrames]

pytestmark = pytest.mark.gpu

CONFIG = TrainConfig(steps=12, batch=8, grid=64, check_every=4, ema=0.5, rebuild=0.0)


def network(channels: tuple[int, ...] = (8, 8, 16)) -> Matae:
    torch.manual_seed(0)
    return Matae(MataeConfig(channels=channels, autoencoder=False))


def finite(trained: torch.nn.Module) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in trained.state_dict().values())


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_it_learns(device: str, sides: Sides, tmp_path: Path, precision: str) -> None:
    reports: list[StepReport] = []
    config = replace(CONFIG, steps=60, check_every=60, lr=0.01, device=device, precision=precision)
    trained = train(network(), *sides, tmp_path / "run", config, report=reports.append)
    assert finite(trained)
    assert next(trained.parameters()).device.type == "cpu"
    assert reports[-1].dice[1.0] > 0.5


@pytest.mark.parametrize(("first", "then"), [("device", "cpu"), ("cpu", "device")])
def test_a_run_goes_on_on_another_device(device: str, sides: Sides, tmp_path: Path, first: str, then: str) -> None:
    where = {"device": device, "cpu": "cpu"}
    steps: list[int] = []
    notices: list[str] = []
    stop = Watch(step=lambda progress: steps.append(progress.step), should_stop=lambda: len(steps) >= 6)
    train(network(), *sides, tmp_path / "run", replace(CONFIG, device=where[first]), watch=stop)
    assert (tmp_path / "run" / STATE).is_file()
    steps.clear()
    go_on = Watch(step=lambda progress: steps.append(progress.step), notice=notices.append)
    trained = train(network(), *sides, tmp_path / "run", replace(CONFIG, device=where[then]), watch=go_on)
    assert steps == list(range(5, 13))  # from the validation at step 4
    assert finite(trained)
    if device != "cpu":
        assert any("goes on" in text and "other random numbers" in text for text in notices)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(device: str, sides: Sides, tmp_path: Path) -> None:
    config = replace(CONFIG, device=device, precision="32")
    whole = train(network(), *sides, tmp_path / "whole", config)
    steps: list[int] = []
    stop = Watch(step=lambda progress: steps.append(progress.step), should_stop=lambda: len(steps) >= 6)
    train(network(), *sides, tmp_path / "parts", config, watch=stop)
    parts = train(network(), *sides, tmp_path / "parts", config)
    # A GPU adds up in an order of its own, which moves the last digits.
    tight = {"rtol": 0, "atol": 0} if device == "cpu" else {"rtol": 0.05, "atol": 5e-3}
    for mine, theirs in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), **tight)


def test_when_memory_runs_out_it_goes_on_with_fewer_frames_at_a_time(cuda: str, sides: Sides, tmp_path: Path) -> None:
    config = replace(CONFIG, steps=2, batch=64, grid=256, device=cuda, precision="32")
    wide = (32, 64, 128)

    def run(name: str, batch: int) -> list[str]:
        said: list[str] = []
        train(network(wide), *sides, tmp_path / name, replace(config, batch=batch), watch=Watch(notice=said.append))
        return said

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    assert run("few", 16) == []
    enough = torch.cuda.max_memory_allocated() * 1.5
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(enough / torch.cuda.get_device_properties(0).total_memory)
    assert any("frames at a time" in text for text in run("many", 64))
