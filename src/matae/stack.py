"""Frame stacks that may outgrow memory.

A 600x800 clip of 20,000 frames is 9.6 GB. Stacks below a limit live in memory; larger ones live in
an unnamed temporary file that the operating system pages in and out, and that is gone when the
array is, however the process ends.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np

from matae.errors import ScratchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from numpy import uint8
    from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)

__all__ = ["IN_MEMORY_BYTES", "StackBuilder", "new_stack"]

IN_MEMORY_BYTES = 512 * 2**20
"""Stacks up to this many bytes stay in memory."""


@overload
def new_stack(shape: tuple[int, ...], *, limit: int | None = None) -> NDArray[np.uint8]: ...
@overload
def new_stack(shape: tuple[int, ...], dtype: type[_Scalar], *, limit: int | None = None) -> NDArray[_Scalar]: ...
def new_stack(
    shape: tuple[int, ...], dtype: type[np.generic] = np.uint8, *, limit: int | None = None
) -> NDArray[np.generic]:
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

    Raises
    ------
    ScratchError
        If the temporary folder has no room for it.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= (IN_MEMORY_BYTES if limit is None else limit):
        return np.zeros(shape, dtype)
    with _room_for(size), tempfile.TemporaryFile(prefix="matae-") as file:
        _reserve(file, size)
        # The map keeps the file alive after it is closed; nothing is left behind on a crash.
        return np.memmap(file, dtype=dtype, mode="r+", shape=shape)


@contextmanager
def _room_for(size: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ScratchError(
            f"The temporary folder {tempfile.gettempdir()} cannot take {size / 2**20:.0f} MB "
            f"({error.strerror or error}); free some space, or set TMPDIR to a folder with room."
        ) from error


def _reserve(file: IO[bytes], size: int) -> None:
    # A file with holes would fail at the first write that finds the disk full, and a write through a map fails
    # by killing the process. So the room is taken now, or at least looked for where that is not possible.
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    if shutil.disk_usage(tempfile.gettempdir()).free < size:
        raise OSError("the disk is too full")
    file.truncate(size)


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
        self._expected, self._block = 0, np.empty((0, 0, 0), np.uint8)
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

    def expect(self, count: int) -> None:
        """Have room made at once for as many frames as a file states: then they are not copied once more.

        Parameters
        ----------
        count
            Of frames; more or fewer may come. To be said before the first of them does.
        """
        self._expected = count

    def append(self, frame: NDArray[uint8]) -> None:
        """Add one (Y, X) uint8 frame.

        Raises
        ------
        ValueError
            If the frame has another shape than the first one.
        ScratchError
            If the temporary folder is full.
        """
        if frame.ndim != 2:
            raise ValueError(f"frame {self._count} is {frame.shape}, not (Y, X)")
        if self._shape is None:
            self._shape = (frame.shape[0], frame.shape[1])
            if 0 < self._expected * frame.size <= self._limit:
                self._block = np.empty((self._expected, *self._shape), np.uint8)
        elif frame.shape != self._shape:
            raise ValueError(f"frame {self._count} is {frame.shape}, the first is {self._shape}")
        # A copy: a decoder may reuse its buffer, and a view would keep a whole colour picture alive.
        if self._count < len(self._block):
            self._block[self._count] = frame
            self._count += 1
            self._bytes += frame.size
            return
        frame = np.array(frame, dtype=np.uint8, order="C")
        self._count += 1
        self._bytes += frame.nbytes
        if self._file is None:
            self._frames.append(frame)
            if self._bytes > self._limit:
                self._spill()
        else:
            self._write(frame)

    def build(self) -> NDArray[uint8]:
        """Return all frames as one (T, Y, X) uint8 array, and forget them."""
        if self._shape is None:
            return np.zeros((0, 0, 0), np.uint8)
        shape = (self._count, *self._shape)
        frames, file, block = self._frames, self._file, self._block
        self._frames, self._file, self._shape, self._count, self._bytes = [], None, None, 0, 0
        self._expected, self._block = 0, np.empty((0, 0, 0), np.uint8)
        if file is None:
            if len(block) == shape[0]:
                return block
            frames = [*block[: shape[0]], *frames]
            stack = np.empty(shape, np.uint8)
            frames.reverse()
            for index in range(len(stack)):
                stack[index] = frames.pop()  # freed as it is copied: the peak is one clip, not two
            return stack
        with _room_for(math.prod(shape)), file:
            file.flush()
            return np.memmap(file, dtype=np.uint8, mode="r+", shape=shape)

    def _spill(self) -> None:
        with _room_for(self._bytes):
            self._file = tempfile.TemporaryFile(prefix="matae-")  # noqa: SIM115 - closed by build()
        for frame in (*self._block, *self._frames):
            self._write(frame)
        self._frames.clear()
        self._block = self._block[:0]

    def _write(self, frame: NDArray[uint8]) -> None:
        if self._file is not None:
            with _room_for(self._bytes):
                self._file.write(frame.data)
