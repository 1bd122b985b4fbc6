"""The prompt head: widths it has, a start that leaves the network's own mask alone, and a Dice it expects."""

from __future__ import annotations

import pytest
import torch

from matae.errors import ModelError
from matae.prompt.encode import PromptTensors
from matae.prompt.head import HeadConfig, PromptHead
from matae.prompt.training import new_head

from .prompt_makers import GRID, tiny


def test_a_width_it_does_not_have_is_named() -> None:
    network, _ = tiny()
    head = new_head(network)
    with pytest.raises(ModelError, match="no width 1/3; it has 1/8, 1/4, 1/2, 1"):
        head(
            torch.zeros(1, 8, 16, 16),
            torch.zeros(1, 3, GRID, GRID),
            torch.tensor([0]),
            PromptTensors.none(1),
            None,
            1 / 3,
        )


def test_untrained_it_gives_the_networks_own_mask_at_every_width() -> None:
    network, _ = tiny()
    head = new_head(network).eval()
    x = torch.rand(2, 1, GRID, GRID)
    for width in network.widths:
        with torch.no_grad():
            features = network.features(network.encode(x, width), width)
            logits = network.logits(features, width)
            found, expected = head(features, logits, torch.tensor([0, 2]), PromptTensors.none(2), None, width)
        assert torch.equal(found[0] > 0, logits[0, 0] > 0)
        assert torch.equal(found[1] > 0, logits[1, 2] > 0)
        assert ((expected > 0) & (expected < 1)).all()


def test_the_extracted_network_gives_the_same_maps() -> None:
    network, _ = tiny()
    x = torch.rand(1, 1, GRID, GRID)
    plain = network.extract(0.5)
    with torch.no_grad():
        torch.testing.assert_close(
            plain.features(x), network.features(network.encode(x, 0.5), 0.5), atol=1e-5, rtol=1e-4
        )
        as_trained = network.decode(network.encode(x, 0.5), 0.5)
        torch.testing.assert_close(plain.logits(plain.features(x)), as_trained, atol=1e-5, rtol=1e-4)


def test_it_outlines_the_structure_it_is_asked_for() -> None:
    network, _ = tiny()
    head, count = new_head(network).eval(), 3
    prompts = PromptTensors.none(count)
    prompts.landmarks[:] = torch.tensor([[6.0, 16.0], [26.0, 10.0], [26.0, 22.0]])
    parts = torch.zeros(count, network.config.at(1.0)[0], GRID // 2, GRID // 2), torch.zeros(count, 3, GRID, GRID)
    asked = torch.tensor([0, 1, 2])
    head.axis_shapes[:] = torch.tensor([-4.0, 0.0, 4.0])[:, None, None]
    with torch.no_grad():
        by_shape, _ = head(*parts, asked, prompts)
        head.axis_shapes[:] = 0
        torch.nn.init.normal_(head.leave.weight)
        torch.nn.init.normal_(head.structure.weight)
        by_name, _ = head(*parts, asked, prompts)
    assert by_shape.mean((1, 2)).sign().tolist() == [-1, 0, 1]
    assert not torch.allclose(by_name[0], by_name[1])
    assert not torch.allclose(by_name[1], by_name[2])


def test_its_shape_comes_back_from_json() -> None:
    config = HeadConfig((1, 2, 4), (0.25, 0.5, 1.0), 3)
    assert HeadConfig.from_json(config.to_json()) == config
    assert PromptHead(config).parameters_count < 100_000
