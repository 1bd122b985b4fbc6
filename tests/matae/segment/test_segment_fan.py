"""Adding up what lies in fans."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.segment.fan import Fan, FanSums


def pixels(fan: Fan, shape: tuple[int, int]) -> np.ndarray:
    """Return the pixels of a fan, each looked at by itself."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    dy, dx = (rows - fan.y) * (1 if fan.down else -1), columns - fan.x
    radius, angle = np.hypot(dy, dx), np.arctan2(dx, dy)
    return (radius >= fan.near) & (radius <= fan.far) & (angle >= fan.left) & (angle <= fan.right)


def asked(*fans: Fan) -> np.ndarray:
    """Return fans as they are asked for: with slopes in place of angles."""
    return np.array([[f.y, f.x, math.tan(f.left), math.tan(f.right), f.near, f.far] for f in fans])


FANS = st.tuples(
    st.floats(-20, 40), st.floats(-20, 40), st.floats(-1.3, 1.3), st.floats(-1.3, 1.3), st.floats(0, 30),
    st.floats(-5, 60),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 24), st.integers(1, 30)), st.lists(FANS, min_size=1, max_size=3), st.integers(0, 99),
    st.booleans(),
)  # fmt: skip
def test_the_weights_of_the_pixels_that_lie_in_each_fan_are_added_up(
    shape: tuple[int, int], values: list[tuple[float, ...]], seed: int, windowed: bool
) -> None:
    rng = np.random.default_rng(seed)
    # Off the round numbers: whether a pixel on the very edge counts is a matter of rounding.
    fans = [Fan(*(np.array(one) + rng.uniform(1e-4, 2e-4, 6)).tolist()) for one in values]
    weights = rng.integers(-3, 4, shape)
    low, high = np.sort(rng.integers(0, shape, (2, 2)), axis=0)
    window = (*low.tolist(), *high.tolist()) if windowed else (0, 0, shape[0] - 1, shape[1] - 1)
    seen = np.zeros(shape, bool)
    seen[window[0] : window[2] + 1, window[1] : window[3] + 1] = True
    found = FanSums(weights, window if windowed else None).inside(asked(*fans))
    assert found.tolist() == [weights[pixels(fan, shape) & seen].sum() for fan in fans]


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 5)])
def test_a_picture_of_a_row_or_a_column_is_added_up_too(shape: tuple[int, int]) -> None:
    sums = FanSums(np.ones(shape, bool))
    everything = Fan(-1.0, shape[1] / 2 - 0.5, -1.29, 1.29, 0.0, 99.0)
    below, crossed = Fan(99.0, 0.0, -1.0, 1.0, 0.0, 9.0), Fan(-1.0, 0.0, 1.0, -1.0, 0.0, 9.0)
    assert sums.inside(asked(everything, below, crossed)).tolist() == [shape[0] * shape[1], 0, 0]


@pytest.mark.parametrize("down", [True, False])
def test_the_outline_of_a_fan_holds_its_pixels(down: bool) -> None:
    from matae.segment.filled import filled_polygon

    fan = Fan(5.0 if down else 74.0, 40.0, -0.6, 0.4, 12.0, 66.0, down)
    inside, drawn = pixels(fan, (80, 80)), filled_polygon((80, 80), fan.polygon(61))
    assert (inside & drawn).sum() > 0.97 * (inside | drawn).sum()
    assert len(Fan(0.0, 0.0, -1.0, 1.0, 0.0, 5.0).polygon()) == 14  # a tip is one point
