"""Frame stacks: the same pixels in memory and on disk, and a full disk said in time."""

from __future__ import annotations

import errno
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from matae.errors import ScratchError
from matae.stack import StackBuilder, new_stack


def test_an_empty_builder_builds_no_frames() -> None:
    builder = StackBuilder()
    assert builder.frame_shape is None
    assert builder.build().shape == (0, 0, 0)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 3)])
def test_what_is_no_frame_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not \\(Y, X\\)"):
        StackBuilder().append(np.zeros(shape, np.uint8))


def test_a_frame_of_another_size_is_refused() -> None:
    builder = StackBuilder()
    builder.append(np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="the first is"):
        builder.append(np.zeros((3, 2), np.uint8))
    assert len(builder) == 1


@pytest.mark.parametrize("limit", [0, 30, 10**6])
def test_frames_come_back_in_order_wherever_they_live(limit: int) -> None:
    builder, frames = StackBuilder(limit=limit), np.arange(7 * 4 * 3, dtype=np.uint8).reshape(7, 4, 3)
    buffer = np.empty((4, 3), np.uint8)
    for frame in frames:
        buffer[:] = frame  # a decoder that reuses its buffer
        builder.append(buffer)
    assert len(builder) == 7
    assert builder.frame_shape == (4, 3)
    built = builder.build()
    np.testing.assert_array_equal(built, frames)
    assert isinstance(built, np.memmap) == (limit < frames.size)
    assert len(builder) == 0
    builder.append(frames[0, :2])
    assert builder.build().shape == (1, 2, 3)


@pytest.mark.parametrize("limit", [0, 30, 10**6])
@pytest.mark.parametrize("stated", [-1, 1, 2, 7, 9, 10**9])
def test_a_file_may_state_more_or_fewer_frames_than_come(stated: int, limit: int) -> None:
    builder, frames = StackBuilder(limit=limit), np.arange(7 * 4 * 3, dtype=np.uint8).reshape(7, 4, 3)
    builder.expect(stated)
    for frame in frames:
        builder.append(frame)
    built = builder.build()
    np.testing.assert_array_equal(built, frames)
    assert isinstance(built, np.memmap) == (limit < frames.size)
    assert isinstance(built, np.memmap) or built.base is None  # no room is kept for what never came
    builder.append(frames[0])
    assert builder.build().shape == (1, 4, 3)


@pytest.mark.parametrize("limit", [0, 10**6])
def test_a_new_stack_is_zero_and_can_be_written(limit: int) -> None:
    stack = new_stack((5, 4, 3), np.float32, limit=limit)
    assert isinstance(stack, np.memmap) == (limit == 0)
    assert stack.dtype == np.float32
    assert not stack.any()
    stack[2] = 7
    assert stack.sum() == 7 * 12


def test_no_frames_need_no_file() -> None:
    assert new_stack((0, 4, 3), limit=0).shape == (0, 4, 3)


def test_a_full_disk_is_said_when_the_stack_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(ScratchError, match=r"No space left on device.*TMPDIR"):
        new_stack((10, 10), limit=0)


def test_a_full_disk_is_said_where_room_cannot_be_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    assert new_stack((10, 10), limit=0).sum() == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=99))
    with pytest.raises(ScratchError, match="too full"):
        new_stack((10, 10), limit=0)


def test_a_disk_that_fills_up_while_frames_arrive_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = StackBuilder(limit=0)
    builder.append(np.zeros((2, 2), np.uint8))

    class Full:
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            pass

    builder._file.close()
    builder._file = Full()
    with pytest.raises(ScratchError, match="temporary folder"):
        builder.append(np.zeros((2, 2), np.uint8))
