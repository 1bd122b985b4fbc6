"""What a device finds in logits beside what the CPU finds: parts, holes and structures, to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from matae.anatomy import CLASS_NAMES
from matae.nn.regions import Regions
from matae.segment.parts_on_device import filled, parts
from matae.segment.structures import find_structures
from matae.segment.structures_on_device import structures

NESTED = Regions.nested(CLASS_NAMES)
KINDS = {
    "one": Regions.alone(CLASS_NAMES[:1]), "alone": Regions.alone(CLASS_NAMES), "nested": NESTED,
    "another order": Regions(NESTED.classes, NESTED.values, NESTED.covers[::-1]),
    "other numbers": Regions.alone(CLASS_NAMES[:0:-1]),
}  # fmt: skip


def first_places(mask: np.ndarray) -> np.ndarray:
    """Return the place of the first pixel of each pixel's part, as scipy has them."""
    labels, count = ndimage.label(mask)
    firsts = [int(np.flatnonzero(labels.ravel() == number)[0]) for number in range(1, count + 1)]
    return np.array([mask.size, *firsts])[labels].ravel()


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
def test_nothing_and_everything_are_one_part_at_most(shape: tuple[int, int, int], full: bool) -> None:
    mask = torch.full(shape, full)
    found, is_done = parts(mask)
    assert is_done.all()
    assert (found == (0 if full else shape[1] * shape[2])).all()
    assert torch.equal(filled(mask)[0], mask)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 3), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_parts_and_holes_are_those_of_scipy(rows: int, columns: int, sigma: float, share: float, seed: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((3, rows, columns)), (0, sigma, sigma))
    mask = noise >= np.quantile(noise, share)
    found, is_done = parts(torch.from_numpy(mask), 30)
    assert is_done.all()
    whole, is_sure = filled(torch.from_numpy(mask))
    for n, each in enumerate(mask):
        np.testing.assert_array_equal(found[n].numpy(), first_places(each))
        if is_sure[n]:
            np.testing.assert_array_equal(whole[n].numpy(), ndimage.binary_fill_holes(each))


@pytest.mark.parametrize("side", [9, 40, 81])
def test_a_spiral_is_one_part_or_is_known_not_to_be_done(side: int) -> None:
    mask = spiral(side)
    assert ndimage.label(mask)[1] == 1
    assert mask.mean() > 0.4
    for rounds in (1, 3, 8, 12):
        found, is_done = parts(torch.from_numpy(mask)[None], rounds)
        if is_done.all():
            np.testing.assert_array_equal(found[0].numpy(), first_places(mask))
    assert is_done.all()
    assert not parts(torch.from_numpy(mask)[None], 1)[1].any()


def smooth(seed: int, coarse: int, count: int, shape: tuple[int, int] = (48, 56)) -> torch.Tensor:
    """Return smooth random logits: blobs that overlap, touch, lie apart and have holes."""
    noise = torch.randn(6, count, coarse, coarse, generator=torch.Generator().manual_seed(seed)) * 4
    return torch.nn.functional.interpolate(noise, shape, mode="bicubic")


def compare(logits: torch.Tensor, regions: Regions) -> torch.Tensor:
    found, is_done = structures(logits, regions)
    assert found.dtype == torch.uint8
    for frame, mask, done in zip(logits.numpy(), found.numpy(), is_done, strict=True):
        if done:
            np.testing.assert_array_equal(mask, find_structures(frame, regions))
    return is_done


@settings(max_examples=50, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 2**32), coarse=st.integers(2, 16))
def test_structures_are_those_of_the_cpu_to_the_pixel(kind: str, seed: int, coarse: int) -> None:
    regions = KINDS[kind]
    compare(smooth(seed, coarse, len(regions.covers)), regions)


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 2**32), share=st.floats(0.1, 0.9))
def test_so_are_those_of_pixels_that_have_nothing_to_do_with_each_other(kind: str, seed: int, share: float) -> None:
    regions = KINDS[kind]
    random = torch.rand(4, len(regions.covers), 13, 17, generator=torch.Generator().manual_seed(seed))
    compare((random - share).sign() * (1 + random), regions)  # many of equal strength


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("dent", [0, 2, 6])
def test_a_heart_needs_no_cpu(flip: bool, dent: int) -> None:
    y, x = np.mgrid[:112, :96].astype(float)
    y = 111 - y if flip else y
    maps = []
    for middle, height, width, top, bottom in ((55, 38, 15, 0, 58), (55, 50, 26, 0, 58), (74, 17, 16, 58, 112)):
        inside = (((y - middle) / height) ** 2 + ((x - 48) / width) ** 2 < 1) & (y >= top) & (y < bottom)
        maps.append(np.where(inside, 4.0, -4.0))
    for each in maps:
        each[50 : 50 + dent, 44 : 44 + dent] = -4  # a hole
        each[4 : 4 + dent // 2, 4:6] = 4  # a speck
    logits = torch.from_numpy(np.stack(maps).astype(np.float32))[None]
    assert compare(logits, NESTED).all()


def test_what_may_have_to_be_joined_is_left_to_the_cpu() -> None:
    logits = torch.full((2, 3, 40, 40), -4.0)
    logits[:, 0, 5:15, 10:30] = logits[:, 1, 3:32, 8:33] = 4
    logits[1, 0, 17:30, 10:30] = 4  # the cavity in two, with less than likely pixels between them
    assert compare(logits, NESTED).tolist() == [True, False]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_real_gpu_finds_what_the_cpu_finds(kind: str) -> None:
    regions = KINDS[kind]
    for coarse in (4, 9, 16):
        logits = smooth(coarse, coarse, len(regions.covers), (112, 112))
        expected, found = structures(logits, regions), structures(logits.cuda(), regions)
        for here, there in zip(expected, found, strict=True):
            assert torch.equal(here, there.cpu())
