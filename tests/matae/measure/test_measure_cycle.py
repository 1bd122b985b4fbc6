"""Beats from curves, marks and R waves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.errors import MeasureError
from matae.measure import PhaseMarks, find_cycle
from matae.measure.cycle import smooth_curve

RATE = 50.0


def curve(n, *, beat=45, start=0.0, low=0.5):
    """Return an area curve: a fall for a third of the beat, then filling with a diastasis and an atrial kick."""
    phase = (np.arange(n) / beat + start) % 1.0
    return np.interp(phase, [0, 0.05, 0.36, 0.42, 0.6, 0.85, 0.97, 1.0], [1, 1, low, low, 0.85, 0.87, 1, 1]) * 1000


def times(n, rate=RATE):
    return np.arange(n) / rate


@pytest.mark.parametrize("values", [[], [5.0], [np.nan] * 12, [7.0] * 12, [0.0] * 3])
def test_no_curve_no_beat(values) -> None:
    found = find_cycle(values, heart_rate=71.0)
    assert found.beats == ()
    assert (found.heart_rate, found.heart_rate_source) == (71.0, "file")


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.floats(0, 1e6), st.just(float("nan"))), max_size=60), st.sampled_from([None, 8.0, 50.0]))
def test_any_curve_can_be_read(values, rate) -> None:
    found = find_cycle(values, None if rate is None else np.arange(len(values)) / rate)
    for beat in found.beats:
        assert 0 <= beat.ed < len(values)
        assert 0 <= beat.es < len(values)
        assert beat.ed != beat.es


@pytest.mark.parametrize("marks", [PhaseMarks(ed=(99,)), PhaseMarks(es=(-1,))])
def test_marks_outside_the_clip_are_refused(marks) -> None:
    with pytest.raises(MeasureError, match="mark again"):
        find_cycle(curve(50), times(50), marks=marks)


def test_one_frame_cannot_be_both() -> None:
    with pytest.raises(MeasureError, match="take one mark away"):
        find_cycle(curve(50), times(50), marks=PhaseMarks((4,), (4,)))


def test_every_whole_beat_is_found() -> None:
    found = find_cycle(curve(200, start=0.5), times(200))
    # The clip starts in diastole; 45 frames a beat from frame 22 on, the last systole complete.
    assert [beat.ed for beat in found.beats] == pytest.approx([22, 67, 112, 157], abs=3)
    assert [beat.es - beat.ed for beat in found.beats] == pytest.approx([17] * 4, abs=3)
    assert found.heart_rate == pytest.approx(60 * RATE / 45, rel=0.02)
    assert all(beat.whole for beat in found.beats)


def test_cut_off_beats_are_left_out() -> None:
    # From mid-systole to just after the next end-diastole but one: only the middle beat shows its systole.
    found = find_cycle(curve(87, start=0.2), times(87))
    assert [beat.ed for beat in found.beats] == pytest.approx([36], abs=3)
    assert found.beats[0].whole


def test_a_clip_without_a_whole_systole_says_so() -> None:
    found = find_cycle(curve(40, start=0.3), times(40))
    assert [beat.whole for beat in found.beats] == [False]


def test_a_half_sequence_is_a_beat() -> None:
    for values in (curve(17), curve(17)[::-1]):
        found = find_cycle(values)
        assert len(found.beats) == 1
        assert values[found.beats[0].ed] > 1.8 * values[found.beats[0].es]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(28, 80), st.floats(0, 0.99), st.integers(2, 5), st.floats(0.4, 0.8), st.integers(0, 1000))
def test_noise_makes_no_beats(beat, start, count, low, seed) -> None:
    values = curve(beat * count, beat=beat, start=start, low=low)
    noisy = values * np.random.default_rng(seed).normal(1, 0.015, values.size)
    found = find_cycle(noisy, times(values.size))
    assert count - 2 <= len(found.beats) <= count + 1
    for one in found.beats:
        # A clip may begin just after end-diastole: its first frame, a little smaller, is then the nearest there is.
        assert values[one.ed] > (0.93 if one.ed else 0.9) * values.max()
        assert values[one.es] < values.min() + 0.12 * np.ptp(values)


def test_gaps_and_spikes_do_not_matter() -> None:
    values = curve(135)
    damaged = values.copy()
    damaged[[30, 31, 80]] = np.nan
    damaged[[10, 60, 100]] = [5.0, 5000.0, 0.0]
    clean, found = find_cycle(values, times(135)), find_cycle(damaged, times(135))
    assert len(found.beats) == len(clean.beats)
    assert [beat.es for beat in found.beats] == pytest.approx([beat.es for beat in clean.beats], abs=2)


def test_smoothing_keeps_a_straight_line() -> None:
    line = np.linspace(3, 9, 31)
    assert smooth_curve(line, RATE) == pytest.approx(line)
    assert np.isnan(smooth_curve([np.nan, np.nan])).all()


def test_marks_replace_the_nearest_frame_only() -> None:
    plain = find_cycle(curve(135), times(135)).beats
    marked = find_cycle(curve(135), times(135), marks=PhaseMarks(ed=(plain[1].ed + 3,), es=(plain[1].es - 2,))).beats
    assert len(marked) == len(plain)
    assert (marked[1].ed, marked[1].es) == (plain[1].ed + 3, plain[1].es - 2)
    assert (marked[1].ed_source, marked[1].es_source) == ("user", "user")
    assert marked[0].next_ed == plain[1].ed + 3
    assert (marked[0].ed, marked[0].es, marked[0].ed_source) == (plain[0].ed, plain[0].es, "curve")


def test_a_person_wins_over_the_file_and_the_file_over_the_curve() -> None:
    found = find_cycle(curve(60), times(60), file_marks=PhaseMarks((2,), (19,))).beats
    assert (found[0].ed, found[0].es, found[0].ed_source) == (2, 19, "file")
    found = find_cycle(curve(60), times(60), file_marks=PhaseMarks((2,), (19,)), marks=PhaseMarks(es=(17,))).beats
    assert (found[0].ed, found[0].es, found[0].ed_source, found[0].es_source) == (2, 17, "file", "user")


def test_marks_stand_where_the_curve_says_nothing() -> None:
    flat = np.full(30, 500.0)
    found = find_cycle(flat, times(30), marks=PhaseMarks((3,), (14,))).beats
    assert [(b.ed, b.es, b.whole) for b in found] == [(3, 14, True)]
    assert find_cycle(flat, marks=PhaseMarks(ed=(3,))).beats == ()


def test_a_single_mark_takes_its_mate_from_the_curve() -> None:
    values = curve(45)
    found = find_cycle(values[:20], None, marks=PhaseMarks(ed=(5,))).beats
    assert found[0].ed == 5
    assert values[found[0].es] == values[:20].min()


def test_r_waves_are_end_diastole() -> None:
    values, waves = curve(135), [0.04, 0.94, 1.84]
    found = find_cycle(values, times(135), r_waves_s=waves)
    assert [beat.ed for beat in found.beats] == [2, 47, 92]
    assert found.beats[0].ed_source == "ecg"
    assert found.heart_rate_source == "ecg"
    assert found.heart_rate == pytest.approx(66.7, abs=0.5)
    # Without frame times nobody knows which frame an R wave is.
    assert find_cycle(values, r_waves_s=waves).beats[0].ed_source == "curve"


def test_heart_rate_needs_time() -> None:
    assert find_cycle(curve(135)).heart_rate is None
    assert find_cycle(curve(20), times(20)).heart_rate is None


def test_no_mark_of_a_person_is_lost() -> None:
    # One beat in the curve, two beats marked in it: both stand, each with its own end-systole.
    values = (
        np.concatenate([np.full(20, 1.0), np.linspace(1, 0.4, 30), np.linspace(0.4, 1, 30), np.full(20, 1.0)]) * 1e3
    )
    found = find_cycle(values, times(100), marks=PhaseMarks((10, 40), (25, 55))).beats
    assert [(b.ed, b.es, b.ed_source, b.es_source) for b in found] == [
        (10, 25, "user", "user"), (40, 55, "user", "user"),
    ]  # fmt: skip
    # Of two end-diastoles before one end-systole the later counts.
    found = find_cycle(values, times(100), marks=PhaseMarks(ed=(15, 35))).beats
    assert [(b.ed, b.es) for b in found] == [(35, 49)]


def test_a_marked_beat_takes_the_place_of_the_one_it_covers() -> None:
    plain = find_cycle(curve(135), times(135)).beats
    ed, es = plain[1].ed + 2, plain[1].es + 8
    found = find_cycle(curve(135), times(135), marks=PhaseMarks((ed,), (es,))).beats
    assert [(b.ed, b.es) for b in found] == [(plain[0].ed, plain[0].es), (ed, es), (plain[2].ed, plain[2].es)]
    assert found[1].next_ed == plain[1].next_ed


def test_r_waves_in_one_frame_are_one() -> None:
    values = curve(135)
    for waves in ([0.04, 0.041, 0.94, 1.84], [0.04, 0.04, 0.94, 0.94, 1.84]):
        found = find_cycle(values, times(135), r_waves_s=waves)
        assert [beat.ed for beat in found.beats] == [2, 47, 92]
    assert find_cycle(values, times(135), r_waves_s=[0.5, 0.5]).heart_rate_source != "ecg"
    # The rate is that of the waves, not of the frames beside them.
    slow = find_cycle(values[::6], times(23, RATE / 6), r_waves_s=[0.06, 0.96, 1.86])
    assert slow.heart_rate == pytest.approx(60 / 0.9)


def area_of_beats(times, r_waves):
    """Area of a cavity that is fullest at each R wave and emptiest in the middle between two."""
    phase = np.interp(times, r_waves, np.arange(len(r_waves)))
    return np.asarray(500 + 100 * np.cos(2 * np.pi * phase))


@pytest.mark.parametrize("rate", [25.0, 50.0, 90.0])
@pytest.mark.parametrize("rr", [(1.0, 0.55, 1.45), (0.55, 1.45, 1.0), (0.9, 0.45, 1.2, 0.9), (0.6, 1.1, 0.6, 1.1)])
def test_beats_of_unlike_length_are_all_found(rate: float, rr: tuple[float, ...]) -> None:
    r_waves = [0.0, *np.cumsum(rr)]
    times = np.arange(0, r_waves[-1] + 0.2, 1 / rate)
    area = area_of_beats(times, [*r_waves, r_waves[-1] + 1.0])
    cycle = find_cycle(area, times)
    whole = [beat for beat in cycle.beats if beat.next_ed is not None]
    assert [times[beat.ed] for beat in whole] == pytest.approx(r_waves[:-1], abs=1.5 / rate)
    assert cycle.heart_rate == pytest.approx(60 * len(rr) / sum(rr), rel=0.04)


def test_missing_frames_do_not_slow_the_heart() -> None:
    times = np.delete(np.arange(0, 3.2, 0.04), slice(35, 39))  # four frames of 80 are lost
    cycle = find_cycle(area_of_beats(times, [0.0, 1.0, 2.0, 3.0, 4.0]), times)
    assert cycle.heart_rate == pytest.approx(60, rel=0.03)
    assert cycle.smooth.shape == times.shape


def test_rate_that_changes_within_the_clip() -> None:
    times = np.concatenate([np.arange(0, 1, 0.1), np.arange(1, 4.2, 0.02)])
    cycle = find_cycle(area_of_beats(times, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), times)
    assert cycle.heart_rate == pytest.approx(60, rel=0.03)
    assert len([beat for beat in cycle.beats if beat.next_ed is not None]) == 4


def test_gap_of_an_hour_is_not_filled() -> None:
    times = np.concatenate([np.arange(0, 1, 0.02), 3600 + np.arange(0, 1, 0.02)])
    find_cycle(500 + 100 * np.cos(2 * np.pi * times), times)


def test_missing_masks_in_a_clip_with_a_gap() -> None:
    times = np.delete(np.arange(0, 3.2, 0.04), slice(35, 39))
    area = area_of_beats(times, [0.0, 1.0, 2.0, 3.0, 4.0])
    area[10:14] = np.nan
    cycle = find_cycle(area, times)
    assert cycle.heart_rate == pytest.approx(60, rel=0.05)
    assert all(np.isfinite(area[beat.ed]) and np.isfinite(area[beat.es]) for beat in cycle.beats)
