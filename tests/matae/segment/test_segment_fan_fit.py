"""Fitting a fan to what shows tissue."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_segment_fan import pixels

from matae.segment.fan import Fan
from matae.segment.fan_fit import fit_fan


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (30, 40)])
def test_a_part_that_is_no_fan_is_fitted_by_something_finite(shape: tuple[int, int]) -> None:
    fit = fit_fan(np.ones(shape, bool))
    assert np.isfinite([*fit.fan[:6], fit.cost]).all()
    assert fit.box == (0, 0, shape[0] - 1, shape[1] - 1)


@pytest.mark.parametrize("at", [(0, 0), (7, 3), (19, 24)])
def test_a_single_pixel(at: tuple[int, int]) -> None:
    part = np.zeros((20, 25), bool)
    part[at] = True
    fit = fit_fan(part)
    assert np.isfinite([*fit.fan[:6], fit.cost]).all()
    assert fit.box == (*at, *at)


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 24), st.integers(3, 24), st.integers(0, 99))
def test_no_part_breaks_the_fit(rows: int, columns: int, seed: int) -> None:
    part = np.random.default_rng(seed).random((rows, columns)) > 0.7
    part[rows // 2, columns // 2] = True
    assert np.isfinite([*(fit := fit_fan(part)).fan[:6], fit.cost]).all()


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.floats(0.35, 0.95), st.floats(-0.1, 0.1), st.floats(0, 0.35), st.floats(-0.15, 0.15)), st.booleans(),
    st.integers(0, 99),
)  # fmt: skip
def test_a_fan_is_found_again_where_much_of_it_is_dark(
    values: tuple[float, float, float, float], down: bool, seed: int
) -> None:
    half, roll, near, above = values
    depth = 80.0
    true = Fan(8 + above * depth, 60.0 + 20 * roll, roll - half, roll + half, near * depth, depth)
    whole = pixels(true, (112, 120))
    rng = np.random.default_rng(seed)
    part = whole & (rng.random(whole.shape) > 0.2)
    y, x = rng.uniform((40, 50), (60, 70))
    part &= (np.mgrid[:112, :120][0] - y) ** 2 + (np.mgrid[:112, :120][1] - x) ** 2 > 10**2  # a cavity
    fit = fit_fan(part if down else part[::-1])
    found = pixels(fit.fan, part.shape)
    y0, x0, y1, x1 = fit.box
    window = np.zeros(part.shape, bool)
    window[y0 : y1 + 1, x0 : x1 + 1] = True
    found &= window
    truth = whole if down else whole[::-1]
    assert fit.fan.down == down
    # Narrow ones with much cut off at the tip, and wide ones that the picture cuts, are found less well.
    is_plain = 0.45 <= half <= 0.9 and near <= 0.25 and abs(above) <= 0.1
    assert (found & truth).sum() > (0.93 if is_plain else 0.85) * (found | truth).sum()


def test_the_cost_tells_a_fan_from_what_is_none() -> None:
    fan = fit_fan(pixels(Fan(5.0, 50.0, -0.6, 0.6, 0.0, 85.0), (100, 100)))
    y, x = np.mgrid[:100, :100]
    cross = fit_fan((np.abs(y - 50) < 12) | (np.abs(x - 50) < 12))
    assert fan.cost < 0.05
    assert cross.cost > 0.3
