"""Every branch of the devices, driven by GPUs that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from fake_devices import Gpu

from matae.errors import DeviceError
from matae.nn.matae import Matae, MataeConfig
from matae.segment.backends import ModelSource
from matae.segment.backends.openvino_backend import OpenVINOBackend
from matae.segment.backends.precision import has_bf16, reduced_precision
from matae.segment.backends.torch_backend import TorchBackend
from matae.segment.device import choose_device, describe_device, free_cache

if TYPE_CHECKING:
    from fake_devices import FakeDevices

NEW, OLD = Gpu((8, 0)), Gpu((7, 5))


def a_network() -> Matae:
    torch.manual_seed(5)
    return Matae(MataeConfig(channels=(8, 8, 16))).eval()


def a_source() -> ModelSource:
    return ModelSource.of(a_network(), 32)


def pictures(n: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, side, side), dtype=np.uint8)


def test_auto_is_cuda_then_apple_then_the_cpu(devices: FakeDevices) -> None:
    devices.have()
    assert choose_device("auto").type == "cpu"
    with pytest.raises(DeviceError, match="no Apple GPU that PyTorch can use here; choose device auto or cpu"):
        choose_device("mps")
    devices.have(mps=True)
    assert choose_device("auto").type == choose_device("mps").type == "mps"
    assert choose_device("auto", training=True).type == "cpu"
    assert choose_device("mps", training=True).type == "mps"
    assert describe_device(choose_device("mps")) == "Apple GPU (mps)"
    devices.have(NEW, OLD, mps=True)
    assert choose_device("auto") == torch.device("cuda", 0)
    assert describe_device(choose_device("cuda:1")) == "Fake 1 (cuda:1)"


@pytest.mark.parametrize("current", [0, 1])
def test_bf16_is_asked_of_the_device_in_use(devices: FakeDevices, current: int) -> None:
    devices.have(NEW, OLD, current=current)
    assert has_bf16(torch.device("cuda", 0))
    assert not has_bf16(torch.device("cuda", 1))
    assert reduced_precision(torch.device("cuda", 0)) == torch.float16
    assert reduced_precision(torch.device("cuda", 1)) == torch.float16
    devices.have(OLD, hip=True)  # AMD's numbers are others; all that torch runs on have it
    assert has_bf16(torch.device("cuda", 0))
    devices.have(mps=True)
    assert reduced_precision(torch.device("mps")) == torch.float32


@pytest.mark.parametrize("kind", ["cuda", "mps", "cpu"])
def test_memory_is_given_back_where_it_was_taken(devices: FakeDevices, kind: str) -> None:
    devices.have(NEW, mps=True)
    free_cache(torch.device(kind))
    assert devices.freed == ([] if kind == "cpu" else [kind])


@pytest.mark.parametrize("gpu", [NEW, OLD])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_what_overflows_is_computed_again_in_fp32(devices: FakeDevices, gpu: Gpu, wrong: float) -> None:
    devices.have(gpu)
    said: list[str] = []
    x = pictures(3)
    expected = TorchBackend(a_source(), 1.0, torch.device("cpu"))(x)
    backend = TorchBackend(a_source(), 1.0, torch.device("cuda", 0), batch=2, notify=said.append)
    assert backend.precision == "fp16"  # on every card: nearer to fp32 than bf16
    devices.reduced = lambda logits: torch.where(torch.arange(logits.shape[-1]) == 3, wrong, logits)
    found = backend(x)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert backend.precision == "fp32"
    assert said == ["The network does not fit into fp16; going on in fp32."]
    backend(x)
    assert len(said) == 1


def test_what_is_no_number_in_fp32_either_is_an_error(devices: FakeDevices) -> None:
    network = a_network()
    with torch.no_grad():
        network.head.bias.fill_(float("nan"))
    devices.have()
    with pytest.raises(DeviceError, match="no numbers for a frame"):
        TorchBackend(ModelSource.of(network, 32), 1.0, torch.device("cpu"))(pictures(1))
    devices.have(OLD)
    with pytest.raises(DeviceError, match="no numbers for a frame"):
        TorchBackend(ModelSource.of(network, 32), 1.0, torch.device("cuda", 0))(pictures(1))


def test_openvino_that_gives_no_numbers_is_an_error() -> None:
    pytest.importorskip("openvino", reason="OpenVINO (extra cpu) is not installed")
    network = a_network()
    with torch.no_grad():
        network.head.bias.fill_(float("nan"))
    with pytest.raises(DeviceError, match="no numbers for a frame"):
        OpenVINOBackend(ModelSource.of(network, 32), 1.0)(pictures(1))


@pytest.mark.parametrize("kind", ["mps", "cuda"])
def test_an_operation_that_a_gpu_lacks_is_done_on_the_cpu(devices: FakeDevices, kind: str) -> None:
    devices.have(NEW, mps=True)
    said: list[str] = []
    x = pictures(3)
    expected = TorchBackend(a_source(), 1.0, torch.device("cpu"))(x)
    backend = TorchBackend(a_source(), 1.0, torch.device(kind), batch=2, notify=said.append)
    devices.fail = [NotImplementedError("The operator 'aten::im2col' is not implemented for the device")]
    np.testing.assert_allclose(backend(x), expected, atol=1e-5)
    assert said == ["The GPU lacks an operation that the network needs; going on with the CPU."]
    assert backend.where.type == "cpu"
    assert [device.type for device in devices.moves[-2:]] == [kind, "cpu"]
    assert devices.freed[-1] == kind


def test_an_operation_that_even_the_cpu_lacks_is_our_defect() -> None:
    backend = TorchBackend(a_source(), 1.0, torch.device("cpu"))

    def lacking(_: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("no such kernel")

    backend._run = lacking
    with pytest.raises(NotImplementedError):
        backend(pictures(1))


@pytest.mark.parametrize("kind", ["mps", "cuda"])
def test_a_gpu_that_fills_up_takes_fewer_frames_then_is_left(devices: FakeDevices, kind: str) -> None:
    devices.have(NEW, mps=True)
    said: list[str] = []
    backend = TorchBackend(a_source(), 1.0, torch.device(kind), batch=4, notify=said.append)
    full = f"{kind.upper()} backend out of memory"
    devices.fail = [RuntimeError(full)] * 3
    assert backend(pictures(5)).shape == (5, 1, 32, 32)
    assert [sentence.partition(";")[0] for sentence in said] == [
        "GPU memory ran out", "GPU memory ran out", "GPU memory does not suffice even for one frame",
    ]  # fmt: skip
    assert backend.where.type == "cpu"
    assert devices.freed == [kind] * 4  # at each attempt, and when it was left


def test_frames_go_to_the_gpu_that_was_asked_for(devices: FakeDevices) -> None:
    devices.have(OLD, NEW)
    backend = TorchBackend(a_source(), 0.5, torch.device("cuda", 1))
    backend(pictures(40))
    assert devices.moves == [torch.device("cuda", 1)]
    assert devices.copies == [torch.device("cuda", 1)] * 2  # 32 frames, and the rest
    assert devices.autocasts == [("cuda", torch.float16)] * 2
    devices.have(mps=True)
    devices.autocasts.clear()
    TorchBackend(a_source(), 0.5, torch.device("mps"))(pictures(1))
    assert devices.autocasts == []  # an Apple GPU computes in fp32: nothing is asked to reduce
