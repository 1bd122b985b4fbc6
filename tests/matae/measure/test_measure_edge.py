from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from matae.measure._edge import edge_distance

SCALE = np.array([0.5, 0.3])


def whole(sector: np.ndarray) -> np.ndarray:
    return distance_transform_edt(np.pad(sector, 1), sampling=tuple(SCALE))[1:-1, 1:-1]


def test_no_place_is_near_nothing():
    assert np.isinf(edge_distance(np.ones((5, 5), bool), SCALE, np.zeros((0, 2)), 1.0)).all()


@pytest.mark.parametrize("value", [True, False])
def test_a_sector_that_is_everything_or_nothing(value):
    sector = np.full((9, 12), value)
    places = np.array([[0.0, 0.0], [8.0, 11.0]])
    np.testing.assert_allclose(edge_distance(sector, SCALE, places, 50.0), whole(sector))


@given(seed=st.integers(0, 10_000), reach=st.floats(0.0, 6.0))
def test_exact_up_to_the_reach_and_beyond_it_larger(seed, reach):
    rng = np.random.default_rng(seed)
    sector = rng.random((30, 40)) < 0.97
    places = rng.uniform(0, 1, (6, 2)) * rng.uniform(1, [29, 39]) + rng.uniform(-3, 3, 2)
    found, true = edge_distance(sector, SCALE, places, reach), whole(sector)
    y, x = np.clip(np.rint(places).astype(int), 0, [29, 39]).T
    near = true[y, x] <= reach
    np.testing.assert_array_equal(found[y, x] <= reach, near)
    np.testing.assert_allclose(found[y, x][near], true[y, x][near])
