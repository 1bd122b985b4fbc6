"""The planes of a video's pictures: right colours, nothing covered, no line cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.output.canvas import Canvas, to_yuv
from matae.output.draw import COLOURS, outline_stencils


def test_an_empty_mask_leaves_the_picture_grey() -> None:
    frame = np.full((20, 30), 128, np.uint8)
    canvas = Canvas((120, 80))
    planes = canvas.draw(frame, np.zeros((20, 30), np.uint8), "frame 1")
    width, height = canvas.size
    assert planes.shape == (height * 3 // 2, width)
    assert (planes[height:] == 128).all()  # no colour anywhere
    assert set(np.unique(planes[:80, :120])) == {round(16 + 128 * 219 / 255)}


def test_black_and_white_are_those_of_video() -> None:
    assert to_yuv((0, 0, 0)) == pytest.approx((16, 128, 128))
    assert to_yuv((255, 255, 255)) == pytest.approx((235, 128, 128))
    assert to_yuv((255, 0, 0))[2] == pytest.approx(240)


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(40, 121), st.integers(40, 121), st.integers(0, 2**16))
def test_any_mask_on_any_picture_is_drawn(rows: int, columns: int, width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.integers(0, 4, (rows, columns)).astype(np.uint8)
    canvas = Canvas((width, height))
    planes = canvas.draw(np.zeros((rows, columns), np.uint8), mask, "")
    assert planes.shape == (canvas.size[1] * 3 // 2, canvas.size[0])
    if mask.any():
        assert (planes[canvas.size[1] :] != 128).any()
    for _, stencil, (y, x) in outline_stencils(mask, (width, height), even=True):
        assert stencil.shape[0] % 2 == stencil.shape[1] % 2 == y % 2 == x % 2 == 0
        assert y + stencil.shape[0] <= height
        assert x + stencil.shape[1] <= width


def test_the_line_has_the_colour_of_its_class() -> None:
    import av

    mask = np.zeros((112, 112), np.uint8)
    mask[30:80, 40:70] = 1
    canvas = Canvas((448, 448))
    planes = canvas.draw(np.full((112, 112), 90, np.uint8), mask, "frame 1")
    picture = av.VideoFrame.from_ndarray(planes, format="yuv420p").to_ndarray(format="rgb24").astype(int)
    # The left border runs between columns 159 and 160. Colour has half the pixels of light, so it is paler than in RGB.
    red, green, blue = picture[240, 159:161].mean(0)
    assert red - green == pytest.approx(COLOURS[0][0] - COLOURS[0][1], rel=0.6)
    assert green - blue == pytest.approx(COLOURS[0][1] - COLOURS[0][2], rel=0.6)
    assert np.abs(picture[240, 220] - 90).max() <= 3  # inside, nothing is tinted
