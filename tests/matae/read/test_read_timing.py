from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matae.read._timing import dicom_timing, presentation_timing, rates_agree, unevenness, uniform

ASKS = "give the frame rate by hand."
figures = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 20.0, 33.333, float("nan"), float("inf")])


def test_nothing_stated_is_never_guessed() -> None:
    timing = dicom_timing(10)
    assert timing.times is None
    assert timing.note == "The file states no frame rate; give the frame rate by hand."


def test_single_frame_asks_nothing() -> None:
    for timing in (
        dicom_timing(1, cine_rate=30),
        presentation_timing([0.0], 30.0, resolution=0.01),
        uniform(1, 50, "x"),
    ):
        assert timing.times is None
        assert ASKS not in timing.note


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"frame_time": 0.0}, "FrameTime is 0 ms"),
        ({"frame_time": -20.0, "cine_rate": 50.0}, "FrameTime is -20 ms"),
        ({"frame_time": 20.0, "cine_rate": 25.0}, "FrameTime means 50 Hz and CineRate 25 Hz"),
        ({"frame_time_vector": [0.0, 20.0]}, "FrameTimeVector has 2 times for 4 frames"),
        ({"frame_time_vector": [0.0, 20.0, 0.0, 20.0]}, "times that do not increase"),
        ({"frame_time_vector": [0.0, 20.0, 20.0, 20.0], "frame_time": 40.0}, "FrameTimeVector means 50 Hz"),
        ({"cine_rate": 0.0}, "CineRate is 0 Hz"),
        ({"cine_rate": 5000.0}, "CineRate is 5000 Hz"),
    ],
)
def test_contradictions_leave_a_question(stated: dict[str, object], reason: str) -> None:
    timing = dicom_timing(4, **stated)  # type: ignore[arg-type]
    assert timing.times is None
    assert reason in timing.note
    assert timing.note.endswith(ASKS)


def test_candidates_are_kept_for_the_question() -> None:
    timing = dicom_timing(4, frame_time=20.0, cine_rate=25.0)
    assert timing.info == {"frame_rate_candidates": {"FrameTime": 50.0, "CineRate": 25.0}}


def test_vector_is_kept_as_a_vector() -> None:
    timing = dicom_timing(4, frame_time_vector=[0.0, 10.0, 30.0, 20.0], pointer="FrameTimeVector")
    np.testing.assert_allclose(timing.times, [0, 0.01, 0.04, 0.06])


def test_priority_and_pointer() -> None:
    assert "FrameTime." in dicom_timing(5, frame_time=20.0, cine_rate=50, recommended_rate=30).note
    assert "CineRate." in dicom_timing(5, frame_time=20.0, cine_rate=50, pointer="CineRate").note
    assert "RecommendedDisplayFrameRate." in dicom_timing(5, recommended_rate=30).note


def test_cine_rate_may_be_rounded() -> None:
    assert dicom_timing(5, frame_time=1000 / 6.6, cine_rate=7).times is not None


@given(st.integers(2, 50), figures, figures, figures, st.none() | st.lists(st.floats(-100, 1000), max_size=60))
def test_dicom_times_are_sound_or_absent(
    count: int, frame_time: float | None, cine: float | None, shown: float | None, vector: list[float] | None
) -> None:
    timing = dicom_timing(
        count, frame_time=frame_time, cine_rate=cine, recommended_rate=shown, frame_time_vector=vector
    )
    if timing.times is None:
        assert timing.note.endswith(ASKS)
    else:
        assert timing.times.shape == (count,)
        assert timing.times[0] == 0
        assert (np.diff(timing.times) > 0).all()
    assert all(np.isfinite(rate) and rate > 0 for rate in timing.candidates.values())


@given(st.integers(2, 200), st.floats(1, 500), st.floats(0, 100))
def test_regular_stamps_become_their_grid(count: int, rate: float, start: float) -> None:
    stamps = [start + round(index / rate, 6) for index in range(count)]
    timing = presentation_timing(stamps, rate, resolution=1e-6)
    assert timing.times is not None
    np.testing.assert_allclose(timing.times, np.arange(count) / rate, atol=1e-5)


@given(st.lists(st.none() | st.floats(-10, 1e5), min_size=2, max_size=40), figures)
def test_any_stamps_are_sound_or_absent(stamps: list[float | None], header: float | None) -> None:
    timing = presentation_timing(stamps, header, resolution=1e-3)
    if timing.times is not None:
        assert timing.times.shape == (len(stamps),)
        assert timing.times[0] == 0
        assert (np.diff(timing.times) > 0).all()


@pytest.mark.parametrize("step", [5e-324, 2.2e-313, 1e-310, 1e-6])
def test_times_closer_than_a_clock_can_tell(step: float) -> None:
    timing = presentation_timing([0.0, step], None, resolution=1e-3)
    assert timing.times is None
    assert timing.note.endswith(ASKS)
    assert all(np.isfinite(rate) for rate in timing.candidates.values())


