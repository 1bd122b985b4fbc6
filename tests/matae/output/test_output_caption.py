"""The caption of a video's frames: nothing, then whatever is written, as Pillow writes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from matae.output.caption import Letters
from matae.output.draw import font


def by_pillow(text: str, points: int) -> np.ndarray:
    line = Image.new("L", (round(font(points).getlength(text)) + 8 * points, 2 * points))
    ImageDraw.Draw(line).text((points // 2, points), text, fill=255, font=font(points), anchor="lm")
    return np.asarray(line)


@pytest.mark.parametrize("text", ["", " ", "   "])
def test_a_line_of_nothing_is_black(text: str) -> None:
    line = Letters(11).line(text)
    assert line.shape[0] == 22
    assert not line.any()


@settings(max_examples=60, deadline=None)
@given(st.integers(10, 40), st.integers(1, 99_999), st.floats(0, 9_999))
def test_the_caption_of_a_frame_is_what_pillow_writes(points: int, frame: int, seconds: float) -> None:
    letters = Letters(points)
    for text in (f"frame {frame}", f"frame {frame}   {seconds:.2f} s", "fjfjff rattyAWAV"):
        line, expected = letters.line(text), by_pillow(text, points)
        np.testing.assert_array_equal(line, expected[:, : line.shape[1]])
        assert not expected[:, line.shape[1] :].any()
