"""Masked pre-training: nothing to paint, what is hidden, stop, kill and resumption; and that it learns to paint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from matae.errors import TrainError
from matae.nn.matae import Matae, MataeConfig
from matae.train import loop, pretraining
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.loop import make_fabric, train
from matae.train.pretraining import hidden_blocks, painting_loss, pretrain
from matae.train.progress import Watch
from matae.train.setup import new_run
from matae.train.state import STATE

CONFIG = TrainConfig(
    steps=4, batch=4, grid=32, check_every=2, rebuild=0.0, pretraining=3, network=NetworkConfig(channels=(8, 8, 16))
)


def a_network(**more: object) -> Matae:
    torch.manual_seed(0)
    return Matae(MataeConfig(channels=(8, 8, 16), **more))


def test_what_cannot_be_pretrained_is_refused(sides: tuple, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="structure, pretraining and teaching must be 0 or more"):
        train(a_network(), *sides, tmp_path / "out", replace(CONFIG, pretraining=-1))
    with pytest.raises(TrainError, match="Pre-training runs in one process"):
        train(a_network(), *sides, tmp_path / "out", replace(CONFIG, processes=2))
    with pytest.raises(TrainError, match="another size than the labelled ones"):
        train(a_network(), *sides, tmp_path / "out", CONFIG, unlabelled=sides[0].images[:, :8])
    assert not (tmp_path / "out").exists()


def test_black_frames_have_nothing_to_paint_and_do_not_break() -> None:
    black = torch.zeros(2, 1, 32, 32)
    loss = painting_loss(black.clone().requires_grad_(), black, hidden_blocks(2, 32, torch.Generator().manual_seed(1)))
    assert float(loss.detach()) == 0


@given(st.integers(1, 3), st.integers(1, 70), st.integers(0, 1000))
def test_whole_blocks_are_hidden_and_never_none(n: int, side: int, seed: int) -> None:
    hidden = hidden_blocks(n, side, torch.Generator().manual_seed(seed))
    assert hidden.shape == (n, 1, side, side)
    assert hidden.flatten(1).any(1).all()
    for row in range(0, side, 16):
        block = hidden[..., row : row + 16, :16].flatten(1)
        assert (block == block[:, :1]).all()


def test_what_was_shown_does_not_count() -> None:
    images, hidden = torch.rand(2, 1, 32, 32), torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    hidden[..., :16, :16] = True
    painted = torch.where(hidden, images, images + 5)
    assert float(painting_loss(painted, images, hidden)) == 0
    assert float(painting_loss(images + 1, images, hidden)) > 1


def test_it_learns_to_paint_and_leaves_the_layer_that_draws_masks(
    sides: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = Matae(MataeConfig(channels=(8, 16, 32), widths=(0.5, 1.0)))
    config = replace(CONFIG, pretraining=60, batch=8, lr=5e-3)
    fabric = make_fabric(config)
    run = new_run(network, config, fabric.device)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    # Noise cannot be learnt: the ellipses alone.
    pictures = torch.tensor(60 + 120 * (sides[0].masks > 0), dtype=torch.uint8)[:, None]
    losses: list[float] = []

    def noted(*given: torch.Tensor) -> torch.Tensor:
        loss = painting_loss(*given)
        losses.append(float(loss.detach()))
        return loss

    monkeypatch.setattr(pretraining, "painting_loss", noted)
    assert pretrain(fabric, run, network, pictures, lambda: False)
    assert len(losses) == 120
    # Saying the mean everywhere costs about 1. A narrow network without a bias of its own stays above that.
    wide, narrow = np.array(losses).reshape(60, 2)[-20:].mean(0)
    assert wide < 0.6
    assert narrow < 0.65
    after = network.state_dict()
    for key, value in before.items():
        if key.startswith(("head", "offsets")):
            torch.testing.assert_close(after[key], value, rtol=0, atol=0)
    assert set(after) == set(before)
    assert not torch.equal(after["encoder.0.0.weight"], before["encoder.0.0.weight"])
    for key, value in run.average.state_dict().items():
        torch.testing.assert_close(value, after[key], rtol=0, atol=0)


def test_stopped_in_the_midst_it_leaves_the_network_it_began_with_and_begins_anew(sides: tuple, tmp_path: Path) -> None:
    whole = train(a_network(autoencoder=True), *sides, tmp_path / "whole", CONFIG)
    network, asked = a_network(autoencoder=True), iter([False, True])
    made = train(network, *sides, tmp_path / "out", CONFIG, watch=Watch(should_stop=lambda: next(asked, True)))
    found = made.state_dict()
    for key, value in a_network(autoencoder=True).state_dict().items():
        assert torch.equal(value, found[key]), key
    assert network.offsets is not None
    assert network.head.out_channels == 4
    # What was half learnt is no state to go on from.
    resumed = train(a_network(autoencoder=True), *sides, tmp_path / "out", CONFIG)
    found = resumed.state_dict()
    for key, value in whole.state_dict().items():
        assert torch.equal(value, found[key]), key


def test_where_time_is_short_it_takes_half_of_it(sides: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, pretraining=500, seconds=40.0)
    fabric, network = make_fabric(config), a_network()
    run = new_run(network, config, fabric.device)
    clock, taken = iter(range(100)), []
    monkeypatch.setattr(pretraining.time, "perf_counter", lambda: 3.0 * next(clock))  # three steps in three seconds
    pictures = torch.tensor(sides[0].images)[:, None]
    assert pretrain(fabric, run, network, pictures, lambda: bool(taken.append(1)))
    assert len(taken) == 20  # of a second each, and 40 to spend


def test_the_same_seed_gives_the_same_network_with_others_frames_in_it(sides: tuple, tmp_path: Path) -> None:
    more = sides[0].images[::-1].copy()
    first, second = (train(a_network(), *sides, tmp_path / str(i), CONFIG, unlabelled=more) for i in range(2))
    plain = train(a_network(), *sides, tmp_path / "plain", replace(CONFIG, pretraining=0))
    found = second.state_dict()
    for key, value in first.state_dict().items():
        assert torch.equal(value, found[key]), key
    assert not torch.equal(first.state_dict()["encoder.0.0.weight"], plain.state_dict()["encoder.0.0.weight"])
    with pytest.raises(TrainError, match="holds a run with other frames"):
        train(a_network(), *sides, tmp_path / "0", CONFIG, unlabelled=more[:3])


def test_a_run_that_goes_on_is_not_pretrained_again(
    sides: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(a_network(), *sides, tmp_path / "whole", CONFIG)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", killed)
        with pytest.raises(KeyboardInterrupt):
            train(a_network(), *sides, tmp_path / "killed", CONFIG)
    assert (tmp_path / "killed" / STATE).is_file()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "pretrain", killed)
        resumed = train(a_network(), *sides, tmp_path / "killed", CONFIG)
    found = resumed.state_dict()
    for key, value in whole.state_dict().items():
        assert np.array_equal(value.numpy(), found[key].numpy()), key
