"""The paired test and the decision: small numbers, none, and known answers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from matae.learn.paired import LEVEL, compare, p_worse
from matae.learn.verdict import BETTER, NOT_COMPARABLE, UNCLEAR, WORSE, Side, decide


def test_too_few_say_nothing() -> None:
    assert p_worse([]) is None
    assert p_worse([0.1]) is None
    nothing = compare("dice", [], [], [])
    assert (nothing.n, nothing.before, nothing.difference, nothing.worse) == (0, None, None, False)
    one = compare("dice", [0.5, 0.6], [0.6, 0.8], ["a", "a"])
    assert (one.n, one.n_patients, one.p_worse, one.difference_ci95) == (2, 1, None, None)
    assert one.difference == pytest.approx(0.15)
    assert not one.worse
    assert compare("dice", [0.5], [0.4], ["a"]).worse
    assert not compare("dice", [0.5], [0.4], ["a"], tolerance=0.2).worse


def test_a_sure_loss_within_the_margin_is_put_up_with() -> None:
    before, patients = [0.9] * 8, list("abcdefgh")
    within, beyond = [value - 0.008 for value in before], [value - 0.012 for value in before]
    assert compare("dice", before, within, patients).worse
    assert not compare("dice", before, within, patients, margin=0.01).worse
    assert compare("dice", before, beyond, patients, margin=0.01).worse
    assert not compare("dice", before[:1], within[:1], patients[:1], margin=0.01).worse


def test_too_few_patients_for_the_test_need_none() -> None:
    # Four patients that all lose cannot come out below 0.05 (1 in 16): any loss beyond the tolerance counts.
    before, after = [0.9] * 4, [0.88, 0.87, 0.89, 0.86]
    found = compare("dice", before, after, list("abcd"))
    assert found.p_worse == pytest.approx(1 / 16)
    assert found.worse
    assert not compare("dice", before, after, list("abcd"), tolerance=0.03).worse
    # One of them gains: the interval holds zero, the mean is lower all the same.
    mixed = compare("dice", before, [0.92, 0.87, 0.89, 0.86], list("abcd"))
    assert mixed.difference_ci95 is not None
    assert mixed.difference_ci95[1] > 0
    assert mixed.worse


def test_a_patient_weighs_the_same_whatever_frames_there_are_of_them() -> None:
    # Seven patients gain a little, one loses as much in each of many frames: by patient it is a gain.
    patients = [*"abcdefg", *["h"] * 50]
    gains = [0.01] * 7 + [-0.01] * 50
    found = compare("dice", [0.5] * 57, [0.5 + gain for gain in gains], patients)
    assert found.p_worse == pytest.approx(p_worse([0.01] * 7 + [-0.01]))
    assert found.p_worse > 0.9


def test_better_is_any_move_the_good_way() -> None:
    assert compare("dice", [0.8, 0.8], [0.8, 0.801], ["a", "b"]).better
    assert not compare("dice", [0.8, 0.8], [0.8, 0.799], ["a", "b"]).better
    assert not compare("dice", [0.8, 0.8], [0.8, 0.8], ["a", "b"]).better
    assert compare("hd95", [3.0], [2.9], ["a"], higher_is_better=False).better
    assert not compare("hd95", [3.0], [3.0], ["a"], higher_is_better=False).better
    assert compare("dice", [0.5], [0.4], ["a"]).to_json()["difference"] == pytest.approx(-0.1)


def test_the_interval_of_a_few_patients_is_the_t_interval() -> None:
    gains = [0.02, 0.05, 0.11]
    found = compare("dice", [0.5] * 3, [0.5 + gain for gain in gains], list("abc"))
    known = stats.ttest_1samp(gains, 0.0).confidence_interval(0.95)
    assert found.difference_ci95 == pytest.approx((known.low, known.high))
    assert not found.surely_better
    # From five on patients are drawn: the interval does not go beyond the smallest and the largest.
    five = compare("dice", [0.5] * 5, [0.5 + gain for gain in [*gains, 0.03, 0.04]], list("abcde"))
    low, high = five.difference_ci95
    assert 0.02 <= low < high <= 0.11
    assert (five.surely_better, five.surely_worse) == (True, False)
    further = compare("hd95", [5.0] * 5, [6.0, 6.1, 6.2, 6.3, 6.4], list("abcde"), higher_is_better=False)
    assert (further.surely_better, further.surely_worse) == (False, True)


def test_drawn_flips_agree_with_all_of_them() -> None:
    # 16 patients: 65,536 flips, more than are drawn.
    values = np.random.default_rng(4).normal(0.01, 0.05, 16)
    signs = 1 - 2 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    exact = (signs @ values <= values.sum() + 1e-12).mean()
    assert p_worse(values) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 20_000))
    assert p_worse(values) == p_worse(values, seed=0) != p_worse(values, seed=1)


def test_one_heart_far_astray_counts_though_flipped_signs_cannot_see_it() -> None:
    before, after = [5.0] * 6, [8.0, 6.0, 6.0, 3.5, 7.0, 150.0]
    found = compare("ef_error", before, after, list("abcdef"), higher_is_better=False, tolerance=5.0)
    assert found.p_worse is not None
    assert found.p_worse > LEVEL
    assert found.difference_ci95 is not None
    assert found.difference_ci95[0] > 0
    assert found.worse
    within = compare("ef_error", before, [*after[:5], 6.0], list("abcdef"), higher_is_better=False, tolerance=5.0)
    assert not within.worse


def test_nan_is_left_out_in_pairs() -> None:
    found = compare("hd95", [1.0, math.nan, 3.0], [2.0, 1.0, math.nan], ["a", "b", "c"], higher_is_better=False)
    assert (found.n, found.before, found.after) == (1, 1.0, 2.0)
    assert not found.better


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=9))
def test_all_flips_agree_with_scipy(hundredths: list[int]) -> None:
    values = [value / 128 for value in hundredths]  # exact: ties are ties
    found = p_worse(values)
    known = stats.permutation_test(
        (np.array(values),), np.mean, permutation_type="samples", alternative="less", n_resamples=np.inf
    ).pvalue
    assert found == pytest.approx(known, abs=1e-9)


def test_patients_count_not_frames() -> None:
    # One patient's hundred frames got worse, five patients' frames better: not significant.
    before = [0.9] * 100 + [0.8] * 5
    after = [0.8] * 100 + [0.85] * 5
    patients = ["bad"] * 100 + list("abcde")
    found = compare("dice", before, after, patients)
    assert found.n_patients == 6
    assert not found.worse
    worse = compare("dice", [0.9] * 40, [0.88] * 40, [str(i) for i in range(40)])
    assert worse.worse
    assert worse.p_worse == pytest.approx(1 / 20_001)
    five = compare("dice", [0.9] * 5, [0.88] * 5, list("abcde"))
    assert five.p_worse == pytest.approx(1 / 32)
    assert five.worse


def side(before: list[float], after: list[float], **more: tuple[list[float], list[float]]) -> Side:
    patients = [str(i) for i in range(len(before))]
    figures = {"dice": compare("dice", before, after, patients)}
    figures |= {name: compare(name, *pair, patients) for name, pair in more.items()}
    return Side("held out", ("test",), len(before), len(before), figures, ())


def test_a_model_is_offered_only_where_nothing_got_worse() -> None:
    better = side([0.8] * 6, [0.85, 0.86, 0.84, 0.85, 0.85, 0.85])
    assert decide(better, None, guard_known=True).outcome == BETTER
    assert decide(side([0.8] * 6, [0.8] * 6), None, guard_known=False).outcome == UNCLEAR
    harmed = side([0.8] * 6, [0.85] * 6, iou=([0.7] * 6, [0.6] * 6))
    outcome, sentence = decide(harmed, None, guard_known=False)
    assert outcome == WORSE
    assert "significantly worse: IoU" in sentence
    guard = compare("guard dice", [0.9] * 10, [0.6] * 10, [str(i) for i in range(10)])
    assert decide(better, guard, guard_known=False).outcome == BETTER
    outcome, sentence = decide(better, guard, guard_known=True)
    assert outcome == WORSE
    assert "the guard frames" in sentence
    nothing = replace(better, figures={"dice": compare("dice", [], [], [])})
    assert decide(nothing, None, guard_known=False).outcome == NOT_COMPARABLE


@pytest.mark.parametrize("which", ["held-out", "training"])
def test_figures_against_inverted_masks_offer_nothing(which: str) -> None:
    better = side([0.0] * 6, [0.3] * 6)
    few, most = replace(better, n_inverted=3), replace(better, n_inverted=4)
    for bad in (few, most):
        held_out, agreement = (bad, better) if which == "held-out" else (better, bad)
        outcome, sentence = decide(held_out, None, guard_known=False, agreement=agreement)
        assert outcome == (BETTER if bad is few else NOT_COMPARABLE)
        if bad is most:
            assert f"In 4 of 6 {which} frames the cavity fills most of the picture" in sentence


def test_a_gain_that_may_be_chance_is_said() -> None:
    outcome, sentence = decide(side([0.8, 0.8, 0.8, 0.8, 0.8], [0.9, 0.79, 0.8, 0.82, 0.79]), None, guard_known=False)
    assert outcome == UNCLEAR
    assert "holds zero, so it may be chance" in sentence
