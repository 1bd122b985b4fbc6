"""The autoencoder heads: what they rebuild, from how little, and what they cost at inference (nothing)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from matae.errors import ModelError
from matae.nn.autoencoder import Autoencoder, unexplained
from matae.nn.matae import Matae, MataeConfig
from matae.nn.widths import WIDTHS

CONFIG = MataeConfig(channels=(8, 16, 24), autoencoder=True)


def discs(n: int, seed: int = 0) -> torch.Tensor:
    """Return pictures (n, 1, 32, 32) of smooth discs: a structure there is something to learn of."""
    random = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    cy, cx, r = (torch.rand(n, 1, 1, generator=random) * s + o for s, o in ((16, 8), (16, 8), (5, 4)))
    return torch.sigmoid(r - ((y - cy) ** 2 + (x - cx) ** 2).sqrt())[:, None]


def test_a_network_without_heads_says_so() -> None:
    model = Matae(replace(CONFIG, autoencoder=False))
    with pytest.raises(ModelError, match="no autoencoder heads; train it with them"):
        model.rebuild(model.encode(discs(1)))


@pytest.mark.parametrize("picture", [torch.zeros(2, 1, 32, 32), torch.ones(2, 1, 32, 32)])
def test_pictures_without_contrast_have_finite_errors_and_gradients(picture: torch.Tensor) -> None:
    model = Matae(CONFIG).train()
    error = model.rebuild(model.encode(picture))
    assert torch.isfinite(error).all()
    error.mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_what_is_rebuilt_whole_has_no_error_and_the_mean_has_all_of_it() -> None:
    stages = [torch.rand(3, 4, 16, 16), torch.rand(3, 8, 16, 16), torch.rand(3, 16, 8, 8)]
    torch.testing.assert_close(unexplained(stages, stages[:-1]), torch.zeros(3))
    means = [s.mean((2, 3), keepdim=True).expand_as(s) for s in stages[:-1]]
    torch.testing.assert_close(unexplained(stages, means), torch.ones(3), atol=0.02, rtol=0)
    # A ratio: small latents do not make a small error.
    tiny = [s * 10 for s in stages]
    torch.testing.assert_close(unexplained(tiny, [m * 10 for m in means]), torch.ones(3), atol=0.02, rtol=0)


def test_targets_learn_nothing_from_being_rebuilt() -> None:
    shallow = torch.rand(1, 4, 8, 8, requires_grad=True)
    deep = torch.rand(1, 8, 8, 8, requires_grad=True)
    heads = Autoencoder((8,), 4)
    unexplained([shallow, deep], heads([shallow, deep], (8,))).sum().backward()
    assert shallow.grad is None
    assert deep.grad is not None


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("prefix", WIDTHS)
def test_every_width_rebuilds_from_every_prefix(width: float, prefix: float) -> None:
    model = Matae(CONFIG).eval()
    with torch.inference_mode():
        assert model.rebuild(model.encode(discs(2), width), prefix).shape == (2,)


def test_channels_beyond_the_prefix_are_not_used() -> None:
    model, x = Matae(CONFIG).eval(), discs(1)
    with torch.inference_mode():
        stages = model.encode(x)
        before = model.rebuild(stages, 0.5)
        changed = [
            stages[0],
            *(torch.cat([s[:, : s.shape[1] // 2], s[:, s.shape[1] // 2 :] + 5], 1) for s in stages[1:]),
        ]
        rebuilt = model.autoencoder(changed, model.config.at(0.5))
        for one, other in zip(rebuilt[:1], model.autoencoder(stages, model.config.at(0.5))[:1], strict=True):
            assert torch.equal(one, other)
        assert before.item() == pytest.approx(
            unexplained(stages, model.autoencoder(stages, model.config.at(0.5))).item()
        )


def test_training_makes_longer_prefixes_rebuild_more_and_strange_pictures_rebuild_worse() -> None:
    torch.manual_seed(0)
    model = Matae(CONFIG).train()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(60):
        stages = model.encode(discs(8, seed=step))
        loss = sum(model.rebuild(stages, prefix).mean() for prefix in WIDTHS)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    with torch.inference_mode():
        stages = model.encode(discs(16, seed=1000))
        errors = [float(model.rebuild(stages, prefix).mean()) for prefix in WIDTHS]
        noise = torch.rand(16, 1, 32, 32, generator=torch.Generator().manual_seed(1))
        strange = float(model.rebuild(model.encode(noise)).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[0]
    assert strange > 2 * errors[-1]


def test_heads_change_neither_the_logits_nor_the_extracted_network() -> None:
    torch.manual_seed(1)
    with_heads = Matae(CONFIG).eval()
    without = Matae(replace(CONFIG, autoencoder=False)).eval()
    without.load_state_dict({k: v for k, v in with_heads.state_dict().items() if not k.startswith("autoencoder")})
    x = discs(2)
    with torch.inference_mode():
        for width in WIDTHS:
            assert torch.equal(with_heads(x, width), without(x, width))
    plain = with_heads.extract(0.5)
    assert not any("autoencoder" in name for name in plain.state_dict())


def test_older_cards_have_neither_heads_nor_a_bias_a_width() -> None:
    values = CONFIG.to_json()
    assert MataeConfig.from_json(values) == CONFIG
    del values["autoencoder"], values["own_bias"]
    assert MataeConfig.from_json(values) == replace(CONFIG, autoencoder=False, own_bias=False)
