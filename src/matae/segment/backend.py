"""Runtimes for the network: PyTorch on CUDA or the CPU, or OpenVINO.

A backend takes frames on the grid (N, 1, grid, grid) and returns logits on it. PyTorch runs out of GPU memory
gracefully: half the batch, and at a batch of one the CPU, each said in a notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from matae.errors import DeviceError
from matae.nn.matae import Matae

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

__all__ = ["BACKENDS", "Backend", "OpenVINOBackend", "TorchBackend", "choose_backend"]

BACKENDS = ("auto", "torch", "openvino")
_CPU_BATCH = 4  # small, so that a cancel answers at once
_CUDA_BATCH = 32


class Backend(Protocol):
    """What the segmenter needs of a runtime."""

    name: str
    precision: str
    batch: int
    device: torch.device

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 logits (N, classes, grid, grid) on the CPU or the device."""
        ...


class TorchBackend:
    """PyTorch inference in reduced precision where the processor has it.

    Parameters
    ----------
    model
        Network in inference mode; a nested one is narrowed to `width` and its batch norm folded.
    width
        Width to run at.
    device
        Where to run.
    batch
        Frames a pass; a default for the device if None.
    notify
        Called with a sentence when memory runs out.
    """

    name = "torch"

    def __init__(
        self,
        model: nn.Module,
        width: float,
        device: torch.device,
        batch: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        plain = model.extract(width) if isinstance(model, Matae) else model
        self._model = plain.eval()
        self._notify = notify
        self.batch = batch or (_CUDA_BATCH if device.type == "cuda" else _CPU_BATCH)
        self._move(device)

    def _move(self, device: torch.device) -> None:
        self.device = device
        self._dtype = _reduced_precision(device)
        self.precision = {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(self._dtype, "fp32")
        self._model.to(device, memory_format=torch.channels_last)

    def __call__(self, images: Tensor) -> Tensor:
        """Run, halving the batch and then leaving the GPU if its memory does not suffice."""
        parts: list[Tensor] = []
        done = 0
        while done < len(images):
            try:
                parts.append(self._run(images[done : done + self.batch]))
            except torch.OutOfMemoryError:
                self._make_room()
                continue
            done += len(parts[-1])
        return torch.cat([part.to(self.device) for part in parts])

    def _make_room(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            self._notify(f"GPU memory ran out; going on with {self.batch} frames at a time.")
        elif self.device.type == "cuda":
            self._notify("GPU memory does not suffice even for one frame; going on with the CPU.")
            self._move(torch.device("cpu"))
            self.batch = _CPU_BATCH
        else:
            raise DeviceError("Memory does not suffice for one frame; close other programs or choose a smaller width.")

    @torch.inference_mode()
    def _run(self, images: Tensor) -> Tensor:
        if self.device.type == "cuda":
            images = images.pin_memory().to(self.device, non_blocking=True)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
            logits = self._model(images)
        return logits.float()


def _reduced_precision(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    # On processors without bf16 instructions it is emulated, several times slower than fp32.
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    fast = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return torch.bfloat16 if fast else torch.float32


class OpenVINOBackend:
    """OpenVINO inference on the CPU (extra ``cpu``).

    Parameters
    ----------
    model, width
        As for `TorchBackend`.
    grid
        Side of the network's input.
    batch
        Frames a pass.

    Raises
    ------
    DeviceError
        If OpenVINO is not installed.
    """

    name = "openvino"
    precision = "fp32"

    def __init__(self, model: nn.Module, width: float, grid: int, batch: int | None = None) -> None:
        try:
            import openvino
        except ImportError:
            raise DeviceError(
                "OpenVINO is not installed; pip install 'napari-matae[cpu]' or choose backend torch."
            ) from None
        plain = model.extract(width) if isinstance(model, Matae) else model
        self.batch = batch or _CPU_BATCH
        self.device = torch.device("cpu")
        example = torch.zeros(1, 1, grid, grid)
        converted = openvino.convert_model(plain.eval(), example_input=example, input=[-1, 1, grid, grid])
        self._compiled = openvino.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 logits for a batch."""
        parts = [
            torch.from_numpy(self._compiled(images[i : i + self.batch].contiguous().numpy())[0].copy())
            for i in range(0, len(images), self.batch)
        ]
        return torch.cat(parts)


def choose_backend(
    name: str,
    model: nn.Module,
    width: float,
    grid: int,
    device: torch.device,
    notify: Callable[[str], None],
) -> Backend:
    """Return the runtime called ``auto``, ``torch`` or ``openvino`` (``auto`` is PyTorch).

    Raises
    ------
    DeviceError
        If the name is unknown, or OpenVINO is asked for on a GPU or is not installed.
    """
    if name not in BACKENDS:
        raise DeviceError(f"'{name}' is no backend; choose {', '.join(BACKENDS)}.")
    if name == "openvino":
        if device.type != "cpu":
            raise DeviceError("The openvino backend runs on the CPU; choose device cpu or backend torch.")
        return OpenVINOBackend(model, width, grid)
    return TorchBackend(model, width, device, notify=notify)
