"""Segmenting where memory runs out or computes otherwise than wanted: every error of a device, and slow processors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from matae.cine import Cine, Spacing
from matae.errors import DeviceError
from matae.nn.matae import Matae, MataeConfig
from matae.segment import Sector, Segmenter, SegmentOptions, segment
from matae.segment.backends import ModelSource, base, precision
from matae.segment.backends import torch_backend as backends
from matae.segment.backends.openvino_backend import OpenVINOBackend
from matae.segment.backends.precision import fast_bf16, is_out_of_memory
from matae.segment.backends.torch_backend import TorchBackend


def a_cine(n_frames: int = 7, rows: int = 40, columns: int = 50, spacing: Spacing | None = None) -> Cine:
    frames = np.random.default_rng(0).integers(0, 255, (n_frames, rows, columns), dtype=np.uint8)
    return Cine(frames, None, spacing, Path("clip"))


def whole(cine: Cine) -> Sector:
    rows, columns = cine.shape
    return Sector(np.array([[0.0, 0], [0, columns - 1], [rows - 1, columns - 1], [rows - 1, 0]]), "whole")


def options(model: str, **more: str) -> SegmentOptions:
    return SegmentOptions(model, **({"device": "cpu"} | more))


def a_network() -> Matae:
    torch.manual_seed(5)
    return Matae(MataeConfig(channels=(8, 8, 16))).eval()


def a_source() -> ModelSource:
    return ModelSource.of(a_network(), 32)


def pictures(n: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, side, side), dtype=np.uint8)


@pytest.mark.parametrize("fail", [AttributeError, RuntimeError])
def test_a_torch_that_cannot_name_the_processor_runs_in_fp32(fail: type, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> dict:
        raise fail

    monkeypatch.setattr(torch.cpu, "get_capabilities", unknown, raising=False)
    assert not fast_bf16()
    assert TorchBackend(a_source(), 1.0, torch.device("cpu")).precision == "fp32"


class Tight:
    """Let a backend's network fail for more than `room` frames at once, in the words of torch."""

    def __init__(self, backend: TorchBackend, room: int, error: Exception) -> None:
        self.backend, self.room, self.error, self.inner = backend, room, error, backend._run
        backend._run = self

    def __call__(self, images: np.ndarray) -> torch.Tensor:
        if len(images) > self.room and self.backend.where.type == "cpu":
            raise self.error
        return self.inner(images)


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA"),
    MemoryError(),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"),
    RuntimeError("Failed to pin memory"),
]


@pytest.mark.parametrize("error", [RuntimeError("Sizes of tensors must match"), ValueError("out of memory")])
def test_what_is_not_memory_is_not_taken_for_it(error: Exception) -> None:
    assert not is_out_of_memory(error)


