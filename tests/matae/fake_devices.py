"""GPUs for computers that have none: what torch is asked of them is answered, and what runs on them runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from matae.segment import device_stages, graphs, on_device
from matae.segment.backends import torch_backend as backends

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

__all__ = ["FakeDevices", "Gpu"]


class Gpu(NamedTuple):
    """One CUDA GPU: its compute capability, and the bytes of its memory."""

    capability: tuple[int, int] = (9, 0)
    total_memory: int = 8 * 2**30


class FakeDevices:
    """What this computer seems to have.

    Networks that are moved to a fake GPU stay on the CPU, so what they compute is real. `fail` lets the next passes on
    a GPU raise; `reduced` changes what the network gives in reduced precision there.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.moves: list[torch.device] = []
        self.freed: list[str] = []
        self.copies: list[torch.device] = []
        self.autocasts: list[tuple[str, torch.dtype]] = []
        self.fail: list[Exception] = []
        self.fail_capture: list[Exception] = []
        self.gone = ""  # what every call says from now on
        self.graphs: list[tuple[int, ...]] = []
        self.structure_graphs: list[tuple[int, ...]] = []
        self.uploads: list[tuple[int, ...]] = []
        self.fetched: list[tuple[int, ...]] = []
        self.scales = True
        self.reduced: Callable[[torch.Tensor], torch.Tensor] | None = None

    def have(self, *gpus: Gpu, current: int = 0, mps: bool = False, hip: bool = False) -> FakeDevices:
        """Have these CUDA GPUs, the current one among them, and perhaps an Apple one."""
        patch = self._patch.setattr
        patch(torch.cuda, "is_available", lambda: bool(gpus))
        patch(torch.cuda, "device_count", lambda: len(gpus))
        patch(torch.cuda, "current_device", lambda: current)
        patch(torch.cuda, "get_device_capability", lambda d=None: gpus[_number(d, current)].capability)
        patch(torch.cuda, "get_device_properties", lambda d=None: gpus[_number(d, current)])
        patch(torch.cuda, "get_device_name", lambda d=None: f"Fake {_number(d, current)}")
        # As torch has it: the answer is that of the current device, whichever is asked about.
        patch(torch.cuda, "is_bf16_supported", lambda *_, **__: bool(gpus) and gpus[current].capability[0] >= 8)
        patch(torch.cuda, "empty_cache", lambda: self.freed.append("cuda"))
        patch(torch.mps, "empty_cache", lambda: self.freed.append("mps"))
        patch(torch.backends.mps, "is_available", lambda: mps)
        patch(torch.version, "hip", "6.0" if hip else None)
        patch(backends, "to_device", self._to_device)
        patch(device_stages, "Link", lambda device: FakeLink(self, device))
        patch(graphs, "captured", self._captured)
        patch(on_device.Placer, "matching", self._matching)
        patch(backends, "_onto", self._onto)
        patch(torch, "autocast", self._autocast)
        return self

    def _to_device(self, network: torch.nn.Module, device: torch.device) -> None:
        self.moves.append(device)
        if device.type != "cpu":
            network.register_forward_hook(self._on_pass)

    def _onto(self, pictures: np.ndarray, device: torch.device) -> torch.Tensor:
        self.copies.append(device)
        if device.type != "cpu":
            self._maybe_fail()
        return torch.from_numpy(pictures)

    def _on_pass(self, _module: object, _given: object, logits: torch.Tensor) -> torch.Tensor | None:
        return self.reduced(logits) if self.reduced is not None and self.autocasts and self._reducing else None

    _reducing = False

    def _captured(self, forward: Callable[[torch.Tensor], torch.Tensor], like: torch.Tensor) -> object:
        if self.fail_capture:
            raise self.fail_capture.pop(0)
        (self.graphs if like.ndim == 3 else self.structure_graphs).append(tuple(like.shape))

        def replay(pictures: torch.Tensor) -> torch.Tensor:
            assert pictures.shape == like.shape
            self._maybe_fail()
            return forward(pictures)

        return replay

    def _matching(self, placement: object, device: torch.device) -> on_device.Placer | None:
        return on_device.Placer(placement, torch.device("cpu")) if self.scales else None

    def _maybe_fail(self) -> None:
        if self.gone:
            raise RuntimeError(self.gone)
        if self.fail:
            raise self.fail.pop(0)

    def _autocast(self, kind: str, dtype: torch.dtype, **_: object) -> _Autocast:
        self.autocasts.append((kind, dtype))
        return _Autocast(self)


class FakeLink:
    """A bus that goes nowhere."""

    def __init__(self, devices: FakeDevices, device: torch.device) -> None:
        assert device.type == "cuda"
        self._devices = devices

    def upload(self, frames: np.ndarray) -> tuple[torch.Tensor, str]:
        self._devices.uploads.append(frames.shape)
        assert frames.dtype == np.uint8
        return torch.from_numpy(frames.copy()), "up"

    def arrived(self, frames: torch.Tensor, event: str) -> torch.Tensor:
        assert event == "up"
        return frames

    def download(self, *results: torch.Tensor) -> tuple[list[torch.Tensor], str]:
        return [each.clone() for each in results], "down"

    def fetched(self, result: torch.Tensor) -> np.ndarray:
        self._devices.fetched.append(tuple(result.shape))
        return result.numpy()

    def wait(self, event: str) -> None:
        assert event == "down"
        if self._devices.gone:
            raise RuntimeError(self._devices.gone)


class _Autocast:
    """Reduced precision that reduces nothing: the CPU would compute otherwise than the GPU."""

    def __init__(self, devices: FakeDevices) -> None:
        self._devices = devices

    def __enter__(self) -> None:
        self._devices._reducing = True

    def __exit__(self, *_: object) -> None:
        self._devices._reducing = False


def _number(device: object, current: int) -> int:
    if isinstance(device, torch.device):
        return current if device.index is None else device.index
    return current if device is None else int(str(device))
