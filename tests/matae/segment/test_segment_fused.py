"""Convolutions in one kernel each: networks and computers that cannot, then that the result is the same."""

from __future__ import annotations

import pytest
import torch

from matae.nn.matae import Matae, MataeConfig, PlainMatae
from matae.nn.published import PUBLISHED
from matae.segment.backends.fused import fused


def plain() -> PlainMatae:
    torch.manual_seed(0)
    return Matae(MataeConfig(channels=(8, 8, 16), classes=2, widths=(0.5, 1.0))).eval().extract(1.0)


def in_one(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, *how: object) -> torch.Tensor:
    stride, padding, dilation, groups = how
    return torch.nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups).relu()  # type: ignore[arg-type]


@pytest.fixture
def cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "cudnn_convolution_relu", in_one)


@pytest.mark.usefixtures("cudnn")
@pytest.mark.parametrize("make", PUBLISHED.values(), ids=PUBLISHED)
def test_another_network_stays_as_it_is(make: object) -> None:
    assert fused(make(1), torch.float16) is None  # type: ignore[operator]


def test_a_computer_that_lacks_the_kernel_has_none() -> None:
    assert fused(plain(), torch.float32) is None  # no cuDNN on a CPU


def test_a_gpu_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "cudnn_convolution_relu", full)
    with pytest.raises(torch.OutOfMemoryError):
        fused(plain(), torch.float32)


@pytest.mark.usefixtures("cudnn")
def test_logits_are_the_same_and_the_network_given_is_left_alone() -> None:
    network, x = plain(), torch.rand(3, 1, 32, 48)
    quick = fused(network, torch.float64)
    assert quick is not None
    assert quick.regions == network.regions
    with torch.inference_mode():
        torch.testing.assert_close(quick(x.double()).float(), network(x), rtol=1e-4, atol=1e-5)
    assert network.head.weight.dtype == torch.float32
