"""The spectral correlation loss: same masks, shifted masks, empty masks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from matae.nn.losses import bce, bce_dice, spectral_correlation


def disc(row: float = 20, column: float = 24, radius: float = 9) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    return (((y - row) ** 2 + (x - column) ** 2).sqrt() < radius).float()[None, None]


def logits_of(mask: torch.Tensor) -> torch.Tensor:
    return (mask * 2 - 1) * 20


@pytest.mark.parametrize("target", [torch.zeros(2, 1, 16, 16), torch.ones(2, 1, 16, 16)])
@pytest.mark.parametrize("level", [-1e4, -20.0, 0.0, 20.0, 1e4])
def test_maps_without_variation_give_finite_losses_and_gradients(target: torch.Tensor, level: float) -> None:
    for loss in (spectral_correlation, bce_dice, bce):
        logits = torch.full_like(target, level, requires_grad=True)
        value = loss(logits, target)
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()


def test_the_same_masks_correlate_and_shifted_ones_do_not() -> None:
    assert spectral_correlation(logits_of(disc()), disc()) < 1e-4
    near = spectral_correlation(logits_of(disc(22, 25)), disc())
    far = spectral_correlation(logits_of(disc(38, 10)), disc())
    assert 0 < near < far
    assert far > 0.8  # magnitudes alone would call these two the same


def test_the_gradient_leads_to_the_mask() -> None:
    logits = torch.zeros(1, 1, 48, 48).normal_(generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimiser = torch.optim.Adam([logits], 0.3)
    before = float(spectral_correlation(logits.detach(), disc()))
    for _ in range(60):
        optimiser.zero_grad()
        spectral_correlation(logits, disc()).backward()
        optimiser.step()
    assert float(spectral_correlation(logits.detach(), disc())) < 0.2 * before
    assert ((logits.detach() > 0).float() * disc()).sum() > 0.9 * disc().sum()


def test_frames_and_classes_are_averaged() -> None:
    target = torch.cat([disc(), disc(30, 30)], 1)
    found = logits_of(torch.cat([disc(), disc(10, 10)], 1))
    each = [spectral_correlation(found[:, c : c + 1], target[:, c : c + 1]) for c in range(2)]
    torch.testing.assert_close(spectral_correlation(found, target), torch.stack(each).mean())


def test_half_precision_does_not_reach_the_transform() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert spectral_correlation(logits_of(disc()).bfloat16(), disc()) < 1e-3


@pytest.mark.parametrize("loss", [bce, bce_dice, spectral_correlation])
def test_what_nobody_outlined_adds_nothing_and_moves_nothing(loss: Callable) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, 8, 8, generator=generator).requires_grad_()
    target = (torch.rand(3, 2, 8, 8, generator=generator) > 0.5).float()
    target[:, 1] = -1
    found = loss(logits, target)
    found.backward()
    assert not logits.grad[:, 1].abs().max() > 1e-6
    assert logits.grad[:, 0].abs().max() > 1e-6
    if loss is not spectral_correlation:
        torch.testing.assert_close(found, loss(logits[:, :1], target[:, :1]))
    nothing = loss(logits, torch.full_like(target, -1))
    assert torch.isfinite(nothing)
