"""Runtimes for the network: PyTorch on CUDA or the CPU, or OpenVINO.

A backend takes frames on the grid (N, 1, grid, grid) and returns logits on it. PyTorch runs out of GPU memory
gracefully: half the batch, and at a batch of one the CPU, each said in a notice.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Protocol

import torch

from matae.errors import DeviceError
from matae.nn.network import to_device

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from matae.nn.network import Network

__all__ = ["BACKENDS", "Backend", "OpenVINOBackend", "TorchBackend", "choose_backend", "fast_bf16", "reduced_precision"]

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
        model: Network,
        width: float,
        device: torch.device,
        batch: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._model = model.plain(width).eval()
        self._notify = notify
        self.batch = batch or (_CUDA_BATCH if device.type == "cuda" else _CPU_BATCH)
        self._move(device)

    def _move(self, device: torch.device) -> None:
        self.device = device
        self._dtype = reduced_precision(device)
        self.precision = {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(self._dtype, "fp32")
        to_device(self._model, device)

    def __call__(self, images: Tensor) -> Tensor:
        """Run, halving the batch and then leaving the GPU if its memory does not suffice."""
        parts: list[Tensor] = []
        done = 0
        while done < len(images):
            part = self._try(images[done : done + self.batch])
            if part is None:
                self._make_room()
                continue
            parts.append(part)
            done += len(part)
        return torch.cat([part.to(self.device) for part in parts])

    def _try(self, images: Tensor) -> Tensor | None:
        # Room is made only after this returns: the exception holds on to the maps that filled the memory.
        try:
            return self._run(images)
        except torch.OutOfMemoryError:
            return None
        except RuntimeError as error:
            if "allocate memory" not in str(error):  # how torch says it on the CPU
                raise
            return None

    def _make_room(self) -> None:
        place = "GPU memory" if self.device.type == "cuda" else "Memory"
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            self._notify(f"{place} ran out; going on with {self.batch} frames at a time.")
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
            logits: Tensor = self._model(images)
        return logits.float()


def reduced_precision(device: torch.device) -> torch.dtype:
    """Return the type a device computes fastest in: bf16, fp16, or fp32 where nothing narrower is quicker."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if fast_bf16() else torch.float32


def fast_bf16() -> bool:
    """Return whether the processor computes in bf16; where it does not, bf16 is emulated and slower than fp32."""
    try:
        capabilities = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):  # torch before 2.6, or a processor it does not know
        return False
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


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

    def __init__(self, model: Network, width: float, grid: int, batch: int | None = None) -> None:
        try:
            import openvino
        except ImportError:
            raise DeviceError(
                "OpenVINO is not installed; pip install 'napari-matae[cpu]' or choose backend torch."
            ) from None
        self.batch = batch or _CPU_BATCH
        self.device = torch.device("cpu")
        plain = model.plain(width).float().eval()
        with warnings.catch_warnings(), torch.no_grad():
            # The tracer remarks on shapes it takes for constant; the sides of the grid are constant.
            warnings.simplefilter("ignore")
            converted = openvino.convert_model(
                plain, example_input=torch.zeros(2, 1, grid, grid), input=[-1, 1, grid, grid]
            )
        self._compiled = openvino.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 logits for a batch."""
        parts = [
            torch.from_numpy(self._compiled(images[i : i + self.batch].cpu().contiguous().numpy())[0].copy())
            for i in range(0, len(images), self.batch)
        ]
        return torch.cat(parts)


def choose_backend(
    name: str,
    model: Network,
    width: float,
    *,
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
