"""Intervals by patient: what they refuse, that they repeat, and that they cover what they claim to."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matae.metrics import agreement, paired_difference, patient_interval, small_set_spread


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match="2 frames"):
        patient_interval([1.0], ["a", "b"])
    with pytest.raises(ValueError, match="no pairs"):
        paired_difference([1.0, 2.0], [1.0], ["a", "b"])
    with pytest.raises(ValueError, match="not possible"):
        patient_interval([1.0, 2.0], ["a", "b"], level=1.0)
    with pytest.raises(ValueError, match="not possible"):
        patient_interval([1.0, 2.0], ["a", "b"], draws=0)


def test_one_patient_says_nothing_about_others() -> None:
    assert patient_interval([], []) is None
    assert patient_interval([0.9, 0.8], ["a", "a"]) is None
    assert patient_interval([0.9, math.nan], ["a", "b"]) is None
    found = paired_difference([0.9, 0.8], [0.8, 0.8], ["a", "a"])
    assert found.mean == pytest.approx(0.05)
    assert (found.n, found.n_patients) == (2, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(paired_difference([], [], []).mean)


def test_a_seed_repeats_and_another_differs() -> None:
    values = np.random.default_rng(0).normal(size=40)
    patients = [f"p{i // 2}" for i in range(40)]
    assert patient_interval(values, patients) == patient_interval(values, patients)
    assert patient_interval(values, patients, seed=1) != patient_interval(values, patients)


def test_the_interval_is_that_of_all_ways_to_draw() -> None:
    # Four patients can be drawn in 256 ways, all equally likely: what the draws approach is known exactly.
    values, patients = [0.1, 0.5, 0.9, 0.2, 0.7], ["a", "b", "b", "c", "d"]
    frames = {name: [v for v, p in zip(values, patients, strict=True) if p == name] for name in "abcd"}
    means = [np.mean([v for name in way for v in frames[name]]) for way in itertools.product("abcd", repeat=4)]
    expected = np.quantile(means, [0.025, 0.975])
    np.testing.assert_allclose(patient_interval(values, patients, draws=100_000), expected, atol=0.03)


def test_many_patients_are_drawn_in_bounded_portions() -> None:
    values = np.random.default_rng(0).normal(0.9, 0.05, 3000)
    low, high = patient_interval(values, [str(i) for i in range(3000)], draws=2000)
    half = 1.96 * 0.05 / math.sqrt(3000)
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)
    assert low < values.mean() < high


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    generator, inside = np.random.default_rng(1), 0
    patients = [f"p{i // 2}" for i in range(80)]
    for seed in range(200):
        own = np.repeat(generator.normal(0.93, 0.03, 40), 2)  # frames of a patient resemble each other
        low, high = patient_interval(own + generator.normal(0, 0.01, 80), patients, draws=400, seed=seed)
        inside += low <= 0.93 <= high
    assert 178 <= inside <= 199


def test_frames_of_one_patient_count_as_one() -> None:
    own = np.random.default_rng(2).normal(0.93, 0.03, 20)
    once = patient_interval(own, [str(i) for i in range(20)])
    thrice = patient_interval(np.repeat(own, 3), [str(i // 3) for i in range(60)])
    assert thrice == pytest.approx(once)


def test_a_small_gain_shows_where_frames_differ_more_than_models() -> None:
    generator = np.random.default_rng(3)
    base, patients = generator.normal(0.92, 0.04, 100), [f"p{i // 2}" for i in range(100)]
    better = base + 0.005 + generator.normal(0, 0.005, 100)
    found = paired_difference(better, base, patients)
    assert found.low > 0
    assert found.low < found.mean < found.high
    assert (found.n, found.n_patients) == (100, 50)
    alone = [patient_interval(values, patients) for values in (better, base)]
    assert alone[0][0] < alone[1][1], "two intervals overlap where their difference is plain"
    turned = paired_difference(base, better, patients)
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-found.mean, -found.high, -found.low))


def test_frames_without_a_value_are_left_out_of_both() -> None:
    found = paired_difference([1.0, math.nan, 3.0, 4.0], [0.0, 0.0, math.nan, 1.0], list("abcd"))
    assert (found.mean, found.n, found.n_patients) == (2.0, 2, 2)


def test_a_few_frames_spread_wider_than_all() -> None:
    values = np.random.default_rng(4).normal(0.93, 0.045, 100)
    low, high = small_set_spread(values, 14)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / math.sqrt(14) * math.sqrt(86 / 99), rel=0.1)
    assert small_set_spread(values, 14) == (low, high)
    assert small_set_spread(values[:14], 14) is None


def test_agreement_of_too_few() -> None:
    none = agreement([], [])
    assert none.n == 0
    assert all(math.isnan(value) for value in (none.mae, none.bias, none.r, *none.loa))
    one = agreement([50.0, math.nan], [55.0, 60.0])
    assert (one.mae, one.bias, one.n) == (5.0, -5.0, 1)
    assert all(math.isnan(value) for value in (one.r, *one.loa))
    assert math.isnan(agreement([50.0, 50.0], [40.0, 60.0]).r)
    with pytest.raises(ValueError, match="no pairs"):
        agreement([1.0], [1.0, 2.0])


fractions = st.floats(5, 90)


@given(st.lists(st.tuples(fractions, fractions), min_size=2, max_size=30))
def test_agreement_is_that_of_bland_and_altman(pairs: list[tuple[float, float]]) -> None:
    found = agreement(*zip(*pairs, strict=True))
    apart = [a - b for a, b in pairs]
    mean = sum(apart) / len(apart)
    spread = math.sqrt(sum((value - mean) ** 2 for value in apart) / (len(apart) - 1))
    assert found.mae == pytest.approx(sum(map(abs, apart)) / len(apart))
    assert found.bias == pytest.approx(mean, abs=1e-9)
    assert found.loa == pytest.approx((mean - 1.96 * spread, mean + 1.96 * spread), abs=1e-6)
    assert math.isnan(found.r) or -1 - 1e-9 <= found.r <= 1 + 1e-9
