"""HD95 and ASSD: the empty cases, then against distances measured one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from matae.metrics import boundary_distances

shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8)
pairs = shapes.flatmap(lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape)))
steps = st.floats(0.1, 3.0)


def outline(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that touch one outside it, as (N, 2)."""
    around = np.pad(mask, 1)
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return np.argwhere(mask & ~inner)


def by_hand(a: np.ndarray, b: np.ndarray, spacing: tuple[float, float]) -> tuple[float, float]:
    one, two = (outline(mask) * np.array(spacing) for mask in (a, b))
    table = np.sqrt(((one[:, None] - two[None]) ** 2).sum(-1))
    there, back = table.min(1), table.min(0)
    return max(np.percentile(there, 95), np.percentile(back, 95)), float(np.concatenate([there, back]).mean())


def test_empty_masks() -> None:
    empty, full = np.zeros((5, 4)), np.ones((5, 4))
    assert boundary_distances(empty, empty) == (0, 0)
    for pair in ((empty, full), (full, empty)):
        assert all(math.isnan(value) for value in boundary_distances(*pair))
    assert boundary_distances(full, full, (2.0, 0.5)) == (0, 0)


@pytest.mark.parametrize("shapes", [((2, 2), (2, 3)), ((4,), (4,)), ((1, 2, 2), (1, 2, 2))])
def test_masks_that_are_no_pair_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="2-D and of one shape"):
        boundary_distances(*(np.ones(shape) for shape in shapes))


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, -1.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_a_spacing_that_is_no_length_is_refused(spacing: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="spacing must be positive"):
        boundary_distances(np.ones((2, 2)), np.ones((2, 2)), spacing)


@settings(deadline=None, max_examples=60)  # the first example imports MONAI
@given(pairs, steps, steps)
def test_distances_are_those_measured_one_by_one(pair: tuple[np.ndarray, np.ndarray], y: float, x: float) -> None:
    found = boundary_distances(*pair, (y, x))
    if not pair[0].any() or not pair[1].any():
        assert math.isnan(found.hd95) == (pair[0].any() or pair[1].any())
        return
    assert found == pytest.approx(by_hand(*pair, (y, x)), rel=1e-4, abs=1e-5)
    assert boundary_distances(*pair[::-1], (y, x)) == pytest.approx(found, rel=1e-5)


def test_a_shift_is_its_own_distance_and_rows_count_in_their_own_millimetres() -> None:
    mask = np.zeros((60, 50), dtype=bool)
    mask[20:40, 15:30] = True
    down, right = np.roll(mask, 4, 0), np.roll(mask, 4, 1)
    assert boundary_distances(mask, down, (0.3, 5.0)).hd95 == pytest.approx(1.2)
    assert boundary_distances(mask, right, (5.0, 0.3)).hd95 == pytest.approx(1.2)


def test_where_in_the_picture_it_lies_does_not_matter() -> None:
    small = np.zeros((12, 12), dtype=bool)
    small[3:8, 4:9] = True
    other = np.roll(small, 1, 0)
    large = [np.pad(mask, ((0, 200), (90, 3))) for mask in (small, other)]
    assert boundary_distances(*large, (0.5, 0.7)) == pytest.approx(boundary_distances(small, other, (0.5, 0.7)))


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.3, 0.7)])
@pytest.mark.parametrize("seed", range(6))
def test_distances_are_those_of_monai(seed: int, spacing: tuple[float, float]) -> None:
    import warnings

    import torch
    from scipy import ndimage

    random = np.random.default_rng(seed)
    smooth = [ndimage.gaussian_filter(random.random((60, 50)), 1 + seed) for _ in range(2)]
    masks = [each > np.quantile(each, 0.75) for each in smooth]
    pair = [torch.from_numpy(mask)[None, None] for mask in masks]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

        hd95 = compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=list(spacing))
        assd = compute_average_surface_distance(*pair, include_background=True, symmetric=True, spacing=list(spacing))
    found = boundary_distances(*masks, spacing)
    assert found.hd95 == pytest.approx(float(hd95), rel=1e-5)
    assert found.assd == pytest.approx(float(assd), rel=1e-5)
