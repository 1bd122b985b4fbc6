"""Networks between two: the ends, the middle, and what cannot be blended."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from matae.errors import ModelError
from matae.nn.blend import blend
from matae.nn.matae import Matae, MataeConfig


def made(seed: int, channels: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, channels, 3), nn.BatchNorm2d(channels), nn.Conv2d(channels, 1, 1))
    network(torch.randn(4, 1, 8, 8))  # batch statistics of its own
    return network.eval()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_beyond_the_ends(share: float) -> None:
    with pytest.raises(ModelError, match="choose 0 to 1"):
        blend(made(1), made(2), share)
    with pytest.raises(ModelError, match="choose 0 to 1"):
        blend(made(1), made(2), 0.5, deep=share)


def test_networks_of_other_shapes() -> None:
    with pytest.raises(ModelError, match="other layers"):
        blend(made(1), made(2, channels=4), 0.5)
    with pytest.raises(ModelError, match="other layers"):
        blend(made(1), nn.Conv2d(1, 3, 3), 0.5)  # type: ignore[type-var]


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1))
def test_every_number_lies_on_the_line(share: float) -> None:
    before, after = made(1), made(2)
    kept = {key: value.clone() for key, value in after.state_dict().items()}
    found = blend(before, after, share)
    assert not found.training
    old = before.state_dict()
    for key, value in found.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (1 - share) * old[key] + share * kept[key])
        torch.testing.assert_close(after.state_dict()[key], kept[key], rtol=0, atol=0)


def test_the_ends_are_the_networks() -> None:
    before, after = made(1), made(2)
    picture = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(blend(before, after, 0.0)(picture), before(picture))
    torch.testing.assert_close(blend(before, after, 1.0)(picture), after(picture))


def test_the_deepest_stages_go_their_own_way() -> None:
    torch.manual_seed(0)
    config = MataeConfig(channels=(2, 3, 4, 5), autoencoder=True)
    before, after = Matae(config), Matae(config)
    found = blend(before, after, 1.0, deep=0.0).state_dict()
    old, new = before.state_dict(), after.state_dict()
    heads = ("autoencoder.latents.1.", "autoencoder.latents.2.")
    deep = ("encoder.2.", "encoder.3.", "decoder.2.", "up.2.", *heads)
    for key, value in found.items():
        assert torch.equal(value, (old if key.startswith(deep) else new)[key]), key
    # A network whose stages have other names, or only one, has no deep ones.
    one = blend(made(1), made(2), 1.0, deep=0.0).state_dict()
    second = made(2).state_dict()
    assert all(torch.equal(value, second[key]) for key, value in one.items())
