"""Counting the pixels of a fan, and the search that asks for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.segment.fan import Fan, FanCounts
from matae.segment.simplex import minimise


def pixels(fan: Fan, shape: tuple[int, int]) -> np.ndarray:
    """Return the pixels of a fan, each looked at by itself."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    dy, dx = (rows - fan.y) * (1 if fan.down else -1), columns - fan.x
    radius, angle = np.hypot(dy, dx), np.arctan2(dx, dy)
    return (radius >= fan.near) & (radius <= fan.far) & (angle >= fan.left) & (angle <= fan.right)


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 24), st.integers(1, 30)),
    st.tuples(
        st.floats(-20, 40), st.floats(-20, 40), st.floats(-1.3, 2), st.floats(-2, 1.3), st.floats(0, 30),
        st.floats(-5, 60),
    ),
    st.booleans(),
    st.integers(0, 99),
)  # fmt: skip
def test_as_many_pixels_are_counted_as_lie_in_the_fan(
    shape: tuple[int, int], values: tuple[float, ...], down: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # Off the round numbers: whether a pixel on the very edge counts is a matter of rounding.
    y, x, left, right, near, far = np.array(values) + rng.uniform(1e-4, 2e-4, 6)
    fan = Fan(y, x, left, min(right, 1.3), near, far, down)
    part = rng.random(shape) > 0.4
    inside = pixels(fan, shape)
    found = FanCounts(part if down else part[::-1]).inside(fan)
    assert found == (inside.sum(), (inside & part).sum())


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 5)])
def test_a_picture_of_a_row_or_a_column_is_counted_too(shape: tuple[int, int]) -> None:
    part = np.ones(shape, bool)
    assert FanCounts(part).inside(Fan(-1.0, shape[1] / 2 - 0.5, -1.29, 1.29, 0.0, 99.0)) == (part.size, part.size)
    assert FanCounts(part).inside(Fan(99.0, 0.0, -1.0, 1.0, 0.0, 9.0)) == (0, 0)
    assert FanCounts(part).inside(Fan(-1.0, 0.0, 1.0, -1.0, 0.0, 9.0)) == (0, 0)


@pytest.mark.parametrize("digits", [12, 2])  # smooth, and in steps as a count of pixels is
def test_the_search_takes_the_steps_of_scipy(digits: int) -> None:
    from scipy.optimize import minimize

    def cost(x: object) -> float:
        a, b, c = np.asarray(x, dtype=float).tolist()
        return round((a - 1) ** 2 + 10 * (b - a * a) ** 2 + abs(c - 0.5), digits)

    start = np.concatenate([np.zeros((1, 3)), np.eye(3)])
    theirs = minimize(
        cost, np.zeros(3), method="Nelder-Mead",
        options={"initial_simplex": start, "maxfev": 400, "xatol": 1e-3, "fatol": 1e-3},
    )  # fmt: skip
    asked = []
    ours = minimise(
        lambda x: asked.append(x) or cost(x), start.tolist(), evaluations=400, x_tolerance=1e-3, cost_tolerance=1e-3
    )
    assert ours == theirs.x.tolist()
    assert len(asked) == theirs.nfev


def test_the_search_ends_when_it_has_asked_often_enough() -> None:
    asked = []
    found = minimise(
        lambda x: asked.append(x) or -sum(x), [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], evaluations=20, x_tolerance=0,
        cost_tolerance=0,
    )  # fmt: skip
    assert 20 <= len(asked) <= 22
    assert sum(found) > 10
