"""What every runtime of the network answers, and what those on the CPU share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

from matae.errors import DeviceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CPU_BATCH", "Backend", "PacedBackend", "as_input", "no_number", "refuse_what_is_no_number", "short_batch",
]  # fmt: skip

CPU_BATCH = 4
"""Frames a pass on the CPU at most."""

_PASS_SECONDS = 0.05  # a cancel waits for the pass it falls into


class Backend(Protocol):
    """A network at one width, made ready on one processor.

    Attributes
    ----------
    name
        ``torch``, ``openvino`` or ``onnxruntime``.
    precision
        ``fp32``, ``bf16`` or ``fp16``.
    batch
        Frames it takes at a time now.
    classes
        Foreground classes, one channel of logits each.
    device
        Where it runs, in the words people know it by.
    """

    name: str
    precision: str
    batch: int
    classes: int

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        ...

    def begin(self) -> None:
        """Take the threads that there are now: once for all frames of a clip, the last digits depend on it."""
        ...

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits (N, classes, grid, grid) for pictures (N, grid, grid).

        Raises
        ------
        DeviceError
            If memory does not suffice, or the network gives values that are no numbers.
        """
        ...


class PacedBackend:
    """A runtime on the CPU that takes as many frames a pass as keep it short.

    Parameters
    ----------
    classes
        Foreground classes.
    batch
        Frames a pass; as few as keep a pass short if None.
    lanes
        Frames that run side by side in a pass, each on threads of its own; it never takes fewer unless there are fewer.
    """

    name = ""
    precision = "fp32"

    def __init__(self, classes: int, batch: int | None, lanes: int = 1) -> None:
        self.classes, self.batch, self.lanes, self._paced = classes, batch or lanes, lanes, batch is None

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        from matae.segment.device import describe_cpu
        from matae.threads import most_threads

        return describe_cpu(most_threads())

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits (N, classes, grid, grid) for pictures (N, grid, grid) uint8."""
        parts: list[NDArray[np.float32]] = []
        done = 0
        while done < len(pictures):
            start = time.perf_counter()
            part = self.run_pass(pictures[done : done + self.batch])
            parts.append(part)
            done += len(part)
            if self._paced:
                self.batch = short_batch(CPU_BATCH, len(part), time.perf_counter() - start, self.lanes)
        return refuse_what_is_no_number(np.concatenate(parts) if len(parts) != 1 else parts[0])

    def begin(self) -> None:
        """Keep the threads it was made with; they sleep while they wait."""

    def run_pass(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of one pass."""
        raise NotImplementedError


def as_input(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the input of a network, (N, 1, grid, grid) float32 in 0-1, as `matae.placement.network_input` has it."""
    images: NDArray[np.float32] = pictures[:, None].astype(np.float32) / np.float32(255)
    return images


def refuse_what_is_no_number(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits; a value that is no number never becomes a mask.

    Raises
    ------
    DeviceError
        If one is not finite.
    """
    # Any value that is not finite makes the sum so; sums of finite logits do not reach the end of float32.
    if not np.isfinite(logits.sum()) and not np.isfinite(logits).all():
        raise DeviceError(no_number())
    return logits


def no_number() -> str:
    """Return the sentence for a network whose values are no numbers."""
    return (
        "The network gives values that are no numbers for a frame; choose another model, or device cpu if this one "
        "works elsewhere."
    )


def short_batch(most: int, frames: int, seconds: float, lanes: int = 1) -> int:
    """Return how many frames the next pass should take.

    By the last pass, not by the first: that one also compiles kernels, and other programs come and go.

    Parameters
    ----------
    most
        Frames a pass at most.
    frames, seconds
        Of the last pass.
    lanes
        Frames that run side by side: a multiple of them, and so many at least, or a lane would be idle.
    """
    short = min(most, int(frames * _PASS_SECONDS / max(seconds, 1e-9)))
    return max(lanes, short // lanes * lanes)
