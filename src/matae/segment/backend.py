"""Runtimes for the network: PyTorch on CUDA, an Apple GPU or the CPU, or OpenVINO.

A backend takes frames on the grid (N, 1, grid, grid) and returns logits on it. PyTorch runs out of GPU memory
gracefully: half the batch, and at a batch of one the CPU, each said in a notice. So does a GPU that lacks an operation,
and reduced precision that overflows: in fp32, then. A value that is no number never becomes a mask.
"""

from __future__ import annotations

import time
import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

import torch

from matae.errors import DeviceError
from matae.extras import without_extra
from matae.nn.network import to_device
from matae.segment.device import free_cache
from matae.threads import most_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from matae.nn.network import Network

__all__ = [
    "BACKENDS",
    "Backend",
    "OpenVINOBackend",
    "TorchBackend",
    "choose_backend",
    "fast_bf16",
    "has_bf16",
    "is_out_of_memory",
    "reduced_precision",
]

BACKENDS = ("auto", "torch", "openvino")
_CPU_BATCH = 4
_GPU_BATCH = 32
_AMPERE = 8  # the first compute capability with bf16
_PASS_SECONDS = 0.05  # a cancel waits for the pass it falls into

# How torch and the libraries under it say it where they do not raise torch.OutOfMemoryError: the driver (also for
# memory that is to be pinned), cuBLAS, cuDNN, torch on the CPU of Linux and of Windows.
_OUT_OF_MEMORY = (
    "out of memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "allocation_failed",  # cuDNN 9 puts host or device before it
    "allocate memory",
    "not enough memory",
    "pin memory",
    "pin_memory",
)


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
        Frames a pass; if None the device's default, on the CPU as few as keep a pass short.
    notify
        Called with a sentence when memory runs out, an operation is missing, or reduced precision does not suffice.

    Raises
    ------
    DeviceError
        If memory does not suffice for the network. A GPU that is full is left for the CPU instead.
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
        self._exact = False  # fp32 from now on, whatever would be faster
        self._lacking = False
        if not self._moved(device):
            if device.type == "cpu":
                raise DeviceError("Memory does not suffice for the network; close other programs.")
            notify("GPU memory is full; going on with the CPU.")
            self._leave_gpu()
        else:
            self._size(batch)

    def _moved(self, device: torch.device) -> bool:
        # As in `_try`, what is to be done about it is done after the exception is gone.
        try:
            self._move(device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

    def _leave_gpu(self) -> None:
        gpu = getattr(self, "device", torch.device("cpu"))
        self._move(torch.device("cpu"))
        free_cache(gpu)
        self._size(None)

    def _size(self, batch: int | None) -> None:
        # In fp32 the CPU's kernels round one frame otherwise than several: a batch that followed the clock would
        # make the last digits depend on it. One frame a pass costs such a processor little. In bf16 they agree.
        default = _GPU_BATCH if self.device.type != "cpu" else _CPU_BATCH if self.precision == "bf16" else 1
        self._most = batch or default
        self._paced = batch is None and self.device.type == "cpu"
        self.batch = 1 if self._paced else self._most  # the first pass, not yet timed, is as short as can be

    def _move(self, device: torch.device) -> None:
        self.device = device
        self._dtype = torch.float32 if self._exact else reduced_precision(device)
        self.precision = {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(self._dtype, "fp32")
        to_device(self._model, device)

    def __call__(self, images: Tensor) -> Tensor:
        """Run, halving the batch and then leaving the GPU if its memory does not suffice."""
        parts: list[Tensor] = []
        done = 0
        while done < len(images):
            start = time.perf_counter()
            part = self._try(images[done : done + self.batch])
            if part is None:
                self._make_room()
                continue
            if self._paced:
                self.batch = _short_batch(self._most, len(part), time.perf_counter() - start)
            parts.append(part)
            done += len(part)
        return _together(parts, self.device)

    def _try(self, images: Tensor) -> Tensor | None:
        # Room is made only after this returns: the exception holds on to the maps that filled the memory.
        try:
            return self._run(images)
        except NotImplementedError:
            if self.device.type == "cpu":
                raise
            self._lacking = True
            return None
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _make_room(self) -> None:
        on_gpu = self.device.type != "cpu"
        place = "GPU memory" if on_gpu else "Memory"
        free_cache(self.device)
        if self._lacking:
            self._lacking = False
            self._notify("The GPU lacks an operation that the network needs; going on with the CPU.")
            self._leave_gpu()
        elif self.batch > 1:
            self.batch = self._most = self.batch // 2
            self._notify(f"{place} ran out; going on with {self.batch} frames at a time.")
        elif on_gpu:
            self._notify("GPU memory does not suffice even for one frame; going on with the CPU.")
            self._leave_gpu()
        else:
            raise DeviceError("Memory does not suffice for one frame; close other programs or choose a smaller width.")

    @torch.inference_mode()
    def _run(self, images: Tensor) -> Tensor:
        logits = self._forward(images)
        if not _is_finite(logits) and self._dtype != torch.float32:
            # fp16 ends at 65,504: a network whose maps go beyond is computed as it was trained.
            self._notify(f"The network does not fit into {self.precision}; going on in fp32.")
            self._exact, self._dtype, self.precision = True, torch.float32, "fp32"
            logits = self._forward(images)
        return _refuse_what_is_no_number(logits)

    def _forward(self, images: Tensor) -> Tensor:
        images = _onto(images, self.device)
        reduced = self._dtype != torch.float32
        with torch.autocast(self.device.type, self._dtype) if reduced else nullcontext():
            logits: Tensor = self._model(images)
        return logits.float()


def _onto(images: Tensor, device: torch.device) -> Tensor:
    if device.type == "cuda":
        images = _pinned(images).to(device, non_blocking=True)
    elif device.type == "mps":
        return images.to(device)
    return images.contiguous(memory_format=torch.channels_last)


def _together(parts: list[Tensor], device: torch.device) -> Tensor:
    # Those from before a GPU was left lie there still.
    return torch.cat([part.to(device) for part in parts])


def _is_finite(logits: Tensor) -> bool:
    return bool(torch.isfinite(logits).all())


def _refuse_what_is_no_number(logits: Tensor) -> Tensor:
    if not _is_finite(logits):
        raise DeviceError(
            "The network gives values that are no numbers for a frame; choose another model, or device cpu if this one "
            "works elsewhere."
        )
    return logits


def _short_batch(most: int, frames: int, seconds: float) -> int:
    # By the last pass, not by the first: that one also compiles the kernels, and other programs come and go.
    return max(1, min(most, int(frames * _PASS_SECONDS / max(seconds, 1e-9))))


def _pinned(images: Tensor) -> Tensor:
    # Memory to pin is scarcer than memory (a container's limit); without it the copy is slower, no more.
    try:
        return images.pin_memory()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return images


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on the GPU or the CPU, in whatever words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _OUT_OF_MEMORY)


def reduced_precision(device: torch.device) -> torch.dtype:
    """Return the type a device computes fastest in: bf16, fp16, or fp32 where nothing narrower is quicker."""
    if has_bf16(device):
        return torch.bfloat16
    return torch.float16 if device.type == "cuda" else torch.float32


def has_bf16(device: torch.device) -> bool:
    """Return whether a device computes in bf16 itself; emulated, it is slower than what it stands for."""
    if device.type == "cpu":
        return fast_bf16()
    if device.type != "cuda":
        return False
    # Of this very device: torch.cuda.is_bf16_supported answers for the current one, which may be another.
    return torch.version.hip is not None or torch.cuda.get_device_capability(device)[0] >= _AMPERE


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
        Frames a pass; as few as keep a pass short if None.

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
            raise DeviceError(without_extra("cpu", "choose backend torch")) from None
        self.batch, self._paced = batch or 1, batch is None
        self.device = torch.device("cpu")
        plain = model.plain(width).float().eval()
        with warnings.catch_warnings(), torch.no_grad():
            # The tracer remarks on shapes it takes for constant; the sides of the grid are constant.
            warnings.simplefilter("ignore")
            converted = openvino.convert_model(
                plain, example_input=torch.zeros(2, 1, grid, grid), input=[-1, 1, grid, grid]
            )
        # For as long as it is loaded: its threads do not spin, and share with other programs.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": most_threads()}
        self._compiled = openvino.compile_model(converted, "CPU", settings)

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 logits for a batch."""
        parts: list[Tensor] = []
        done = 0
        while done < len(images):
            start = time.perf_counter()
            part = self._compiled(images[done : done + self.batch].cpu().contiguous().numpy())[0].copy()
            parts.append(torch.from_numpy(part))
            done += len(part)
            if self._paced:
                self.batch = _short_batch(_CPU_BATCH, len(part), time.perf_counter() - start)
        return _refuse_what_is_no_number(torch.cat(parts))


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
