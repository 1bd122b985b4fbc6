"""The network by PyTorch, on CUDA, an Apple GPU or the CPU.

It runs out of GPU memory gracefully: half the batch, and at a batch of one the CPU, each said in a notice. So does a
GPU that lacks an operation or vanishes, and reduced precision that overflows: in fp32, then.
"""

from __future__ import annotations

import copy
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import torch

from matae.errors import DeviceError
from matae.nn.network import to_device
from matae.segment.backends.base import CPU_BATCH, no_number, short_batch
from matae.segment.backends.fused import fused
from matae.segment.backends.precision import is_gone, is_of_cudnn, is_out_of_memory, reduced_precision
from matae.segment.device import describe_device, free_cache
from matae.segment.graphs import Graphs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from matae.segment.backends.source import ModelSource

__all__ = ["TorchBackend"]

_GPU_BATCH, _LARGE_GPU_BATCH = 32, 128
_LARGE = 12 * 10**9
"""Bytes of a GPU that takes the larger batch: starting kernels costs as much for few frames as for many.

A card that is sold with 12 GB states 11.75 to 12 times 2^30.
"""


class TorchBackend:
    """PyTorch inference in reduced precision where the processor has it.

    Parameters
    ----------
    source
        The model; a nested network is narrowed to `width` and its batch norm folded.
    width
        Width to run at.
    where
        Device to run on; the CPU if None.
    batch
        Frames a pass; if None the device's default, on the CPU as few as keep a pass short.
    notify
        Called with a sentence when memory runs out, an operation is missing, the GPU is gone, or reduced precision does
        not suffice.

    Raises
    ------
    DeviceError
        If memory does not suffice for the network. A GPU that is full is left for the CPU instead.
    """

    name = "torch"

    def __init__(
        self,
        source: ModelSource,
        width: float,
        where: torch.device | None = None,
        batch: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        where = torch.device("cpu") if where is None else where
        self._kept = source.plain(width)  # stays on the CPU: what is on a GPU goes with it
        self.classes = self._kept.classes
        self._notify = notify
        self._exact = False  # fp32 from now on, whatever would be faster
        self._lacking = self._gone = self._unfit = False
        self._apart = False  # each convolution, bias and ReLU a kernel from now on
        self.made_room = False
        """Whether memory ran out or the GPU was left, so that it runs otherwise than it began."""
        self.graphs = Graphs()
        if not self._moved(where):
            if where.type == "cpu":
                raise DeviceError("Memory does not suffice for the network; close other programs.")
            notify("The GPU is gone; going on with the CPU." if self._gone else
                   "GPU memory is full; going on with the CPU.")  # fmt: skip
            self.made_room = True
            self._leave_gpu()
        else:
            self._size(batch)

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        return describe_device(self.where)

    @property
    def on_cuda(self) -> bool:
        """Whether it runs on a CUDA GPU."""
        return self.where.type == "cuda"

    def begin(self) -> None:
        """Take the threads that there are now: once for all frames of a clip, the last digits depend on it."""
        from matae.threads import set_network_threads

        set_network_threads()

    def _moved(self, device: torch.device) -> bool:
        # As in `_try`, what is to be done about it is done after the exception is gone.
        try:
            self._move(device)
        except (RuntimeError, MemoryError) as error:
            self._gone = device.type != "cpu" and is_gone(error)
            if not self._gone and not is_out_of_memory(error):
                raise
            return False
        return True

    def _leave_gpu(self) -> None:
        gpu = getattr(self, "where", torch.device("cpu"))
        self._move(torch.device("cpu"))
        if not self._gone:  # nothing can be given back to what is not there
            free_cache(gpu)
        self._size(None)

    def _size(self, batch: int | None) -> None:
        # In fp32 the CPU's kernels round one frame otherwise than several: a batch that followed the clock would
        # make the last digits depend on it. One frame a pass costs such a processor little. In bf16 they agree.
        on_cpu = CPU_BATCH if self.precision == "bf16" else 1
        default = on_cpu if self.where.type == "cpu" else _gpu_batch(self.where)
        self._most = batch or default
        self._paced = batch is None and self.where.type == "cpu"
        self.batch = 1 if self._paced else self._most  # the first pass, not yet timed, is as short as can be

    def _move(self, device: torch.device) -> None:
        self.where = device
        self.graphs.clear()
        self._dtype = torch.float32 if self._exact else reduced_precision(device)
        self.precision = {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(self._dtype, "fp32")
        self._model = self._kept if device.type == "cpu" else copy.deepcopy(self._kept)
        to_device(self._model, device)
        can_fuse = device.type == "cuda" and self._dtype != torch.float32 and not self._apart
        quick = fused(self._model, self._dtype) if can_fuse else None
        self._is_fused = quick is not None
        self._model = quick or self._model

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run, halving the batch and then leaving the GPU if its memory does not suffice."""
        parts: list[NDArray[np.float32]] = []
        done = 0
        while done < len(pictures):
            start = time.perf_counter()
            part = self._try(pictures[done : done + self.batch])
            if part is None:
                self.make_room(min(self.batch, len(pictures) - done))
                continue
            if self._paced:
                self.batch = short_batch(self._most, len(part), time.perf_counter() - start)
            parts.append(part)
            done += len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _try(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        try:
            logits = _host(self._run(pictures))
        except (RuntimeError, MemoryError) as error:
            if not self.can_go_on(error):
                raise
            return None
        return logits

    def can_go_on(self, error: BaseException) -> bool:
        """Return whether `make_room` helps against an error: with fewer frames at a time, or on the CPU.

        Room is made only after the exception is gone: it holds on to the maps that filled the memory.
        """
        on_gpu = self.where.type != "cpu"
        self._lacking = on_gpu and isinstance(error, NotImplementedError)
        self._gone = on_gpu and is_gone(error)
        # It was tried with a small picture; a cuDNN may have no such kernel for larger ones.
        known = self._lacking or self._gone or is_out_of_memory(error)
        self._unfit = self._is_fused and not known and is_of_cudnn(error)
        return known or self._unfit

    def make_room(self, tried: int) -> None:
        """Go on with fewer frames at a time, or on the CPU; say so.

        Parameters
        ----------
        tried
            Frames that memory did not suffice for: fewer than a batch where few were asked for.

        Raises
        ------
        DeviceError
            If memory does not suffice for one frame on the CPU.
        """
        on_gpu = self.where.type != "cpu"
        place = "GPU memory" if on_gpu else "Memory"
        self.made_room = True
        if self._gone:
            self._notify("The GPU is gone; going on with the CPU.")
            self._leave_gpu()
            return
        free_cache(self.where)
        if self._unfit:
            self._unfit, self._apart = False, True
            self._notify("This GPU has no kernel for a convolution with its ReLU; going on with one for each.")
            if not self._moved(self.where):
                self._leave_gpu()
        elif self._lacking:
            self._lacking = False
            self._notify("The GPU lacks an operation that the network needs; going on with the CPU.")
            self._leave_gpu()
        elif tried > 1:
            self.batch = self._most = tried // 2
            self._notify(f"{place} ran out; going on with {self.batch} frames at a time.")
        elif on_gpu:
            self._notify("GPU memory does not suffice even for one frame; going on with the CPU.")
            self._leave_gpu()
        else:
            raise DeviceError("Memory does not suffice for one frame; close other programs or choose a smaller width.")

    @torch.inference_mode()
    def _run(self, pictures: NDArray[np.uint8]) -> Tensor:
        return self.checked(self.forward, _onto(pictures, self.where))

    def checked(self, forward: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        """Return the logits of pictures on the device, in fp32 where reduced precision does not hold them.

        Parameters
        ----------
        forward
            The network.
        pictures
            (N, grid, grid) uint8 on the device.
        """
        logits = forward(pictures)
        if not _is_finite(logits) and self._dtype != torch.float32:
            # fp16 ends at 65,504: a network whose maps go beyond is computed as it was trained.
            self._notify(f"The network does not fit into {self.precision}; going on in fp32.")
            self._exact = True
            self._move(self.where)
            logits = self.forward(pictures)
        if not _is_finite(logits):
            raise DeviceError(no_number())
        return logits

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits (N, classes, grid, grid) float32 of pictures (N, grid, grid) uint8, both on the device."""
        images = pictures[:, None].to(self._dtype if self._is_fused else torch.float32) / 255
        if self.where.type != "mps":
            images = images.contiguous(memory_format=torch.channels_last)
        reduced = self._dtype != torch.float32 and not self._is_fused
        # Each weight is used once a pass: nothing is gained by keeping it, and a CUDA graph must not.
        with torch.autocast(self.where.type, self._dtype, cache_enabled=False) if reduced else nullcontext():
            logits: Tensor = self._model(images)
        return logits.float()


def _gpu_batch(gpu: torch.device) -> int:
    if gpu.type == "cuda" and torch.cuda.get_device_properties(gpu).total_memory >= _LARGE:
        return _LARGE_GPU_BATCH
    return _GPU_BATCH


def _onto(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Return pictures on a device: a byte a pixel over the bus."""
    on_cpu = torch.from_numpy(np.ascontiguousarray(pictures))
    if device.type == "cuda":
        return _pinned(on_cpu).to(device, non_blocking=True)
    return on_cpu.to(device)


def _host(logits: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = logits.cpu().numpy()
    return found


def _is_finite(logits: Tensor) -> bool:
    return bool(torch.stack(torch.aminmax(logits)).isfinite().all())


def _pinned(images: Tensor) -> Tensor:
    # Memory to pin is scarcer than memory (a container's limit); without it the copy is slower, no more.
    try:
        return images.pin_memory()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return images