@pytest.mark.parametrize("step", [5e-324, 2.2e-313, 1e-310, 1e-6])
def test_dicom_steps_closer_than_a_clock_can_tell(step: float) -> None:
    for stated in ({"frame_time": step * 1000}, {"frame_time_vector": [0.0, step * 1000]}):
        timing = dicom_timing(2, **stated)
        assert timing.times is None
        assert all(np.isfinite(rate) for rate in timing.candidates.values())


def test_vector_whose_times_fall_together() -> None:
    assert "do not increase" in dicom_timing(3, frame_time_vector=[0.0, 1e10, 1e-10]).note


def test_vector_without_its_first_entry() -> None:
    timing = dicom_timing(4, frame_time_vector=[20.0, 30.0, 20.0], pointer="FrameTimeVector")
    np.testing.assert_allclose(timing.times, [0, 0.02, 0.05, 0.07])


@pytest.mark.parametrize("start", [0.0, 20.0])
def test_vector_of_times_instead_of_steps(start: float) -> None:
    timing = dicom_timing(5, frame_time_vector=list(start + 20.0 * np.arange(5)), frame_time=20.0)
    np.testing.assert_allclose(timing.times, 0.02 * np.arange(5))
    assert "holds times and not steps" in timing.note


def test_steps_that_grow_are_steps() -> None:
    timing = dicom_timing(5, frame_time_vector=[0.0, 20.0, 21.0, 22.0, 23.0])
    np.testing.assert_allclose(timing.times, np.cumsum([0, 0.02, 0.021, 0.022, 0.023]))


@pytest.mark.parametrize(
    "unfilled", [{"frame_time": 0.0}, {"cine_rate": 0.0}, {"frame_time_vector": [0.0] * 4}, {"frame_time_vector": []}]
)
def test_zero_beside_another_figure_is_not_filled(unfilled: dict[str, Any]) -> None:
    stated: dict[str, Any] = {"frame_time": 20.0, **unfilled} if "frame_time" not in unfilled else {"cine_rate": 50.0}
    timing = dicom_timing(4, **{**stated, **unfilled})
    np.testing.assert_allclose(timing.times, 0.02 * np.arange(4))


def test_duration_and_stream_count_after_the_others() -> None:
    assert dicom_timing(4, actual_duration=20.0).note == "50 Hz from ActualFrameDuration."
    assert dicom_timing(4, actual_duration=20.0, frame_time=40.0).times is None
    assert dicom_timing(4, stream_rate=25.0, recommended_rate=30.0).note == "25 Hz from the video stream."
    assert dicom_timing(4, stream_rate=25.0, frame_time=20.0).note == "50 Hz from FrameTime."


def test_missing_frames_and_a_rate_that_changes_are_said() -> None:
    assert unevenness(None) == unevenness(np.array([0, 1, 9.0])) == unevenness(np.arange(40) / 50) == ""
    jitter = np.arange(60) / 50 + np.random.default_rng(0).uniform(-0.002, 0.002, 60)
    assert unevenness(jitter) == ""
    for rate in (60, 80):  # steps of 10 and 20 ms on a clock of 10 ms
        assert unevenness(np.floor(np.arange(120) / rate * 100 + 1e-6) / 100) == ""
    steps = np.full(60, 0.04)
    steps[20] = 0.2
    gap = unevenness(np.cumsum(steps))
    assert gap == "Frames are missing in time: 200 ms pass after frame 20, where frames are 40 ms apart."
    steps[40] = 0.12
    assert unevenness(np.cumsum(steps)).endswith("are 40 ms apart, and 1 more.")
    assert "from 10 to 50 Hz" in unevenness(np.cumsum([*[0.1] * 10, *[0.02] * 100]))
    assert "from 20 to 40 Hz" in unevenness(np.cumsum([*[0.05] * 30, *[0.025] * 40]))
    assert "from 30 to 50 Hz" in unevenness(np.cumsum([*[1 / 30] * 40, *[0.02] * 40]))


def test_missing_stamps_fall_back_to_the_header() -> None:
    timing = presentation_timing([0.0, None, 0.0], 25.0, resolution=0.04)
    np.testing.assert_allclose(timing.times, [0, 0.04, 0.08])
    assert presentation_timing([0.0, None], None, resolution=0.04).times is None
    assert presentation_timing([0.0, 0.0], 10.0, resolution=0.01, trust_header=False).times is None


def test_frames_that_failed_keep_the_times_of_the_others() -> None:
    timing = uniform(5, 10, "test").kept([1, 2, 4], 5)
    np.testing.assert_allclose(timing.times, [0, 0.1, 0.3])


@given(st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_agreement_is_symmetric(a: float, b: float) -> None:
    assert rates_agree(a, b) == rates_agree(b, a)
    assert rates_agree(a, a)
