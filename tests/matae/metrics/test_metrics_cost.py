"""What a network costs: against numbers worked out by hand and those published."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from matae.metrics import network_cost
from matae.nn.matae import Matae, MataeConfig
from matae.nn.published import MataePublished, UNetPublished


def test_a_convolution_is_counted_by_hand() -> None:
    layer = nn.Conv2d(1, 5, 3, padding=1)
    cost = network_cost(layer, 20)
    assert cost.parameters == 5 * 9 + 5
    assert cost.gflop * 1e9 == pytest.approx(2 * 5 * 9 * 20 * 20)


@pytest.mark.parametrize(
    ("network", "parameters", "gflop"), [(MataePublished, 286_401, 0.238), (UNetPublished, 7_702_977, 14.07)]
)
def test_the_published_networks_cost_what_is_said_of_them(network: type, parameters: int, gflop: float) -> None:
    cost = network_cost(network(), 112)
    assert cost.parameters == parameters
    assert cost.gflop == pytest.approx(gflop, rel=2e-3)


def test_a_narrow_doll_costs_less_and_the_network_is_left_as_it_was() -> None:
    whole = Matae(MataeConfig(channels=(8, 16, 16))).eval()
    before = {key: value.clone() for key, value in whole.state_dict().items()}
    costs = [network_cost(whole.plain(width), 32) for width in whole.widths]
    assert costs == sorted(costs)
    assert len({cost.gflop for cost in costs}) == len(costs)
    assert all(torch.equal(value, before[key]) for key, value in whole.state_dict().items())
