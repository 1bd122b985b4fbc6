"""What a device finds in logits beside what the CPU finds, to the pixel, and which frames it leaves to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.anatomy import CLASS_NAMES
from matae.nn.regions import Regions
from matae.phantom import make_phantom
from matae.segment.structures import find_structures
from matae.segment.structures_on_device import structures

NESTED = Regions.nested(CLASS_NAMES)
KINDS = {
    "one": Regions.alone(CLASS_NAMES[:1]), "alone": Regions.alone(CLASS_NAMES), "nested": NESTED,
    "another order": Regions(NESTED.classes, NESTED.values, NESTED.covers[::-1]),
    "other numbers": Regions.alone(CLASS_NAMES[:0:-1]),
}  # fmt: skip


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
@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 2**32), coarse=st.integers(2, 16), ties=st.booleans())
def test_structures_are_those_of_the_cpu_to_the_pixel(kind: str, seed: int, coarse: int, ties: bool) -> None:
    regions = KINDS[kind]
    logits = smooth(seed, coarse, len(regions.covers))
    compare(logits.round() if ties else logits, regions)


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 2**32), share=st.floats(0.1, 0.9))
def test_so_are_those_of_pixels_that_have_nothing_to_do_with_each_other(kind: str, seed: int, share: float) -> None:
    regions = KINDS[kind]
    random = torch.rand(4, len(regions.covers), 13, 17, generator=torch.Generator().manual_seed(seed))
    compare((random - share).sign() * (1 + random), regions)  # many of equal strength


def heart(flip: bool = False, apart: float = 0.0) -> np.ndarray:
    """Return logits of a cavity, the outline around it and an atrium below, without holes or specks."""
    y, x = np.mgrid[:112, :96].astype(float)
    y = 111 - y if flip else y
    maps = []
    for middle, height, width, top, bottom in (
        (55, 38, 15, 0, 58 - apart), (55, 50, 26, 0, 58), (74, 17, 16, 58, 112),
    ):  # fmt: skip
        inside = (((y - middle) / height) ** 2 + ((x - 48) / width) ** 2 < 1) & (y >= top) & (y < bottom)
        maps.append(np.where(inside, 4 + np.minimum(y, 111 - y) / 112, -4.0))
    return np.stack(maps).astype(np.float32)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("apart", [0, 3])  # the wall ends at the base, or goes all around
def test_a_heart_needs_no_cpu_and_nor_do_specks_and_crumbs(flip: bool, apart: float) -> None:
    plain, specks, crumbs = (heart(flip, apart) for _ in range(3))
    specks[:, 2:4, 2:5] = 4
    specks[2, 90:92, 2:5] = 4
    base = (53, 54) if flip else (57, 58)
    crumbs[1, base[0] : base[1], 40:42] = crumbs[1, base[0] : base[1], 50:52] = 4
    crumbs[0, base[0] : base[1], 40:42] = crumbs[0, base[0] : base[1], 50:52] = -4
    crumbs[2, base[0] : base[1], 50:52] = 2  # the atrium has what is no wall
    logits = torch.from_numpy(np.stack([plain, specks, crumbs]))
    assert compare(logits, NESTED).all()
    found = structures(logits, NESTED)[0]
    assert all(set(mask.unique().tolist()) == {0, 1, 2, 3} for mask in found)
    if not apart:
        assert (found[2] == 2).sum() <= (found[0] == 2).sum()  # the crumbs are no wall


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (6, 5)])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nothing_is_found_in_nothing(kind: str, shape: tuple[int, int]) -> None:
    logits = torch.full((2, len(KINDS[kind].covers), *shape), -3.0)
    assert compare(logits, KINDS[kind]).all()
    compare(-logits, KINDS[kind])


def test_a_pixel_that_is_as_likely_of_the_atrium_is_of_the_outline() -> None:
    logits = torch.from_numpy(heart()[None])
    logits[:, 2, 58:60, 24:72] = logits[:, 1, 58:60, 24:72] = 3
    assert compare(logits, NESTED).all()
    assert (structures(logits, NESTED)[0][:, 58:60, 24:72] == 2).all()


def test_what_is_not_simple_is_left_to_the_cpu() -> None:
    frames = {"simple": heart(), "a hole": heart(), "two atria": heart(), "an outline without a cavity": heart()}
    frames["a hole"][:, 40:44, 44:50] = -4
    frames["two atria"][2, 70:72] = -4
    frames["an outline without a cavity"][0] = -4
    logits = torch.from_numpy(np.stack(list(frames.values())))
    assert compare(logits, NESTED).tolist() == [True, False, False, False]


def test_what_may_have_to_be_joined_is_left_to_the_cpu() -> None:
    logits = torch.full((2, 3, 40, 40), -4.0)
    logits[:, 0, 5:15, 10:30] = logits[:, 1, 3:32, 8:33] = 4
    logits[1, 0, 17:30, 10:30] = 4  # the cavity in two, with less than likely pixels between them
    assert compare(logits, NESTED).tolist() == [True, False]


def test_an_atrium_at_the_apex_is_none_and_a_speck_elsewhere_is_then_for_the_cpu() -> None:
    logits = torch.from_numpy(np.stack([heart(), heart(), heart()]))
    logits[1:, 2] = -4
    logits[1:, 2, 1:4, 44:52] = 4
    logits[2, 2, 90:91, 44:46] = 4  # of what is left it is the largest
    assert compare(logits, NESTED).tolist() == [True, True, False]
    assert [3 in mask.unique() for mask in structures(logits, NESTED)[0][:2]] == [True, False]


def test_of_phantoms_the_cpu_is_left_few() -> None:
    masks = np.concatenate([make_phantom(seed, n_frames=6, shape=(120, 152)).masks for seed in range(4)])
    targets = NESTED.targets(torch.from_numpy(masks))
    logits = 8 * torch.nn.functional.avg_pool2d(targets, 5, 1, 2) - 4
    assert compare(logits, NESTED).float().mean() > 0.9


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_real_gpu_finds_what_the_cpu_finds(kind: str) -> None:
    regions = KINDS[kind]
    for coarse in (4, 9, 16):
        logits = smooth(coarse, coarse, len(regions.covers), (112, 112))
        found, is_done = (each.cpu() for each in structures(logits.cuda(), regions))
        for frame, mask, done in zip(logits.numpy(), found.numpy(), is_done, strict=True):
            if done:
                np.testing.assert_array_equal(mask, find_structures(frame, regions))
