"""Telling tissue from the background, and its largest part from furniture."""

from __future__ import annotations

import numpy as np
import pytest

from matae.segment.tissue import SHARE, Ground, largest_part, moving_level, tissue_of


@pytest.mark.parametrize("shape", [(1, 1, 1), (6, 1, 1), (1, 1, 30), (6, 30, 1), (1, 2, 3), (6, 40, 40)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_nothing_of_a_constant_picture_is_tissue(shape: tuple[int, int, int], grey: int) -> None:
    seen = tissue_of(np.full(shape, grey, np.float32))
    assert seen is None or not seen[0].any()
    assert largest_part(np.zeros(shape[1:], bool)) is None


def test_what_is_as_rough_as_tissue_up_to_the_border_is_not_told_from_a_background() -> None:
    assert tissue_of(np.random.default_rng(0).uniform(20, 200, (1, 60, 60)).astype(np.float32)) is None


def test_dark_chambers_at_the_border_of_a_picture_full_of_tissue_are_no_background() -> None:
    """A confident fan was found between them, of half the picture."""
    frames = np.random.default_rng(0).uniform(60, 200, (1, 80, 100)).astype(np.float32)
    frames[0, :50, 70:] = frames[0, 60:, :20] = 0
    assert tissue_of(frames) is None


def a_disc(background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:80, :100]
    inside = np.hypot(y - 40, x - 50) < 25
    texture = np.random.default_rng(0).uniform(120, 200, inside.shape)
    return np.where(inside, texture, background).astype(np.float32)[None], inside


@pytest.mark.parametrize("level", [0, 60])
@pytest.mark.parametrize("gradient", [0, 15])
def test_a_still_shows_tissue_on_any_background(level: int, gradient: int) -> None:
    frames, inside = a_disc(level + gradient * np.linspace(0, 1, 80)[:, None] + np.zeros((80, 100)))
    shown, ground = tissue_of(frames)
    assert isinstance(ground, Ground)
    np.testing.assert_array_equal(shown, inside)


def test_a_bar_of_another_grey_along_the_border_leaves_the_background_known() -> None:
    """The bar is a quarter of the border, and as near to black as a gradient would be."""
    background = np.zeros((80, 100))
    background[-6:] = np.random.default_rng(1).uniform(14, 22, (6, 100))
    frames, inside = a_disc(background)
    seen = tissue_of(frames)
    assert seen is not None
    np.testing.assert_array_equal(largest_part(seen[0]), inside)


def test_tissue_of_a_clip_is_what_moves() -> None:
    rng = np.random.default_rng(0)
    frames = np.zeros((8, 60, 60), np.float32)
    frames[:, 20:50, 20:50] = rng.uniform(50, 150, (8, 30, 30))
    frames[:, 2:6, 2:40] = 255  # text stands still
    shown, _ = tissue_of(frames)
    assert shown[20:50, 20:50].all()
    assert shown.sum() == 900


def test_a_second_look_shows_what_is_faint() -> None:
    frames = np.zeros((8, 60, 60), np.float32)
    wave = np.sin(np.arange(8))[:, None, None]
    frames[:, 10:50, 10:30] = 100 + 60 * wave
    frames[:, 10:50, 30:50] = 10 + 1.6 * wave  # shaded: a fortieth of the motion
    assert not tissue_of(frames)[0][10:50, 30:50].any()
    assert tissue_of(frames, 0.0175)[0][10:50, 30:50].all()


def test_noise_around_the_tissue_raises_what_counts_as_motion() -> None:
    moving = np.concatenate([np.full(50, 20.0), np.full(50, 0.0)])
    assert moving_level(moving, np.full(9, 0.0)) == pytest.approx(1.0)
    assert moving_level(moving, np.full(9, 2.0)) == pytest.approx(5.0)
    assert moving_level(moving, np.full(9, 19.0)) == pytest.approx(1.0)  # tissue reaches the border


def test_gaps_are_filled_and_a_trace_below_is_left_out() -> None:
    shown = np.zeros((100, 100), bool)
    shown[10:80, 20:80] = True
    shown[30:50, 40:60] = False  # a cavity
    shown[82:84] = True  # an ECG close under it
    part = largest_part(shown)
    assert part is not None
    assert part[30:50, 40:60].all()
    assert not part[82:].any()
    assert largest_part(shown & (np.arange(100)[:, None] > 81)) is None  # too little


@pytest.mark.parametrize("level", [0, 1])
def test_a_background_does_not_lean_towards_a_bar_along_the_border(level: int) -> None:
    """A plane from the black above to a bar below agrees with both of them exactly, and with neither side."""
    background = np.full((80, 100), float(level))
    background[-6:] = level + 15
    frames, inside = a_disc(background)
    seen = tissue_of(frames)
    assert seen is not None
    assert seen[1] is not None
    np.testing.assert_allclose(seen[1].plane, (level, 0, 0), atol=0.6)
    np.testing.assert_array_equal(largest_part(seen[0]), inside)


def test_faint_tissue_is_told_from_the_darker_of_two_blacks() -> None:
    """Black is 1 around the picture and 0 in it, and the shaded side of the tissue 1 on average."""
    rng = np.random.default_rng(0)
    frames = np.ones((12, 80, 100), np.float32)
    frames[:, 8:72, 8:92] = 0
    frames[:, 20:60, 20:50] = rng.uniform(30, 60, (12, 40, 30))
    frames[:, 20:60, 50:80] = rng.uniform(0, 2, (12, 40, 30))
    seen = tissue_of(frames, 0.35 * SHARE)
    assert seen is not None
    assert seen[0][20:60, 20:80].mean() > 0.9
    assert not seen[0][:, 82:].any()


def test_the_faintest_is_looked_for_on_black_alone() -> None:
    rng = np.random.default_rng(0)
    frames = np.full((12, 80, 100), 40, np.float32)
    frames[:, 20:60, 20:80] = rng.uniform(60, 150, (12, 40, 60))
    assert tissue_of(frames, 0.35 * SHARE) is not None
    assert tissue_of(frames, 0.12 * SHARE) is None
    assert tissue_of(frames - 40, 0.12 * SHARE) is not None


def test_what_is_darker_than_its_background_is_no_tissue() -> None:
    frames, _ = a_disc(np.zeros((80, 100)))
    assert tissue_of(255 - frames) is None
    assert tissue_of(np.repeat(255 - frames, 6, 0) + np.arange(6)[:, None, None] * (frames > 0)) is None