def fill_gpu(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make moving to the GPU fail, on machines with and without one."""

    def move(network: torch.nn.Module, device: torch.device) -> None:
        if device.type == "cuda":
            raise error
        inner(network, device)

    inner = backends.to_device
    monkeypatch.setattr(backends, "to_device", move)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_a_gpu_that_is_already_full_is_left(error: Exception, tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cine = a_cine()
    fill_gpu(monkeypatch, error)
    segmenter = Segmenter(options(tiny_model, device="cuda"))
    assert segmenter.notices == ["GPU memory is full; going on with the CPU."]
    for _ in range(2):
        result = segment(cine, sector=whole(cine), segmenter=segmenter)
        assert result.notices == segmenter.notices
        assert result.run["device"].startswith("CPU")


def test_other_errors_of_a_gpu_are_raised(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_gpu(monkeypatch, RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal"):
        Segmenter(options(tiny_model, device="cuda"))


def test_no_memory_for_the_network_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OUT_OF_MEMORY[-3]

    monkeypatch.setattr(backends, "to_device", full)
    with pytest.raises(DeviceError, match="for the network; close"):
        TorchBackend(a_source(), 1.0, torch.device("cpu"))


def test_frames_that_cannot_be_pinned_are_copied_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(torch.Tensor, "pin_memory", full)
    images = torch.rand(1, 1, 8, 8)
    assert backends._pinned(images) is images


class SlowNetwork:
    """A backend's network that takes `seconds` a frame by a clock of its own."""

    def __init__(self, backend: TorchBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds, self.now, self.passes, self.inner = 0.0, 0.0, [], backend._run
        backend._run = self
        monkeypatch.setattr(backends.time, "perf_counter", lambda: self.now)

    def __call__(self, images: np.ndarray) -> torch.Tensor:
        self.passes.append(len(images))
        self.now += self.seconds * len(images)
        return self.inner(images)


@pytest.mark.parametrize(("seconds", "most"), [(0.0, 4), (0.01, 4), (0.02, 2), (0.03, 1), (9.0, 1)])
def test_a_pass_on_a_slow_cpu_is_short(seconds: float, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fast_bf16", lambda: True)
    backend = TorchBackend(a_source(), 0.5, torch.device("cpu"))
    x = pictures(13)
    expected = backend(x)
    backend._size(None)
    slow = SlowNetwork(backend, monkeypatch)
    slow.seconds = seconds
    np.testing.assert_allclose(backend(x), expected, atol=0.05, rtol=0.05)
    assert slow.passes[0] == 1
    assert max(slow.passes) == backend.batch == most
    slow.seconds = 0.03  # another program took the processor
    backend(x)
    assert backend.batch == 1


def test_in_fp32_the_clock_changes_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fast_bf16", lambda: False)
    x, results = pictures(9), []
    for seconds in (0.0, 0.02, 9.0):
        backend = TorchBackend(a_source(), 0.5, torch.device("cpu"))
        SlowNetwork(backend, monkeypatch).seconds = seconds
        results.append(backend(x))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_the_batch_is_halved_until_it_fits(error: Exception) -> None:
    said: list[str] = []
    backend = TorchBackend(a_source(), 0.5, torch.device("cpu"), batch=8, notify=said.append)
    x = pictures(11)
    expected = backend(x)
    Tight(backend, 2, error)
    np.testing.assert_allclose(backend(x), expected, atol=0.05, rtol=0.05)
    assert backend.batch == 2
    assert [text.split(";")[1].split()[3] for text in said] == ["4", "2"]


def test_no_memory_for_one_frame_is_said() -> None:
    backend = TorchBackend(a_source(), 1.0, torch.device("cpu"))
    Tight(backend, 0, torch.OutOfMemoryError("CUDA"))
    with pytest.raises(DeviceError, match="one frame; close other"):
        backend(pictures(4))


def test_other_errors_of_the_network_are_not_taken_for_memory() -> None:
    backend = TorchBackend(a_source(), 1.0, torch.device("cpu"))
    with pytest.raises(RuntimeError):
        backend(pictures(1)[:, :31])


def test_a_gpu_without_room_for_one_frame_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    backend = TorchBackend(a_source(), 0.5, torch.device("cpu"), batch=2, notify=said.append)
    inner = backend._run
    x = pictures(3)
    expected = backend(x)

    def full_gpu(images: torch.Tensor) -> torch.Tensor:
        if backend.where.type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return inner(images)

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    backend.where, backend._run = torch.device("cuda", 0), full_gpu
    np.testing.assert_allclose(backend(x), expected, atol=0.05, rtol=0.05)
    assert backend.where.type == "cpu"
    assert ["going on with 1 frames" in said[0], "going on with the CPU" in said[1]] == [True, True]


@pytest.mark.parametrize("threads", [1, 2, 3, 9])
def test_openvino_on_a_slow_cpu_runs_a_frame_a_lane_at_a_time(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO (extra cpu) is not installed")
    monkeypatch.setenv("MATAE_THREADS", str(threads))
    backend, x, now = OpenVINOBackend(a_source(), 0.5), pictures(9), [0.0]
    assert backend.lanes == min(threads, 4)
    monkeypatch.setattr(base.time, "perf_counter", lambda: now[0])
    expected = backend(x)
    assert backend.batch == 4 // backend.lanes * backend.lanes
    monkeypatch.setattr(base.time, "perf_counter", lambda: now.__setitem__(0, now[0] + 0.3) or now[0])
    np.testing.assert_allclose(backend(x), expected, atol=1e-3)
    assert backend.batch == backend.lanes


@pytest.mark.parametrize("n", [1, 2, 5])
def test_openvino_gives_frames_that_run_side_by_side_in_their_order(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO (extra cpu) is not installed")
    monkeypatch.setenv("MATAE_THREADS", "4")
    backend, x = OpenVINOBackend(a_source(), 0.5), pictures(5)
    apart = np.concatenate([backend(x[i : i + 1]) for i in range(5)])
    assert len(np.unique(apart.sum((1, 2, 3)))) == 5
    np.testing.assert_allclose(backend(x[:n]), apart[:n], atol=1e-4)


def test_openvino_runs_a_whole_cine(tiny_model: str) -> None:
    pytest.importorskip("openvino", reason="OpenVINO (extra cpu) is not installed")
    cine = a_cine()
    result = segment(cine, options(tiny_model, backend="openvino", width="1"), sector=whole(cine))
    assert result.run["backend"] == "openvino"
    assert result.run["precision"] == "fp32"
