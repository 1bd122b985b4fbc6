from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from read_makers import doppler_clip

from matae.cine import Box
from matae.read._grey import ColourMeter, is_neutral, luma, scale_to_uint8

if TYPE_CHECKING:
    from numpy.typing import NDArray


def verdict(frames: NDArray[np.uint8], region: Box | None = None) -> bool:
    meter = ColourMeter()
    for frame in frames:
        if meter.due():
            meter.add_rgb(frame, luma(frame))
    return meter.is_doppler(region)


def grey_loop(count: int = 8) -> NDArray[np.uint8]:
    """Moving speckle in the middle of a black screen."""
    frames = np.zeros((count, 120, 160, 3), np.uint8)
    speckle = np.random.default_rng(0).integers(20, 160, (count, 80, 100, 1), dtype=np.uint8)
    frames[:, 10:90, 30:130] = speckle
    return frames


def test_nothing_measured_is_no_doppler() -> None:
    assert not ColourMeter().is_doppler()


def stored(name: str, chroma: NDArray[np.uint8], light: NDArray[np.uint8], space: str) -> av.VideoFrame:
    """Return a picture with given planes; the colours are repeated where a format has more of them."""
    picture = av.VideoFrame(light.shape[1], light.shape[0], name)
    picture.colorspace = av.video.reformatter.Colorspace[space]
    for number, plane in enumerate(picture.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        rows[:] = light if number == 0 else np.resize(chroma[number - 1], rows.shape)
    return picture


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuvj444p"])
@pytest.mark.parametrize("space", ["ITU601", "ITU709"])
def test_what_is_neutral_as_stored_has_no_colour_in_rgb(name: str, space: str) -> None:
    rng = np.random.default_rng(3)
    for spread in (0, 6, 10):
        # The ends alone, and everything between: they may lie side by side.
        for chroma in (
            rng.integers(128 - spread, 129 + spread, (2, 24, 32)),
            rng.choice([-1, 1], (2, 24, 32)) * spread + 128,
        ):
            picture = stored(name, chroma.astype(np.uint8), rng.integers(0, 256, (24, 32), dtype=np.uint8), space)
            assert is_neutral(picture)
            rgb = picture.to_ndarray(format="rgb24")
            meter = ColourMeter()
            meter.add_rgb(rgb, luma(rgb))
            assert not meter.is_doppler()
            assert not meter._warm.any()
            assert not meter._cold.any()


def test_one_pixel_of_colour_is_not_neutral_and_other_formats_are_never() -> None:
    grey, chroma = np.full((24, 32), 90, np.uint8), np.full((2, 24, 32), 128, np.uint8)
    for value in (117, 139):
        chroma[1, 5, 7] = value
        assert not is_neutral(stored("yuv444p", chroma, grey, "ITU601"))
    wide = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p10le")
    assert not is_neutral(wide)


def test_a_grey_frame_counts_as_it_would_in_rgb() -> None:
    clip, doppler = np.concatenate([grey_loop()[:, :96, :128], doppler_clip()]), ColourMeter()
    for turned in (clip, clip[::-1]):
        quick, plain = ColourMeter(), ColourMeter()
        for frame in turned:
            grey = luma(frame)
            plain.add_rgb(frame, grey)
            if (frame == frame[..., :1]).all():
                quick.add_grey(grey)
            else:
                quick.add_rgb(frame, grey)
        for name, value in vars(plain).items():
            np.testing.assert_array_equal(vars(quick)[name], value)
        assert quick.is_doppler() == plain.is_doppler()
    doppler.add_grey(luma(clip[0]))
    assert not doppler.is_doppler()


def test_doppler_with_and_without_region() -> None:
    assert verdict(doppler_clip())
    assert verdict(doppler_clip(2)[1:])
    assert verdict(doppler_clip(), Box(0, 0, 96, 128))
    assert not verdict(doppler_clip(), Box(70, 0, 96, 128))


def test_still_marks_and_buttons_are_no_doppler() -> None:
    frames = grey_loop()
    frames[:, 12:18, 40:46] = (230, 30, 30)
    frames[:, 100:115, 10:150] = (30, 60, 220)
    frames[:, 20:80, 140:150] = (220, 60, 30)
    assert not verdict(frames)


def test_a_blinking_button_and_a_progress_bar_are_no_doppler() -> None:
    frames = grey_loop()
    for index in range(len(frames)):
        frames[index, 108:114, : 20 * index] = (30, 60, 220)
        frames[index, 108:114, 150:] = (220, 30, 30) if index % 2 else (0, 0, 0)
    assert not verdict(frames)


def test_an_ecg_trace_is_no_doppler() -> None:
    frames = grey_loop()
    for index in range(len(frames)):
        frames[index, 70:84, 30 + 12 * index : 42 + 12 * index] = (40, 220, 60)
    assert not verdict(frames)


@pytest.mark.parametrize("tint", [(1.0, 0.85, 0.65), (0.8, 0.85, 1.0), (1.0, 0.6, 0.3)])
def test_a_display_map_is_no_doppler(tint: tuple[float, float, float]) -> None:
    frames = (grey_loop() * np.array(tint)).astype(np.uint8)
    assert not verdict(frames)


@given(st.integers(0, 255))
def test_luma_of_grey_is_the_grey(value: int) -> None:
    assert luma(np.full((1, 3), value, np.uint8))[0] == value


@given(arrays(st.sampled_from([np.uint16, np.int16, np.float32, np.float64]), (3, 4)))
def test_any_values_become_eight_bits_in_order(values: NDArray[Any]) -> None:
    grey, _ = scale_to_uint8(values)
    assert grey.dtype == np.uint8
    assert grey.shape == values.shape
    if np.isfinite(values).all() and (np.abs(values.astype(np.float64)) < 1e30).all():
        order = np.argsort(values, axis=None, kind="stable")
        assert (np.diff(grey.ravel()[order].astype(int)) >= 0).all()


def test_empty_bool_and_no_numbers() -> None:
    assert scale_to_uint8(np.zeros((0, 2)))[0].shape == (0, 2)
    assert scale_to_uint8(np.array([True, False]))[0].tolist() == [255, 0]
    assert "shown black" in scale_to_uint8(np.array([np.nan]))[1]
