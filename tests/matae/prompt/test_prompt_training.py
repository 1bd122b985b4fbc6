"""Training a head: refused without frames, a mean shape that is one, and steps that change the head alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from matae.errors import TrainError
from matae.nn.regions import Regions
from matae.prompt.scenes import HeadTraining
from matae.prompt.training import mean_shapes, train_head
from matae.train.data import LabelledFrames

from .prompt_makers import GRID, tiny

SHORT = HeadTraining(steps=2, batch=2, rounds=2)


def frames(count: int) -> LabelledFrames:
    rows, columns = np.mgrid[:GRID, :GRID]
    cavity = ((rows - 14) / 9) ** 2 + ((columns - 16) / 5) ** 2 < 1
    epicardium = ((rows - 14) / 12) ** 2 + ((columns - 16) / 8) ** 2 < 1
    mask = np.where(cavity, 1, np.where(epicardium & (rows < 23), 2, np.where((rows > 23) & (rows < 29), 3, 0)))
    masks = np.repeat(mask.astype(np.uint8)[None], count, 0)
    names = tuple(f"p{i}" for i in range(count))
    return LabelledFrames(masks * 60, masks, names, names, ("ED",) * count, np.full(count, np.nan))


def test_without_a_frame_nothing_is_trained() -> None:
    network, _ = tiny()
    with pytest.raises(TrainError, match="no labelled frame"):
        train_head(network, frames(0), GRID, SHORT)


def test_a_network_that_does_not_know_the_cavity_first_gets_no_head() -> None:
    network, _ = tiny()
    network.regions = Regions.alone(("left atrium", "left ventricular cavity", "left ventricular myocardium"))
    with pytest.raises(TrainError, match="cavity first"):
        train_head(network, frames(2), GRID, SHORT)


def test_the_head_learns_and_the_network_stays() -> None:
    network, _ = tiny()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    said: list[str] = []
    kept = []
    options = replace(SHORT, steps=25)
    head = train_head(network, frames(3), GRID, options, report=said.append, keep=kept.append)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert head.leave.weight.abs().sum() > 0
    assert not head.training
    assert said[0].startswith("step 25")
    assert len(kept) == 1


def test_the_mean_shape_of_one_heart_is_that_heart() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[0, 0, 10:50, 25:39] = 1
    landmarks = torch.tensor([[[10.0, 32.0], [50.0, 25.0], [50.0, 39.0]]])
    axis, box = mean_shapes(mask, landmarks)
    middle = axis.shape[-1] // 2
    assert axis[0, middle, middle] > 3  # 0.2 of the way from the base
    assert axis[0, 2, middle] < -3  # far below the base
    assert axis[0, middle, 2] < -3
    assert box[0, middle, middle] > 3
    assert box[0, 0, 0] < -3


def test_a_structure_that_is_nowhere_has_a_flat_mean_shape() -> None:
    axis, box = mean_shapes(torch.zeros(1, 2, 64, 64), torch.full((1, 3, 2), torch.nan))
    assert not axis.any()
    assert not box.any()
