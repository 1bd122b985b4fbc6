"""The part that hangs together with a seed, beside what scipy finds; empty and winding masks first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from matae.segment.parts_on_device import euler, grown, is_cut, seeds


def spiral(side: int) -> np.ndarray:
    """Return a line of one pixel that winds inwards, its turns a pixel apart."""
    mask = np.zeros((side + 2, side + 2), bool)
    y, x, dy, dx = 1, 1, 0, 1
    mask[1, 1] = True
    for _ in range(2 * side):
        while 1 <= y + dy <= side and 1 <= x + dx <= side and not mask[y + 2 * dy, x + 2 * dx]:
            y, x = y + dy, x + dx
            mask[y, x] = True
        dy, dx = dx, -dy
    return mask[1:-1, 1:-1]


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 7), (2, 7, 1), (3, 5, 4)])
@pytest.mark.parametrize("full", [False, True])
def test_of_nothing_nothing_grows_and_of_everything_all(shape: tuple[int, int, int], full: bool) -> None:
    mask = torch.full(shape, full)
    seed = seeds(torch.rand(shape), mask)
    assert (seed.sum((1, 2)) == full).all()
    part = grown(mask, seed, (2, 1))
    assert torch.equal(part, mask)
    assert not is_cut(mask, part).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 3), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_a_part_that_is_not_cut_is_one_of_scipy(rows: int, columns: int, sigma: float, share: float, seed: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((3, rows, columns)), (0, sigma, sigma))
    mask = noise >= np.quantile(noise, share)
    each = torch.from_numpy(mask)
    start = seeds(torch.from_numpy(noise), each)
    for turns in ((2,), (2, 1, 2), (1, 2) * 20):
        part = grown(each, start, turns)
        for here, found, first, cut in zip(mask, part.numpy(), start.numpy(), is_cut(each, part), strict=True):
            labels, _ = ndimage.label(here)
            own = here & (labels == (labels[first][0] if first.any() else -1))
            assert not (found & ~own).any()
            assert bool(cut) == bool((own != found).any())


@pytest.mark.parametrize("side", [9, 40])
def test_a_spiral_is_known_to_be_cut_until_it_is_whole(side: int) -> None:
    mask = torch.from_numpy(spiral(side))[None]
    assert ndimage.label(mask[0])[1] == 1
    seed = torch.zeros_like(mask)
    seed[0, 0, 0] = True
    for turns in (1, 4, side):
        part = grown(mask, seed, (2, 1) * turns)
        assert bool(is_cut(mask, part)) == (not torch.equal(part, mask))
    assert torch.equal(part, mask)
    assert is_cut(mask, grown(mask, seed, (2, 1)))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 2), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_parts_less_holes_are_counted(rows: int, columns: int, sigma: float, share: float, seed: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((2, rows, columns)), (0, sigma, sigma))
    mask = np.pad(noise >= np.quantile(noise, share), ((0, 0), (1, 1), (1, 1)))
    expected = [ndimage.label(m, np.ones((3, 3)))[1] - (ndimage.label(~m)[1] - 1) for m in mask]
    assert euler(torch.from_numpy(mask)).tolist() == expected
    around = [ndimage.label(~m, np.ones((3, 3)))[1] - ndimage.label(m)[1] for m in mask]
    assert euler(torch.from_numpy(~mask)).tolist() == around
