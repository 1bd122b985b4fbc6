"""Domain randomisation: nothing to change first, then what each change does, and the heart at every size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.train import restyle as styles
from matae.train.augment import AugmentConfig, augment
from matae.train.chance import Chance
from matae.train.zoom import cut_sides, framed

SIDE = 48
GREY_LEVELS = (styles.grey_curve, styles.tgc, styles.attenuate, styles.speckle, styles.blur_speckle, styles.shade)
ALL = (*GREY_LEVELS, styles.overlay, styles.compress)
RESTYLED = AugmentConfig(restyled=0.5)


def chance(n: int, seed: int = 0) -> Chance:
    return Chance(torch.Generator().manual_seed(seed), n, slice(0, n))


def sector(n: int, side: int = SIDE) -> torch.Tensor:
    """Return pictures of a fan of grey with a dark disk in it."""
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    fan = (x.abs() < 0.9 * y).float() * (0.5 + 0.2 * torch.sin(40 * x * y))
    return (fan * (1 - disk(side) * 0.8)).expand(n, 1, side, side).clone()


def disk(side: int = SIDE, radius: float = 0.15, at: tuple[float, float] = (0.5, 0.6)) -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    return (((x - at[0]) ** 2 + (y - at[1]) ** 2) < radius**2).float()


@pytest.mark.parametrize("change", ALL)
def test_without_frames_there_is_nothing_to_change(change: Callable) -> None:
    assert change(torch.zeros(0, 1, SIDE, SIDE), chance(0)).shape == (0, 1, SIDE, SIDE)


@pytest.mark.parametrize("change", ALL)
def test_a_probability_of_nothing_changes_nothing(change: Callable) -> None:
    images = sector(3)
    assert torch.equal(change(images, chance(3), 0.0), images)


@pytest.mark.parametrize("change", ALL)
@pytest.mark.parametrize("side", [2, 3, 16, 33])
def test_every_change_is_seen_and_stays_in_range(change: Callable, side: int) -> None:
    images = sector(4, side)
    found = change(images, chance(4), 1.0)
    assert found.shape == images.shape
    assert found.isfinite().all()
    assert found.min() >= 0
    assert found.max() <= 1
    if side > 3:
        assert not torch.equal(found, images)
        own = change is not styles.blur_speckle  # one filter a batch
        assert torch.equal(found[0], found[1]) != own, "each frame draws its own"


def test_what_lies_outside_the_sector_stays_black_but_for_what_is_drawn_there() -> None:
    images = sector(12)
    outside = images == 0
    for change in GREY_LEVELS:
        found = styles.restyle(images, chance(12, 3))
        assert found.shape == images.shape
        assert change(images, chance(12), 1.0).masked_fill(outside, 0).isfinite().all()
    plain = replace_overlay_and_compression(images)
    assert not plain[outside].any()
    assert styles.overlay(images, chance(12), 1.0)[outside].any()


def replace_overlay_and_compression(images: torch.Tensor) -> torch.Tensor:
    """Return restyled pictures without what may write into the black."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("overlay", "compress"):
            patch.setattr(styles, name, lambda x, _: x)
        return styles.restyle(images, chance(len(images)))


def test_compression_keeps_what_112_pixels_and_a_coarse_code_can() -> None:
    images = sector(6, 224)
    found = styles.compress(images, chance(6), 1.0)
    assert 0.001 < float((found - images).abs().mean()) < 0.06
    flat = torch.full((2, 1, 112, 112), 0.5)
    torch.testing.assert_close(styles.compress(flat, chance(2), 1.0), flat)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), radius=st.floats(0.05, 0.4), x=st.floats(0.2, 0.8), y=st.floats(0.2, 0.8))
def test_the_cavity_covers_the_share_asked_for(seed: int, radius: float, x: float, y: float) -> None:
    cavity = disk(96, radius, (x, y)).expand(4, 1, 96, 96)
    found = framed(torch.cat([cavity * 0.5, cavity], 1), chance(4, seed), (0.03, 0.45))
    torch.testing.assert_close(found[:, :1], found[:, 1:] * 0.5)
    share = found[:, 1].mean((1, 2))
    whole = cavity[0, 0, 1:-1, 1:-1].sum() == cavity[0, 0].sum()  # not cut by the first picture's own border
    assert (share <= 0.47).all()
    if whole:
        assert (share >= 0.025).all()


def test_shares_are_spread_over_the_range() -> None:
    cavity = disk(64).expand(64, 1, 64, 64)
    share = framed(torch.cat([cavity, cavity], 1), chance(64), (0.03, 0.45))[:, 1].mean((1, 2))
    assert share.min() < 0.05
    assert share.max() > 0.3


def test_pictures_without_any_structure_are_zoomed_about_their_centre() -> None:
    images = sector(8)
    for maps in (images[:, :0], torch.zeros_like(images)):
        found = framed(torch.cat([images, maps], 1), chance(8), (0.03, 0.45))
        assert found.shape[1] == 1 + maps.shape[1]
        assert found[:, 0].mean((1, 2)).min() > 0.05


def test_cut_sides_leave_the_cavity_whole() -> None:
    x = torch.cat([torch.ones(32, 1, SIDE, SIDE), disk().expand(32, 1, SIDE, SIDE)], 1)
    found = cut_sides(x, chance(32), 1.0)
    torch.testing.assert_close(found[:, 1], x[:, 1])
    kept = found[:, 0].mean((1, 2))
    assert kept.min() < 0.6
    assert (found[:, 0, 0] > 0).any(1).all(), "the probe's side is never cut"
    assert torch.equal(cut_sides(x, chance(32), 0.0), x)


def batch(n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    return sector(n), disk().expand(n, 1, SIDE, SIDE).clone()


def test_a_share_of_the_batch_is_restyled_and_the_rest_is_what_it_was() -> None:
    mild = augment(*batch(), 32, torch.Generator().manual_seed(1), AugmentConfig())
    mixed = augment(*batch(), 32, torch.Generator().manual_seed(1), RESTYLED)
    for one, other in zip(mild, mixed, strict=True):
        assert torch.equal(one[4:], other[4:])
        assert all(not torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))
        assert other.min() >= 0
        assert other.max() <= 1


@pytest.mark.parametrize("parts", [(8,), (3, 5), (2, 2, 4)])
def test_processes_that_share_a_batch_see_what_one_sees(parts: tuple[int, ...]) -> None:
    images, masks = batch()
    whole = augment(images, masks, 32, torch.Generator().manual_seed(1), RESTYLED)
    found, first = [], 0
    for n in parts:
        mine = slice(first, first + n)
        found.append(
            augment(images[mine], masks[mine], 32, torch.Generator().manual_seed(1), RESTYLED, here=(first, 8))
        )
        first += n
    for k in range(2):
        torch.testing.assert_close(torch.cat([each[k] for each in found]), whole[k])


def test_unlabelled_frames_are_restyled_too() -> None:
    images, _ = batch()
    found, maps = augment(images, images[:, :0], 32, torch.Generator().manual_seed(1), replace(RESTYLED, restyled=1.0))
    assert found.shape == (8, 1, 32, 32)
    assert maps.shape == (8, 0, 32, 32)
