"""The cine: what it refuses, and that the identity is that of the pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matae.cine import Box, Cine, Spacing, content_id
from matae.errors import ReadError


def a_cine(frames: np.ndarray, **more: object) -> Cine:
    return Cine(frames, more.pop("frame_times", None), more.pop("spacing", None), Path("clip.avi"), **more)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((3, 4), np.uint8),
        np.zeros((3, 4, 4, 3), np.uint8),
        np.zeros((3, 4, 4), np.float32),
        np.zeros((3, 4, 4), np.int8),
    ],
)
def test_other_arrays_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(ReadError, match=r"clip\.avi: a cine needs grey 8-bit"):
        a_cine(frames)


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 4), (3, 4, 0)])
def test_no_frames_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ReadError, match="no frames that decode"):
        a_cine(np.zeros(shape, np.uint8))


def test_times_for_other_frames_are_refused() -> None:
    with pytest.raises(ReadError, match="2 frame times for 3 frames"):
        a_cine(np.zeros((3, 4, 4), np.uint8), frame_times=np.array([0.0, 0.1]))


@pytest.mark.parametrize("rate", [0, -1, 0.01, 1e6, float("nan"), float("inf")])
def test_a_rate_that_no_clip_has_is_refused(rate: float) -> None:
    with pytest.raises(ReadError, match="not plausible"):
        a_cine(np.zeros((3, 4, 4), np.uint8)).with_frame_rate(rate)


def test_a_still_has_no_rate() -> None:
    still = a_cine(np.zeros((1, 4, 4), np.uint8), frame_times=np.zeros(1))
    assert (still.frame_rate, still.duration) == (None, None)


def test_a_given_rate_is_kept_with_its_reason() -> None:
    cine = a_cine(np.zeros((5, 4, 6), np.uint8)).with_frame_rate(50)
    assert cine.frame_rate == pytest.approx(50)
    assert cine.duration == pytest.approx(0.1)
    assert "user" in cine.timing_note
    assert cine.shape == (4, 6)


def test_uncalibrated_pixels_are_taken_for_square() -> None:
    frames = np.zeros((1, 4, 4), np.uint8)
    assert a_cine(frames).pixel_aspect == (1, 1)
    assert a_cine(frames, spacing=Spacing(0.3, 0.15)).pixel_aspect == (0.3, 0.15)


def test_the_identity_is_that_of_pixels_and_shape() -> None:
    frames = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    known = a_cine(frames).content_id
    assert known == content_id(np.asfortranarray(frames)) == content_id(np.repeat(frames, 2, 2)[:, :, ::2])
    assert known != content_id(frames.reshape(2, 4, 3))
    changed = frames.copy()
    changed[1, 2, 3] += 1
    assert known != content_id(changed)


def test_the_pixels_are_not_hashed_again_for_another_description(monkeypatch) -> None:
    cine = a_cine(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    known = cine.content_id
    count: list[int] = []
    monkeypatch.setattr("matae.cine.content_id", lambda frames: count.append(1) or content_id(frames))
    described = replace(cine.with_frame_rate(40), spacing=Spacing(0.3, 0.3), view="A4C")
    assert described.content_id == known
    assert not count
    other = cine.frames.copy()
    other[0, 0, 0] += 1
    assert replace(described, frames=other).content_id == content_id(other) != known  # those of other frames are
    assert count == [1]


def test_a_box_knows_its_sides() -> None:
    assert (Box(1, 2, 4, 8).height, Box(1, 2, 4, 8).width) == (3, 6)
