"""The fold's imprint: gone from what a network says, with nothing else of it changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from matae.nn.matae import Matae, MataeConfig
from matae.nn.unfold import SmoothHead, smooth_logits, taps

EDGE = 8  # pixels at the border of the grid, where the cells go on


def network(fold: int = 2, classes: int = 2) -> Matae:
    torch.manual_seed(1)
    model = Matae(MataeConfig(channels=(8, 16), classes=classes, fold=fold)).eval()
    torch.nn.init.normal_(model.offsets)  # the pixels of a cell differ in their bias too
    return model


def filtered(logits: torch.Tensor, fold: int) -> torch.Tensor:
    """Return logits filtered along rows and columns, those near the border aside."""
    kernel = torch.from_numpy(np.outer(taps(fold), taps(fold))).to(logits.dtype)[None, None]
    return F.conv2d(logits.flatten(0, 1)[:, None], kernel, padding="same").reshape(logits.shape)


@pytest.mark.parametrize("fold", [1, 2, 3, 4])
def test_the_filter_lets_slow_changes_pass_and_nothing_of_the_folds_period(fold: int) -> None:
    found = taps(fold)
    places = np.arange(len(found)) - len(found) // 2
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, found[::-1])
    for power in (1, 2, 3):
        assert (found * places**power).sum() == pytest.approx(0, abs=1e-9)
    for wave in range(1, fold):
        assert (found * np.cos(2 * np.pi * wave * places / fold)).sum() == pytest.approx(0, abs=1e-9)
    if fold == 2:
        np.testing.assert_allclose(found, np.array([-1, 4, 10, 4, -1]) / 16)


@pytest.mark.parametrize("fold", [1, 2, 3, 4])
def test_one_convolution_is_the_head_and_the_filter(fold: int) -> None:
    torch.manual_seed(0)
    head, maps = torch.nn.Conv2d(5, 2 * fold**2, 1).double(), torch.randn(2, 5, 12, 10).double()
    found = smooth_logits(maps, head.weight, head.bias, fold)
    assert torch.equal(SmoothHead(head, fold)(maps), found)
    wanted = filtered(F.pixel_shuffle(head(maps), fold), fold)
    inner = (..., slice(EDGE, -EDGE), slice(EDGE, -EDGE)) if fold > 1 else ...
    torch.testing.assert_close(found[inner], wanted[inner])


@pytest.mark.parametrize("width", [1 / 8, 1.0])
def test_logits_that_alternate_do_so_no_longer(width: float) -> None:
    model = network()
    with torch.no_grad():
        model.head.weight.zero_()
        # What stands in the cell is the same everywhere, and another number for each of its pixels.
        model.head.bias.copy_(torch.tensor([3.0, -1.0, -1.0, -1.0, -2.0, 2.0, 2.0, -2.0]))
        model.offsets.zero_()
        x = torch.rand(1, 1, 32, 32)
        alternating = model.decode(model.encode(x, width), width)
        assert min(each.std() for each in alternating[0]) > 1
        for smooth in (model(x, width), model.plain(width)(x)):
            torch.testing.assert_close(smooth[0], torch.zeros(2, 32, 32), atol=1e-5, rtol=0)


def test_what_is_trained_is_what_was_trained_before() -> None:
    model, x = network(), torch.rand(2, 1, 16, 16)
    model.train()
    with torch.no_grad():
        torch.testing.assert_close(model(x), model.decode(model.encode(x)), atol=0, rtol=0)


@pytest.mark.parametrize("width", [1 / 8, 1.0])
def test_a_network_without_a_fold_says_what_it_said_to_the_bit(width: float) -> None:
    model, x = network(fold=1), torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        plain = model.extract(width)
        assert torch.equal(model(x, width), model.decode(model.encode(x, width), width))
        assert torch.equal(plain(x), plain.logits(plain.features(x)))


def test_the_filter_is_no_parameter_and_moves_with_the_network() -> None:
    plain = network().extract(0.5)
    names = {name for name, _ in plain.named_parameters()}
    assert not any("smooth" in name for name in names)
    assert plain.to("meta").smooth_head.weight.device.type == "meta"
