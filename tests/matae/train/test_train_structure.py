"""Structural distillation: silent latents, what counts and what does not; and that a training by it narrows the gap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from matae.errors import TrainError
from matae.nn.matae import Matae, MataeConfig
from matae.nn.published import UNetPublished
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.data import load_frames
from matae.train.loop import train
from matae.train.structure import affinity, against_structure

CONFIG = TrainConfig(
    steps=8, batch=4, grid=32, check_every=8, rebuild=0.0, structure=1.0, network=NetworkConfig(channels=(8, 8, 16))
)


def test_settings_that_make_no_sense_are_refused(toy: Path, tmp_path: Path) -> None:
    sides = load_frames(toy, "train"), load_frames(toy, "val")
    network = Matae(MataeConfig(channels=(8, 8, 16)))
    with pytest.raises(TrainError, match="structure, pretraining and teaching must be 0 or more"):
        train(network, *sides, tmp_path / "out", replace(CONFIG, structure=-0.1))
    for change in ({"structure": 1.0}, {"structure": 0.0, "pretraining": 2}):
        with pytest.raises(TrainError, match="need a nested network"):
            train(UNetPublished(), *sides, tmp_path / "out", replace(CONFIG, **change))


def test_a_silent_latent_teaches_nothing_and_breaks_nothing() -> None:
    silent = torch.zeros(2, 4, 5, 5, requires_grad=True)
    loss = against_structure([silent], [torch.zeros(2, 8, 5, 5)])
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.isfinite(silent.grad).all()


def test_a_latent_smaller_than_the_graph_has_fewer_places() -> None:
    assert affinity(torch.rand(2, 3, 1, 2)).shape == (2, 2, 2)
    assert affinity(torch.rand(2, 3, 9, 7), 3).shape == (2, 9, 9)


@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_length_does_not_count_and_the_first_channels_are_at_no_distance(seed: int, factor: float) -> None:
    wide = torch.rand(2, 8, 6, 6, generator=torch.Generator().manual_seed(seed)) + 0.01
    torch.testing.assert_close(affinity(wide), affinity(factor * wide))
    assert float(against_structure([factor * wide], [wide])) == pytest.approx(0, abs=1e-5)


def test_another_place_counts_and_nothing_flows_back_to_the_teacher() -> None:
    wide = torch.rand(2, 8, 8, 8, generator=torch.Generator().manual_seed(1), requires_grad=True)
    narrow = wide.detach()[:, :4].roll(3, dims=3).requires_grad_()
    loss = against_structure([narrow], [wide])
    loss.backward()
    assert float(loss.detach()) > 0.05
    assert narrow.grad is not None
    assert narrow.grad.abs().sum() > 0
    assert wide.grad is None


def test_narrow_latents_come_closer_to_the_widest(toy: Path, tmp_path: Path) -> None:
    frames, held_out = load_frames(toy, "train"), load_frames(toy, "val")
    images = torch.tensor(held_out.images)[:, None].float() / 255
    images = torch.nn.functional.interpolate(images, (32, 32))

    def gap(weight: float) -> float:
        torch.manual_seed(0)
        network = Matae(MataeConfig(channels=(8, 8, 16), widths=(0.5, 1.0)))
        settings = replace(CONFIG, steps=40, check_every=40, structure=weight, ema=0.5, lr=5e-3)
        made = train(network, frames, held_out, tmp_path / str(weight), settings)
        with torch.no_grad():
            return float(against_structure(made.encode(images, 0.5)[1:], made.encode(images, 1.0)[1:]))

    assert gap(1.0) < 0.8 * gap(0.0)
