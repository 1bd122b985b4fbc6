"""Frame stacks that may outgrow memory.

A 600x800 clip of 20,000 frames is 9.6 GB. Stacks below a limit live in memory; larger ones live in
an unnamed temporary file that the operating system pages in and out, and that is gone when the
array is, however the process ends.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import IO

    from numpy import uint8
    from numpy.typing import DTypeLike, NDArray

__all__ = ["IN_MEMORY_BYTES", "StackBuilder", "new_stack"]

IN_MEMORY_BYTES = 512 * 2**20
"""Stacks up to this many bytes stay in memory."""


def new_stack(shape: tuple[int, ...], dtype: DTypeLike = np.uint8, *, limit: int | None = None) -> NDArray[np.generic]:
    """Return a zero-filled array, backed by a temporary file when it is large.

    Parameters
    ----------
    shape
        Shape of the array, frames first.
    dtype
        Data type of the array.
    limit
        Bytes above which the array is backed by a file; `IN_MEMORY_BYTES` by default.

    Returns
    -------
    numpy.ndarray
        An ordinary array, or a `numpy.memmap` on an unnamed temporary file.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= (IN_MEMORY_BYTES if limit is None else limit):
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(prefix="matae-") as file:
        file.truncate(size)
        # The map keeps the file alive after it is closed; nothing is left behind on a crash.
        return np.memmap(file, dtype=dtype, mode="r+", shape=shape)


class StackBuilder:
    """Collect an unknown number of grey frames with bounded memory.

    Frames are kept in memory until `limit` bytes, then moved to an unnamed temporary file.

    Parameters
    ----------
    limit
        Bytes above which the frames go to a temporary file; `IN_MEMORY_BYTES` by default.
    """

    def __init__(self, *, limit: int | None = None) -> None:
        self._limit = IN_MEMORY_BYTES if limit is None else limit
        self._frames: list[NDArray[uint8]] = []
        self._shape: tuple[int, int] | None = None
        self._count = 0
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        """Return the number of frames collected."""
        return self._count

    @property
    def frame_shape(self) -> tuple[int, int] | None:
        """Rows and columns of the frames, or None before the first one."""
        return self._shape

    def append(self, frame: NDArray[uint8]) -> None:
        """Add one (Y, X) uint8 frame.

        Raises
        ------
        ValueError
            If the frame has another shape than the first one.
        """
        if self._shape is None:
            self._shape = (frame.shape[0], frame.shape[1])
        elif frame.shape != self._shape:
            raise ValueError(f"frame {self._count} is {frame.shape}, the first is {self._shape}")
        frame = np.ascontiguousarray(frame, dtype=np.uint8)
        self._count += 1
        self._bytes += frame.nbytes
        if self._file is None:
            self._frames.append(frame)
            if self._bytes > self._limit:
                self._spill()
        else:
            frame.tofile(self._file)

    def build(self) -> NDArray[uint8]:
        """Return all frames as one (T, Y, X) uint8 array, and forget them."""
        if self._shape is None:
            return np.zeros((0, 0, 0), np.uint8)
        shape = (self._count, *self._shape)
        if self._file is None:
            stack = np.empty(shape, np.uint8)
            self._frames.reverse()
            for index in range(self._count):
                stack[index] = self._frames.pop()  # freed as it is copied: the peak is one clip, not two
            return stack
        self._file.flush()
        mapped = np.memmap(self._file, dtype=np.uint8, mode="r+", shape=shape)
        self._file.close()
        return mapped

    def _spill(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="matae-")  # noqa: SIM115 - closed by build()
        for frame in self._frames:
            frame.tofile(self._file)
        self._frames.clear()
